//! How files look.

use super::rule::{Finding, Rule, find_words};
use super::source::Source;

const LINES_MAX: usize = 600;

pub const RULES: &[Rule] = &[
    Rule {
        name: "files-are-short",
        reason: "A file holds one noun; past 600 lines it holds several and nobody reads it whole.",
        cure: "Give the second noun its own file.",
        holds_in: |source| {
            [".rs", ".proto", ".py", ".js", ".sh"]
                .iter()
                .any(|kind| source.path.ends_with(kind))
        },
        find: |source| {
            let count = source.text.lines().count();
            let long = Finding {
                line: count,
                what: format!("{count} lines, at most {LINES_MAX}"),
            };
            if count > LINES_MAX {
                vec![long]
            } else {
                Vec::new()
            }
        },
        planted: &[("shared/db/src/a.rs", LONG)],
        fine: &[("Cargo.lock", LONG)],
    },
    Rule {
        name: "no-paths-of-one-machine",
        reason: "What names a folder of the writer's machine works nowhere else.",
        cure: "Take the path as an argument, from the configuration, or from `tempfile`.",
        holds_in: |source| !source.is_in(&["tests/it/tidy/", "Cargo.lock"]),
        find: |source| {
            find_words(
                &source.text,
                &["/work/", "/root/", "/home/", "/tmp/", "/Users/"],
            )
        },
        planted: &[
            ("README.md", "Run /work/main/run."),
            ("shared/db/src/a.rs", "let path = \"/tmp/dossier.db\";"),
        ],
        fine: &[(
            "README.md",
            "See `tests/framework/rules` and https://example.com/network/x.",
        )],
    },
    Rule {
        name: "names-say-what-is-inside",
        reason: "A drawer called `utils` takes everything and shows nothing.",
        cure: "Name the file or folder after the noun it holds.",
        holds_in: |_| true,
        find: |source| {
            const DRAWERS: [&str; 9] = [
                "util",
                "utils",
                "common",
                "helper",
                "helpers",
                "manager",
                "misc",
                "shared_code",
                "base",
            ];
            let contract = source.path.starts_with("proto/dossier/common/");
            let names = source
                .path
                .split('/')
                .map(|part| part.split('.').next().unwrap_or(part));
            names
                .filter(|name| DRAWERS.contains(name) && !contract)
                .map(|name| Finding {
                    line: 0,
                    what: format!("`{name}`"),
                })
                .collect()
        },
        planted: &[
            ("services/profile/src/utils/text.rs", ""),
            ("shared/db/src/helpers.rs", ""),
            ("shared/common/Cargo.toml", ""),
        ],
        fine: &[
            ("proto/dossier/common/v1/value.proto", ""),
            ("shared/db/src/keyset.rs", ""),
        ],
    },
    Rule {
        name: "modules-say-what-they-are-for",
        reason: "The head of a module tells a reader whether to go on reading.",
        cure: "Begin the file with `//!` and one sentence.",
        holds_in: |source| source.is_rust() && !source.path.ends_with("build.rs"),
        find: |source| {
            let first = source.text.lines().next().unwrap_or_default();
            let said = first.starts_with("//!") || first.starts_with("#![doc");
            let silent = Finding {
                line: 1,
                what: "no module head".to_owned(),
            };
            if said { Vec::new() } else { vec![silent] }
        },
        planted: &[("shared/db/src/a.rs", "use std::fmt;\n")],
        fine: &[
            ("shared/db/src/a.rs", "//! Pages that continue.\n"),
            (
                "shared/db/src/lib.rs",
                "#![doc = include_str!(\"../README.md\")]\n",
            ),
        ],
    },
    Rule {
        name: "no-unfinished-work",
        reason: "A note to finish something is finished by nobody.",
        cure: "Do it now, or leave it out and say so in the change log.",
        holds_in: |source: &Source| {
            !source.is_in(&["tests/it/tidy/"]) && !source.path.ends_with(".lock")
        },
        find: |source| find_words(&source.text, &["TODO", "FIXME", "HACK"]),
        planted: &[("shared/db/src/a.rs", "// TODO: retries\n")],
        fine: &[("shared/db/src/a.rs", "// All of it is done.\n")],
    },
];

/// 601 lines.
const LONG: &str = {
    const LINES: [u8; LINES_MAX + 1] = [b'\n'; LINES_MAX + 1];
    match std::str::from_utf8(&LINES) {
        Ok(text) => text,
        Err(_) => "",
    }
};
