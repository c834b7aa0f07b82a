//! The laws of the filter language, held over random filters, rows and texts.

mod agreement;
mod fixture;
mod random;
mod shape;
mod text;
mod words;
