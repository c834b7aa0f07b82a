//! The tables, one a file.

pub mod customer;
pub mod feedback;
pub mod membership;
pub mod purchase;
pub mod purchase_total;
pub mod segment;
pub mod tenant;
