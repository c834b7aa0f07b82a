//! The library that stands between a program and the disk.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};

const SOURCE: &str = include_str!("../../shim/disk.c");

/// What a disk can be told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `fsync` and `fdatasync` fail with EIO.
    SyncFails,
    /// Writes that would make a file longer fail with ENOSPC.
    Full,
}

/// The library, set to look at one folder.
pub struct Shim {
    library: PathBuf,
    folder: PathBuf,
    log: Option<PathBuf>,
    faults: Option<PathBuf>,
    slower_by: Option<Duration>,
}

impl Shim {
    /// Looks at the files below `folder`, which need not be there yet.
    pub fn on(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            library: compiled()?,
            folder: folder.to_owned(),
            log: None,
            faults: None,
            slower_by: None,
        })
    }

    /// Records every change and sync into `log`, which [`crate::disk::Recording`] reads.
    pub fn recording_to(mut self, log: &Path) -> Self {
        self.log = Some(log.to_owned());
        self
    }

    /// Takes orders, see [`Self::set`], by files in `orders`.
    pub fn failing_by(mut self, orders: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(orders)?;
        self.faults = Some(orders.to_owned());
        Ok(self)
    }

    /// Makes every `fsync` and `fdatasync` take so much longer, in whole milliseconds.
    pub fn slower_by(mut self, delay: Duration) -> Self {
        self.slower_by = Some(delay);
        self
    }

    /// What the environment of the program must hold.
    pub fn environment(&self) -> Vec<(String, String)> {
        let set =
            |name: &str, value: &Path| (name.to_owned(), value.to_string_lossy().into_owned());
        let mut all = vec![
            set("LD_PRELOAD", &self.library),
            set("SHIM_DIR", &self.folder),
        ];
        all.extend(self.log.iter().map(|log| set("SHIM_LOG", log)));
        all.extend(self.faults.iter().map(|orders| set("SHIM_FAULTS", orders)));
        let delay = self.slower_by.map(|delay| delay.as_millis().to_string());
        all.extend(delay.map(|delay| ("SHIM_SYNC_MS".to_owned(), delay)));
        all
    }

    /// The disk fails in this way from now on.
    pub fn set(&self, fault: Fault) -> anyhow::Result<()> {
        Ok(std::fs::write(self.order(fault)?, "")?)
    }

    /// The disk works again.
    pub fn clear(&self, fault: Fault) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.order(fault)?)?)
    }

    fn order(&self, fault: Fault) -> anyhow::Result<PathBuf> {
        let orders = self.faults.as_ref().context("say failing_by first")?;
        Ok(orders.join(match fault {
            Fault::SyncFails => "sync-fails",
            Fault::Full => "full",
        }))
    }
}

/// Compiles the library beside the running test, unless the same source was compiled before.
fn compiled() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("a program lies in a folder")?;
    let [library, source] =
        ["so", "c"].map(|kind| folder.join(format!("dossier-disk-shim.{kind}")));
    if library.is_file() && std::fs::read_to_string(&source).is_ok_and(|text| text == SOURCE) {
        return Ok(library);
    }
    // Beside its place first: tests start side by side.
    let draft = tempfile::Builder::new()
        .prefix("dossier-disk-shim-")
        .tempdir_in(folder)?;
    let [new_library, new_source] =
        ["so", "c"].map(|kind| draft.path().join(format!("shim.{kind}")));
    std::fs::write(&new_source, SOURCE)?;
    let output = Command::new("cc")
        .args([
            "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o",
        ])
        .args([&new_library, &new_source])
        .args(["-ldl", "-lpthread"])
        .output()
        .context("a C compiler, `cc`, is needed; it comes with gcc or clang")?;
    if !output.status.success() {
        bail!("cc failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    std::fs::rename(new_library, &library)?;
    std::fs::rename(new_source, source)?;
    Ok(library)
}
