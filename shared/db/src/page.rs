//! Pages that are bounded in rows and in bytes.

use dossier_kernel::Result;
use dossier_kernel::paging::KeyValue;
use sea_orm::{ConnectionTrait, EntityTrait, QuerySelect, Select};

use crate::{error, keyset};

/// What the rows of one page hold together, in bytes. Clients refuse messages of more than 4 MiB
/// unless they are told otherwise, and content grows a little on its way to one.
const BYTES_MAX: usize = 2 << 20;
/// Rows of the first statement: nobody knows yet how large they are.
const FIRST_ROWS: u64 = 64;
/// Rows of a later one. What is read and does not fit was read in vain.
const NEXT_ROWS_MAX: u64 = 512;
/// Statements for one page, of which a caller may be allowed to see little.
const READS_MAX: usize = 20;

/// Which rows, in which order, from where on, and how many.
pub struct PageQuery<'q, E: EntityTrait> {
    pub select: Select<E>,
    /// The last of them unique in the tenant.
    pub keys: &'q [keyset::Key],
    /// Where the page before ended.
    pub after: Option<&'q [KeyValue]>,
    pub rows_max: u64,
    /// What is on the page already; counts as one of its rows.
    pub room: Room,
}

impl<E: EntityTrait> PageQuery<'_, E> {
    /// Reads until there are as many rows as asked for, or about 2 MiB; at least one where there is
    /// any. Also says where the next page begins: `None` is the end.
    ///
    /// `place` says where in the order a row lies. `keep` makes of a row what is shown and how many
    /// bytes that has, or `None` where it is not shown. Where little is, the page stays short.
    pub async fn read<C, T>(
        self,
        conn: &C,
        place: impl Fn(&E::Model) -> Vec<KeyValue>,
        mut keep: impl FnMut(E::Model) -> Result<Option<(T, usize)>>,
    ) -> Result<(Vec<T>, Option<Vec<KeyValue>>)>
    where
        C: ConnectionTrait,
    {
        let mut room = self.room;
        let mut kept = Vec::new();
        let mut at = self.after.map(<[KeyValue]>::to_vec);
        for read in 0..READS_MAX {
            // One more than the page has says whether there is another.
            let limit = (self.rows_max + 1 - room.rows).min(room.chunk(read));
            let select = keyset::page(self.select.clone(), self.keys, at.as_deref())?;
            let rows = select.limit(limit).all(conn).await.map_err(error)?;
            let is_last = (rows.len() as u64) < limit;
            for row in rows {
                if room.rows == self.rows_max {
                    return Ok((kept, at));
                }
                let here = place(&row);
                if let Some((shown, bytes)) = keep(row)? {
                    if !room.takes(bytes) {
                        return Ok((kept, at));
                    }
                    kept.push(shown);
                }
                at = Some(here);
            }
            if is_last {
                return Ok((kept, None));
            }
        }
        Ok((kept, at))
    }
}

/// What is on a page.
#[derive(Clone, Copy, Default)]
pub struct Room {
    rows: u64,
    bytes: usize,
    /// What a row is believed to have before one was seen.
    row_bytes: Option<usize>,
}

impl Room {
    /// A page whose rows are believed to have so many bytes each: those of one thing's history are
    /// all as large as it is.
    pub fn of_rows_like(bytes: usize) -> Self {
        Self {
            row_bytes: Some(bytes),
            ..Self::default()
        }
    }

    /// Whether a row fits that has so many bytes; the first one always does.
    pub fn takes(&mut self, bytes: usize) -> bool {
        let sum = self.bytes.saturating_add(bytes);
        if self.rows > 0 && sum > BYTES_MAX {
            return false;
        }
        self.bytes = sum;
        self.rows += 1;
        true
    }

    /// How many more rows may fit, judged by those that are there.
    fn chunk(&self, reads: usize) -> u64 {
        let left = BYTES_MAX.saturating_sub(self.bytes) as u64;
        let row_bytes = match (self.rows, self.row_bytes) {
            (0, None) if reads == 0 => return FIRST_ROWS,
            (0, None) => return NEXT_ROWS_MAX,
            (0, Some(bytes)) => bytes as u64,
            (rows, _) => self.bytes as u64 / rows,
        };
        (left / row_bytes.max(1) + 1).min(NEXT_ROWS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_one_row_of_any_size_and_more_only_where_they_fit() {
        let mut room = Room::default();
        assert!(room.takes(usize::MAX));
        assert!(!room.takes(1));
        let mut room = Room::default();
        assert!(room.takes(BYTES_MAX - 1));
        assert!(!room.takes(2));
        assert!(room.takes(1));
        assert!(room.takes(0));
    }

    #[test]
    fn no_more_is_read_than_can_be_expected_to_fit() {
        let mut room = Room::default();
        assert_eq!(room.chunk(0), FIRST_ROWS);
        assert_eq!(room.chunk(1), NEXT_ROWS_MAX);
        room.takes(BYTES_MAX / 4);
        assert_eq!(room.chunk(1), 4);
        room.takes(BYTES_MAX);
        assert_eq!(room.chunk(1), 4);
        room.takes(3 * (BYTES_MAX / 4));
        assert_eq!(room.chunk(2), 1);
        let mut small = Room::default();
        small.takes(0);
        assert_eq!(small.chunk(1), NEXT_ROWS_MAX);
        let large = Room::of_rows_like(BYTES_MAX);
        assert_eq!(large.chunk(0), 2);
    }
}
