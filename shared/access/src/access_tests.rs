//! What the policies decide, and that bad ones do not load.

use std::fmt::Write as _;

use dossier_kernel::{Principal, PrincipalKind, Role, Strength, TenantId};
use dossier_proto::DESCRIPTORS;
use proptest::prelude::*;

use super::*;

const READ: &str = "dossier.profile.v1.CustomerService/GetCustomer";
const WRITE: &str = "dossier.profile.v1.CustomerService/UpdateCustomer";
const WATCH: &str = "dossier.profile.v1.CustomerService/WatchCustomers";
const SEGMENTS: &str = "dossier.segmentation.v1.SegmentService/ListSegments";

fn shipped() -> Access {
    Access::shipped(DESCRIPTORS).expect("the shipped policies are valid")
}

fn with(text: &str) -> Result<Access> {
    let name = "mine.cedar";
    Access::with(DESCRIPTORS, Source { name, text })
}

fn caller(kind: PrincipalKind, roles: &[Role], tenant: TenantId) -> Ctx {
    let id = "amy".to_owned();
    Ctx::new(tenant, Principal { kind, id }, roles.to_vec())
}

fn person(roles: &[Role]) -> Ctx {
    caller(PrincipalKind::Person, roles, TenantId::embedded_default())
}

fn role(role: Role) -> Ctx {
    match role {
        Role::Service => Ctx::service("segmentation", TenantId::embedded_default()),
        role => person(&[role]),
    }
}

impl Access {
    fn rule(&self, method: &str) -> &Rule {
        &self.0.rules[method]
    }

    fn lets_in(&self, ctx: &Ctx, method: &str) -> bool {
        self.gate(ctx, self.rule(method)).is_ok()
    }

    /// As a handler asks.
    fn sees(&self, ctx: &Ctx, method: &str, facts: Facts<'_>) -> Result<Sight> {
        let mut ctx = ctx.clone();
        ctx.call = Some(Arc::clone(&self.rule(method).call));
        self.sight(&ctx, facts)
    }
}

const fn sight(direct: bool, sensitive: bool) -> Sight {
    Sight { direct, sensitive }
}

/// `-` refused; else the highest class that is shown; `?` where the row decides.
fn cell(access: &Access, who: Role, rule: &Rule) -> &'static str {
    let ctx = role(who);
    if access.gate(&ctx, rule).is_err() {
        return "-";
    }
    match access.sees(&ctx, &rule.call.method, Facts::default()) {
        Err(_) => "?",
        Ok(Sight {
            sensitive: true, ..
        }) => "SENSITIVE",
        Ok(Sight { direct: true, .. }) => "DIRECT",
        Ok(_) => "OPEN",
    }
}

fn matrix(access: &Access) -> String {
    let mut rules: Vec<&Rule> = access.rules().collect();
    rules.sort_by(|a, b| a.call.method.cmp(&b.call.method));
    let mut table = "method".to_owned();
    for role in Role::ALL {
        let _ = write!(table, "\t{}", role.as_str());
    }
    table.push('\n');
    for rule in rules {
        table.push_str(&rule.call.method);
        for who in Role::ALL {
            let _ = write!(table, "\t{}", cell(access, who, rule));
        }
        table.push('\n');
    }
    table
}

/// Accept a change with `DOSSIER_ACCEPT=1 cargo nextest run -p dossier-access golden`.
#[test]
fn the_golden_matrix_says_what_each_role_may_call_and_see() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/roles.tsv");
    let actual = matrix(&shipped());
    if std::env::var_os("DOSSIER_ACCEPT").is_some() {
        std::fs::write(file, &actual).expect("written");
    }
    let golden = std::fs::read_to_string(file).unwrap_or_default();
    let mut differences = String::new();
    for line in golden
        .lines()
        .filter(|line| !actual.lines().any(|a| a == *line))
    {
        let _ = writeln!(differences, "- {line}");
    }
    for line in actual
        .lines()
        .filter(|line| !golden.lines().any(|g| g == *line))
    {
        let _ = writeln!(differences, "+ {line}");
    }
    assert!(
        golden == actual,
        "golden/roles.tsv differs from the policies; if this is meant, change these lines or accept \
         with DOSSIER_ACCEPT=1:\n{differences}"
    );
}

#[test]
fn any_one_role_is_enough_and_none_is_not() {
    let access = shipped();
    assert!(access.lets_in(&person(&[Role::Viewer, Role::Agent]), WRITE));
    for roles in [&[][..], &[Role::Viewer], &[Role::Analyst]] {
        let refused = access
            .gate(&person(roles), access.rule(WRITE))
            .expect_err("refused");
        assert_eq!(refused.reason(), Reason::PermissionDenied);
        assert_eq!(refused.metadata()["permission"], "profile.customers.write");
    }
}

#[test]
fn all_tenants_are_for_services_on_calls_that_say_so() {
    let access = shipped();
    let service = Ctx::service("segmentation", TenantId::all());
    assert!(access.lets_in(&service, WATCH));
    assert!(!access.lets_in(&service, READ));
    let admin = caller(PrincipalKind::Person, &[Role::Admin], TenantId::all());
    assert!(!access.lets_in(&admin, WATCH));
    let posing = caller(PrincipalKind::ApiKey, &[Role::Service], TenantId::all());
    assert!(!access.lets_in(&posing, WATCH));
    let one = Ctx::service("segmentation", TenantId::embedded_default());
    assert!(access.lets_in(&one, READ));
}

#[test]
fn a_row_of_another_tenant_is_refused_to_everybody_but_followers_of_all() {
    let access = shipped();
    let foreign = Facts {
        tenant: Some("acme"),
        ..Facts::default()
    };
    assert!(access.sees(&person(&[Role::Admin]), READ, foreign).is_err());
    let own = Facts {
        tenant: Some("default"),
        ..Facts::default()
    };
    assert!(access.sees(&person(&[Role::Admin]), READ, own).is_ok());
    let all = Ctx::service("segmentation", TenantId::all());
    assert!(access.sees(&all, WATCH, foreign).is_ok());
    // A file of the operator's does not take the wall down.
    let open = with("@id(\"all\") permit (principal, action, resource);").expect("valid");
    assert!(open.sees(&person(&[]), READ, Facts::default()).is_ok());
    assert!(open.sees(&person(&[]), READ, foreign).is_err());
    // The policies would refuse it too, if they were asked.
    for access in [shipped(), open] {
        let asked = access.explain(&person(&[Role::Admin]), READ, foreign);
        let asked = asked.expect("explained");
        assert!(!asked.allowed && asked.policies.iter().any(|one| one.id == "wall.tenant"));
    }
}

#[test]
fn classes_follow_the_roles() {
    let access = shipped();
    let sees = |roles: &[Role], method| access.sees(&person(roles), method, Facts::default());
    assert_eq!(
        sees(&[Role::Analyst], READ).expect("reads"),
        sight(false, false)
    );
    assert_eq!(
        sees(&[Role::Agent], READ).expect("reads"),
        sight(true, false)
    );
    assert_eq!(
        sees(&[Role::PrivacyOfficer], READ).expect("reads"),
        sight(true, true)
    );
    assert_eq!(
        sees(&[Role::Analyst, Role::Viewer], READ).expect("reads"),
        sight(true, false)
    );
    assert_eq!(
        sees(&[Role::Admin], WRITE).expect("writes"),
        sight(true, true)
    );
    let work = Ctx::service("purge", TenantId::embedded_default());
    assert_eq!(
        access.sight(&work, Facts::default()).expect("works"),
        Sight::ALL
    );
    assert!(
        access
            .sight(&person(&[Role::Admin]), Facts::default())
            .is_err()
    );
}

const OWNERS: &str = r#"
@id("owners") @description("Agents read their own customers.")
permit (principal in Role::"agent", action, resource)
when { resource has owner && resource.owner == principal.name };
@id("teams")
permit (principal, action == Action::"profile.customers.read", resource)
when { resource has team && principal in resource.team };
@id("vips")
forbid (principal, action, resource)
when { resource.tags.contains("vip") }
unless { principal in Role::"manager" };
@id("care")
permit (principal in Role::"analyst", action, resource)
when { context has purpose && context.purpose == "care" && context.strength == Strength::"mutual" };
"#;

#[test]
fn what_depends_on_a_row_is_let_in_and_decided_there() {
    let access = with(OWNERS).expect("valid");
    let by_row = access.rules().any(|rule| rule.per_row);
    assert!(by_row, "the contract has RPCs that decide row by row");
    let agent = person(&[Role::Agent]);
    assert!(access.lets_in(&agent, READ));
    // Nobody would decide about its rows later.
    assert!(!access.lets_in(&agent, SEGMENTS));
    let (amy, bob) = (Some("person:amy"), Some("person:bob"));
    let owned = |owner| Facts {
        owner,
        ..Facts::default()
    };
    assert!(access.sees(&agent, READ, owned(amy)).is_ok());
    assert!(access.sees(&agent, READ, owned(bob)).is_err());
    assert!(access.sees(&agent, READ, Facts::default()).is_err());
    let vip = ["vip".to_owned()];
    let tagged = Facts {
        tags: &vip,
        ..owned(amy)
    };
    assert!(access.sees(&agent, READ, tagged).is_err());

    let mut viewer = person(&[Role::Viewer]);
    let north = Facts {
        team: Some("north"),
        ..Facts::default()
    };
    assert!(access.sees(&viewer, READ, north).is_err());
    viewer.teams.push("north".to_owned());
    assert!(access.sees(&viewer, READ, north).is_ok());
    assert!(access.lets_in(&viewer, READ));
    assert!(!access.lets_in(&viewer, WRITE));
}

#[test]
fn purpose_and_strength_count_where_a_policy_asks() {
    let access = with(OWNERS).expect("valid");
    let mut analyst = person(&[Role::Analyst]);
    assert!(!access.lets_in(&analyst, SEGMENTS));
    analyst.purpose = Some("care".to_owned());
    assert!(!access.lets_in(&analyst, SEGMENTS));
    analyst.strength = Strength::Mutual;
    assert!(access.lets_in(&analyst, SEGMENTS));
    analyst.purpose = Some("sale".to_owned());
    assert!(!access.lets_in(&analyst, SEGMENTS));
}

#[test]
fn an_explanation_names_the_policies_that_decide() {
    let access = with(OWNERS).expect("valid");
    let agent = person(&[Role::Agent]);
    let owned = Facts {
        owner: Some("person:amy"),
        ..Facts::default()
    };
    let why = access.explain(&agent, READ, owned).expect("explained");
    assert!(why.allowed && why.depends_on_row && why.errors.is_empty());
    let deciding = Deciding {
        id: "owners".to_owned(),
        description: "Agents read their own customers.".to_owned(),
    };
    assert_eq!(why.policies, [deciding]);
    let vip = ["vip".to_owned()];
    let why = access
        .explain(
            &agent,
            READ,
            Facts {
                tags: &vip,
                ..owned
            },
        )
        .expect("explained");
    assert!(!why.allowed);
    assert_eq!(why.policies[0].id, "vips");
    let why = access
        .explain(&person(&[]), READ, Facts::default())
        .expect("explained");
    assert!(!why.allowed && why.policies.is_empty());
    let unknown = access
        .explain(&agent, "dossier.Nope/Nope", owned)
        .expect_err("refused");
    assert_eq!(unknown.reason(), Reason::NotFound);
}

#[test]
fn bad_policies_are_refused_with_file_policy_and_cure() {
    for (text, words) in [
        ("permit (principal, action, resource);", "@id(\"…\")"),
        (
            "@id(\"a\") permit (principal, action, resource) when {",
            "line 1",
        ),
        (
            "@id(\"a\") permit (principal, action == Action::\"profile.customer.read\", resource);",
            "profile.customer.read",
        ),
        (
            "@id(\"a\") permit (principal in Role::\"boss\", action, resource);",
            "boss",
        ),
        (
            "@id(\"a\") permit (principal, action, resource) when { resource.size > 1 };",
            "size",
        ),
        (
            "@id(\"a\") permit (principal == ?principal, action, resource);",
            "template",
        ),
        (
            "@id(\"wall.tenant\") permit (principal, action, resource);",
            "of its own",
        ),
        (
            "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") forbid (principal, action, resource);",
            "of its own",
        ),
        (
            "@id(\"a\") permit (principal, action, resource) when { resource.owner == \"x\" };",
            "owner",
        ),
        (
            "@id(\"a\") permit (principal, action, resource == Resource::\"x\");",
            "single resource",
        ),
        (
            "@id(\"a\") permit (principal, action == Action::\"segmentation.segments.read\", resource) \
            when { resource.tags.contains(\"vip\") };",
            "row by row",
        ),
    ] {
        let error = with(text)
            .err()
            .unwrap_or_else(|| panic!("accepted: {text}"));
        assert_eq!(error.reason(), Reason::FailedPrecondition);
        let message = error.message();
        assert!(message.starts_with("mine.cedar:"), "{message}");
        assert!(message.contains(words), "{message}");
    }
    let absent = Access::load(DESCRIPTORS, Path::new("/nowhere/mine.cedar")).err();
    assert!(
        absent
            .expect("refused")
            .message()
            .contains("/nowhere/mine.cedar")
    );
}

#[test]
fn an_operators_file_replaces_the_shipped_policies() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("mine.cedar");
    std::fs::write(&file, OWNERS).expect("written");
    let access = Access::load(DESCRIPTORS, &file).expect("valid");
    assert!(!access.lets_in(&person(&[Role::Admin]), SEGMENTS));
}

/// Clauses from which the policies of the law below are made.
const CLAUSES: [&str; 6] = [
    "when { resource has owner && resource.owner == principal.name }",
    "when { resource has team && principal in resource.team }",
    "unless { resource.tags.contains(\"vip\") }",
    "when { context.all_tenants }",
    "when { principal in Role::\"agent\" || resource.tags.contains(\"open\") }",
    "unless { principal in Role::\"viewer\" }",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The law of the gate: whatever a row would be allowed, the gate lets in.
    #[test]
    fn the_gate_never_refuses_what_a_row_would_allow(
        policies in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec(0..CLAUSES.len(), 0..3)), 1..5),
        owner in proptest::option::of(prop_oneof!["person:amy", "person:bob"]),
        team in proptest::option::of(prop_oneof!["north", "south"]),
        tags in proptest::collection::vec(prop_oneof!["vip", "open"], 0..2),
        role in 0..Role::ALL.len() - 1,
    ) {
        let mut text = String::new();
        for (number, (permits, clauses)) in policies.iter().enumerate() {
            let effect = if *permits { "permit" } else { "forbid" };
            let clauses: Vec<_> = clauses.iter().map(|clause| CLAUSES[*clause]).collect();
            let clauses = clauses.join(" ");
            let _ = writeln!(text, "@id(\"p{number}\") {effect} (principal, action, resource) {clauses};");
        }
        let access = with(&text).expect("valid");
        let mut ctx = person(&[Role::ALL[role]]);
        ctx.teams.push("north".to_owned());
        let facts = Facts {
            owner: owner.as_deref(),
            team: team.as_deref(),
            tags: &tags,
            ..Facts::default()
        };
        for method in [READ, WRITE, WATCH] {
            if access.sees(&ctx, method, facts).is_ok() {
                prop_assert!(access.lets_in(&ctx, method), "{method} by\n{text}");
            }
        }
    }
}

/// Prints what a decision costs: `cargo nextest run -p dossier-access cost --no-capture`.
#[test]
fn the_cost_of_a_decision() {
    let started = std::time::Instant::now();
    let access = shipped();
    println!("load: {:?}", started.elapsed());
    let ctx = person(&[Role::Agent]);
    let rule = access.rule(READ);
    let started = std::time::Instant::now();
    access.gate(&ctx, rule).expect("let in");
    println!("first: {:?}", started.elapsed());
    let rounds = 200_000;
    let started = std::time::Instant::now();
    for _ in 0..rounds {
        access.gate(&ctx, rule).expect("let in");
    }
    println!("remembered: {:?}", started.elapsed() / rounds);
}
