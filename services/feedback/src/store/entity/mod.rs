//! The tables, one a file.

pub mod answer;
pub mod case;
pub mod case_reply;
pub mod invitation;
pub mod response;
pub mod survey;
