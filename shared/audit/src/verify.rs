//! Compares the log in the database with what was exported and signed.

use std::collections::{BTreeMap, HashMap};

use dossier_db::error;
use dossier_kernel::{Error, Result, TenantId};
use sea_orm::{ConnectionTrait, Statement, Value};
use uuid::Uuid;

use crate::growth::Growth;
use crate::key::VerifierKey;
use crate::leaf::Leaf;
use crate::log::{Log, position};
use crate::note::Checkpoint;
use crate::sink::Sink;
use crate::tile::{Place, Tiles, WIDTH};
use crate::tree::Hash;

/// Events read in one statement.
const CHUNK: u64 = 2_000;

/// Something that is not as it was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The event at this place says something else than what was signed.
    Changed { position: u64, event: Uuid },
    /// The event of this place is gone.
    Deleted { position: u64 },
    /// The events from this place to the end are gone.
    Truncated { position: u64, count: u64 },
    /// An event that was never signed pretends to have a place.
    Inserted { position: u64, event: Uuid },
    /// An event lies elsewhere than where it was signed.
    Reordered {
        position: u64,
        signed_position: u64,
        event: Uuid,
    },
    /// A checkpoint is not signed by the log's key. `place` says where it lies: `database`, or
    /// `sink` and its number there.
    ForgedCheckpoint { place: String },
    /// Two checkpoints, both signed, are of different histories, or the tree or exported leaves are
    /// not what was signed.
    Forked { place: String, size: u64 },
}

/// What a verification found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Empty: everything is as it was signed.
    pub findings: Vec<Finding>,
    /// Events with a place.
    pub event_count: u64,
    /// Events that wait for theirs; nothing vouches for them yet.
    pub waiting_count: u64,
    /// Leaves that the newest genuine checkpoint vouches for.
    pub signed_count: u64,
    /// Checkpoints of the sink.
    pub checkpoint_count: u64,
}

/// Verifies a log against `key`, and against `sink` where there is one: without it, the database's
/// own checkpoint is all there is, and a log cut back to an older checkpoint looks whole.
pub async fn verify(log: &Log, key: &VerifierKey, sink: Option<&Sink>) -> Result<Report> {
    let mut report = Report::default();
    let mut trusted = match sink {
        Some(sink) => exported(sink, key, &mut report)?,
        None => Vec::new(),
    };
    let everyone = log.db().reader_of(&TenantId::all());
    // Before the checkpoint: what gets its place later, because the suite serves, is in neither.
    let end = places(&everyone).await?;
    signed_since(log, &everyone, key, &mut trusted, &mut report).await?;
    report.signed_count = trusted.len() as u64;
    let odd = compare(&everyone, &trusted, end, &mut report).await?;
    odd.explain(&trusted, &mut report);
    Ok(report)
}

/// The leaves that the sink's newest genuine checkpoint vouches for.
fn exported(sink: &Sink, key: &VerifierKey, report: &mut Report) -> Result<Vec<Hash>> {
    let notes = sink.notes()?;
    report.checkpoint_count = notes.len() as u64;
    let mut checkpoints = Vec::new();
    for (number, note) in (1..).zip(&notes) {
        match Checkpoint::open(note, key) {
            Some(checkpoint) => checkpoints.push((number, checkpoint)),
            None => report.findings.push(Finding::ForgedCheckpoint {
                place: format!("sink {number}"),
            }),
        }
    }
    checkpoints.sort_by_key(|(_, checkpoint)| checkpoint.size);
    let leaves = sink.leaves()?;
    let mut growth = Growth::empty();
    let mut rest = leaves.iter();
    let mut vouched = 0;
    for (number, checkpoint) in checkpoints {
        while growth.size() < checkpoint.size
            && let Some(leaf) = rest.next()
        {
            growth.push(*leaf);
        }
        if growth.size() == checkpoint.size && growth.root() == checkpoint.root {
            vouched = checkpoint.size;
        } else {
            report.findings.push(Finding::Forked {
                place: format!("sink {number}"),
                size: checkpoint.size,
            });
        }
    }
    let vouched = usize::try_from(vouched).map_err(Error::internal)?;
    Ok(leaves.into_iter().take(vouched).collect())
}

/// Adds the leaves that only the database's checkpoint vouches for, because they are younger than
/// the last export.
async fn signed_since<C: ConnectionTrait>(
    log: &Log,
    conn: &C,
    key: &VerifierKey,
    trusted: &mut Vec<Hash>,
    report: &mut Report,
) -> Result<()> {
    let place = || "database".to_owned();
    let head = log.head().await?;
    if head.size == 0 && head.note.is_empty() {
        return Ok(());
    }
    let checkpoint = Checkpoint::open(&head.note, key).filter(|found| found.size == head.size);
    let Some(checkpoint) = checkpoint else {
        report
            .findings
            .push(Finding::ForgedCheckpoint { place: place() });
        return Ok(());
    };
    let mut growth = Growth::empty();
    for leaf in trusted
        .iter()
        .take(usize::try_from(head.size).map_err(Error::internal)?)
    {
        growth.push(*leaf);
    }
    let mut new = Vec::new();
    while growth.size() < head.size {
        let tile = Place {
            level: 0,
            number: growth.size() / WIDTH,
        };
        let mut tiles = Tiles::default();
        tiles.read(conn, &[tile]).await?;
        let skip = usize::try_from(growth.size() % WIDTH).map_err(Error::internal)?;
        let left = usize::try_from(head.size - growth.size()).unwrap_or(usize::MAX);
        let hashes = tiles.get(tile).unwrap_or_default().iter().skip(skip);
        let before = growth.size();
        for leaf in hashes.take(left) {
            growth.push(*leaf);
            new.push(*leaf);
        }
        if growth.size() == before {
            break;
        }
    }
    if growth.size() == head.size && growth.root() == checkpoint.root {
        trusted.append(&mut new);
    } else {
        report.findings.push(Finding::Forked {
            place: place(),
            size: head.size,
        });
    }
    Ok(())
}

/// What does not fit at its place.
#[derive(Default)]
struct Odd {
    /// Events whose hash is not the one of their place.
    events: Vec<(u64, Uuid, Hash)>,
    /// Places without an event.
    gaps: Vec<u64>,
}

/// Where the last event that has a place ends.
async fn places<C: ConnectionTrait>(conn: &C) -> Result<u64> {
    let sql = "SELECT max(position) FROM audit_event WHERE position IS NOT NULL";
    let statement = Statement::from_string(conn.get_database_backend(), sql);
    let row = conn.query_one_raw(statement).await.map_err(error)?;
    let last = row.map(|row| position(&row, 0)).transpose()?.flatten();
    Ok(last.map_or(0, |last| last + 1))
}

/// Compares the events before `end`, and as many as are trusted, with what is trusted.
async fn compare<C: ConnectionTrait>(
    conn: &C,
    trusted: &[Hash],
    end: u64,
    report: &mut Report,
) -> Result<Odd> {
    let backend = conn.get_database_backend();
    let sql = format!(
        "SELECT tenant_id, id, body, position FROM audit_event \
         WHERE position IS NOT NULL AND position >= $1 AND position < $2 \
         ORDER BY position LIMIT {CHUNK}"
    );
    let end = i64::try_from(end.max(trusted.len() as u64)).map_err(Error::internal)?;
    let mut odd = Odd::default();
    let mut next = 0;
    loop {
        let next_place = i64::try_from(next).map_err(Error::internal)?;
        let values: [Value; 2] = [next_place.into(), end.into()];
        let statement = Statement::from_sql_and_values(backend, &sql, values);
        let rows = conn.query_all_raw(statement).await.map_err(error)?;
        for row in &rows {
            let tenant: String = row.try_get_by(0).map_err(error)?;
            let id: Uuid = row.try_get_by(1).map_err(error)?;
            let body: Vec<u8> = row.try_get_by(2).map_err(error)?;
            let at = position(row, 3)?.unwrap_or_default();
            odd.gaps.extend(next..at.min(trusted.len() as u64));
            next = at + 1;
            report.event_count += 1;
            let hash = Leaf::hash(&body);
            let expected = usize::try_from(at).ok().and_then(|at| trusted.get(at));
            // The columns repeat what the body says; they are what is searched by.
            let is_its_own =
                Leaf::decode(&body).is_ok_and(|leaf| leaf.id == id && leaf.tenant == tenant);
            if expected != Some(&hash) {
                odd.events.push((at, id, hash));
            } else if !is_its_own {
                let position = at;
                report.findings.push(Finding::Changed {
                    position,
                    event: id,
                });
            }
        }
        if (rows.len() as u64) < CHUNK {
            break;
        }
    }
    odd.gaps.extend(next..trusted.len() as u64);
    let sql = "SELECT count(*) FROM audit_event WHERE position IS NULL";
    let statement = Statement::from_string(backend, sql);
    if let Some(row) = conn.query_one_raw(statement).await.map_err(error)? {
        let waiting: i64 = row.try_get_by(0).map_err(error)?;
        report.waiting_count = u64::try_from(waiting).unwrap_or_default();
    }
    Ok(odd)
}

impl Odd {
    /// Says of each what was done to it. A changed event and its leaf share a place; a moved one is
    /// found at another; where one was put in or taken out, all that follow are moved, which is not
    /// said of each.
    fn explain(self, trusted: &[Hash], report: &mut Report) {
        let Self { events, gaps } = self;
        // Leaves that have no event at their place, by hash.
        let mut missing: BTreeMap<u64, Hash> = BTreeMap::new();
        let places = events.iter().map(|(at, _, _)| *at).chain(gaps);
        for at in places {
            let leaf = usize::try_from(at).ok().and_then(|at| trusted.get(at));
            missing.extend(leaf.map(|leaf| (at, *leaf)));
        }
        let by_hash: HashMap<Hash, u64> = missing.iter().map(|(at, hash)| (*hash, *at)).collect();
        let (mut moved, mut strange) = (Vec::new(), Vec::new());
        for (at, id, hash) in events {
            match by_hash.get(&hash) {
                Some(home) => {
                    missing.remove(home);
                    moved.push((at, *home, id));
                }
                None => strange.push((at, id)),
            }
        }
        // What is strange and lies where a leaf is missed is that leaf's event, changed.
        for (position, event) in strange {
            report.findings.push(match missing.remove(&position) {
                Some(_) => Finding::Changed { position, event },
                None => Finding::Inserted { position, event },
            });
        }
        for (position, signed_position, event) in out_of_order(&moved) {
            report.findings.push(Finding::Reordered {
                position,
                signed_position,
                event,
            });
        }
        let tail = missing
            .keys()
            .rev()
            .zip((0..trusted.len() as u64).rev())
            .take_while(|(at, end)| *at == end)
            .count() as u64;
        if tail > 0 {
            let position = trusted.len() as u64 - tail;
            missing.split_off(&position);
            report.findings.push(Finding::Truncated {
                position,
                count: tail,
            });
        }
        let gone = missing.into_keys();
        let gone = gone.map(|position| Finding::Deleted { position });
        report.findings.extend(gone);
    }
}

/// Of events that lie elsewhere than where they were signed, in the order in which they lie: those
/// that also changed places among each other, as few as explain it.
fn out_of_order(moved: &[(u64, u64, Uuid)]) -> Vec<(u64, u64, Uuid)> {
    // The longest ascending run of signed places is what was only shifted (patience sorting).
    let mut tops: Vec<usize> = Vec::new();
    let mut under: Vec<Option<usize>> = Vec::with_capacity(moved.len());
    for (n, (_, home, _)) in moved.iter().enumerate() {
        let pile = tops.partition_point(|top| moved[*top].1 < *home);
        under.push(pile.checked_sub(1).map(|pile| tops[pile]));
        match tops.get_mut(pile) {
            Some(top) => *top = n,
            None => tops.push(n),
        }
    }
    let mut kept = vec![false; moved.len()];
    let mut next = tops.last().copied();
    while let Some(n) = next {
        kept[n] = true;
        next = under[n];
    }
    let is_shift = |n: usize| kept[n];
    let odd = moved.iter().enumerate().filter(|(n, _)| !is_shift(*n));
    odd.map(|(_, event)| *event).collect()
}
