//! The rules of the house (ARCHITECTURE.md, "Who may know whom"), checked by reading the tree.
//!
//! A rule is a value of [`rule::Rule`] with its reason, its cure and a planted violation; a rule that
//! does not catch what was planted fails here too.

mod edge_rules;
mod layer_rules;
mod mask;
mod rule;
mod source;
mod text_rules;

use std::path::PathBuf;

use rule::Rule;
use source::Source;

fn rules() -> impl Iterator<Item = &'static Rule> {
    layer_rules::RULES
        .iter()
        .chain(edge_rules::RULES)
        .chain(text_rules::RULES)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_tree_keeps_every_rule() {
    let tree = source::read_tree(&root());
    assert!(
        tree.len() > 50,
        "the tree was not found: {} files below {:?}",
        tree.len(),
        root()
    );
    let mut report = String::new();
    for rule in rules() {
        let findings: Vec<String> = tree.iter().flat_map(|source| rule.check(source)).collect();
        if !findings.is_empty() {
            report += &format!(
                "\n{}\n  why: {}\n  cure: {}\n",
                rule.name, rule.reason, rule.cure
            );
            report.extend(findings.iter().map(|finding| format!("    {finding}\n")));
        }
    }
    assert!(
        report.is_empty(),
        "rules of the house are broken:\n{report}"
    );
}

#[test]
fn every_rule_catches_what_is_planted_and_passes_what_is_fine() {
    for rule in rules() {
        assert!(
            !rule.planted.is_empty(),
            "{}: plant a violation, else the rule proves nothing",
            rule.name
        );
        for (path, text) in rule.planted {
            let found = rule.check(&Source::new(path, text));
            assert!(
                !found.is_empty(),
                "{} misses this in {path}:\n{text}",
                rule.name
            );
        }
        for (path, text) in rule.fine {
            let found = rule.check(&Source::new(path, text));
            assert!(
                found.is_empty(),
                "{} refuses what is fine in {path}: {found:?}",
                rule.name
            );
        }
    }
}
