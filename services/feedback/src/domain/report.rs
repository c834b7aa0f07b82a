//! Scores with their 95 % intervals, from how often each score was given.
//!
//! - **NPS** (Reichheld, "The One Number You Need to Grow", HBR 2003): share of promoters (9, 10) minus
//!   share of detractors (0 to 6). Each answer counts +1, 0 or −1, so the variance of one answer is
//!   `p + d − (p − d)²` (multinomial) and the interval is the normal one, cut at ±100.
//! - **CSAT**: share of 4 and 5 of 5, with the score interval of Wilson (JASA 22, 1927), which stays
//!   inside 0 to 100 and is right for small n too.

use std::collections::BTreeMap;

use super::QuestionType;

/// The 97.5 % quantile of the standard normal distribution.
const Z_95: f64 = 1.959_963_984_540_054;

/// How often each score was given.
pub type ScoreCounts = BTreeMap<i32, i64>;

/// The answers to one question, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerCounts {
    /// Texts; they are counted and not scored.
    pub texts: i64,
    pub scores: ScoreCounts,
}

impl AnswerCounts {
    pub fn total(&self) -> i64 {
        self.texts + self.scores.values().sum::<i64>()
    }
}

/// A score in percent with the ends of its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    pub value: f64,
    pub lower: f64,
    pub upper: f64,
}

/// `None` for texts and where nobody answered.
pub fn score(question_type: QuestionType, counts: &ScoreCounts) -> Option<Score> {
    let n: i64 = counts.values().sum();
    if n <= 0 {
        return None;
    }
    let share = |wanted: fn(i32) -> bool| {
        let count: i64 = counts
            .iter()
            .filter(|(score, _)| wanted(**score))
            .map(|(_, n)| n)
            .sum();
        count as f64 / n as f64
    };
    match question_type {
        QuestionType::Text => None,
        QuestionType::Nps => Some(nps(share(|s| s >= 9), share(|s| s <= 6), n as f64)),
        QuestionType::Csat => Some(wilson(share(|s| s >= 4), n as f64)),
    }
}

fn nps(promoters: f64, detractors: f64, n: f64) -> Score {
    let value = promoters - detractors;
    let variance = promoters + detractors - value * value;
    let half = Z_95 * (variance / n).sqrt();
    Score {
        value: 100.0 * value,
        lower: 100.0 * (value - half).max(-1.0),
        upper: 100.0 * (value + half).min(1.0),
    }
}

fn wilson(share: f64, n: f64) -> Score {
    let z2 = Z_95 * Z_95;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z_95 / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    Score {
        value: 100.0 * share,
        lower: 100.0 * (centre - half).max(0.0),
        upper: 100.0 * (centre + half).min(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 5e-4
    }

    #[test]
    fn nps_has_the_multinomial_interval() {
        // 50 promoters, 30 passives, 20 detractors: 30 ± 1.96 × √((0.7 − 0.09) / 100).
        let counts = ScoreCounts::from([(10, 25), (9, 25), (7, 30), (6, 10), (0, 10)]);
        let score = score(QuestionType::Nps, &counts).expect("answers");
        assert!(near(score.value, 30.0));
        assert!(
            near(score.lower, 14.6921) && near(score.upper, 45.3079),
            "{score:?}"
        );
    }

    #[test]
    fn csat_has_wilsons_interval() {
        // 81 of 100; R: prop.test(81, 100, correct = FALSE) gives 0.7222 to 0.8749.
        let counts = ScoreCounts::from([(5, 41), (4, 40), (3, 19)]);
        let score = score(QuestionType::Csat, &counts).expect("answers");
        assert!(near(score.value, 81.0));
        assert!(
            (score.lower - 72.22).abs() < 0.01 && (score.upper - 87.49).abs() < 0.01,
            "{score:?}"
        );
    }

    #[test]
    fn extremes_stay_inside_their_scale_and_silence_has_no_score() {
        let all = score(QuestionType::Nps, &ScoreCounts::from([(10, 3)])).expect("answers");
        assert_eq!((all.value, all.lower, all.upper), (100.0, 100.0, 100.0));
        let one = score(QuestionType::Csat, &ScoreCounts::from([(5, 1)])).expect("answer");
        assert!(one.lower > 20.0 && one.upper <= 100.0, "{one:?}");
        assert_eq!(score(QuestionType::Nps, &ScoreCounts::new()), None);
        assert_eq!(
            score(QuestionType::Text, &ScoreCounts::from([(1, 1)])),
            None
        );
    }
}
