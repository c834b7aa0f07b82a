//! Recency, frequency and monetary value in quintiles.
//!
//! Buyers are ranked by each measure. The score is `1 + floor(5 × smaller / buyers)`, where
//! `smaller` counts the buyers with a strictly smaller value: equal values always get equal scores,
//! so the five groups are equal in size only as far as ties allow.

use super::report::Buyer;

/// How many groups.
const BINS: u64 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scores {
    /// 1 (longest ago) to 5 (most recent).
    pub recency: u8,
    pub frequency: u8,
    pub monetary: u8,
}

/// Buyers with one recency and one frequency score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub recency: u8,
    pub frequency: u8,
    pub buyer_count: i64,
    /// Micros.
    pub purchase_total: i64,
    /// The mean monetary score times 100, rounded down.
    pub monetary_score_centi: i32,
}

/// The score of a value that `smaller` of `all` buyers are below.
pub fn score(smaller: u64, all: u64) -> u8 {
    let bin = (BINS * smaller).checked_div(all).unwrap_or(0).min(BINS - 1);
    u8::try_from(bin).map_or(1, |bin| bin + 1)
}

/// The scores of all buyers, in their order.
pub fn scores(buyers: &[Buyer]) -> Vec<Scores> {
    let recency = scored(
        buyers
            .iter()
            .map(|buyer| buyer.last_purchase_time.micros())
            .collect(),
    );
    let frequency = scored(buyers.iter().map(|buyer| buyer.purchase_count).collect());
    let monetary = scored(buyers.iter().map(|buyer| buyer.purchase_total).collect());
    let both = recency.into_iter().zip(frequency).zip(monetary);
    both.map(|((recency, frequency), monetary)| Scores {
        recency,
        frequency,
        monetary,
    })
    .collect()
}

fn scored(values: Vec<i64>) -> Vec<u8> {
    let mut sorted = values.clone();
    sorted.sort_unstable();
    let all = sorted.len() as u64;
    let smaller = |value: i64| sorted.partition_point(|&other| other < value) as u64;
    values
        .into_iter()
        .map(|value| score(smaller(value), all))
        .collect()
}

/// The table of recency × frequency: cells that hold a buyer, by rising scores.
pub fn table(buyers: &[Buyer]) -> Vec<Cell> {
    let mut cells: std::collections::BTreeMap<(u8, u8), (i64, i64, i64)> = Default::default();
    for (buyer, scores) in buyers.iter().zip(scores(buyers)) {
        let cell = cells.entry((scores.recency, scores.frequency)).or_default();
        cell.0 += 1;
        cell.1 = cell.1.saturating_add(buyer.purchase_total);
        cell.2 += i64::from(scores.monetary);
    }
    let cell =
        |((recency, frequency), (buyer_count, purchase_total, monetary)): (_, (i64, _, i64))| {
            let centi = monetary * 100 / buyer_count;
            let monetary_score_centi = i32::try_from(centi).unwrap_or(i32::MAX);
            Cell {
                recency,
                frequency,
                buyer_count,
                purchase_total,
                monetary_score_centi,
            }
        };
    cells.into_iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use dossier_kernel::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn buyer(last: i64, count: i64, total: i64) -> Buyer {
        Buyer {
            purchase_count: count,
            purchase_total: total,
            last_purchase_time: Timestamp(last),
        }
    }

    #[test]
    fn ten_different_values_make_five_pairs() {
        let values = (1..=10).rev().collect();
        assert_eq!(scored(values), [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]);
    }

    #[test]
    fn ties_share_the_score_of_the_lowest_of_them() {
        // Half of the buyers bought once: all of them are in the first group, nobody in the second
        // and third, as with CDNOW's 1,205 single buyers.
        assert_eq!(
            scored(vec![1, 1, 1, 1, 1, 2, 2, 3, 4, 5]),
            [1, 1, 1, 1, 1, 3, 3, 4, 5, 5]
        );
        assert_eq!(scored(vec![7; 4]), [1; 4]);
        assert_eq!(scored(Vec::new()), [0_u8; 0]);
    }

    #[test]
    fn the_table_holds_every_buyer_once_and_all_money() {
        let buyers = [
            buyer(1, 1, 10),
            buyer(2, 2, 20),
            buyer(2, 2, 5),
            buyer(9, 9, 90),
        ];
        let table = table(&buyers);
        assert_eq!(table.iter().map(|cell| cell.buyer_count).sum::<i64>(), 4);
        assert_eq!(
            table.iter().map(|cell| cell.purchase_total).sum::<i64>(),
            125
        );
        let tied = table
            .iter()
            .find(|cell| cell.buyer_count == 2)
            .expect("two tie");
        // Monetary ranks: 10 has one below of four → 2; 20 has two → 3; 5 → 1; 90 → 4.
        assert_eq!(
            (tied.recency, tied.frequency, tied.monetary_score_centi),
            (2, 2, 200)
        );
    }

    proptest! {
        #[test]
        fn scores_follow_the_values(values in proptest::collection::vec(0_i64..20, 1..60)) {
            let scores = scored(values.clone());
            prop_assert!(scores.iter().all(|score| (1..=5).contains(score)));
            for (a, sa) in values.iter().zip(&scores) {
                for (b, sb) in values.iter().zip(&scores) {
                    prop_assert!(a > b || sa <= sb);
                    prop_assert!(a != b || sa == sb);
                }
            }
        }
    }
}
