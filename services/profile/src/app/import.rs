//! Imports: rows in batches, each batch one transaction that also says what it did.

use std::time::Duration;

use dossier_db::Tx;
use dossier_kernel::{Ctx, CustomerId, Error as Failure, Reason, Result, TenantId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Profile;
use super::unit::{Effect, Unit};
use super::upsert::{Candidate, Decisive, Problem, Settlement, is_race};
use crate::domain::{
    Checked, CustomerType, Definitions, Draft, FIRST, Import, ImportCounts, ImportState, Source,
    Violations,
};
use crate::error::Error;
use crate::store::{self, import_batch};

/// The most rows of one transaction.
const BATCH_ROWS_MAX: usize = 500;
/// A batch that has so many bytes of the file takes no further row: memory holds a few batches.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most errors that are told of one row; one more counts the others.
const ROW_ERRORS_MAX: usize = 20;

const ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_millis(50);

/// A row as it was read.
#[derive(Debug)]
pub struct ImportRow {
    /// Counted from 1, without the header.
    pub number: u64,
    pub draft: Draft,
    /// What a new customer is, where the row does not say.
    pub kind_default: Option<CustomerType>,
    /// How long it is in the file.
    pub bytes: usize,
}

impl ImportRow {
    /// How many of the rows fill a batch; `None` while they do not.
    pub fn filling<'r>(rows: impl IntoIterator<Item = &'r Self>) -> Option<usize> {
        let mut bytes = 0;
        let full = rows.into_iter().enumerate().find(|(index, row)| {
            bytes += row.bytes;
            index + 1 == BATCH_ROWS_MAX || bytes >= BATCH_BYTES_MAX
        });
        full.map(|(index, _)| index + 1)
    }
}

/// Why a row was not imported. Holds no value of the row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowError {
    pub row: u64,
    /// The path of the field in the customer; empty when the row as a whole is wrong.
    pub field: String,
    pub reason: Reason,
    pub message: String,
}

/// Rows that were checked on their own.
#[derive(Clone, Debug)]
pub struct Batch {
    rows: Vec<CheckedRow>,
    errors: Vec<RowError>,
    place: Place,
}

/// Where rows lie in the file.
#[derive(Clone, Copy, Debug)]
struct Place {
    first_row: u64,
    row_count: u64,
    byte_count: u64,
}

#[derive(Clone, Debug)]
struct CheckedRow {
    number: u64,
    draft: Checked,
    kind_default: Option<CustomerType>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct BatchReport {
    pub counts: ImportCounts,
    /// In the order of the rows; a row with several faults has several.
    pub errors: Vec<RowError>,
    pub cursor: Option<String>,
}

impl Profile {
    /// Checks rows on their own: everything that needs no transaction. `region` reads phone
    /// numbers where a row has no region.
    pub async fn prepare_import(
        &self,
        ctx: &Ctx,
        rows: Vec<ImportRow>,
        region: Option<&str>,
    ) -> Result<Batch> {
        let now = self.0.clock.now();
        // Makes the tenant's key where there is none: inside the transaction it could not.
        self.0.vault.prepare(&ctx.tenant).await?;
        let mut batch = Batch {
            rows: Vec::with_capacity(rows.len()),
            errors: vec![],
            place: Place {
                first_row: rows.first().map_or(0, |row| row.number),
                row_count: rows.len() as u64,
                byte_count: rows.iter().map(|row| row.bytes as u64).sum(),
            },
        };
        for (index, row) in rows.into_iter().enumerate() {
            // Checking is work for the processor: others may have a turn.
            if index % 64 == 63 {
                tokio::task::yield_now().await;
            }
            let ImportRow {
                number,
                draft,
                kind_default,
                bytes: _,
            } = row;
            let mut violations = Violations::default();
            let draft = draft.check(region, now, &mut violations);
            if !violations.is_empty() {
                batch.errors.extend(row_errors(number, &violations));
                continue;
            }
            batch.rows.push(CheckedRow {
                number,
                draft,
                kind_default,
            });
        }
        Ok(batch)
    }

    /// Begins an import, or goes on with the one of this id. `fingerprint` says what its rows mean;
    /// REQUEST_ID_REUSED where it was begun with another.
    pub async fn begin_import(&self, ctx: &Ctx, id: Uuid, fingerprint: Vec<u8>) -> Result<()> {
        match self.enter_import(ctx, id, fingerprint.clone()).await {
            // Another stream was first: this one goes on with it.
            Err(error) if error.reason() == Reason::AlreadyExists => {
                self.enter_import(ctx, id, fingerprint).await
            }
            begun => begun,
        }
    }

    async fn enter_import(&self, ctx: &Ctx, id: Uuid, fingerprint: Vec<u8>) -> Result<()> {
        let (now, tenant, creator) = (
            self.0.clock.now(),
            ctx.tenant.clone(),
            ctx.principal.to_string(),
        );
        let begin = self.0.db.write(ctx, move |tx| {
            Box::pin(async move {
                let Some(known) = store::import::find(tx.conn(), &tenant, id).await? else {
                    let import = Import {
                        id,
                        state: ImportState::Running,
                        create_time: now,
                        update_time: now,
                        creator,
                        counts: ImportCounts::default(),
                        undone_count: 0,
                        kept_count: 0,
                    };
                    let row = store::import::Model::of(&tenant, &import, &fingerprint);
                    return store::import::insert(tx, row).await;
                };
                if known.fingerprint != fingerprint {
                    return Err(Error::AnotherHeader(id).into());
                }
                match known.into_import()?.state {
                    ImportState::Running | ImportState::Succeeded => Ok(()),
                    ImportState::Undoing | ImportState::Undone => {
                        Err(Error::ImportUndone(id).into())
                    }
                }
            })
        });
        begin.await.map(drop)
    }

    /// The whole file was read. Says the cursor on the feed that covers all of it.
    pub async fn finish_import(&self, ctx: &Ctx, id: Uuid) -> Result<String> {
        let (now, tenant) = (self.0.clock.now(), ctx.tenant.clone());
        let finish = self.0.db.write(ctx, move |tx| {
            Box::pin(async move {
                let (from, to) = ([ImportState::Running], ImportState::Succeeded);
                if store::import::turn(tx, &tenant, id, &from, to, now).await? {
                    return Ok(());
                }
                match state_of(tx, &tenant, id).await? {
                    ImportState::Running | ImportState::Succeeded => Ok(()),
                    ImportState::Undoing | ImportState::Undone => {
                        Err(Error::ImportUndone(id).into())
                    }
                }
            })
        });
        finish.await?;
        Ok(self.0.feed.head().await?.to_string())
    }

    /// Writes a batch of the import, once however often it comes; without an import, in a dry run, does
    /// everything but keep it. Rows that fail do not hold up the others.
    pub async fn import_batch(
        &self,
        ctx: &Ctx,
        batch: Batch,
        import: Option<Uuid>,
    ) -> Result<BatchReport> {
        let needed = batch.rows.iter().any(|row| row.draft.has_attributes());
        let definitions = self.definitions(&ctx.tenant, needed).await?;
        let mut pause = PAUSE;
        for _ in 1..ATTEMPTS {
            let attempt = self.write_batch(ctx, &batch, definitions.clone(), import);
            match attempt.await {
                // Another writer was in the way: nothing was kept, and the next look sees it. Or the
                // answer was lost: the next look sees that too.
                Err(error) if is_race(&error) || error.reason() == Reason::Unavailable => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                written => return written.map(|written| written.report(batch.place)),
            }
        }
        let written = self.write_batch(ctx, &batch, definitions, import).await?;
        Ok(written.report(batch.place))
    }

    /// One attempt.
    async fn write_batch(
        &self,
        ctx: &Ctx,
        batch: &Batch,
        definitions: Definitions,
        import: Option<Uuid>,
    ) -> Result<Written> {
        // Index keys may have been rotated since an earlier attempt.
        let rows = self.candidates(ctx, &batch.rows).await?;
        let (place, wrong) = (batch.place, batch.errors.clone());
        let (sender, mut receiver) = tokio::sync::oneshot::channel();
        let (profile, tenant, inside) = (self.clone(), ctx.tenant.clone(), ctx.clone());
        let done = self.0.db.write(ctx, move |tx| {
            Box::pin(async move {
                if let Some(id) = import
                    && let Some(before) = kept(tx, &tenant, id, place).await?
                {
                    return Ok(before);
                }
                let now = profile.0.clock.now();
                let unit = Unit {
                    tx,
                    profile,
                    ctx: inside,
                    tenant: tenant.clone(),
                    now,
                    source: Source::Import(import.unwrap_or_default()),
                };
                let written = write(&unit, rows, wrong, &definitions).await?;
                let Some(id) = import else {
                    let _ = sender.send(written);
                    return Err(Failure::new(Reason::Cancelled, "A dry run is not kept."));
                };
                let counts = written.counts(place);
                if !store::import::advance(tx, &tenant, id, counts, now).await? {
                    return Err(match state_of(tx, &tenant, id).await? {
                        // It has ended without these rows.
                        ImportState::Running | ImportState::Succeeded => Error::AnotherFile(id),
                        ImportState::Undoing | ImportState::Undone => Error::ImportUndone(id),
                    }
                    .into());
                }
                import_batch::insert(tx, written.row(&tenant, id, place)?).await?;
                Ok(written)
            })
        });
        let done = done.await;
        if let Ok(rehearsed) = receiver.try_recv() {
            return Ok(rehearsed);
        }
        let done = done?;
        let cursor = self.cursor_of(&done).await?;
        // Also of a batch that was there: whoever wrote it may have died before this line. New customers
        // are in no cache.
        let known = done.value.changes.iter().filter(|one| one.revision > FIRST);
        for Change { customer, revision } in known {
            self.tell_cache(ctx, *customer, *revision).await;
        }
        Ok(Written {
            cursor,
            ..done.value
        })
    }

    async fn candidates(&self, ctx: &Ctx, rows: &[CheckedRow]) -> Result<Vec<(u64, Candidate)>> {
        let mut candidates = Vec::with_capacity(rows.len());
        for row in rows {
            let CheckedRow {
                number,
                draft,
                kind_default,
            } = row.clone();
            let keys = self.blind(&ctx.tenant, &draft.keys()).await?;
            let candidate = Candidate {
                draft,
                update: None,
                kind_default,
                keys,
            };
            candidates.push((number, candidate));
        }
        Ok(candidates)
    }
}

/// What a batch did. All of it is kept but the cursor.
#[derive(Serialize, Deserialize)]
pub(super) struct Written {
    created: u64,
    updated: u64,
    unchanged: u64,
    /// Of all rows that were refused, in the order of the rows.
    errors: Vec<RowError>,
    /// What it made of customers, one entry for each.
    pub changes: Vec<Change>,
    #[serde(skip)]
    cursor: Option<String>,
}

/// A customer that a batch made or changed, and the revision that it is of.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Change {
    pub customer: CustomerId,
    pub revision: i64,
}

impl Written {
    pub fn of(row: &import_batch::Model) -> Result<Self> {
        let read = rmp_serde::from_slice(&row.report);
        Ok(read.map_err(|error| Error::unreadable("batch of an import", error))?)
    }

    fn row(&self, tenant: &TenantId, import: Uuid, place: Place) -> Result<import_batch::Model> {
        let unreadable = |error| Error::unreadable("batch of an import", error);
        Ok(import_batch::Model {
            tenant_id: tenant.as_str().to_owned(),
            import_id: import,
            first_row: stored(place.first_row),
            row_count: stored(place.row_count),
            byte_count: stored(place.byte_count),
            report: rmp_serde::to_vec(self).map_err(unreadable)?,
        })
    }

    fn counts(&self, place: Place) -> ImportCounts {
        let Self {
            created,
            updated,
            unchanged,
            ..
        } = *self;
        ImportCounts {
            rows: place.row_count,
            created,
            updated,
            unchanged,
            errors: place.row_count - created - updated - unchanged,
        }
    }

    fn report(self, place: Place) -> BatchReport {
        BatchReport {
            counts: self.counts(place),
            errors: self.errors,
            cursor: self.cursor,
        }
    }
}

fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

async fn state_of(tx: &Tx, tenant: &TenantId, import: Uuid) -> Result<ImportState> {
    let row = store::import::find(tx.conn(), tenant, import).await?;
    Ok(row.ok_or(Error::NoImport(import))?.into_import()?.state)
}

/// What was written of these rows before. FAILED_PRECONDITION where those were others.
async fn kept(tx: &Tx, tenant: &TenantId, import: Uuid, place: Place) -> Result<Option<Written>> {
    let Some(row) = import_batch::find(tx.conn(), tenant, import, stored(place.first_row)).await?
    else {
        return Ok(None);
    };
    if row.row_count != stored(place.row_count) || row.byte_count != stored(place.byte_count) {
        return Err(Error::AnotherFile(import).into());
    }
    Written::of(&row).map(Some)
}

/// `errors` are those of rows that were wrong on their own.
async fn write(
    unit: &Unit<'_>,
    rows: Vec<(u64, Candidate)>,
    mut errors: Vec<RowError>,
    definitions: &Definitions,
) -> Result<Written> {
    let (numbers, rows): (Vec<u64>, Vec<Candidate>) = rows.into_iter().unzip();
    let mut batch = Settlement::load(unit, &rows, Decisive::ExternalIds, definitions).await?;
    let mut effects = Vec::with_capacity(rows.len());
    for (number, row) in numbers.into_iter().zip(rows) {
        match batch.settle(unit, row, definitions) {
            Ok((_, effect)) => effects.push(effect),
            Err(Problem::Violations(violations)) => {
                errors.extend(row_errors(number, &violations));
            }
            Err(Problem::Refused(error)) => errors.push(RowError {
                row: number,
                field: String::new(),
                reason: error.reason(),
                message: error.to_string(),
            }),
        }
    }
    errors.sort_by_key(|error| error.row);
    let saved = batch.save(unit).await?;
    let changes = saved.iter().map(|row| Change {
        customer: row.id(),
        revision: row.revision,
    });
    let counted = |wanted| effects.iter().filter(|effect| **effect == wanted).count() as u64;
    Ok(Written {
        created: counted(Effect::Created),
        updated: counted(Effect::Updated),
        unchanged: counted(Effect::Unchanged),
        errors,
        changes: changes.collect(),
        cursor: None,
    })
}

fn row_errors(row: u64, violations: &Violations) -> impl Iterator<Item = RowError> {
    let error = move |field: &str, message: String| RowError {
        row,
        field: field.to_owned(),
        reason: Reason::InvalidArgument,
        message,
    };
    let told = violations.as_slice().iter().take(ROW_ERRORS_MAX);
    let more = violations.count() - told.len();
    let more = (more > 0).then(|| error("", format!("and {more} more")));
    told.map(move |one| error(&one.field, one.description.clone()))
        .chain(more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_full_of_rows_or_of_bytes() {
        let rows = |count: usize, bytes: usize| -> Vec<ImportRow> {
            let row = |number| ImportRow {
                number,
                draft: Draft::default(),
                kind_default: None,
                bytes,
            };
            (1..=count as u64).map(row).collect()
        };
        assert_eq!(ImportRow::filling(&rows(499, 1)), None);
        assert_eq!(ImportRow::filling(&rows(900, 1)), Some(500));
        assert_eq!(ImportRow::filling(&rows(3, 1024 * 1024)), None);
        assert_eq!(ImportRow::filling(&rows(9, 1024 * 1024)), Some(4));
    }

    #[test]
    fn of_a_row_that_is_wrong_all_over_twenty_errors_are_told() {
        let mut violations = Violations::default();
        for index in 0..150 {
            violations.add(format!("tags[{index}]"), "must have 1 to 64 characters");
        }
        let errors: Vec<RowError> = row_errors(7, &violations).collect();
        assert_eq!(errors.len(), 21);
        assert_eq!(errors[19].field, "tags[19]");
        assert_eq!(
            (errors[20].field.as_str(), errors[20].message.as_str()),
            ("", "and 130 more")
        );
        let mut one = Violations::default();
        one.add("type", "is required");
        assert_eq!(row_errors(7, &one).count(), 1);
    }
}
