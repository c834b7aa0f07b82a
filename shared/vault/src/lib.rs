//! Keys, field encryption, blind indexes, erasure of keys
