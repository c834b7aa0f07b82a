//! What a rule is.

use super::source::Source;

/// An absence that the tree must show.
pub struct Rule {
    pub name: &'static str,
    /// Why it is so, for whoever meets it the first time.
    pub reason: &'static str,
    /// What to do instead.
    pub cure: &'static str,
    /// In which files the rule holds.
    pub holds_in: fn(&Source) -> bool,
    /// What breaks it.
    pub find: fn(&Source) -> Vec<Finding>,
    /// Path and text of files that break it.
    pub planted: &'static [(&'static str, &'static str)],
    /// Path and text of files that look like it and do not.
    pub fine: &'static [(&'static str, &'static str)],
}

/// Where a rule is broken, and by what.
pub struct Finding {
    /// From 1; 0 when the file as a whole breaks the rule.
    pub line: usize,
    pub what: String,
}

impl Rule {
    /// Every place of the file that breaks the rule, as `path:line: what`.
    pub fn check(&self, source: &Source) -> Vec<String> {
        if !(self.holds_in)(source) {
            return Vec::new();
        }
        (self.find)(source)
            .into_iter()
            .map(|finding| format!("{}:{}: {}", source.path, finding.line, finding.what))
            .collect()
    }
}

/// Every line of `text` that holds one of the needles. Where a needle begins or ends with a letter,
/// the name it is part of must begin or end there too.
pub fn find_words(text: &str, needles: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for needle in needles {
            if holds_word(line, needle) {
                findings.push(Finding {
                    line: index + 1,
                    what: format!("`{needle}`"),
                });
            }
        }
    }
    findings
}

fn holds_word(line: &str, needle: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(needle).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + needle.len()..].chars().next();
        let begins = !needle.starts_with(part_of_name) || !before.is_some_and(part_of_name);
        let ends = !needle.ends_with(part_of_name) || !after.is_some_and(part_of_name);
        begins && ends
    })
}
