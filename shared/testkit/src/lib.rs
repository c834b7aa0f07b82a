//! Start a suite for tests, with clients, builders, a clock and fault tools
