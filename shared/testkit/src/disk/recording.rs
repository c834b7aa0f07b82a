//! What a program did to its files, in the order in which the kernel got it.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, bail};

use super::image::Image;
use crate::Dice;

/// The kinds of records, as in `shim/disk.c`.
mod kind {
    pub const OPEN: u32 = 1;
    pub const WRITE: u32 = 2;
    pub const TRUNCATE: u32 = 3;
    pub const SYNC_BEGIN: u32 = 4;
    pub const SYNC_END: u32 = 5;
    pub const UNLINK: u32 = 6;
    pub const RENAME: u32 = 7;
    pub const LINK: u32 = 8;
    pub const MKDIR: u32 = 9;
    /// Flags of `OPEN`.
    pub const CREATED: u64 = 1;
    pub const TRUNCATED: u64 = 2;
}

const HEAD_BYTES: usize = 24;

/// A log of the shim, read and understood.
pub struct Recording {
    /// Where each record ends in the log: the moments at which the power can fail.
    pub(super) ends: Vec<u64>,
    pub(super) files: Vec<File>,
    pub(super) entries: Vec<(usize, Entry)>,
    /// Syncs of folders: which, from which record on, finished at which.
    pub(super) folder_syncs: Vec<(String, Sync)>,
}

/// A file as the kernel knows it, whatever its names are. Everything carries its record's number.
#[derive(Default)]
pub(super) struct File {
    pub changes: Vec<(usize, Change)>,
    pub syncs: Vec<Sync>,
}

#[derive(Clone, Copy)]
pub(super) struct Sync {
    /// What was written before this record …
    pub begin: usize,
    /// … is safe after this one.
    pub end: usize,
}

pub(super) enum Change {
    Write { offset: usize, data: Vec<u8> },
    Truncate { bytes: usize },
}

/// A change of a folder.
pub(super) enum Entry {
    /// This name means this file, by creation or by a second name.
    Name {
        path: String,
        file: usize,
    },
    Rename {
        from: String,
        to: String,
    },
    Unlink {
        path: String,
    },
    Folder {
        path: String,
    },
}

enum Target {
    File(usize),
    Folder(String),
}

impl Recording {
    pub fn read(log: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(log)?;
        let mut reader = Reader::default();
        let mut at = 0;
        while at < bytes.len() {
            let head = bytes.get(at..at + HEAD_BYTES).context("the log is cut")?;
            let long = |from: usize| -> anyhow::Result<u64> {
                Ok(u64::from_le_bytes(head[from..from + 8].try_into()?))
            };
            let short = |from: usize| -> anyhow::Result<u32> {
                Ok(u32::from_le_bytes(head[from..from + 4].try_into()?))
            };
            let end = at + HEAD_BYTES + usize::try_from(short(4)?)?;
            let payload = bytes.get(at + HEAD_BYTES..end).context("the log is cut")?;
            reader.take(short(0)?, long(8)?, long(16)?, payload)?;
            reader.recording.ends.push(u64::try_from(end)?);
            at = end;
        }
        Ok(reader.recording)
    }

    /// The length of the log: later than everything recorded.
    pub fn end(&self) -> u64 {
        self.ends.last().copied().unwrap_or_default()
    }

    /// The files when the power fails once `position` bytes of the log are written. What was synced
    /// is there; of what was not, each sector of 512 bytes is there or is not, whatever came before
    /// or after it; of the changes of folders that were not synced, the first so and so many are
    /// there.
    pub fn cut(&self, position: u64, dice: &mut Dice) -> Image {
        Image::after(
            self,
            self.ends.partition_point(|end| *end <= position),
            Some(dice),
        )
    }

    /// The files as they were at the end, with everything that was written.
    pub fn whole(&self) -> Image {
        Image::after(self, self.ends.len(), None)
    }
}

/// Gives records their meaning, one after the other.
struct Reader {
    recording: Recording,
    targets: HashMap<u64, Target>,
    names: HashMap<String, usize>,
    begun: HashMap<(u64, u64), usize>,
}

impl Default for Reader {
    fn default() -> Self {
        let recording = Recording {
            ends: Vec::new(),
            files: Vec::new(),
            entries: Vec::new(),
            folder_syncs: Vec::new(),
        };
        Self {
            recording,
            targets: HashMap::new(),
            names: HashMap::new(),
            begun: HashMap::new(),
        }
    }
}

impl Reader {
    fn take(&mut self, kind: u32, handle: u64, number: u64, payload: &[u8]) -> anyhow::Result<()> {
        let at = self.recording.ends.len();
        match kind {
            kind::OPEN => self.open(at, handle, number, text(payload)?),
            kind::WRITE => {
                let data = payload.to_vec();
                let offset = usize::try_from(number)?;
                self.change(handle, at, Change::Write { offset, data })?;
            }
            kind::TRUNCATE => {
                let bytes = usize::try_from(number)?;
                self.change(handle, at, Change::Truncate { bytes })?;
            }
            kind::SYNC_BEGIN => {
                self.begun.insert((handle, number), at);
            }
            kind::SYNC_END => self.synced(at, handle, number)?,
            kind::UNLINK => {
                let path = text(payload)?;
                self.names.remove(&path);
                self.recording.entries.push((at, Entry::Unlink { path }));
            }
            kind::RENAME => {
                let (from, to) = pair(payload)?;
                let file = self
                    .names
                    .remove(&from)
                    .context("renamed before it was made")?;
                self.names.insert(to.clone(), file);
                self.recording
                    .entries
                    .push((at, Entry::Rename { from, to }));
            }
            kind::LINK => {
                let (from, path) = pair(payload)?;
                let file = *self.names.get(&from).context("linked before it was made")?;
                self.names.insert(path.clone(), file);
                self.recording
                    .entries
                    .push((at, Entry::Name { path, file }));
            }
            kind::MKDIR => {
                let path = text(payload)?;
                self.recording.entries.push((at, Entry::Folder { path }));
            }
            other => bail!("a record of an unknown kind {other}"),
        }
        Ok(())
    }

    fn open(&mut self, at: usize, handle: u64, what: u64, path: String) {
        let known = self.names.get(&path).copied();
        let file = match known {
            Some(file) if what & kind::CREATED == 0 => {
                if what & kind::TRUNCATED != 0 {
                    let change = Change::Truncate { bytes: 0 };
                    self.recording.files[file].changes.push((at, change));
                }
                file
            }
            _ if what & kind::CREATED != 0 => {
                let file = self.recording.files.len();
                self.recording.files.push(File::default());
                self.names.insert(path.clone(), file);
                self.recording
                    .entries
                    .push((at, Entry::Name { path, file }));
                file
            }
            // Neither made here nor known: a folder, opened to be synced.
            _ => {
                self.targets.insert(handle, Target::Folder(path));
                return;
            }
        };
        self.targets.insert(handle, Target::File(file));
    }

    fn change(&mut self, handle: u64, at: usize, change: Change) -> anyhow::Result<()> {
        let Some(Target::File(file)) = self.targets.get(&handle) else {
            bail!("a write to a file that was not made while recording");
        };
        self.recording.files[*file].changes.push((at, change));
        Ok(())
    }

    fn synced(&mut self, end: usize, handle: u64, number: u64) -> anyhow::Result<()> {
        let begin = self
            .begun
            .remove(&(handle, number))
            .context("a sync without a begin")?;
        let sync = Sync { begin, end };
        match self.targets.get(&handle).context("a sync of nothing")? {
            Target::File(file) => self.recording.files[*file].syncs.push(sync),
            Target::Folder(path) => self.recording.folder_syncs.push((path.clone(), sync)),
        }
        Ok(())
    }
}

fn text(payload: &[u8]) -> anyhow::Result<String> {
    Ok(String::from_utf8(payload.to_vec())?)
}

fn pair(payload: &[u8]) -> anyhow::Result<(String, String)> {
    let both = text(payload)?;
    let (from, to) = both.split_once('\0').context("two names")?;
    Ok((from.to_owned(), to.to_owned()))
}
