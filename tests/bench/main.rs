//! Speed beside its ceiling.
fn main() {}
