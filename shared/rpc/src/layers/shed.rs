//! Refuses at once what could only be served too late.

use std::sync::Arc;
use std::time::Duration;

use dossier_kernel::{Error, Reason};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::edge::Limits;
use crate::method::{Access, Method};

/// The place of one call; free again when dropped.
pub type Permit = OwnedSemaphorePermit;

/// Counts unary calls and streams apart: a thousand silent watchers are no load.
#[derive(Debug)]
pub struct Shed {
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl Shed {
    pub fn new(limits: &Limits) -> Self {
        Self {
            calls: Arc::new(Semaphore::new(limits.calls_max)),
            streams: Arc::new(Semaphore::new(limits.streams_max)),
        }
    }

    /// Health is answered under any load, and a method we do not have needs no place.
    pub fn admit(&self, method: &Method) -> Result<Option<Permit>, Error> {
        if method.access != Access::Ruled {
            return Ok(None);
        }
        let places = if method.streams() {
            &self.streams
        } else {
            &self.calls
        };
        Arc::clone(places)
            .try_acquire_owned()
            .map(Some)
            .map_err(|_| {
                Error::new(
                    Reason::ResourceExhausted,
                    "The server is working on as many calls as it takes; try again shortly.",
                )
                .retry_after(Duration::from_millis(250))
            })
    }
}
