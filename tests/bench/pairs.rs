//! Pairs of measurements, and what they say together.

/// Figures of one kind, one per pair.
pub struct Series(Vec<f64>);

impl Series {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        if sorted.is_empty() {
            f64::NAN
        } else if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        } else {
            sorted[middle]
        }
    }

    /// `median (least to most)`.
    pub fn shown(&self, decimals: usize) -> String {
        let sorted = self.sorted();
        let (least, most) = (
            sorted.first().unwrap_or(&f64::NAN),
            sorted.last().unwrap_or(&f64::NAN),
        );
        format!(
            "{:.decimals$} ({least:.decimals$} to {most:.decimals$})",
            self.median()
        )
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

/// Says whether the bar is met.
pub const fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}
