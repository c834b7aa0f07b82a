//! The laws of the feed, on every backend: ordered, unique, reliable, atomic, resumable,
//! bookmarkable (the six guarantees of etcd's watch), and effects that happen once.

mod blanking;
mod consuming;
mod cuts;
mod feed;
mod follower;
mod ordering;
mod resuming;
mod retention;
mod world;
