//! What it means
