//! Reading the log: events, and proofs that they are in it.

use dossier_db::{Db, error};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{Error, PageSize, PageToken, Reason, Result, TenantId, Timestamp};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use std::time::Duration;
use uuid::Uuid;

use crate::key::{AuditKey, VerifierKey};
use crate::leaf::Leaf;
use crate::sequence::Head;
use crate::tile::Tiles;
use crate::tree::{self, Hash};

/// Events read in one statement.
const CHUNK: u64 = 200;
/// Events looked at for one page at most. A page of a rare kind may be empty and not the last.
const LOOKED_AT_MAX: u64 = 10_000;
/// Resources and request ids on one page, so that it stays a small message (about 1 MB).
const NAMES_MAX: usize = 10_000;

/// An event of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub leaf: Leaf,
    /// Its place in the tree, from 0; `None` within the first second.
    pub position: Option<u64>,
}

/// Which events are wanted. What is empty decides nothing.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Events of this instant or later.
    pub start: Option<Timestamp>,
    /// Events before this instant.
    pub end: Option<Timestamp>,
    /// `person:alice`, as principal or as whom a service acted for.
    pub principal: String,
    /// A whole resource name. Of a call that touched or showed more than
    /// [`dossier_kernel::AuditEvent::RESOURCES_MAX`] the first ones are known.
    pub resource: String,
    /// `dossier.profile.v1.CustomerService/GetCustomer`.
    pub method: String,
}

/// Proof that an event is in the log that a checkpoint signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// What was hashed.
    pub leaf: Vec<u8>,
    pub leaf_hash: Hash,
    pub position: u64,
    /// From the leaf upwards.
    pub path: Vec<Hash>,
    /// The signed note, and the size that it says.
    pub checkpoint: String,
    pub size: u64,
}

/// The log of one service, to be read. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    db: Db,
    key: AuditKey,
    origin: String,
}

impl Log {
    pub(crate) fn new(db: Db, key: AuditKey, origin: String) -> Self {
        Self { db, key, origin }
    }

    /// Whose signatures the checkpoints carry.
    pub fn verifier(&self) -> VerifierKey {
        self.key.verifier(&self.origin)
    }

    /// A tenant's events, newest first, and the token of the next page. A page may be shorter than
    /// asked for, even empty, and not be the last: only an empty token is the end.
    pub async fn events(
        &self,
        tenant: &TenantId,
        query: &Query,
        size: PageSize,
        token: &str,
    ) -> Result<(Vec<Entry>, String)> {
        let bounds = query.bounds();
        let told = format!("{query:?}");
        let bound_to = [tenant.as_str(), self.origin.as_str(), told.as_str()];
        let mut before = match PageToken::decode(token, &bound_to)?.map(|token| token.after) {
            Some(after) => match after.as_slice() {
                [KeyValue::Uuid(id)] => Some(*id),
                _ => None,
            },
            None => bounds.1,
        };
        let wanted = usize::try_from(size.get()).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        let (mut looked_at, mut names) = (0, 0);
        loop {
            let rows = self.chunk(tenant, bounds.0, before).await?;
            let is_last = (rows.len() as u64) < CHUNK;
            for row in rows {
                looked_at += 1;
                before = Some(row.leaf.id);
                if query.wants(&row.leaf) {
                    names += row.leaf.resources.len() + row.leaf.request_ids.len();
                    found.push(row);
                }
                if found.len() == wanted || names >= NAMES_MAX {
                    return Ok((found, next(&bound_to, before)));
                }
            }
            if is_last {
                return Ok((found, String::new()));
            }
            if looked_at >= LOOKED_AT_MAX {
                return Ok((found, next(&bound_to, before)));
            }
        }
    }

    /// Proves that an event is in the log. UNAVAILABLE where it has no place yet: it has one within
    /// a second.
    pub async fn proof(&self, tenant: &TenantId, id: Uuid) -> Result<Proof> {
        let sql = "SELECT body, position FROM audit_event WHERE tenant_id = $1 AND id = $2";
        let values: [Value; 2] = [tenant.as_str().into(), id.into()];
        let reader = self.db.reader_of(tenant);
        let backend = reader.get_database_backend();
        let row = reader
            .query_one_raw(Statement::from_sql_and_values(backend, sql, values))
            .await
            .map_err(error)?;
        let row = row.ok_or_else(|| Error::not_found(format!("auditEvents/{id}")))?;
        let leaf: Vec<u8> = row.try_get_by(0).map_err(error)?;
        let position = position(&row, 1)?;
        let head = self.head().await?;
        let position = position.filter(|at| *at < head.size).ok_or_else(|| {
            Error::new(
                Reason::Unavailable,
                "The event has no place in the log yet; it has one within a second.",
            )
            .retry_after(Duration::from_millis(500))
        })?;
        let mut path = None;
        let tiles = self
            .tiles(|node| path = tree::inclusion(position, head.size, &mut |l, i| node(l, i)))
            .await?;
        let path = path.and_then(|_| {
            tree::inclusion(position, head.size, &mut |level, index| {
                tiles.node(level, index)
            })
        });
        Ok(Proof {
            leaf_hash: Leaf::hash(&leaf),
            leaf,
            position,
            path: path.unwrap_or_default(),
            checkpoint: head.note,
            size: head.size,
        })
    }

    /// The newest checkpoint, as a signed note, and its size. NOT_FOUND while the log is empty.
    pub async fn checkpoint(&self) -> Result<(String, u64)> {
        let head = self.head().await?;
        if head.size == 0 {
            return Err(Error::not_found("checkpoint"));
        }
        Ok((head.note, head.size))
    }

    /// Proves that the log of `from` events is the beginning of the one of `to`.
    pub async fn consistency(&self, from: u64, to: u64) -> Result<Vec<Hash>> {
        let head = self.head().await?;
        if from == 0 || from > to || to > head.size {
            return Err(Error::new(
                Reason::InvalidArgument,
                "The sizes must be 1 or more, in ascending order, and at most that of the newest \
                 checkpoint.",
            ));
        }
        let tiles = self
            .tiles(|node| drop(tree::consistency(from, to, &mut |l, i| node(l, i))))
            .await?;
        let path = tree::consistency(from, to, &mut |level, index| tiles.node(level, index));
        Ok(path.unwrap_or_default())
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    pub(crate) async fn head(&self) -> Result<Head> {
        Head::read(&self.db.reader_of(&TenantId::all()), false).await
    }

    async fn tiles(&self, ask: impl FnOnce(&mut dyn FnMut(u8, u64) -> Hash)) -> Result<Tiles> {
        Tiles::for_nodes(&self.db.reader_of(&TenantId::all()), ask).await
    }

    /// The next events before `before`, not before `first`.
    async fn chunk(
        &self,
        tenant: &TenantId,
        first: Uuid,
        before: Option<Uuid>,
    ) -> Result<Vec<Entry>> {
        let sql = format!(
            "SELECT body, position FROM audit_event \
             WHERE tenant_id = $1 AND id >= $2 AND id < $3 ORDER BY id DESC LIMIT {CHUNK}"
        );
        let before = before.unwrap_or(Uuid::max());
        let values: [Value; 3] = [tenant.as_str().into(), first.into(), before.into()];
        let reader = self.db.reader_of(tenant);
        let backend = reader.get_database_backend();
        let rows = reader
            .query_all_raw(Statement::from_sql_and_values(backend, sql, values))
            .await
            .map_err(error)?;
        rows.iter()
            .map(|row| {
                let body: Vec<u8> = row.try_get_by(0).map_err(error)?;
                Ok(Entry {
                    leaf: Leaf::decode(&body)?,
                    position: position(row, 1)?,
                })
            })
            .collect()
    }
}

impl Query {
    /// Ids of the times that are wanted: from the first on, to before the second.
    fn bounds(&self) -> (Uuid, Option<Uuid>) {
        let id = |time: Timestamp, ahead: i64| {
            let millis = time.micros().div_euclid(1_000).max(0) + ahead;
            Uuid::from_u128(u128::from(millis.unsigned_abs()) << 80)
        };
        let first = self.start.map_or(Uuid::nil(), |start| id(start, 0));
        (first, self.end.map(|end| id(end, 1)))
    }

    fn wants(&self, leaf: &Leaf) -> bool {
        let Self {
            start,
            end,
            principal,
            resource,
            method,
        } = self;
        let any = |wanted: &String| wanted.is_empty();
        start.is_none_or(|start| leaf.time >= start)
            && end.is_none_or(|end| leaf.time < end)
            && (any(principal) || leaf.principal == *principal || leaf.on_behalf_of == *principal)
            && (any(resource) || leaf.resources.contains(resource))
            && (any(method) || leaf.method == *method)
    }
}

fn next(query: &[&str], before: Option<Uuid>) -> String {
    let after = before.map(KeyValue::Uuid).into_iter().collect();
    PageToken::new(query, after).encode()
}

/// The place in column `column`.
pub(crate) fn position(row: &QueryResult, column: usize) -> Result<Option<u64>> {
    let position: Option<i64> = row.try_get_by(column).map_err(error)?;
    position
        .map(|position| u64::try_from(position).map_err(Error::internal))
        .transpose()
}
