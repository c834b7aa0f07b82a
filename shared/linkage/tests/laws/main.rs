//! What holds for any records.

mod clusters;
mod people;
mod scans;
mod small;
