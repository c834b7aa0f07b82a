//! What happened
