//! What refused callers are told, kept to be searched.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use anyhow::Context as _;
use tonic::Status;

pub struct Errors(Mutex<File>);

impl Errors {
    pub fn write_to(path: &Path) -> anyhow::Result<Self> {
        Ok(Self(Mutex::new(File::create(path)?)))
    }

    /// Message, details and metadata, as they came.
    pub fn keep(&self, rpc: &str, status: &Status) -> anyhow::Result<()> {
        let mut file = self.0.lock().ok().context("nobody panicked")?;
        writeln!(file, "{rpc}: {:?}: {}", status.code(), status.message())?;
        file.write_all(status.details())?;
        writeln!(file)?;
        for (name, value) in &status.metadata().clone().into_headers() {
            file.write_all(name.as_str().as_bytes())?;
            file.write_all(value.as_bytes())?;
            writeln!(file)?;
        }
        Ok(())
    }
}
