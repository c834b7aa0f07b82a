//! Values that must be written nowhere, and a search for them in everything that is written.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use base64::Engine as _;

/// Where a canary was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    pub file: PathBuf,
    /// The canary's number, never its value: a report must not leak either.
    pub canary: usize,
    /// `plain`, `strings`, `utf-16`, `hex` or `base64`.
    pub form: &'static str,
}

/// Every place below the folder where one of the values stands: as bytes in UTF-8 or UTF-16, in
/// hexadecimal, in base64 at any of the three alignments, and as the program `strings` reports it.
pub fn scan(folder: &Path, canaries: &[String]) -> anyhow::Result<Vec<Hit>> {
    let forms = Forms::of(canaries);
    let seen = Forms::seen_by_strings(canaries);
    let mut hits = Vec::new();
    for file in files(folder)? {
        let bytes =
            std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        forms.find(&bytes, &file, &mut hits);
        seen.find(&strings(&bytes)?, &file, &mut hits);
    }
    hits.sort();
    hits.dedup();
    Ok(hits)
}

/// The needles of every canary, found in one pass over a file by their first four bytes.
struct Forms {
    needles: Vec<(usize, &'static str, Vec<u8>)>,
    by_start: HashMap<[u8; 4], Vec<usize>>,
    /// Whether a needle begins with these two bytes: most places are passed by this alone.
    begins: Vec<bool>,
}

impl Forms {
    fn of(canaries: &[String]) -> Self {
        let mut needles = Vec::new();
        for (canary, value) in canaries.iter().enumerate() {
            let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
            let little: Vec<u8> = value.encode_utf16().flat_map(u16::to_le_bytes).collect();
            needles.push((canary, "plain", value.as_bytes().to_vec()));
            needles.push((canary, "utf-16", little));
            needles.push((canary, "hex", hex.to_uppercase().into_bytes()));
            needles.push((canary, "hex", hex.into_bytes()));
            needles.extend((0..3).map(|shift| (canary, "base64", base64_inside(value, shift))));
        }
        Self::new(needles)
    }

    fn seen_by_strings(canaries: &[String]) -> Self {
        let needle =
            |(canary, value): (usize, &String)| (canary, "strings", value.as_bytes().to_vec());
        Self::new(canaries.iter().enumerate().map(needle).collect())
    }

    fn new(mut needles: Vec<(usize, &'static str, Vec<u8>)>) -> Self {
        // Shorter pieces are found in noise.
        needles.retain(|(_, _, needle)| needle.len() >= 6);
        let mut by_start = HashMap::<_, Vec<usize>>::new();
        let mut begins = vec![false; 1 << 16];
        for (index, (_, _, needle)) in needles.iter().enumerate() {
            let start = [needle[0], needle[1], needle[2], needle[3]];
            by_start.entry(start).or_default().push(index);
            begins[usize::from(u16::from_le_bytes([start[0], start[1]]))] = true;
        }
        Self {
            needles,
            by_start,
            begins,
        }
    }

    fn find(&self, bytes: &[u8], file: &Path, hits: &mut Vec<Hit>) {
        for (at, start) in bytes.windows(4).enumerate() {
            if !self.begins[usize::from(u16::from_le_bytes([start[0], start[1]]))] {
                continue;
            }
            let start = [start[0], start[1], start[2], start[3]];
            for &index in self.by_start.get(&start).map_or(&[][..], Vec::as_slice) {
                let (canary, form, needle) = &self.needles[index];
                if bytes[at..].starts_with(needle) {
                    hits.push(Hit {
                        file: file.to_owned(),
                        canary: *canary,
                        form,
                    });
                }
            }
        }
    }
}

/// The base64 of the value where it stands `shift` bytes into a group of three, without the
/// characters that its neighbours decide.
fn base64_inside(value: &str, shift: usize) -> Vec<u8> {
    let padded = [vec![0; shift], value.as_bytes().to_vec()].concat();
    let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&padded);
    let first = if shift == 0 { 0 } else { shift + 1 };
    let last = padded.len() / 3 * 4;
    text.as_bytes()
        .get(first..last.min(text.len()))
        .unwrap_or_default()
        .to_vec()
}

/// What the program prints for these bytes, 8-bit characters included.
fn strings(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut child = Command::new("strings")
        .args(["-a", "-n", "4", "-e", "S"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start `strings`, which comes with binutils")?;
    let mut input = child.stdin.take().context("strings has an input")?;
    let bytes = bytes.to_vec();
    let feeder = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output()?;
    if feeder.join().is_err() || !output.status.success() {
        bail!("`strings` failed: {}", output.status);
    }
    Ok(output.stdout)
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.is_file() {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dice;

    fn canaries() -> Vec<String> {
        (0..50).map(|n| format!("Kanarie{n:04}莺")).collect()
    }

    /// Noise with the bytes somewhere inside.
    fn noise_around(dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
        let length = dice.within(500..5_000);
        let mut noise: Vec<u8> = (0..length).map(|_| dice.roll().to_le_bytes()[0]).collect();
        let at = usize::try_from(dice.within(0..length)).unwrap_or(0);
        noise.splice(at..at, bytes.iter().copied());
        noise
    }

    #[test]
    fn every_planted_canary_is_found_in_every_form() {
        let mut dice = Dice::random();
        let canaries = canaries();
        for (number, canary) in canaries.iter().enumerate() {
            let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
            let prefix = "x".repeat(number % 3);
            let engine = base64::engine::general_purpose::STANDARD;
            let planted = [
                ("plain", canary.clone().into_bytes()),
                ("strings", [b"\0", canary.as_bytes(), b"\0"].concat()),
                (
                    "utf-16",
                    canary.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                ),
                ("hex", hex.into_bytes()),
                (
                    "base64",
                    engine.encode(format!("{prefix}{canary}y")).into_bytes(),
                ),
            ];
            for (form, bytes) in planted {
                let dir = tempfile::tempdir().expect("a folder");
                let file = dir.path().join("data.db-wal");
                std::fs::write(&file, noise_around(&mut dice, &bytes)).expect("written");
                let hits = scan(dir.path(), &canaries).expect("scanned");
                let wanted = Hit {
                    file,
                    canary: number,
                    form,
                };
                assert!(
                    hits.contains(&wanted),
                    "seed {}: {form} is missed: {hits:?}",
                    dice.seed
                );
            }
        }
    }

    #[test]
    fn noise_holds_no_canary() {
        let mut dice = Dice::random();
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("noise"), noise_around(&mut dice, b"")).expect("written");
        assert_eq!(scan(dir.path(), &canaries()).expect("scanned"), Vec::new());
    }
}
