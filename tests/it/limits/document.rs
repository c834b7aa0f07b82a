//! What `proto/LIMITS.md` says, against what is tried.

use std::collections::{BTreeMap, BTreeSet};

use super::{Expected, table, wire};

const DOCUMENT: &str = include_str!("../../../proto/LIMITS.md");

/// One row of the document.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    most: usize,
    answer: String,
    test: String,
}

fn rows(document: &str) -> BTreeMap<String, Row> {
    let cells = |line: &str| -> Vec<String> {
        let line = line.trim().trim_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    document
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(cells)
        .filter(|cells| cells.len() == 4 && cells[0] != "what")
        .map(|cells| {
            let digits: String = cells[1].chars().filter(char::is_ascii_digit).collect();
            let row = Row {
                most: digits.parse().expect("a number"),
                answer: cells[2].clone(),
                test: cells[3].clone(),
            };
            (cells[0].clone(), row)
        })
        .collect()
}

/// What is tried: the number and the words that the document must have.
fn tried() -> BTreeMap<String, (usize, String)> {
    let mut tried: BTreeMap<_, _> = table::limits()
        .into_iter()
        .map(|limit| {
            let words = match limit.answer {
                Expected::Invalid(field) => format!("INVALID_ARGUMENT on `{field}`"),
                Expected::Filter(field) => format!("INVALID_FILTER on `{field}`"),
                Expected::Limit => "LIMIT_EXCEEDED".to_owned(),
            };
            (limit.row.to_owned(), (limit.most, words))
        })
        .collect();
    for (row, most) in wire::ROWS {
        let words = match row {
            "rows of a page" => "a shorter page and `next_page_token`",
            _ => "LIMIT_EXCEEDED",
        };
        tried.insert(row.to_owned(), (most, words.to_owned()));
    }
    tried
}

fn differences(document: &str) -> Vec<String> {
    let (rows, tried) = (rows(document), tried());
    let mut differences = Vec::new();
    for (name, row) in &rows {
        match tried.get(name) {
            Some((most, words)) if (row.most, &row.answer) != (*most, words) => {
                differences.push(format!("{name}: {row:?}, but tried is {most} and {words}"));
            }
            Some(_) if row.test != "limits" => {
                differences.push(format!("{name} is tried here, not by {}", row.test));
            }
            None if row.test == "limits" || !is_test(&row.test) => {
                differences.push(format!("{name} has no test {}", row.test));
            }
            Some(_) | None => {}
        }
    }
    let documented: BTreeSet<&String> = rows.keys().collect();
    let forgotten = tried.keys().filter(|name| !documented.contains(name));
    differences.extend(forgotten.map(|name| format!("{name} is not in the document")));
    differences
}

/// Whether some test of this name exists.
fn is_test(name: &str) -> bool {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let wanted = format!("fn {name}(");
    let mut folders = vec![format!("{root}/shared"), format!("{root}/services")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path.to_string_lossy().into_owned());
            } else if path.extension().is_some_and(|end| end == "rs")
                && std::fs::read_to_string(&path).is_ok_and(|text| text.contains(&wanted))
            {
                return true;
            }
        }
    }
    false
}

#[test]
fn every_documented_limit_is_tried_and_every_tried_one_documented() {
    assert_eq!(differences(DOCUMENT), [""; 0]);
}

#[test]
fn a_row_without_test_a_wrong_number_and_a_forgotten_row_are_noticed() {
    for (from, to, word) in [
        ("| tag | 64 |", "| tag | 65 |", "tag"),
        ("| team | 64 |", "| teem | 64 |", "teem has no test"),
        ("| owner | 256 |", "owner", "owner is not in the document"),
        (
            "what_is_no_token_is_refused_however_large",
            "nothing_of_that_name",
            "token has no test",
        ),
    ] {
        assert!(DOCUMENT.contains(from), "{from}");
        let found = differences(&DOCUMENT.replace(from, to));
        assert!(
            found.iter().any(|one| one.contains(word)),
            "{from}: {found:?}"
        );
    }
}
