//! Where checkpoints go that nobody with the database alone can change: a directory, best on
//! another machine or on storage that is written once.
//!
//! ```text
//! <sink>/<service>/leaves        hashes of all leaves, 32 bytes each, by position
//! <sink>/<service>/checkpoints   signed notes, each followed by an empty line
//! <sink>/<service>/key           the public key that verifies them, for whoever looks
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use dossier_kernel::{Error, Reason, Result};

use crate::key::VerifierKey;
use crate::tile::hashes;
use crate::tree::Hash;

/// Where the newest note is looked for: many times what one takes, witnesses included.
const TAIL_BYTES: u64 = 64 << 10;
const SIGNED: &[u8] = "\n\n— ".as_bytes();

/// The files of one service's log.
#[derive(Clone, Debug)]
pub struct Sink {
    folder: PathBuf,
}

impl Sink {
    pub fn new(sink: &Path, service: &str) -> Self {
        Self {
            folder: sink.join(service),
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether anything was ever exported here.
    pub fn is_there(&self) -> bool {
        self.folder.join("checkpoints").exists()
    }

    /// Every note, as it was written. A last one that was cut short, as by a crash, is left out: it
    /// was never vouched for.
    pub fn notes(&self) -> Result<Vec<String>> {
        let text = read(&self.folder.join("checkpoints"))?;
        let text = String::from_utf8_lossy(&text);
        Ok(notes_in(&text).map(str::to_owned).collect())
    }

    /// The hashes of all leaves that were exported.
    pub fn leaves(&self) -> Result<Vec<Hash>> {
        Ok(hashes(&read(&self.folder.join("leaves"))?))
    }

    /// How many leaves were exported.
    pub(crate) fn leaf_count(&self) -> Result<u64> {
        match fs::metadata(self.folder.join("leaves")) {
            Ok(facts) => Ok(facts.len() / 32),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(cause) => Err(refuse(&self.folder, cause)),
        }
    }

    /// Makes the directory and says whose signatures to expect in it; the newest note. What was cut
    /// short is taken back.
    pub(crate) fn prepare(&self, key: &VerifierKey) -> Result<Option<String>> {
        let failed = |cause| refuse(&self.folder, cause);
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let newest = self.newest().map_err(failed)?;
        cut(&self.folder.join("leaves"), self.leaf_count()? * 32).map_err(failed)?;
        fs::write(self.folder.join("key"), format!("{key}\n")).map_err(failed)?;
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        Ok(newest)
    }

    /// The last whole note, read from the end: the file may be long. What follows it is cut off.
    fn newest(&self) -> io::Result<Option<String>> {
        let mut options = OpenOptions::new();
        let path = self.folder.join("checkpoints");
        let mut file = match options.read(true).write(true).open(path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(cause),
        };
        let length = file.seek(SeekFrom::End(0))?;
        let begin = length.saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(begin))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        let found = last_note(&tail);
        let whole = found.as_ref().map_or(0, |note| note.end + 1);
        if whole < tail.len() {
            file.set_len(begin + whole as u64)?;
            file.sync_all()?;
        }
        Ok(found.map(|note| String::from_utf8_lossy(&tail[note]).into_owned()))
    }

    /// Adds leaves, durably. They are vouched for only by a checkpoint.
    pub(crate) fn add_leaves(&self, leaves: &[Hash]) -> Result<()> {
        self.add("leaves", &leaves.concat())
    }

    /// Adds a note, durably.
    pub(crate) fn add_note(&self, note: &str) -> Result<()> {
        self.add("checkpoints", format!("{note}\n").as_bytes())
    }

    fn add(&self, file: &str, bytes: &[u8]) -> Result<()> {
        let mut options = OpenOptions::new();
        let file = options
            .append(true)
            .create(true)
            .open(self.folder.join(file));
        let written = file.and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        written.map_err(|cause| refuse(&self.folder, cause))
    }
}

/// The notes of a file of checkpoints: text, empty line, signatures, empty line. What is not followed
/// by an empty line is left out.
pub fn notes_in(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let signatures = rest.find("\n\n")? + 2;
        let end = signatures + rest[signatures..].find("\n\n")? + 1;
        let note = &rest[..end];
        rest = &rest[end + 1..];
        Some(note)
    })
}

/// Where the last note lies that is followed by an empty line.
fn last_note(text: &[u8]) -> Option<Range<usize>> {
    let ends = |from: usize| find(&text[from..], b"\n\n").map(|at| from + at + 1);
    let mut before = text.len();
    loop {
        // Signatures follow an empty line and begin with a dash.
        let signatures = rfind(&text[..before], SIGNED)?;
        if let Some(end) = ends(signatures + 2) {
            let start = rfind(&text[..signatures], b"\n\n").map_or(0, |at| at + 2);
            return Some(start..end);
        }
        before = signatures;
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn rfind(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).rposition(|window| window == part)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(cause) => Err(refuse(path, cause)),
    }
}

fn cut(path: &Path, length: u64) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = match options.write(true).open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(cause),
    };
    if file.seek(SeekFrom::End(0))? > length {
        file.set_len(length)?;
        file.sync_all()?;
    }
    Ok(())
}

fn refuse(path: &Path, cause: io::Error) -> Error {
    Error::new(
        Reason::FailedPrecondition,
        format!("The audit sink {} cannot be used.", path.display()),
    )
    .caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::AuditKey;

    #[test]
    fn a_crash_in_the_middle_of_an_export_is_taken_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let sink = Sink::new(folder.path(), "profile");
        let key = AuditKey::from_seed(&[1; 32]).verifier("dossier/profile");
        sink.prepare(&key).expect("prepares");
        sink.add_leaves(&[[1; 32], [2; 32]]).expect("adds");
        sink.add_note("origin\n1\nroot\n\n— a b\n").expect("adds");
        sink.add("checkpoints", b"origin\n2\nro").expect("adds");
        sink.add("leaves", &[3; 7]).expect("adds");
        let newest = sink.prepare(&key).expect("prepares");
        assert_eq!(newest.as_deref(), Some("origin\n1\nroot\n\n— a b\n"));
        sink.add_note("origin\n2\nroot\n\n— a b\n").expect("adds");
        sink.add_leaves(&[[4; 32]]).expect("adds");
        let notes = sink.notes().expect("reads");
        assert_eq!(notes.len(), 2);
        assert!(notes[1].starts_with("origin\n2\n"));
        assert_eq!(sink.leaves().expect("reads"), [[1; 32], [2; 32], [4; 32]]);
    }

    #[test]
    fn the_newest_note_is_found_from_the_end_of_a_long_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let sink = Sink::new(folder.path(), "profile");
        let key = AuditKey::from_seed(&[1; 32]).verifier("dossier/profile");
        assert_eq!(sink.prepare(&key).expect("prepares"), None);
        let root = "r".repeat(600);
        for size in 0..200 {
            let note = format!("dossier/profile\n{size}\n{root}\n\n— dossier/profile {size}abc\n");
            sink.add("checkpoints", format!("{note}\n").as_bytes())
                .expect("adds");
        }
        let newest = sink.prepare(&key).expect("prepares").expect("a note");
        assert!(newest.starts_with("dossier/profile\n199\n"), "{newest}");
        let notes = sink.notes().expect("reads");
        assert_eq!((notes.len(), notes.last()), (200, Some(&newest)));
    }
}
