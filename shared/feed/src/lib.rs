//! The change feed: append in the transaction, Watch, resumable consumer
