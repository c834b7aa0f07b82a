#![doc = include_str!("../README.md")]

mod cli;
mod command;
mod connect;
mod demo;
mod failure;
mod format;
mod json;
mod output;
mod report;
#[cfg(test)]
mod tests;
mod view;

pub use cli::run;

use dossier_runtime::Recipe;

/// The four services of the suite, in the order of the house.
pub fn recipes() -> Vec<Recipe> {
    vec![
        dossier_profile::recipe(),
        dossier_interaction::recipe(),
        dossier_segmentation::recipe(),
        dossier_feedback::recipe(),
    ]
}
