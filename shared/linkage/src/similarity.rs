//! Similarity of texts: characters, not bytes, wherever a text is not ASCII.

use rapidfuzz::distance::{jaro_winkler as jaro, osa};

use crate::value::Value;

/// Jaro-Winkler similarity, 0 to 1.
pub fn jaro_winkler(a: &str, b: &str) -> f64 {
    // Jaro's transpositions are counted from one side; the order makes the score symmetric.
    let (a, b) = if a <= b { (a, b) } else { (b, a) };
    if a.is_ascii() && b.is_ascii() {
        jaro::similarity(a.bytes(), b.bytes())
    } else {
        jaro::similarity(a.chars(), b.chars())
    }
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

/// One less the share of characters to be edited, 0 to 1.
fn edit_similarity(a: &str, b: &str) -> f64 {
    if a.is_ascii() && b.is_ascii() {
        osa::normalized_similarity(a.bytes(), b.bytes())
    } else {
        osa::normalized_similarity(a.chars(), b.chars())
    }
}

/// The best of three similarities of lines of words.
pub fn best_word_similarity(a: &Value, b: &Value) -> f64 {
    let straight = jaro_winkler(&a.squeezed, &b.squeezed);
    let edited = edit_similarity(&a.squeezed, &b.squeezed);
    let sorted = match (&a.sorted, &b.sorted) {
        (None, None) => 0.0,
        _ => jaro_winkler(a.in_order(), b.in_order()),
    };
    straight.max(edited).max(sorted)
}
