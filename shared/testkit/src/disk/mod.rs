//! A disk that is watched, that fails when told to, and that forgets what was not synced.
//!
//! | you want | use |
//! |---|---|
//! | syncs that fail, a disk that is full | [`Shim`], [`Fault`] |
//! | everything a program wrote and synced, in order | [`Shim::recording_to`], [`Recording`] |
//! | what lies on the disk when the power fails | [`Recording::cut`], [`Image::write`] |
//!
//! The program under test runs with a small C library in front of the system's own
//! (`shim/disk.c`, compiled on demand): a file system in user space would need rights that a test
//! run does not have, and would not see the order of calls as the program made them.

mod image;
mod recording;
mod shim;

pub use image::Image;
pub use recording::Recording;
pub use shim::{Fault, Shim};
