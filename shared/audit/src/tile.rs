//! Nodes of the tree, as they are stored: 256 hashes in a row of the database
//! (<https://c2sp.org/tlog-tiles> cuts trees the same way).

use std::collections::{BTreeSet, HashMap};

use dossier_db::error;
use dossier_kernel::{Error, Result};
use sea_orm::{ConnectionTrait, Statement, Value};

use crate::tree::{Hash, node_hash};

/// Levels of the tree that one tile spans.
const LEVELS: u8 = 8;
/// Hashes of a full tile.
pub(crate) const WIDTH: u64 = 1 << LEVELS;
/// Tiles asked for in one statement.
const TILES_PER_QUESTION: usize = 200;

/// Where a tile lies: which level of tiles, which number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub level: u8,
    pub number: u64,
}

impl Place {
    /// The tile that a node's subtree begins in and, since it is complete, also ends in.
    pub fn of_node(level: u8, index: u64) -> Self {
        let first = index << (level % LEVELS);
        Self {
            level: level / LEVELS,
            number: first / WIDTH,
        }
    }
}

/// Tiles that were read.
#[derive(Debug, Default)]
pub(crate) struct Tiles(HashMap<Place, Vec<Hash>>);

impl Tiles {
    /// Reads what `ask` needs: it is run once to see which nodes it asks for.
    pub async fn for_nodes<C: ConnectionTrait>(
        conn: &C,
        ask: impl FnOnce(&mut dyn FnMut(u8, u64) -> Hash),
    ) -> Result<Self> {
        let mut places = BTreeSet::new();
        ask(&mut |level, index| {
            places.insert(Place::of_node(level, index));
            [0; 32]
        });
        let places: Vec<Place> = places.into_iter().collect();
        let mut tiles = Self::default();
        for places in places.chunks(TILES_PER_QUESTION) {
            tiles.read(conn, places).await?;
        }
        Ok(tiles)
    }

    /// Reads tiles; those that are not there are left out.
    pub async fn read<C: ConnectionTrait>(&mut self, conn: &C, places: &[Place]) -> Result<()> {
        if places.is_empty() {
            return Ok(());
        }
        let mut wanted = Vec::with_capacity(places.len());
        let mut values: Vec<Value> = Vec::with_capacity(places.len() * 2);
        for place in places {
            let n = values.len();
            wanted.push(format!("(level = ${} AND number = ${})", n + 1, n + 2));
            values.extend([i16::from(place.level).into(), signed(place.number)?.into()]);
        }
        let sql = format!(
            "SELECT level, number, hashes FROM audit_tile WHERE {}",
            wanted.join(" OR ")
        );
        let backend = conn.get_database_backend();
        let rows = conn
            .query_all_raw(Statement::from_sql_and_values(backend, sql, values))
            .await
            .map_err(error)?;
        for row in rows {
            let level: i16 = row.try_get_by(0).map_err(error)?;
            let number: i64 = row.try_get_by(1).map_err(error)?;
            let bytes: Vec<u8> = row.try_get_by(2).map_err(error)?;
            let place = Place {
                level: u8::try_from(level).map_err(Error::internal)?,
                number: u64::try_from(number).map_err(Error::internal)?,
            };
            self.0.insert(place, hashes(&bytes));
        }
        Ok(())
    }

    pub fn get(&self, place: Place) -> Option<&[Hash]> {
        self.0.get(&place).map(Vec::as_slice)
    }

    /// The hash over a complete subtree; zeros where its tile lacks hashes, which no root matches.
    pub fn node(&self, level: u8, index: u64) -> Hash {
        let first = ((index << (level % LEVELS)) % WIDTH) as usize;
        let count = 1_usize << (level % LEVELS);
        let tile = self.get(Place::of_node(level, index)).unwrap_or_default();
        match tile.get(first..first + count) {
            Some(hashes) => fold(hashes),
            None => [0; 32],
        }
    }
}

/// The hash over a complete subtree, from the hashes of its lowest row: a power of two of them.
pub(crate) fn fold(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => [0; 32],
        [one] => *one,
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            node_hash(&fold(left), &fold(right))
        }
    }
}

/// The hashes that lie in bytes one after another; what is left at the end is none.
pub(crate) fn hashes(bytes: &[u8]) -> Vec<Hash> {
    let (hashes, _) = bytes.as_chunks::<32>();
    hashes.to_vec()
}

pub(crate) fn signed(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(Error::internal)
}
