//! SeaORM plumbing: connect, migrate, tenant-scoped queries, the group-commit writer, keyset paging, idempotency
