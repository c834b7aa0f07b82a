//! Policies as they are loaded: parsed, named, held against the schema, and prepared for the edge.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cedar_policy::{Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use dossier_kernel::{Error, Reason, Result};

use crate::mention::{Mentions, leave_rows_open};

const SCHEMA: &str = include_str!("../policies/dossier.cedarschema");
const WALL: Source<'static> = Source {
    name: "wall.cedar",
    text: include_str!("../policies/wall.cedar"),
};

/// The policies that decide where the configuration names no file.
pub const SHIPPED: Source<'static> = Source {
    name: "default.cedar",
    text: include_str!("../policies/default.cedar"),
};

/// A text of policies, with the name that errors call it by.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

/// Policies that are valid together.
pub struct Policies {
    /// All of them: what decides about a resource whose facts are known.
    pub whole: PolicySet,
    /// What is left of them where the facts of rows are not known yet: clauses about a row are
    /// taken out of permits, and forbids with such clauses are left out.
    pub edge: PolicySet,
    /// What the policies of a permission ask for beside the caller.
    pub asked: BTreeMap<Box<str>, Mentions>,
}

impl Policies {
    /// `permissions` are those of the contract; true where at least one RPC of it decides row by
    /// row. [`Reason::FailedPrecondition`] names the file, the policy and the cure of the first
    /// thing that is wrong.
    pub fn load(source: Source<'_>, permissions: &BTreeMap<Box<str>, bool>) -> Result<Self> {
        let schema = schema(permissions.keys())?;
        let mut whole = PolicySet::new();
        for source in [WALL, source] {
            for policy in read(source)? {
                let id = policy.id().clone();
                whole.add(policy).map_err(|_| {
                    let cure = "has the id of another policy; give it one of its own";
                    refused(source, Some(&id), cure)
                })?;
            }
        }
        let verdict = Validator::new(schema.clone()).validate(&whole, ValidationMode::Strict);
        if let Some(error) = verdict.validation_errors().next() {
            return Err(refused(source, Some(error.policy_id()), error));
        }
        let mut edge = PolicySet::new();
        let mut asked: BTreeMap<Box<str>, Mentions> = BTreeMap::new();
        for policy in whole.policies() {
            let json = policy.to_json().map_err(Error::internal)?;
            let mentions = Mentions::of(&json)
                .map_err(|problem| refused(source, Some(policy.id()), problem))?;
            let named = mentions.actions.as_ref();
            let by_row = |name: &String| permissions.get(&**name).copied().unwrap_or_default();
            if mentions.asks_about_rows() && named.is_some_and(|named| !named.iter().any(by_row)) {
                let cure = "asks for owner, team or tags, and none of its actions is decided row \
                            by row; take the clause out or name another action";
                return Err(refused(source, Some(policy.id()), cure));
            }
            for permission in permissions.keys() {
                if named.is_none_or(|named| named.contains(&**permission)) {
                    asked.entry(permission.clone()).or_default().also(&mentions);
                }
            }
            if let Some(json) = leave_rows_open(json) {
                let policy =
                    Policy::from_json(Some(policy.id().clone()), json).map_err(Error::internal)?;
                edge.add(policy).map_err(Error::internal)?;
            }
        }
        Ok(Self { whole, edge, asked })
    }
}

/// The schema file and one action for every permission.
fn schema<'a>(permissions: impl Iterator<Item = &'a Box<str>>) -> Result<Schema> {
    let mut text = SCHEMA.to_owned();
    for permission in permissions {
        let _ = writeln!(
            text,
            "action {permission:?} appliesTo {{ principal: [Person, ApiKey, Service], \
             resource: [Resource], context: Circumstances }};"
        );
    }
    let (schema, _) = Schema::from_cedarschema_str(&text).map_err(Error::internal)?;
    Ok(schema)
}

/// The policies of a text, each known by its `@id`.
fn read(source: Source<'_>) -> Result<Vec<Policy>> {
    let set: PolicySet = source
        .text
        .parse()
        .map_err(|error| refused(source, None, in_place(source.text, &error)))?;
    if set.templates().next().is_some() {
        let cure = "holds a template (?principal or ?resource); write the policies out";
        return Err(refused(source, None, cure));
    }
    let mut seen = BTreeSet::new();
    let mut policies = Vec::new();
    for policy in set.policies() {
        let Some(id) = policy.annotation("id").filter(|id| !id.is_empty()) else {
            let first = policy.to_string();
            let first = first.lines().next().unwrap_or_default().to_owned();
            let cure = format!("a policy has no id; write @id(\"…\") above `{first}`");
            return Err(refused(source, None, cure));
        };
        if !seen.insert(id.to_owned()) {
            let cure = "has the id of another policy; give it one of its own";
            return Err(refused(source, Some(&PolicyId::new(id)), cure));
        }
        policies.push(policy.new_id(PolicyId::new(id)));
    }
    Ok(policies)
}

/// Cedar's words and the line they are about.
fn in_place(text: &str, error: &cedar_policy::ParseErrors) -> String {
    use miette::Diagnostic;
    let label = error.labels().and_then(|mut labels| labels.next());
    match label {
        Some(label) => {
            let before = text.get(..label.offset()).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            format!("line {line}: {error}")
        }
        None => error.to_string(),
    }
}

fn refused(
    source: Source<'_>,
    policy: Option<&PolicyId>,
    problem: impl std::fmt::Display,
) -> Error {
    let name = source.name;
    let problem = problem.to_string();
    let problem = problem.trim_end_matches('.');
    let message = match policy {
        Some(id) => format!("{name}: policy \"{id}\": {problem}."),
        None => format!("{name}: {problem}."),
    };
    Error::new(Reason::FailedPrecondition, message)
}
