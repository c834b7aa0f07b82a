//! One process to a database file.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use dossier_kernel::{Error, Reason, Result};

/// Held as long as the process serves; the system releases it however the process ends.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "open files hold locks")] File);

impl Lock {
    /// Takes `dossier-{service}.lock` in the data directory. FAILED_PRECONDITION, naming the other
    /// process, when it is taken.
    pub fn take(data_dir: &Path, service: &str) -> Result<Self> {
        let path = data_dir.join(format!("dossier-{service}.lock"));
        let unusable = |error: std::io::Error| {
            let message = format!("{} cannot be written: {error}.", path.display());
            Error::new(Reason::FailedPrecondition, message)
        };
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(data_dir, service, &mut file)),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let mut note = || {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        note().map_err(unusable)?;
        Ok(Self(file))
    }
}

fn taken(data_dir: &Path, service: &str, file: &mut File) -> Error {
    let mut holder = String::new();
    let who = match file.read_to_string(&mut holder) {
        Ok(_) if !holder.trim().is_empty() => format!("process {}", holder.trim()),
        _ => "another process".to_owned(),
    };
    let message = format!(
        "{} is in use: {who} serves {service} from it. Stop that process, or give this one another \
         directory with --data-dir.",
        data_dir.display()
    );
    Error::new(Reason::FailedPrecondition, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_refused_and_told_who_has_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = Lock::take(dir.path(), "profile").expect("free");
        let refused = Lock::take(dir.path(), "profile").expect_err("taken");
        assert_eq!(refused.reason(), Reason::FailedPrecondition);
        let words = refused.to_string();
        assert!(
            words.contains(&format!("process {}", std::process::id())),
            "{words}"
        );
        assert!(words.contains("--data-dir"), "{words}");
        Lock::take(dir.path(), "feedback").expect("another service may share the directory");
        drop(first);
        Lock::take(dir.path(), "profile").expect("free again");
    }
}
