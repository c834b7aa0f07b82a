//! Imports as resources, and taking back what they did: batch by batch from the last, each in one
//! transaction, in the background.

use std::collections::{HashMap, HashSet};

use dossier_access::Sight;
use dossier_db::Once;
use dossier_kernel::{Ctx, CustomerId, PageSize, PageToken, Result, TenantId};
use uuid::Uuid;

use super::Profile;
use super::import::{Change, Written};
use super::unit::{Edit, Locked, Unit};
use crate::domain::{Definitions, FIRST, Import, ImportState, Made, Source, Undo};
use crate::error::Error;
use crate::store::import::{self, Model};
use crate::store::{ChangeKind, import_batch, revision};

/// Imports whose undoing is gone on with at once.
const UNDOING_MAX: u64 = 100;

impl Profile {
    pub async fn get_import(&self, ctx: &Ctx, id: Uuid) -> Result<Import> {
        let row = import::find(&self.0.db.reader_of(&ctx.tenant), &ctx.tenant, id).await?;
        row.ok_or(Error::NoImport(id))?.into_import()
    }

    /// A page, newest first, and the token of the next one.
    pub async fn list_imports(
        &self,
        ctx: &Ctx,
        page_size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<Import>, String)> {
        let query = [ctx.tenant.as_str(), Import::COLLECTION];
        let token = PageToken::decode(page_token, &query)?;
        let after = token.as_ref().map(|token| token.after.as_slice());
        let reader = &self.0.db.reader_of(&ctx.tenant);
        let (rows, next) = import::page(reader, &ctx.tenant, after, page_size.get()).await?;
        let imports: Result<Vec<Import>> = rows.into_iter().map(Model::into_import).collect();
        Ok((imports?, PageToken::next(&query, next)))
    }

    /// From here on the import takes no batch; the job takes back what there is.
    pub async fn undo_import(&self, ctx: &Ctx, id: Uuid, once: Option<Once>) -> Result<Import> {
        let (now, tenant) = (self.0.clock.now(), ctx.tenant.clone());
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                let from = [ImportState::Running, ImportState::Succeeded];
                if import::turn(tx, &tenant, id, &from, ImportState::Undoing, now).await? {
                    tx.touch(Import::name_of(id), ["state"]);
                    return Ok(());
                }
                match import::find(tx.conn(), &tenant, id).await? {
                    Some(_) => Ok(()),
                    None => Err(Error::NoImport(id).into()),
                }
            })
        });
        work.await?;
        self.get_import(ctx, id).await
    }

    /// Goes on with every import that is being undone; says how many changes were taken back. One that
    /// fails is tried again later.
    pub async fn undo_imports(&self) -> Result<u64> {
        let all = self.0.db.reader_of(&TenantId::all());
        let mut undone = 0;
        for row in import::undoing(&all, UNDOING_MAX).await? {
            let ctx = Ctx::service("profile", TenantId::parse(&row.tenant_id)?);
            match self.take_back(&ctx, row.id).await {
                Ok(changes) => undone += changes,
                Err(error) => tracing::warn!(import = %row.id, %error, "is undone later"),
            }
        }
        Ok(undone)
    }

    async fn take_back(&self, ctx: &Ctx, id: Uuid) -> Result<u64> {
        let mut undone = 0;
        while !self.stop().is_cancelled() {
            let reader = self.0.db.reader_of(&ctx.tenant);
            let Some(batch) = import_batch::last(&reader, &ctx.tenant, id).await? else {
                let (now, tenant) = (self.0.clock.now(), ctx.tenant.clone());
                let (from, to) = ([ImportState::Undoing], ImportState::Undone);
                let end = self.0.db.write(ctx, move |tx| {
                    Box::pin(async move { import::turn(tx, &tenant, id, &from, to, now).await })
                });
                end.await?;
                break;
            };
            undone += self.take_batch_back(ctx, batch).await?;
        }
        Ok(undone)
    }

    /// In one transaction; says how many changes were taken back.
    async fn take_batch_back(&self, ctx: &Ctx, batch: import_batch::Model) -> Result<u64> {
        let definitions = self.definitions(&ctx.tenant, true).await?;
        self.0.vault.prepare(&ctx.tenant).await?;
        let (profile, inside) = (self.clone(), ctx.clone());
        let work = self.0.db.write(ctx, move |tx| {
            Box::pin(async move {
                let unit = Unit {
                    now: profile.0.clock.now(),
                    tenant: inside.tenant.clone(),
                    tx,
                    profile,
                    ctx: inside,
                    source: Source::Undo(batch.import_id),
                };
                unit.take_back(&batch, &definitions).await
            })
        });
        let Undone { count, revisions } = work.await?.value;
        for (id, revision) in revisions {
            self.tell_cache(ctx, id, revision).await;
        }
        Ok(count)
    }
}

#[derive(Default)]
struct Undone {
    count: u64,
    /// Who was changed by it, and the new revisions.
    revisions: Vec<(CustomerId, i64)>,
}

impl Unit<'_> {
    async fn take_back(
        &self,
        batch: &import_batch::Model,
        definitions: &Definitions,
    ) -> Result<Undone> {
        let (import, changes) = (batch.import_id, Written::of(batch)?.changes);
        if !import_batch::delete(self.tx, &self.tenant, import, batch.first_row).await? {
            // Another process was first.
            return Ok(Undone::default());
        }
        let ids: Vec<CustomerId> = changes.iter().map(|change| change.customer).collect();
        let locked = self.lock(&ids, true).await?;
        let mut files: HashMap<CustomerId, Locked> =
            locked.into_iter().map(|one| (one.before.id, one)).collect();
        let touched = self.touched(import, &changes, &files).await?;
        let mut made = self.made(&changes, &files).await?;
        let (mut edits, mut undone, mut kept) = (Vec::new(), 0, 0);
        for Change { customer, .. } in &changes {
            let (Some(made), Some(file)) = (made.remove(customer), files.remove(customer)) else {
                kept += 1;
                continue;
            };
            let Locked { row, before, .. } = file;
            let touched = touched.contains(customer);
            let (kind, after, changed) = match made.undo(&before, touched, definitions, self.now) {
                Undo::Keep => {
                    kept += 1;
                    continue;
                }
                Undo::Nothing => {
                    undone += 1;
                    continue;
                }
                Undo::Delete(after) => (ChangeKind::Deleted, *after, Vec::new()),
                Undo::Restore(after, changed) => (ChangeKind::Updated, *after, changed),
            };
            undone += 1;
            edits.push(Edit {
                row,
                before,
                after,
                kind,
                changed,
            });
        }
        let rows = self.replace(&edits).await?;
        import::take_back(self.tx, &self.tenant, import, undone, kept, self.now).await?;
        Ok(Undone {
            count: undone,
            revisions: rows.iter().map(|row| (row.id(), row.revision)).collect(),
        })
    }

    /// Who was changed since by others than this import and its undoing.
    async fn touched(
        &self,
        import: Uuid,
        changes: &[Change],
        files: &HashMap<CustomerId, Locked>,
    ) -> Result<HashSet<CustomerId>> {
        let own = [Source::Import(import), Source::Undo(import)];
        let later = changes.iter().filter(|change| {
            let file = files.get(&change.customer);
            file.is_some_and(|file| file.row.revision > change.revision)
        });
        let later: Vec<(CustomerId, i64)> = later
            .map(|change| (change.customer, change.revision))
            .collect();
        let mut touched = HashSet::new();
        for (id, source) in revision::sources_after(self.tx.conn(), &self.tenant, &later).await? {
            if !source.is_some_and(|source| own.contains(&source)) {
                touched.insert(id);
            }
        }
        for (id, _) in later {
            let Some(file) = files.get(&id) else { continue };
            let newest = revision::source_of(&file.row)?;
            if !newest.is_some_and(|source| own.contains(&source)) {
                touched.insert(id);
            }
        }
        Ok(touched)
    }

    /// What the changes made; nothing of customers that are gone, or whose histories are not whole.
    async fn made(
        &self,
        changes: &[Change],
        files: &HashMap<CustomerId, Locked>,
    ) -> Result<HashMap<CustomerId, Made>> {
        let mut made = HashMap::with_capacity(changes.len());
        let mut asked = Vec::new();
        for Change { customer, revision } in changes {
            let Some(file) = files.get(customer) else {
                continue;
            };
            if *revision == FIRST {
                made.insert(*customer, Made::File);
                continue;
            }
            asked.push((*customer, revision - 1));
            if file.row.revision != *revision {
                asked.push((*customer, *revision));
            }
        }
        let versions = revision::find_many(self.tx.conn(), &self.tenant, &asked).await?;
        let cells = versions
            .iter()
            .flat_map(|version| version.cells(Sight::ALL));
        let vault = &self.profile.0.vault;
        let keys = vault
            .keys_to_open(self.tx.conn(), &self.tenant, cells)
            .await?;
        let mut opened = HashMap::with_capacity(versions.len());
        for version in versions {
            let (id, revision) = (version.outline.id, version.outline.revision);
            opened.insert((id, revision), version.open(keys.get(&id), Sight::ALL)?);
        }
        for Change { customer, revision } in changes {
            let Some(before) = opened.remove(&(*customer, revision - 1)) else {
                continue;
            };
            let newest = files.get(customer).map(|file| &file.before);
            let newest = newest.filter(|file| file.revision == *revision).cloned();
            if let Some(after) = newest.or_else(|| opened.remove(&(*customer, *revision))) {
                let (before, after) = (Box::new(before), Box::new(after));
                made.insert(*customer, Made::Revision { before, after });
            }
        }
        Ok(made)
    }
}
