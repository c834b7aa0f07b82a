//! What lies on a disk after the power failed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::recording::{Change, Entry, File, Recording, Sync};
use crate::Dice;

/// Disks write this much at once or not at all.
const SECTOR_BYTES: usize = 512;

/// Folders and files with their contents, by path.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Image {
    pub folders: BTreeSet<String>,
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Image {
    /// After the first `count` records; without dice everything survives that was written.
    pub(super) fn after(recording: &Recording, count: usize, mut dice: Option<&mut Dice>) -> Self {
        let chance = dice.as_mut().map_or(100, |dice| dice.within(0..101));
        let names = names(recording, count, dice.as_deref_mut());
        let mut image = Self::default();
        for (path, named) in names {
            match named {
                None => {
                    image.folders.insert(path);
                }
                Some(file) => {
                    let file = &recording.files[file];
                    let content = content(file, count, chance, dice.as_deref_mut());
                    image.files.insert(path, content);
                }
            }
        }
        image
    }

    /// Reads a folder; files ending in `-shm` are nobody's concern.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut image = Self::default();
        image.add(folder, "")?;
        Ok(image)
    }

    fn add(&mut self, folder: &Path, prefix: &str) -> anyhow::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.add(&entry.path(), &format!("{path}/"))?;
                self.folders.insert(path);
            } else if !path.ends_with("-shm") {
                self.files.insert(path, std::fs::read(entry.path())?);
            }
        }
        Ok(())
    }

    /// Makes `folder` hold this and nothing else.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder)?;
        for path in &self.folders {
            std::fs::create_dir_all(folder.join(path))?;
        }
        for (path, content) in &self.files {
            std::fs::write(folder.join(path), content)?;
        }
        Ok(())
    }
}

/// What each name means: a file, or a folder where there is none.
fn names(
    recording: &Recording,
    count: usize,
    dice: Option<&mut Dice>,
) -> BTreeMap<String, Option<usize>> {
    let last = match dice {
        None => count,
        Some(dice) => usize::try_from(dice.roll() % (count as u64 + 1)).unwrap_or(count),
    };
    let mut names = BTreeMap::new();
    for (at, entry) in &recording.entries {
        let synced = |path: &str| {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let of_folder = recording
                .folder_syncs
                .iter()
                .filter(|(path, _)| path == folder);
            of_folder
                .map(|(_, sync)| sync)
                .any(|sync| sync.end < count && *at < sync.begin)
        };
        let happened = |path: &str| *at < count && (*at < last || synced(path));
        match entry {
            // The root is there, and so are the folders below it: they are made once, at the start.
            Entry::Folder { path } if *at < count && !path.is_empty() => {
                names.insert(path.clone(), None);
            }
            Entry::Name { path, file } if happened(path) => {
                names.insert(path.clone(), Some(*file));
            }
            Entry::Unlink { path } if happened(path) => {
                names.remove(path);
            }
            Entry::Rename { from, to } if happened(to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            _ => {}
        }
    }
    names
}

/// What a file holds.
fn content(file: &File, count: usize, chance: u64, mut dice: Option<&mut Dice>) -> Vec<u8> {
    let finished = |sync: &&Sync| sync.end < count;
    let safe_before = file
        .syncs
        .iter()
        .filter(finished)
        .map(|sync| sync.begin)
        .max();
    let safe_before = safe_before.unwrap_or(0);
    let mut content = Vec::new();
    for (_, change) in file.changes.iter().take_while(|(at, _)| *at < safe_before) {
        apply(&mut content, change);
    }
    let later = file.changes.iter().skip_while(|(at, _)| *at < safe_before);
    for (_, change) in later.take_while(|(at, _)| *at < count) {
        let Some(dice) = dice.as_mut() else {
            apply(&mut content, change);
            continue;
        };
        match change {
            Change::Truncate { .. } => {
                if dice.within(0..100) < chance {
                    apply(&mut content, change);
                }
            }
            Change::Write { offset, data } => {
                let mut at = 0;
                while at < data.len() {
                    let next = (at + SECTOR_BYTES - (offset + at) % SECTOR_BYTES).min(data.len());
                    if dice.within(0..100) < chance {
                        put(&mut content, offset + at, &data[at..next]);
                    }
                    at = next;
                }
            }
        }
    }
    content
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Truncate { bytes } => content.resize(*bytes, 0),
        Change::Write { offset, data } => put(content, *offset, data),
    }
}

fn put(content: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(data);
}
