//! Finding customers by what somebody remembers of their names.
//!
//! | you want | use |
//! |---|---|
//! | by which terms a customer is found | [`terms`] |
//! | to know which terms to look for | [`Query::steps`] |
//! | to know whether a customer is what was meant | [`Query::judge`] |
//!
//! Terms only narrow down who is looked at; whether somebody is found is judged by the names
//! themselves. So terms are few: no term for what a few others find together.

mod pinyin;
mod query;
mod terms;
mod word;

pub use query::{Match, Query, Rank, Step};
pub use terms::terms;
