//! Similarity of texts: characters, not bytes, wherever a text is not ASCII.

use rapidfuzz::distance::{jaro_winkler as jaro, osa};

use crate::value::Value;

/// What is less similar is not told from no similarity at all.
pub const SIMILARITY_MIN: f64 = 0.7;

/// Jaro-Winkler similarity, 0 below [`SIMILARITY_MIN`].
pub fn jaro_winkler(a: &str, b: &str) -> f64 {
    // Jaro's transpositions are counted from one side; the order makes the score symmetric.
    let (a, b) = if a <= b { (a, b) } else { (b, a) };
    let cutoff = jaro::Args::default().score_cutoff(SIMILARITY_MIN);
    let similarity = if a.is_ascii() && b.is_ascii() {
        jaro::similarity_with_args(a.bytes(), b.bytes(), &cutoff)
    } else {
        jaro::similarity_with_args(a.chars(), b.chars(), &cutoff)
    };
    similarity.unwrap_or_default()
}

/// Insertions, deletions, substitutions and exchanges of neighbours that turn one into the other,
/// when at most `most`.
pub fn edits(a: &str, b: &str, most: usize) -> Option<usize> {
    let cutoff = osa::Args::default().score_cutoff(most);
    if a.is_ascii() && b.is_ascii() {
        osa::distance_with_args(a.bytes(), b.bytes(), &cutoff)
    } else {
        osa::distance_with_args(a.chars(), b.chars(), &cutoff)
    }
}

/// One less the share of characters to be edited, if it is at least `least`.
fn edit_similarity(a: &str, b: &str, least: f64) -> Option<f64> {
    let cutoff = osa::Args::default().score_cutoff(least);
    if a.is_ascii() && b.is_ascii() {
        osa::normalized_similarity_with_args(a.bytes(), b.bytes(), &cutoff)
    } else {
        osa::normalized_similarity_with_args(a.chars(), b.chars(), &cutoff)
    }
}

/// The best of three similarities of lines of words, 0 below [`SIMILARITY_MIN`].
pub fn best_word_similarity(a: &Value, b: &Value) -> f64 {
    let mut best = jaro_winkler(&a.squeezed, &b.squeezed);
    if a.sorted.is_some() || b.sorted.is_some() {
        best = best.max(jaro_winkler(a.in_order(), b.in_order()));
    }
    let edited = edit_similarity(&a.squeezed, &b.squeezed, best.max(SIMILARITY_MIN));
    edited.unwrap_or(best)
}
