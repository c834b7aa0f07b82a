//! A workbook: kept in a file until the whole of it is there, then read beside the import.

use std::io::{BufReader, Seek};

use dossier_kernel::{Error, Reason, Result};
use dossier_proto::profile::v1::ImportColumns;
use dossier_tabular::{Found, Mapping, read_workbook};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::source::Drafts;
use super::{Row, columns, too_large};
use crate::app::ImportRow;

/// The largest workbook, in bytes.
const WORKBOOK_BYTES_MAX: usize = 512 * 1024 * 1024;

/// A file without a name: it is gone when it is closed, also by the end of the process.
pub struct Spool {
    file: File,
    left: usize,
    limit: usize,
}

impl Spool {
    pub fn new() -> Result<Self> {
        Self::limited(WORKBOOK_BYTES_MAX)
    }

    fn limited(limit: usize) -> Result<Self> {
        let file = tempfile::tempfile().map_err(unwritable)?;
        Ok(Self {
            file: File::from_std(file),
            left: limit,
            limit,
        })
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(left) = self.left.checked_sub(bytes.len()) else {
            return Err(too_large("bytes of a workbook", self.limit));
        };
        self.left = left;
        self.file.write_all(bytes).await.map_err(unwritable)
    }

    async fn into_file(mut self) -> Result<std::fs::File> {
        self.file.flush().await.map_err(unwritable)?;
        let mut file = self.file.into_std().await;
        file.rewind().map_err(unwritable)?;
        Ok(file)
    }
}

/// A disk that is full here says nothing about the database's.
fn unwritable(error: std::io::Error) -> Error {
    Error::unavailable("The workbook cannot be kept for reading; send CSV, or try again later.")
        .caused_by(error)
}

/// What a workbook says, in its order.
pub enum Said {
    Columns(ImportColumns),
    Rows(Vec<Row>),
}

/// What comes out of a workbook that is being read.
pub struct Sheet(mpsc::Receiver<Result<Said>>);

impl Sheet {
    /// `None` when all of it was read.
    pub async fn next(&mut self) -> Option<Result<Said>> {
        self.0.recv().await
    }
}

/// Reads on a thread of its own: unpacking is work, and waits for files. The channel holds one batch,
/// so that memory stays flat; it closes when nobody listens any more, and the reading ends.
pub fn read(spool: Spool, mapping: Mapping, drafts: Drafts) -> Sheet {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let file = match spool.into_file().await {
            Ok(file) => file,
            Err(error) => return drop(sender.send(Err(error)).await),
        };
        let told = sender.clone();
        let work = move || run(file, mapping, &drafts, &told);
        let done = tokio::task::spawn_blocking(work).await;
        if let Err(error) = done.unwrap_or_else(|error| Err(Error::internal(error))) {
            // Nobody may be there to read it.
            let _ = sender.send(Err(error)).await;
        }
    });
    Sheet(receiver)
}

fn run(
    file: std::fs::File,
    mapping: Mapping,
    drafts: &Drafts,
    sender: &mpsc::Sender<Result<Said>>,
) -> Result<()> {
    let send = |said| {
        let gone = |_| Error::new(Reason::Cancelled, "The caller went away.");
        sender.blocking_send(Ok(said)).map_err(gone)
    };
    let mut batch: Vec<Row> = Vec::new();
    read_workbook(BufReader::new(file), mapping, &mut |found| match found {
        Found::Columns(read) => send(Said::Columns(columns::encode(read))),
        Found::Record(record) => {
            batch.push(drafts.row(*record));
            match ImportRow::filling(batch.iter().map(|(row, _)| row)) {
                None => Ok(()),
                Some(_) => send(Said::Rows(std::mem::take(&mut batch))),
            }
        }
    })?;
    send(Said::Rows(batch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_workbook_is_bounded_to_the_byte() {
        let mut spool = Spool::limited(8).expect("a file");
        spool.write(b"12345").await.expect("fits");
        spool.write(b"678").await.expect("fits");
        let refused = spool.write(b"9").await.expect_err("one too many");
        assert_eq!(refused.reason(), Reason::LimitExceeded);
    }
}
