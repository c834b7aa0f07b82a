//! The edge on real sockets: what callers see, whatever happens behind it.

mod access;
mod details;
mod echo;
mod frames;
mod rig;

mod asking;
mod authentication;
mod browsers;
mod deadlines;
mod draining;
mod errors;
mod health;
mod hostile;
mod logged;
mod overload;
mod tls;
