//! Gives events their places in the tree, and signs what came of it.

use dossier_db::{Backend, Tx, error};
use dossier_kernel::{Error, Reason, Result};
use sea_orm::{ConnectionTrait, Statement, Value};

use crate::growth::Growth;
use crate::key::AuditKey;
use crate::leaf::Leaf;
use crate::note::Checkpoint;
use crate::tile::signed;
use crate::tree::Hash;

/// Events of one transaction: few enough that nobody waits long behind them.
pub(crate) const EVENTS_MAX: u64 = 512;

/// What of the log is signed.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub size: u64,
    /// Empty where nothing is signed yet.
    pub note: String,
}

impl Head {
    pub async fn read<C: ConnectionTrait>(conn: &C, lock: bool) -> Result<Self> {
        // Another process that serves the same database waits here.
        let lock = if lock { " FOR UPDATE" } else { "" };
        let sql = format!("SELECT size, note FROM audit_head WHERE id = 1{lock}");
        let statement = Statement::from_string(conn.get_database_backend(), sql);
        let row = conn.query_one_raw(statement).await.map_err(error)?;
        let row = row.ok_or_else(|| broken("its head is gone"))?;
        let size: i64 = row.try_get_by(0).map_err(error)?;
        Ok(Self {
            size: u64::try_from(size).map_err(Error::internal)?,
            note: row.try_get_by(1).map_err(error)?,
        })
    }

    /// What the note says, where `key` signed it and it is of this size.
    pub fn open(&self, key: &AuditKey, origin: &str) -> Option<Checkpoint> {
        let opened = Checkpoint::open(&self.note, &key.verifier(origin))?;
        (opened.size == self.size).then_some(opened)
    }
}

/// Places up to [`EVENTS_MAX`] waiting events, in the order of their ids, and signs the tree; says
/// how many. FAILED_PRECONDITION where the tree is not the one that was signed last: what somebody
/// changed is never signed again.
pub(crate) async fn integrate(tx: &Tx, key: &AuditKey, origin: &str) -> Result<u64> {
    let conn = tx.conn();
    let head = Head::read(conn, tx.backend() == Backend::Postgres).await?;
    let mut growth = Growth::read(conn, head.size).await?;
    if head.size > 0 {
        let signed = head.open(key, origin);
        let signed = signed.ok_or_else(|| broken("its checkpoint is not signed by this key"))?;
        if signed.root != growth.root() {
            return Err(broken("its tree is not the one that was signed"));
        }
    }
    let leaves = place(tx, head.size).await?;
    if leaves.is_empty() {
        return Ok(0);
    }
    let count = leaves.len() as u64;
    leaves.into_iter().for_each(|leaf| growth.push(leaf));
    growth.store(conn).await?;
    let checkpoint = Checkpoint {
        origin: origin.to_owned(),
        size: growth.size(),
        root: growth.root(),
    };
    let values: [Value; 2] = [signed(checkpoint.size)?.into(), checkpoint.sign(key).into()];
    let sql = "UPDATE audit_head SET size = $1, note = $2 WHERE id = 1";
    let statement = Statement::from_sql_and_values(tx.backend().into(), sql, values);
    conn.execute_raw(statement).await.map_err(error)?;
    Ok(count)
}

/// Whether any event waits for its place.
pub(crate) async fn anybody_waits<C: ConnectionTrait>(conn: &C) -> Result<bool> {
    let sql = "SELECT 1 FROM audit_event WHERE position IS NULL LIMIT 1";
    let statement = Statement::from_string(conn.get_database_backend(), sql);
    let row = conn.query_one_raw(statement).await.map_err(error)?;
    Ok(row.is_some())
}

/// Writes the places of waiting events, beginning with `first`; their hashes in that order.
async fn place(tx: &Tx, first: u64) -> Result<Vec<Hash>> {
    let sql = format!(
        "UPDATE audit_event SET position = placed.position FROM ( \
           SELECT tenant_id, id, \
           CAST($1 AS bigint) + row_number() OVER (ORDER BY id, tenant_id) - 1 AS position \
           FROM (SELECT tenant_id, id FROM audit_event WHERE position IS NULL \
                 ORDER BY id, tenant_id LIMIT {EVENTS_MAX}) AS waiting \
         ) AS placed \
         WHERE audit_event.tenant_id = placed.tenant_id AND audit_event.id = placed.id \
         RETURNING audit_event.position, audit_event.body"
    );
    let values: [Value; 1] = [signed(first)?.into()];
    let statement = Statement::from_sql_and_values(tx.backend().into(), sql, values);
    let rows = tx.conn().query_all_raw(statement).await.map_err(error)?;
    let mut placed = Vec::with_capacity(rows.len());
    for row in rows {
        let position: i64 = row.try_get_by(0).map_err(error)?;
        let body: Vec<u8> = row.try_get_by(1).map_err(error)?;
        placed.push((position, Leaf::hash(&body)));
    }
    placed.sort_unstable_by_key(|(position, _)| *position);
    Ok(placed.into_iter().map(|(_, hash)| hash).collect())
}

pub(crate) fn broken(what: &str) -> Error {
    Error::new(
        Reason::FailedPrecondition,
        format!("The audit log was tampered with: {what}; run `dossier audit verify`."),
    )
}
