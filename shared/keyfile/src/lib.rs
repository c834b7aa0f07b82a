#![doc = include_str!("../README.md")]

mod weakness;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use dossier_kernel::{Error, Reason, Result};
use zeroize::Zeroizing;

pub use weakness::{DEMO_KEY, weakness};

/// Larger files are no key files, and are not read any further.
pub const SIZE_BYTES_MAX: u64 = 16 * 1024;

/// The file's text without the white space around it. `what` names the secret in errors, such as
/// `root key`. [`Reason::NotFound`] when there is no such file; files that others may read are
/// warned about, because orchestrators mount secrets with modes of their own.
pub fn read(path: &Path, what: &str) -> Result<Zeroizing<String>> {
    let failed = |cause| refuse(path, what, "read", cause);
    let file = File::open(path).map_err(failed)?;
    let facts = file.metadata().map_err(failed)?;
    if facts.permissions().mode() & 0o077 != 0 {
        tracing::warn!(
            path = %path.display(),
            "the {what} file can be read by others; set its mode to 0600"
        );
    }
    // Room for all that is read: a string that grows leaves its beginning behind in memory.
    let mut text = Zeroizing::new(String::with_capacity(SIZE_BYTES_MAX as usize + 1));
    // Counted while it is read: pipes, devices and files of the kernel say that they are empty.
    file.take(SIZE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > SIZE_BYTES_MAX {
        let shown = path.display();
        return Err(Error::new(
            Reason::FailedPrecondition,
            format!(
                "The {what} file {shown} has more than {SIZE_BYTES_MAX} bytes; it is no key file."
            ),
        ));
    }
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// Creates the file with mode 0600 and makes it durable. [`Reason::AlreadyExists`] when there is
/// one already: a secret is never replaced, because what it protects would be lost.
pub fn create(path: &Path, what: &str, text: &str) -> Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let failed = |cause| refuse(path, what, "create", cause);
    fs::create_dir_all(folder).map_err(failed)?;
    // Written beside its place and linked there when whole: a crash leaves no half secret, and the
    // link fails when somebody else was first.
    let draft = folder.join(format!(".{}.new", uuid::Uuid::new_v4().simple()));
    let written = write_durably(&draft, text).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    written.map_err(failed)?;
    removed.map_err(failed)?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}

/// The secret of the file; where there is none yet, one made by `make`.
pub fn read_or_create(
    path: &Path,
    what: &str,
    make: impl FnOnce() -> Result<Zeroizing<String>>,
) -> Result<Zeroizing<String>> {
    match read(path, what) {
        Err(error) if error.reason() == Reason::NotFound => {}
        found => return found,
    }
    match create(path, what, &make()?) {
        Ok(()) => tracing::info!(path = %path.display(), "created a new {what} file; back it up"),
        // Another process was first; its secret is the one.
        Err(error) if error.reason() == Reason::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    read(path, what)
}

fn write_durably(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

fn refuse(path: &Path, what: &str, verb: &str, cause: io::Error) -> Error {
    let shown = path.display();
    let (reason, message) = match cause.kind() {
        io::ErrorKind::NotFound => (
            Reason::NotFound,
            format!("There is no {what} file at {shown}."),
        ),
        io::ErrorKind::AlreadyExists => (
            Reason::AlreadyExists,
            format!("There is a {what} file at {shown} already; it is never replaced."),
        ),
        _ => (
            Reason::FailedPrecondition,
            format!("Cannot {verb} the {what} file {shown}: {}.", cause.kind()),
        ),
    };
    Error::new(reason, message).caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Result<Zeroizing<String>> {
        Ok(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn a_new_file_is_readable_by_its_owner_only_and_leaves_no_draft() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("deep/root.key");
        create(&path, "root key", "secret").expect("creates");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(*read(&path, "root key").expect("reads"), "secret");
        let files = fs::read_dir(path.parent().expect("parent")).expect("lists");
        assert_eq!(files.count(), 1);
    }

    #[test]
    fn a_secret_is_never_replaced() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("root.key");
        create(&path, "root key", "first").expect("creates");
        let again = create(&path, "root key", "second").expect_err("refused");
        assert_eq!(again.reason(), Reason::AlreadyExists);
        let kept = read_or_create(&path, "root key", || secret("third")).expect("reads");
        assert_eq!(*kept, "first");
    }

    #[test]
    fn processes_that_start_together_agree_on_one_secret() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("root.key");
        let found: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|n| {
                    let path = &path;
                    scope.spawn(move || {
                        read_or_create(path, "root key", || secret(&n.to_string()))
                            .expect("reads")
                            .to_string()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("joins"))
                .collect()
        });
        assert!(found.iter().all(|one| *one == found[0]), "{found:?}");
    }

    #[test]
    fn a_missing_file_and_a_huge_one_are_refused_with_the_cause() {
        let folder = tempfile::tempdir().expect("folder");
        let missing = read(&folder.path().join("none"), "root key").expect_err("refused");
        assert_eq!(missing.reason(), Reason::NotFound);
        let huge = folder.path().join("huge");
        fs::write(&huge, vec![b'x'; SIZE_BYTES_MAX as usize + 1]).expect("writes");
        // The second says that it is empty.
        for path in [&huge, Path::new("/proc/self/smaps")] {
            let refused = read(path, "root key").expect_err("refused");
            assert_eq!(refused.reason(), Reason::FailedPrecondition, "{refused}");
        }
    }
}
