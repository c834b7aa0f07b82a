//! What customers say
