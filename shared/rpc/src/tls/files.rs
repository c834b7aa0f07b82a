//! PEM files, and what is built from them, as new as the files are.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use dossier_kernel::Result;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::unusable;

/// How often files are looked at, at most: a look costs a few microseconds, and only new connections
/// take one.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

/// Something made from files, made again when one of them changes.
pub(super) struct Fresh<T> {
    paths: Vec<PathBuf>,
    make: Box<dyn Fn() -> Result<T> + Send + Sync>,
    state: RwLock<State<T>>,
}

struct State<T> {
    made: Arc<T>,
    stamps: Vec<Option<Stamp>>,
    looked_at: Instant,
}

/// Differs when a file was written, or another one was put in its place.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    written: (i64, i64),
}

impl<T> Fresh<T> {
    pub fn new(
        paths: Vec<PathBuf>,
        make: impl Fn() -> Result<T> + Send + Sync + 'static,
    ) -> Result<Self> {
        // Before the files are read: a change in between is noticed at the next look.
        let stamps = stamps(&paths);
        let state = State {
            made: Arc::new(make()?),
            stamps,
            looked_at: Instant::now(),
        };
        Ok(Self {
            paths,
            make: Box::new(make),
            state: RwLock::new(state),
        })
    }

    pub fn get(&self) -> Arc<T> {
        {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            if state.looked_at.elapsed() < LOOKED_AT_EVERY {
                return Arc::clone(&state.made);
            }
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.looked_at.elapsed() >= LOOKED_AT_EVERY {
            state.looked_at = Instant::now();
            let stamps = stamps(&self.paths);
            if stamps != state.stamps {
                // Remembered also when it fails: certificate and key are written one after the
                // other, and the second one changes the stamps again.
                state.stamps = stamps;
                match (self.make)() {
                    Ok(made) => {
                        state.made = Arc::new(made);
                        tracing::info!(path = %self.name(), "certificates were read again");
                    }
                    Err(error) => tracing::warn!(
                        path = %self.name(), %error,
                        "changed certificates cannot be used; those of before stay"
                    ),
                }
            }
        }
        Arc::clone(&state.made)
    }

    fn name(&self) -> std::path::Display<'_> {
        self.paths
            .first()
            .map_or(Path::new(""), PathBuf::as_path)
            .display()
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Option<Stamp>> {
    let stamp = |path: &PathBuf| {
        let facts = fs::metadata(path).ok()?;
        Some(Stamp {
            inode: facts.ino(),
            size: facts.size(),
            written: (facts.mtime(), facts.mtime_nsec()),
        })
    };
    paths.iter().map(stamp).collect()
}

/// A certificate with those that lead from it to an authority.
pub(super) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let refuse = |cause| unusable(format!("{}: {cause}", path.display()));
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(refuse)?;
    match found.is_empty() {
        true => Err(unusable(format!("{} holds no certificate", path.display()))),
        false => Ok(found),
    }
}

pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(path)
        .map_err(|cause| unusable(format!("{}: {cause}", path.display())))
}

pub(super) fn authorities(path: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(path)? {
        roots
            .add(certificate)
            .map_err(|cause| unusable(format!("{}: {cause}", path.display())))?;
    }
    Ok(roots)
}
