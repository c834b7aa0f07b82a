//! The services of this process, before and after they exist.

use std::sync::{Arc, PoisonError, RwLock};

use crate::layers::EdgeService;

/// Services need their peers before the server that holds all of them can be put together, so
/// the server is bound later.
#[derive(Clone, Default)]
pub struct Local(Arc<RwLock<Option<EdgeService>>>);

impl Local {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn bind(&self, service: EdgeService) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(service);
    }

    /// Lets go of the services at the end. They hold this through their peers, so without it none
    /// of them would ever be dropped.
    pub fn unbind(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn service(&self) -> Option<EdgeService> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
