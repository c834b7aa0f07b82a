//! Clusters: which records are all of one customer.

use rustc_hash::FxHashMap;

use crate::record::{Couple, RecordId};
use crate::scan::{Link, Scan};
use crate::score::{probability_of, weight_of};
use crate::table::Row;

/// A larger group of linked records is first cut at its weakest links.
const COMPONENT: usize = 250;
/// What is added to the weight that links must have, each time a group is too large.
const STRICTER: f64 = 4.0;
/// A pair never counts more bits for or against: no agreement, however rare, outvotes all others.
const VOTE_MAX: f64 = 24.0;

/// Records that are of one customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Two or more records, in the order of their ids.
    pub members: Vec<RecordId>,
    /// Every pair of members, sorted; also those that were not linked by themselves.
    pub links: Vec<Link>,
}

impl Scan<'_> {
    /// Joins linked records to clusters, the most alike first, as long as the average weight over
    /// *all* pairs of two clusters is that of `probability_min` or more (average linkage; Sokal and
    /// Michener 1958). One strong link between two groups that otherwise differ therefore joins
    /// nobody. Dismissed couples are never in one cluster, nor are two records of one side where two
    /// data sets are linked: there a cluster is one record of each. Sorted by the first member.
    ///
    /// `links` are those of all parts, in any order.
    pub fn clusters(&self, links: &[Link], probability_min: f64) -> Vec<Cluster> {
        let floor = vote_of(weight_of(probability_min));
        let mut edges: Vec<(Row, Row, f64)> = links
            .iter()
            .filter_map(|link| {
                let low = self.table.row(link.couple.low)?;
                Some((low, self.table.row(link.couple.high)?, link.weight))
            })
            .collect();
        edges.sort_unstable_by_key(|(low, high, _)| (*low, *high));
        let mut clusters: Vec<Cluster> = components(&edges, f64::NEG_INFINITY)
            .into_iter()
            .flat_map(|component| self.agglomerate(&component, floor))
            .map(|rows| self.cluster(rows))
            .collect();
        clusters.sort_unstable_by_key(|cluster| cluster.members.first().copied());
        clusters
    }

    fn agglomerate(&self, rows: &[Row], floor: f64) -> Vec<Vec<Row>> {
        let mut groups: Vec<Vec<Row>> = rows.iter().map(|row| vec![*row]).collect();
        // Sums of weights over all pairs of two groups.
        let mut sums: Vec<Vec<f64>> = rows
            .iter()
            .map(|one| rows.iter().map(|other| self.vote(*one, *other)).collect())
            .collect();
        while let Some((one, other)) = closest(&groups, &sums, floor) {
            let moved = groups.swap_remove(other);
            groups[one].extend(moved);
            let mut gone = sums.swap_remove(other);
            for row in &mut sums {
                row.swap_remove(other);
            }
            gone.swap_remove(other);
            for at in 0..groups.len() {
                sums[one][at] += gone[at];
                sums[at][one] = sums[one][at];
            }
        }
        groups.retain(|group| group.len() > 1);
        groups
    }

    fn vote(&self, one: Row, other: Row) -> f64 {
        let couple = Couple::of(self.table.id(one), self.table.id(other));
        if !self.table.may_match(one, other) || self.dismissed.contains(&couple) {
            return f64::NEG_INFINITY;
        }
        vote_of(self.scorer.weight(one, other))
    }

    fn cluster(&self, mut rows: Vec<Row>) -> Cluster {
        rows.sort_unstable();
        let mut links = Vec::new();
        for (at, one) in rows.iter().enumerate() {
            for other in &rows[at + 1..] {
                let weight = self.scorer.weight(*one, *other);
                links.push(Link {
                    couple: Couple::of(self.table.id(*one), self.table.id(*other)),
                    weight,
                    probability: probability_of(weight),
                });
            }
        }
        Cluster {
            members: rows.iter().map(|row| self.table.id(*row)).collect(),
            links,
        }
    }
}

/// What a pair counts in an average: in the order of weights, and within bounds.
fn vote_of(weight: f64) -> f64 {
    if weight.is_infinite() {
        return VOTE_MAX.copysign(weight);
    }
    weight / (1.0 + weight.abs() / VOTE_MAX)
}

/// The two groups with the highest average weight that is not below the floor.
fn closest(groups: &[Vec<Row>], sums: &[Vec<f64>], floor: f64) -> Option<(usize, usize)> {
    let mut best = None;
    for one in 0..groups.len() {
        for other in one + 1..groups.len() {
            let average = sums[one][other] / (groups[one].len() * groups[other].len()) as f64;
            if average >= floor && best.is_none_or(|(most, _)| average > most) {
                best = Some((average, (one, other)));
            }
        }
    }
    best.map(|(_, pair)| pair)
}

/// Groups of rows that edges of at least this weight connect; those too large are cut.
fn components(edges: &[(Row, Row, f64)], weight_min: f64) -> Vec<Vec<Row>> {
    let mut parents: FxHashMap<Row, Row> = FxHashMap::default();
    for (low, high, _) in edges.iter().filter(|edge| edge.2 >= weight_min) {
        let (one, other) = (root(&mut parents, *low), root(&mut parents, *high));
        parents.insert(one.max(other), one.min(other));
    }
    let mut rows: Vec<Row> = parents.keys().copied().collect();
    rows.sort_unstable();
    let mut groups: FxHashMap<Row, Vec<Row>> = FxHashMap::default();
    for row in rows {
        let root = root(&mut parents, row);
        groups.entry(root).or_default().push(row);
    }
    let mut groups: Vec<Vec<Row>> = groups.into_values().collect();
    groups.sort_unstable();
    let (fine, large): (Vec<_>, Vec<_>) =
        groups.into_iter().partition(|rows| rows.len() <= COMPONENT);
    let mut all = fine;
    for rows in large {
        let within: Vec<_> = edges
            .iter()
            .filter(|edge| rows.binary_search(&edge.0).is_ok())
            .copied()
            .collect();
        let lightest = within
            .iter()
            .map(|edge| edge.2)
            .fold(f64::INFINITY, f64::min);
        all.extend(components(&within, lightest.max(weight_min) + STRICTER));
    }
    all
}

fn root(parents: &mut FxHashMap<Row, Row>, row: Row) -> Row {
    let mut root = row;
    while let Some(parent) = parents.get(&root).filter(|parent| **parent != root) {
        root = *parent;
    }
    parents.insert(row, root);
    root
}
