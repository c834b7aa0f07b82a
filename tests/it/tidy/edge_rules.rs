//! What code may reach for.

use super::rule::{Finding, Rule, find_words};

pub const RULES: &[Rule] = &[
    Rule {
        name: "queries-begin-with-a-tenant",
        reason: "A query that does not begin with the tenant shows one tenant's rows to another.",
        cure: "Begin with `dossier_db::find::<E>(&tenant)`, `update_many` or `delete_many`.",
        holds_in: |source| source.is_product() && !source.is_in(&["shared/db/"]),
        find: |source| {
            let open = [
                "::find()",
                "::find_by_id(",
                "::update_many()",
                "::delete_many()",
                "::delete_by_id(",
                "::find_related(",
            ];
            find_words(&source.product, &open)
        },
        planted: &[
            (
                "services/profile/src/store/a.rs",
                "customer::Entity::find().all(conn).await",
            ),
            (
                "services/profile/src/store/a.rs",
                "Entity::delete_by_id((tenant, id)).exec(conn)",
            ),
        ],
        fine: &[
            (
                "services/profile/src/store/a.rs",
                "dossier_db::find::<customer::Entity>(&ctx.tenant)",
            ),
            (
                "services/profile/src/store/a.rs",
                "rows.iter().find(|row| row.id == id)",
            ),
        ],
    },
    Rule {
        name: "one-wall-clock",
        reason: "Tests and the embedded mode move time; a second clock does not move with it.",
        cure: "Take `now: Timestamp`, or ask the `kernel::Clock` you were given.",
        holds_in: |source| source.is_rust() && source.path != "shared/kernel/src/clock.rs",
        find: |source| {
            let clocks = [
                "SystemTime",
                "now_utc",
                "Utc::now",
                "Local::now",
                "CURRENT_TIMESTAMP",
            ];
            find_words(&source.code, &clocks)
        },
        planted: &[(
            "services/profile/src/app/a.rs",
            "let now = std::time::SystemTime::now();",
        )],
        fine: &[(
            "shared/rpc/src/deadline.rs",
            "let deadline = std::time::Instant::now() + left;",
        )],
    },
    Rule {
        name: "environment-is-configuration",
        reason: "What the environment decides must be in the configuration, where it is documented.",
        cure: "Add a key to `dossier_runtime::Config` and pass its value.",
        holds_in: |source| {
            source.is_product() && !source.path.starts_with("shared/runtime/src/config")
        },
        find: |source| {
            find_words(
                &source.product,
                &["std::env", "env::var", "env::vars", "env::var_os"],
            )
        },
        planted: &[(
            "shared/telemetry/src/a.rs",
            "let level = std::env::var(\"LEVEL\");",
        )],
        fine: &[
            (
                "shared/runtime/src/config.rs",
                "let home = std::env::var_os(\"HOME\");",
            ),
            (
                "shared/db/src/a.rs",
                "#[cfg(test)]\nmod tests { fn f() { std::env::var(\"URL\"); } }",
            ),
        ],
    },
    Rule {
        name: "only-the-command-line-prints",
        reason: "A service speaks through its log; what it prints is neither filtered nor structured.",
        cure: "Use `tracing`, or return the value to the command line.",
        holds_in: |source| source.is_product() && !source.is_in(&["services/dossier/"]),
        find: |source| {
            find_words(
                &source.product,
                &["println!", "print!", "eprintln!", "eprint!", "dbg!"],
            )
        },
        planted: &[("shared/db/src/a.rs", "println!(\"migrated\");")],
        fine: &[("services/dossier/src/report.rs", "println!(\"{table}\");")],
    },
    Rule {
        name: "no-panic-on-a-request-path",
        reason: "A panic answers one client with nothing and takes the writer's batch with it.",
        cure: "Return a `kernel::Error`; `Error::internal` for what cannot happen.",
        holds_in: |source| source.is_product() && !source.path.ends_with("/main.rs"),
        find: |source| {
            let panics = [
                ".unwrap()",
                ".expect(\"",
                ".expect_err(",
                ".unwrap_err()",
                "panic!",
                "unreachable!",
                "assert!",
                "assert_eq!",
                "unimplemented!",
                "todo!",
            ];
            find_words(&source.product, &panics)
        },
        planted: &[
            ("shared/db/src/a.rs", "let row = rows.pop().unwrap();"),
            (
                "shared/db/src/a.rs",
                "let row = rows.pop().expect(\"a row\");",
            ),
            (
                "services/profile/src/domain/a.rs",
                "if bad { panic!(\"bad\") }",
            ),
        ],
        fine: &[
            (
                "shared/db/src/a.rs",
                "#[cfg(test)]\nmod tests { fn f() { g().unwrap(); } }",
            ),
            (
                "shared/db/src/a.rs",
                "let row = rows.pop().unwrap_or_default();",
            ),
            ("shared/db/src/a.rs", "debug_assert!(seq > 0);"),
        ],
    },
    Rule {
        name: "expect-instead-of-allow",
        reason: "An `allow` outlives its cause in silence; an `expect` complains when the cause is gone.",
        cure: "Write `#[expect(lint, reason = \"why\")]`.",
        holds_in: |source| source.is_rust(),
        find: |source| {
            let mut findings = find_words(&source.code, &["allow("]);
            findings.retain(|finding| is_attribute(&source.code, finding.line));
            findings
        },
        planted: &[
            ("shared/db/src/a.rs", "#[allow(dead_code)]\nfn f() {}"),
            ("shared/db/src/a.rs", "#![allow(clippy::all)]"),
        ],
        fine: &[
            (
                "shared/db/src/a.rs",
                "#[expect(dead_code, reason = \"used on Windows\")]\nfn f() {}",
            ),
            ("shared/access/src/a.rs", "rules.allow(permission);"),
        ],
    },
    Rule {
        name: "one-place-makes-statuses",
        reason: "Statuses made elsewhere lack the reason, the violations and the limit on details.",
        cure: "Return a `kernel::Error`; `dossier_rpc::status` is the one place that turns it.",
        holds_in: |source| source.is_product() && !source.is_in(&["shared/rpc/"]),
        find: |source| {
            let made = [
                "Status::new(",
                "Status::with_details(",
                "Status::ok(",
                "Status::cancelled(",
                "Status::unknown(",
                "Status::invalid_argument(",
                "Status::deadline_exceeded(",
                "Status::not_found(",
                "Status::already_exists(",
                "Status::permission_denied(",
                "Status::resource_exhausted(",
                "Status::failed_precondition(",
                "Status::aborted(",
                "Status::out_of_range(",
                "Status::unimplemented(",
                "Status::internal(",
                "Status::unavailable(",
                "Status::data_loss(",
                "Status::unauthenticated(",
            ];
            find_words(&source.product, &made)
        },
        planted: &[(
            "services/profile/src/api/a.rs",
            "Err(tonic::Status::not_found(\"gone\"))",
        )],
        fine: &[(
            "services/profile/src/api/a.rs",
            "app.get(&ctx, id).await.map_err(dossier_rpc::status)",
        )],
    },
    Rule {
        name: "every-reason-is-mapped",
        reason: "A wildcard gives a new reason a wrong code in silence.",
        cure: "Name every `Reason` in the match.",
        holds_in: |source| source.is_in(&["shared/rpc/src/"]),
        find: |source| wildcards_beside(&source.product, "Reason::", "Code::"),
        planted: &[(
            "shared/rpc/src/status.rs",
            "fn code(r: Reason) -> Code {\n    match r {\n        Reason::NotFound => Code::NotFound,\n        _ => Code::Internal,\n    }\n}",
        )],
        fine: &[(
            "shared/rpc/src/status.rs",
            "match r {\n    Reason::NotFound => Code::NotFound,\n}\nmatch r {\n    Reason::Internal => log(),\n    _ => {}\n}",
        )],
    },
    Rule {
        name: "tests-say-why-they-sleep",
        reason: "A test that sleeps is slow on a fast machine and flaky on a slow one.",
        cure: "Wait for the event itself, or move a manual clock (`start_paused` for tokio's); where \
               the time is what is tested, say so in a comment right above.",
        holds_in: |source| {
            let paused =
                source.text.contains("start_paused") || source.text.contains("time::pause");
            // Harnesses in `shared/*/tests` wait at random on purpose; the bench measures rest.
            let harness = source.path.contains("/tests/") || source.is_in(&["tests/bench/"]);
            let tool = source.is_in(&["shared/xtask/", "shared/testkit/"]);
            source.is_rust() && !paused && !harness && !tool
        },
        find: |source| {
            let mut findings = find_words(&source.code, &["sleep("]);
            if !source.is_test() {
                let shipped = find_words(&source.product, &["sleep("]);
                findings.retain(|finding| shipped.iter().all(|other| other.line != finding.line));
            }
            let explained = |line: usize| {
                let above = line
                    .checked_sub(2)
                    .and_then(|index| source.text.lines().nth(index));
                above.is_some_and(|above| above.trim_start().starts_with("//"))
            };
            findings.retain(|finding| !explained(finding.line));
            findings
        },
        planted: &[
            ("tests/it/a.rs", "tokio::time::sleep(ONE_SECOND).await;"),
            (
                "shared/db/src/a.rs",
                "#[cfg(test)]\nmod tests { fn f() { std::thread::sleep(d); } }",
            ),
        ],
        fine: &[
            (
                "shared/feed/src/a.rs",
                "async fn poll() { tokio::time::sleep(back_off).await; }",
            ),
            (
                "tests/it/crash.rs",
                "// Each cycle dies at another moment.\nsleep(moment);",
            ),
        ],
    },
];

fn is_attribute(code: &str, line: usize) -> bool {
    let text = code.lines().nth(line - 1).unwrap_or_default();
    text.contains("#[") || text.contains("#![") || text.contains("cfg_attr")
}

/// Wildcard arms of the matches that turn what begins with `from` into what begins with `to`.
fn wildcards_beside(code: &str, from: &str, to: &str) -> Vec<Finding> {
    let lines: Vec<_> = code.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let maps = |line: &str| {
        let arm = line.trim_start().trim_start_matches("| ").starts_with(from);
        arm && line
            .split_once("=>")
            .is_some_and(|(_, value)| value.contains(to))
    };
    let beside = |at: usize| {
        let own = indent(lines[at]);
        let inside = |line: &&&str| line.trim().is_empty() || indent(line) >= own;
        lines[..at]
            .iter()
            .rev()
            .take_while(inside)
            .any(|line| indent(line) == own && maps(line))
    };
    let wild = |at: &usize| lines[*at].trim_start().starts_with("_ =>");
    (0..lines.len())
        .filter(|at| wild(at) && beside(*at))
        .map(|at| Finding {
            line: at + 1,
            what: "a wildcard arm".to_owned(),
        })
        .collect()
}
