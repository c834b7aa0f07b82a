//! Who was erased, outside of every database: what an older backup brings back is erased again by it.
//! Ids and times only.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use dossier_kernel::{CustomerId, Error, Reason, Result, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// A file of a line an entry, only ever appended to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal(PathBuf);

/// That a customer is erased: from here on nothing brings it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    pub tenant: TenantId,
    pub customer: CustomerId,
    pub time: Timestamp,
}

impl Journal {
    pub const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Writes entries; on disk when this returns.
    pub async fn append(&self, entries: Vec<JournalEntry>) -> Result<()> {
        let path = self.0.clone();
        tokio::task::spawn_blocking(move || append(&path, &entries))
            .await
            .map_err(Error::internal)?
            .map_err(unwritable)
    }

    /// All entries, oldest first; `None` where there is no file. What a crash cut off was acknowledged
    /// to nobody and is left out.
    pub fn read(&self) -> Result<Option<Vec<JournalEntry>>> {
        let file = match File::open(&self.0) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        let mut entries = Vec::new();
        for line in BufReader::new(file).split(b'\n') {
            let line = line.map_err(unreadable)?;
            match serde_json::from_slice(&line) {
                Ok(entry) => entries.push(entry),
                Err(_) if line.is_empty() => {}
                Err(_) => tracing::warn!("a line of the erasure journal was cut off"),
            }
        }
        Ok(Some(entries))
    }

    /// That it is not there, and what to do: right where nobody was ever erased, else the erased would
    /// come back.
    pub(crate) fn missing(&self) -> Error {
        let words = format!(
            "There is no erasure journal at {}: who was erased since the backup would come back. Set \
             erasure_journal_file to where it is, or say --without-journal if nobody was erased.",
            self.0.display()
        );
        Error::new(Reason::FailedPrecondition, words)
    }
}

fn append(path: &Path, entries: &[JournalEntry]) -> std::io::Result<()> {
    let mut lines = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut lines, entry)?;
        lines.push(b'\n');
    }
    // The file and the folders above it are there for good once those that name them are on disk.
    let above = path.ancestors().filter(|one| !one.as_os_str().is_empty());
    let new: Vec<&Path> = above.take_while(|one| !one.exists()).collect();
    if let [_, dir, ..] = new.as_slice() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    let mut file = options.open(path)?;
    if ends_torn(&mut file)? {
        lines.insert(0, b'\n');
    }
    // In one piece, so that two processes do not mix their lines.
    file.write_all(&lines)?;
    file.sync_all()?;
    for name in &new {
        let dir = name.parent().filter(|dir| !dir.as_os_str().is_empty());
        File::open(dir.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// Whether the last line was cut off by a crash.
fn ends_torn(file: &mut File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn unwritable(error: std::io::Error) -> Error {
    let words = "The erasure journal cannot be written; nothing is erased meanwhile.";
    Error::unavailable(words).caused_by(error)
}

fn unreadable(error: std::io::Error) -> Error {
    let words = "The erasure journal cannot be read.";
    Error::new(Reason::FailedPrecondition, words).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> JournalEntry {
        JournalEntry {
            tenant: TenantId::embedded_default(),
            customer: CustomerId::generate(),
            time: Timestamp::from_secs(7),
        }
    }

    #[tokio::test]
    async fn entries_come_back_in_their_order_also_after_a_torn_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("erasures/journal");
        let journal = Journal::at(path.clone());
        assert_eq!(journal.read().expect("nothing yet"), None);
        let [first, second, third] = [entry(), entry(), entry()];
        let both = vec![first.clone(), second.clone()];
        journal.append(both).await.expect("writes");
        let mut torn = std::fs::read(&path).expect("reads");
        torn.extend_from_slice(b"{\"tenant\":\"def");
        std::fs::write(&path, torn).expect("writes");
        assert_eq!(
            journal.read().expect("reads"),
            Some(vec![first.clone(), second.clone()])
        );
        journal.append(vec![third.clone()]).await.expect("writes");
        assert_eq!(
            journal.read().expect("reads"),
            Some(vec![first, second, third])
        );
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_written_is_an_error() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("file");
        std::fs::write(&file, "").expect("writes");
        let journal = Journal::at(file.join("journal"));
        let refused = journal.append(vec![entry()]).await.expect_err("no place");
        assert_eq!(refused.reason(), Reason::Unavailable);
    }
}
