//! Imports: rows in batches, each batch one transaction.

use std::time::Duration;

use dossier_db::Once;
use dossier_kernel::{Ctx, CustomerId, Error as Failure, Reason, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Profile;
use super::unit::{Effect, Unit};
use super::upsert::{Candidate, Decisive, Problem, Settlement, is_race};
use crate::domain::{Checked, CustomerType, Definitions, Draft, Source, Violations};

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
    count: u64,
    /// Of all attempts to write it, where it has rows that nothing identifies: an attempt whose answer
    /// was lost may have been kept. Rows with identifiers are found again by those.
    once: Option<Once>,
}

#[derive(Clone, Debug)]
struct CheckedRow {
    number: u64,
    draft: Checked,
    kind_default: Option<CustomerType>,
}

/// What batches belong to.
#[derive(Clone, Copy, Debug)]
pub struct Import {
    /// By which revisions name it.
    pub id: Uuid,
    /// Everything as ever, and nothing kept.
    pub dry_run: bool,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct BatchReport {
    pub row_count: u64,
    pub created_count: u64,
    pub updated_count: u64,
    pub unchanged_count: u64,
    /// In the order of the rows; a row with several faults has several.
    pub errors: Vec<RowError>,
    pub error_row_count: u64,
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
            count: rows.len() as u64,
            rows: Vec::with_capacity(rows.len()),
            errors: vec![],
            once: None,
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
            if draft.keys().is_empty() {
                batch.once.get_or_insert_with(|| Once {
                    request_id: Uuid::now_v7(),
                    method: "CustomerService/ImportCustomers",
                    // A batch is its own request: the id is used for no other.
                    fingerprint: [0; 32],
                });
            }
            batch.rows.push(CheckedRow {
                number,
                draft,
                kind_default,
            });
        }
        Ok(batch)
    }

    /// Writes a batch, or in a dry run does everything but keep it. Rows that fail do not hold up
    /// the others.
    pub async fn import_batch(
        &self,
        ctx: &Ctx,
        batch: Batch,
        import: Import,
    ) -> Result<BatchReport> {
        let needed = batch.rows.iter().any(|row| row.draft.has_attributes());
        let definitions = self.definitions(&ctx.tenant, needed).await?;
        let Batch {
            rows,
            errors,
            count,
            once,
        } = batch;
        let mut pause = PAUSE;
        for _ in 1..ATTEMPTS {
            let attempt = self.write_rows(ctx, &rows, definitions.clone(), import, once.clone());
            match attempt.await {
                // Another writer was in the way: nothing was kept, and the next look sees it.
                Err(error) if is_race(&error) || error.reason() == Reason::Unavailable => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                written => return Ok(report(written?, errors, count)),
            }
        }
        let written = self
            .write_rows(ctx, &rows, definitions, import, once)
            .await?;
        Ok(report(written, errors, count))
    }

    /// One attempt.
    async fn write_rows(
        &self,
        ctx: &Ctx,
        rows: &[CheckedRow],
        definitions: Definitions,
        import: Import,
        once: Option<Once>,
    ) -> Result<Written> {
        // Index keys may have been rotated since an earlier attempt.
        let rows = self.candidates(ctx, rows).await?;
        let Import { id, dry_run } = import;
        let (sender, mut receiver) = tokio::sync::oneshot::channel();
        let (profile, tenant, inside) = (self.clone(), ctx.tenant.clone(), ctx.clone());
        let done = self
            .0
            .db
            .write_once(ctx, once.filter(|_| !dry_run), move |tx| {
                Box::pin(async move {
                    let now = profile.0.clock.now();
                    let unit = Unit {
                        tx,
                        profile,
                        ctx: inside,
                        tenant,
                        now,
                        source: Source::Import(id),
                    };
                    let written = write(&unit, rows, &definitions).await?;
                    if dry_run {
                        let _ = sender.send(written);
                        return Err(Failure::new(Reason::Cancelled, "A dry run is not kept."));
                    }
                    Ok(written)
                })
            })
            .await;
        if let Ok(rehearsed) = receiver.try_recv() {
            return Ok(rehearsed);
        }
        let done = done?;
        let cursor = self.cursor_of(&done).await?;
        for (id, revision) in &done.value.revisions {
            self.tell_cache(ctx, *id, *revision).await;
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

/// What is kept of a batch. A cursor is not: that of a repeat is another.
#[derive(Serialize, Deserialize)]
struct Written {
    effects: Vec<Effect>,
    errors: Vec<RowError>,
    /// Of customers that were there before: new ones are in no cache.
    revisions: Vec<(CustomerId, i64)>,
    #[serde(skip)]
    cursor: Option<String>,
}

async fn write(
    unit: &Unit<'_>,
    rows: Vec<(u64, Candidate)>,
    definitions: &Definitions,
) -> Result<Written> {
    let (numbers, rows): (Vec<u64>, Vec<Candidate>) = rows.into_iter().unzip();
    let mut batch = Settlement::load(unit, &rows, Decisive::ExternalIds, definitions).await?;
    let mut effects = Vec::with_capacity(rows.len());
    let mut errors = Vec::new();
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
    let saved = batch.save(unit).await?;
    let known = saved.iter().filter(|row| row.revision > 1);
    let revisions = known
        .map(|row| (CustomerId(row.id), row.revision))
        .collect();
    Ok(Written {
        effects,
        errors,
        revisions,
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

fn report(written: Written, mut errors: Vec<RowError>, count: u64) -> BatchReport {
    let Written {
        effects,
        errors: refused,
        revisions: _,
        cursor,
    } = written;
    errors.extend(refused);
    errors.sort_by_key(|error| error.row);
    let counted = |wanted| effects.iter().filter(|effect| **effect == wanted).count() as u64;
    BatchReport {
        row_count: count,
        created_count: counted(Effect::Created),
        updated_count: counted(Effect::Updated),
        unchanged_count: counted(Effect::Unchanged),
        error_row_count: count - effects.len() as u64,
        errors,
        cursor,
    }
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
