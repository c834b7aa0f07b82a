//! Who may know whom.

use super::rule::{Finding, Rule, find_words};
use super::source::{SERVICES, Source};

pub const RULES: &[Rule] = &[
    Rule {
        name: "services-stay-apart",
        reason: "A service that links another one cannot be deployed, scaled or stored by itself.",
        cure: "Ask over the contract through `peers/`; move what both need into a shared crate.",
        holds_in: |source| source.service().is_some(),
        find: |source| {
            let others = SERVICES
                .into_iter()
                .filter(|name| Some(*name) != source.service());
            names_of_crates(source, others)
        },
        planted: &[
            (
                "services/profile/Cargo.toml",
                "[dependencies]\ndossier-feedback.workspace = true\n",
            ),
            (
                "services/profile/src/app/a.rs",
                "use dossier_interaction::domain::Purchase;",
            ),
        ],
        fine: &[
            (
                "services/profile/src/main.rs",
                "fn main() { run(dossier_profile::recipe()) }",
            ),
            (
                "services/profile/Cargo.toml",
                "[package]\nname = \"dossier-profile\"\n",
            ),
        ],
    },
    Rule {
        name: "shared-knows-no-service",
        reason: "Shared crates stand on `kernel`; one that knows a service is part of that service.",
        cure: "Take what varies as an argument, such as a `Recipe`.",
        holds_in: |source| source.is_in(&["shared/"]) && !source.is_in(&["shared/testkit/"]),
        find: |source| names_of_crates(source, SERVICES.into_iter()),
        planted: &[
            (
                "shared/runtime/Cargo.toml",
                "[dependencies]\ndossier-profile.workspace = true\n",
            ),
            ("shared/rpc/src/lib.rs", "use dossier_profile::Options;"),
        ],
        fine: &[(
            "shared/testkit/Cargo.toml",
            "[dependencies]\ndossier-profile.workspace = true\n",
        )],
    },
    Rule {
        name: "kernel-and-proto-import-nothing",
        reason: "Everybody stands on the vocabulary and the contract; what they import everybody has.",
        cure: "Put it into the shared crate that owns the matter.",
        holds_in: |source| {
            source.path == "proto/Cargo.toml" || source.path == "shared/kernel/Cargo.toml"
        },
        find: |source| {
            dependencies(source)
                .filter(|(_, name)| name.starts_with("dossier"))
                .map(found)
                .collect()
        },
        planted: &[(
            "shared/kernel/Cargo.toml",
            "[dependencies]\ndossier-proto.workspace = true\n",
        )],
        fine: &[(
            "shared/kernel/Cargo.toml",
            "[package]\nname = \"dossier-kernel\"\n[dependencies]\n",
        )],
    },
    Rule {
        name: "domain-is-pure",
        reason: "Rules that are values in, values out can be read, proved and tested without a suite.",
        cure: "Take the fact as an argument; do the work in `app/` or `store/`.",
        holds_in: |source| source.is_in_layer("domain"),
        find: |source| {
            let impure = [
                "sea_orm",
                "sea_query",
                "tonic",
                "prost",
                "prost_types",
                "dossier_proto",
                "redis",
                "tokio",
                "futures",
                "chrono",
                "std::env",
                "std::fs",
                "std::net",
                "SystemTime",
                "Instant",
                "now_utc",
                "Clock",
                "dossier_db",
                "dossier_rpc",
                "dossier_feed",
                "dossier_cache",
            ];
            find_words(&source.code, &impure)
        },
        planted: &[
            ("services/profile/src/domain/a.rs", "use sea_orm::Set;"),
            (
                "services/profile/src/domain.rs",
                "let now = clock(Clock::system());",
            ),
            (
                "services/profile/src/domain/a.rs",
                "async fn f() { tokio::task::yield_now().await }",
            ),
        ],
        fine: &[
            (
                "services/profile/src/domain/a.rs",
                "//! No tokio here.\nfn f(now: Timestamp) {}",
            ),
            ("services/profile/src/app/a.rs", "use tokio::sync::Mutex;"),
        ],
    },
    Rule {
        name: "only-stores-know-sea-orm",
        reason: "Queries in one place can be read for tenancy, indexes and both backends at once.",
        cure: "Give the store a function in the words of the domain and call that.",
        holds_in: |source| {
            let plumbing = [
                "shared/db/",
                "shared/feed/",
                "shared/vault/",
                "shared/audit/",
            ];
            let tested = source.is_in(&["shared/", "services/"]) && source.is_test();
            source.is_rust() && !source.is_in_layer("store") && !source.is_in(&plumbing) && !tested
        },
        find: |source| {
            // The runtime hands each service's migrations to the database and makes no query.
            if source.is_in(&["shared/runtime/"]) {
                return find_words(&source.code, &["sea_orm"]);
            }
            find_words(&source.code, &["sea_orm", "sea_orm_migration"])
        },
        planted: &[
            ("services/profile/src/app/a.rs", "use sea_orm::EntityTrait;"),
            (
                "shared/rpc/src/edge.rs",
                "use sea_orm_migration::MigrationTrait;",
            ),
        ],
        fine: &[
            (
                "services/profile/src/store/customer.rs",
                "use sea_orm::EntityTrait;",
            ),
            (
                "services/profile/src/app/a.rs",
                "//! The store alone names sea_orm.",
            ),
        ],
    },
    Rule {
        name: "only-edges-know-the-wire",
        reason: "tonic and generated types change with the contract and the transport; rules do not.",
        cure: "Decode in `api/`, ask in `peers/`; hand values of the domain inwards.",
        holds_in: |source| {
            let edge = source.is_in_layer("api") || source.is_in_layer("peers");
            let ours = [
                "shared/rpc/",
                "shared/runtime/",
                "shared/testkit/",
                "services/dossier/",
            ];
            source.is_product() && !edge && !source.is_in(&ours) && !source.is_in(&["proto/"])
        },
        find: |source| {
            // Classes and permissions are written in the contract: vault and access read its
            // descriptors and the words of its options, never a message.
            let code = source.product.replace("dossier_proto::DESCRIPTORS", "");
            let code = code.replace("dossier_proto::common::v1::DataClass", "");
            find_words(&code, &["tonic", "prost", "prost_types", "dossier_proto"])
        },
        planted: &[
            (
                "services/profile/src/app/a.rs",
                "fn f() -> Result<(), tonic::Status> {}",
            ),
            (
                "shared/access/src/a.rs",
                "use dossier_proto::profile::v1::Customer;",
            ),
        ],
        fine: &[
            (
                "services/profile/src/api/a.rs",
                "use dossier_proto::profile::v1 as wire;",
            ),
            (
                "shared/vault/src/classes.rs",
                "let set = dossier_proto::DESCRIPTORS;",
            ),
        ],
    },
    Rule {
        name: "only-the-cache-knows-redis",
        reason: "Nothing correct may depend on Redis; one crate keeps the time-outs and the breaker.",
        cure: "Use `dossier_cache::Cache`.",
        holds_in: |source| source.is_rust() && !source.is_in(&["shared/cache/"]),
        find: |source| find_words(&source.code, &["redis::", "use redis"]),
        planted: &[(
            "services/profile/src/app/a.rs",
            "let client = redis::Client::open(url);",
        )],
        fine: &[(
            "shared/runtime/src/a.rs",
            "let cache = Cache::redis(&url).await;",
        )],
    },
    Rule {
        name: "lints-are-inherited",
        reason: "The workspace forbids unsafe code and unfinished work; a crate that does not inherit escapes.",
        cure: "Add `[lints]` with `workspace = true` to the crate's manifest.",
        holds_in: Source::is_manifest,
        find: |source| {
            let inherits = source.text.contains("[lints]\nworkspace = true");
            let missing = Finding {
                line: 0,
                what: "no `[lints] workspace = true`".to_owned(),
            };
            if inherits { Vec::new() } else { vec![missing] }
        },
        planted: &[(
            "shared/new/Cargo.toml",
            "[package]\nname = \"dossier-new\"\n",
        )],
        fine: &[("shared/new/Cargo.toml", "[lints]\nworkspace = true\n")],
    },
    Rule {
        name: "failpoints-are-asked-for",
        reason: "A program that can be told to lose what it acknowledges must never be shipped.",
        cure: "Call `dossier_db::failpoint`; leave its feature to `cargo xtask test` and `soak`.",
        holds_in: |source| {
            let home = ["shared/db/src/failpoint.rs", "shared/db/Cargo.toml"];
            let asks = source.is_in(&["shared/xtask/", "tests/"]);
            (source.is_rust() || source.is_manifest()) && !asks && !home.contains(&&*source.path)
        },
        find: |source| {
            if source.is_manifest() {
                let mut findings = find_words(&source.text, &["failpoints", "fail.workspace"]);
                // Handing the wish on is not asking.
                let handed_on = |line: usize| {
                    let line = source.text.lines().nth(line - 1);
                    line.is_some_and(|line| line.starts_with("failpoints = ["))
                };
                findings.retain(|finding| !handed_on(finding.line));
                return findings;
            }
            // Conditions are strings, and strings are not code.
            let conditions = source.text.lines().enumerate();
            let conditions =
                conditions.filter(|(_, line)| line.contains("feature = \"failpoints\""));
            let what = "a condition on the feature".to_owned();
            let mut findings = find_words(&source.code, &["fail::", "fail_point!"]);
            findings.extend(conditions.map(|(index, _)| Finding {
                line: index + 1,
                what: what.clone(),
            }));
            findings
        },
        planted: &[
            (
                "services/dossier/Cargo.toml",
                "[dependencies]\ndossier-db = { workspace = true, features = [\"failpoints\"] }\n",
            ),
            (
                "shared/feed/Cargo.toml",
                "[features]\ndefault = [\"dossier-db/failpoints\"]\n",
            ),
            ("shared/feed/src/a.rs", "fail::fail_point!(\"a\");"),
            (
                "shared/feed/src/a.rs",
                "#[cfg(feature = \"failpoints\")]\nfn f() {}",
            ),
        ],
        fine: &[
            (
                "shared/feed/src/a.rs",
                "failpoint::pass(\"feed::before_append\");",
            ),
            (
                "shared/db/Cargo.toml",
                "[features]\nfailpoints = [\"dep:fail\"]\n",
            ),
        ],
    },
    Rule {
        name: "packages-are-named-after-folders",
        reason: "Who reads a path must know the crate and the other way round.",
        cure: "Name the package `dossier-<folder>`.",
        holds_in: |source| source.is_manifest() && !source.is_in(&["services/dossier/"]),
        find: |source| {
            let folder = source
                .path
                .trim_end_matches("/Cargo.toml")
                .rsplit('/')
                .next();
            let wanted = format!("name = \"dossier-{}\"", folder.unwrap_or_default());
            let named = source.text.lines().any(|line| line == wanted);
            let missing = Finding {
                line: 0,
                what: format!("no `{wanted}`"),
            };
            if named { Vec::new() } else { vec![missing] }
        },
        planted: &[("shared/db/Cargo.toml", "[package]\nname = \"database\"\n")],
        fine: &[("shared/db/Cargo.toml", "[package]\nname = \"dossier-db\"\n")],
    },
];

/// Where the file names the crate of one of these services: as a dependency, or in code.
fn names_of_crates(source: &Source, services: impl Iterator<Item = &'static str>) -> Vec<Finding> {
    let services: Vec<_> = services.collect();
    if source.is_manifest() {
        let crates: Vec<_> = services
            .iter()
            .map(|name| format!("dossier-{name}"))
            .collect();
        return dependencies(source)
            .filter(|(_, name)| crates.contains(name))
            .map(found)
            .collect();
    }
    if !source.is_rust() {
        return Vec::new();
    }
    let crates: Vec<_> = services
        .iter()
        .map(|name| format!("dossier_{name}"))
        .collect();
    find_words(
        &source.code,
        &crates.iter().map(String::as_str).collect::<Vec<_>>(),
    )
}

/// Line and name of every dependency of a manifest.
fn dependencies(source: &Source) -> impl Iterator<Item = (usize, String)> {
    let mut inside = false;
    source
        .text
        .lines()
        .enumerate()
        .filter_map(move |(index, line)| {
            if line.starts_with('[') {
                inside = line.contains("dependencies");
                return None;
            }
            let name: String = line
                .chars()
                .take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
                .collect();
            (inside && !name.is_empty()).then_some((index + 1, name))
        })
}

fn found((line, name): (usize, String)) -> Finding {
    Finding {
        line,
        what: format!("depends on `{name}`"),
    }
}
