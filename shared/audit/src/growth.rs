//! The right edge of the tree: all that is needed to add leaves and to know the root.

use dossier_db::error;
use dossier_kernel::Result;
use sea_orm::{ConnectionTrait, Statement, Value};

use crate::tile::{Place, Tiles, WIDTH, fold, signed};
use crate::tree::{self, Hash};

/// The tile at the right end of each level, whole tiles that were completed on the way, and what of
/// it the database does not have yet.
pub(crate) struct Growth {
    size: u64,
    edges: Vec<Edge>,
    full: Vec<(Place, Vec<Hash>)>,
}

struct Edge {
    number: u64,
    hashes: Vec<Hash>,
    /// How many of the hashes were stored when the edge was read.
    stored: usize,
}

impl Growth {
    pub fn empty() -> Self {
        Self {
            size: 0,
            edges: Vec::new(),
            full: Vec::new(),
        }
    }

    /// Reads the edge of a tree of `size` leaves. What is missing shows in the root.
    pub async fn read<C: ConnectionTrait>(conn: &C, size: u64) -> Result<Self> {
        let mut places = Vec::new();
        let mut count = size;
        let mut level = 0;
        while count > 0 {
            places.push(Place {
                level,
                number: count / WIDTH,
            });
            count /= WIDTH;
            level += 1;
        }
        let mut tiles = Tiles::default();
        tiles.read(conn, &places).await?;
        let edges = places.iter().map(|place| {
            let filled = (size >> (u32::from(place.level) * 8)) % WIDTH;
            let stored = tiles.get(*place).unwrap_or_default();
            let mut hashes = stored.to_vec();
            hashes.resize(filled as usize, [0; 32]);
            Edge {
                number: place.number,
                stored: hashes.len(),
                hashes,
            }
        });
        Ok(Self {
            size,
            edges: edges.collect(),
            full: Vec::new(),
        })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn push(&mut self, leaf: Hash) {
        self.size += 1;
        self.push_at(0, leaf);
    }

    pub fn root(&self) -> Hash {
        tree::root(self.size, &mut |level, index| self.node(level, index))
    }

    /// Stores what was added since the edge was read.
    pub async fn store<C: ConnectionTrait>(&self, conn: &C) -> Result<()> {
        let whole = self
            .full
            .iter()
            .map(|(place, hashes)| (*place, hashes.as_slice()));
        let partial = (0..).zip(&self.edges).filter_map(|(level, edge)| {
            let place = Place {
                level,
                number: edge.number,
            };
            (edge.hashes.len() > edge.stored).then_some((place, edge.hashes.as_slice()))
        });
        for (place, hashes) in whole.chain(partial) {
            let values: [Value; 3] = [
                i16::from(place.level).into(),
                signed(place.number)?.into(),
                hashes.concat().into(),
            ];
            let sql = "INSERT INTO audit_tile (level, number, hashes) VALUES ($1, $2, $3) \
                       ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes";
            let backend = conn.get_database_backend();
            conn.execute_raw(Statement::from_sql_and_values(backend, sql, values))
                .await
                .map_err(error)?;
        }
        Ok(())
    }

    fn push_at(&mut self, level: usize, hash: Hash) {
        if self.edges.len() == level {
            self.edges.push(Edge {
                number: 0,
                hashes: Vec::new(),
                stored: 0,
            });
        }
        let edge = &mut self.edges[level];
        edge.hashes.push(hash);
        if edge.hashes.len() as u64 == WIDTH {
            let place = Place {
                level: level as u8,
                number: edge.number,
            };
            let hashes = std::mem::take(&mut edge.hashes);
            edge.number += 1;
            edge.stored = 0;
            let above = fold(&hashes);
            self.full.push((place, hashes));
            self.push_at(level + 1, above);
        }
    }

    /// A node of the decomposition of the whole tree: all of them lie at the edge.
    fn node(&self, level: u8, index: u64) -> Hash {
        let first = ((index << (level % 8)) % WIDTH) as usize;
        let count = 1_usize << (level % 8);
        let edge = self.edges.get(usize::from(level / 8));
        let hashes = edge.and_then(|edge| edge.hashes.get(first..first + count));
        hashes.map_or([0; 32], fold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::leaf_hash;

    #[test]
    fn the_edge_knows_the_root_of_every_size() {
        let leaves: Vec<Hash> = (0..70_000_u32)
            .map(|n| leaf_hash(&n.to_be_bytes()))
            .collect();
        let mut growth = Growth::empty();
        for (count, leaf) in (1..).zip(&leaves) {
            growth.push(*leaf);
            if [1, 2, 255, 256, 257, 511, 65_535, 65_536, 65_537, 70_000].contains(&count) {
                let known = &leaves[..count];
                let slow = tree::root(count as u64, &mut |level, index| {
                    let size = 1_usize << level;
                    let low = usize::try_from(index).expect("small") * size;
                    fold(&known[low..low + size])
                });
                assert_eq!(growth.root(), slow, "{count}");
            }
        }
        assert_eq!(growth.full.len(), 273 + 1);
    }
}
