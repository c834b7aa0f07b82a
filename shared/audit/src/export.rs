//! Carries what was signed to the sink.

use dossier_kernel::{Error, Result};
use sea_orm::ConnectionTrait;

use crate::key::AuditKey;
use crate::note::Checkpoint;
use crate::sequence::{Head, broken};
use crate::sink::Sink;
use crate::tile::{Place, Tiles, WIDTH};
use crate::tree;

/// Tiles of leaves carried at a time.
const TILES_AT_ONCE: u64 = 64;

/// What the sink knows, and so what the log must go on from.
pub(crate) struct Export {
    sink: Sink,
    last: Option<Checkpoint>,
}

impl Export {
    /// Reads what was exported. FAILED_PRECONDITION where it is another key's or does not verify.
    pub async fn open(sink: Sink, key: &AuditKey, origin: &str) -> Result<Self> {
        let verifier = key.verifier(origin);
        let (there, expected) = (sink.clone(), verifier.clone());
        let last = match apart(move || there.prepare(&expected)).await? {
            None => None,
            Some(note) => {
                let opened = Checkpoint::open(&note, &verifier);
                Some(opened.ok_or_else(|| {
                    broken("the last exported checkpoint is not signed by this key")
                })?)
            }
        };
        Ok(Self { sink, last })
    }

    /// FAILED_PRECONDITION where the log in the database does not go on from what was exported.
    /// To be asked before anything further is signed.
    pub async fn check<C: ConnectionTrait>(&self, conn: &C) -> Result<()> {
        let Some(last) = &self.last else {
            return Ok(());
        };
        let head = Head::read(conn, false).await?;
        if head.size < last.size {
            return Err(broken("it is shorter than what was exported"));
        }
        let tiles = Tiles::for_nodes(conn, |mut node| {
            tree::root(last.size, &mut node);
        })
        .await?;
        let root = tree::root(last.size, &mut |level, index| tiles.node(level, index));
        if root != last.root {
            return Err(broken("it is not the history that was exported"));
        }
        Ok(())
    }

    /// Carries over leaves and the newest checkpoint; says whether there was anything to carry.
    pub async fn carry<C: ConnectionTrait>(
        &mut self,
        conn: &C,
        key: &AuditKey,
        origin: &str,
    ) -> Result<bool> {
        let head = Head::read(conn, false).await?;
        if head.size <= self.last.as_ref().map_or(0, |last| last.size) {
            return Ok(false);
        }
        let newest = head.open(key, origin);
        let newest = newest.ok_or_else(|| broken("its checkpoint is not signed by this key"))?;
        let mut from = self.sink.leaf_count()?;
        while from < head.size {
            let first = from / WIDTH;
            let end = (first + TILES_AT_ONCE).min(head.size.div_ceil(WIDTH));
            let places: Vec<Place> = (first..end)
                .map(|number| Place { level: 0, number })
                .collect();
            let mut tiles = Tiles::default();
            tiles.read(conn, &places).await?;
            let read: Vec<_> = places
                .iter()
                .flat_map(|place| tiles.get(*place).unwrap_or_default())
                .copied()
                .collect();
            let skip = usize::try_from(from % WIDTH).unwrap_or_default();
            let most = usize::try_from(head.size - first * WIDTH).unwrap_or(usize::MAX);
            let new = read.get(skip..read.len().min(most)).unwrap_or_default();
            if new.is_empty() {
                return Err(broken("leaves of its tree are gone"));
            }
            let (sink, new) = (self.sink.clone(), new.to_vec());
            from += new.len() as u64;
            apart(move || sink.add_leaves(&new)).await?;
        }
        let (sink, note) = (self.sink.clone(), head.note);
        apart(move || sink.add_note(&note)).await?;
        self.last = Some(newest);
        Ok(true)
    }
}

/// Files are synced on a thread of their own: calls do not wait for this disk.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(Error::internal)?
}
