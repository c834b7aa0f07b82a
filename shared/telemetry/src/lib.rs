//! Traces, metrics and logs
