//! What a policy asks for, read from its JSON form.
//!
//! At the edge nothing is known of the resource yet. A clause (`when` or `unless`) that asks for
//! its owner, team or tags cannot be decided there, so it is left to the service: a permit is held
//! without the clause (perhaps some row fulfils it), a forbid with such a clause is not held at all
//! (perhaps no row does). What is refused even so, no row could allow.

use std::collections::BTreeSet;

use serde_json::Value;

/// What one policy, or all policies of an action, ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    /// The actions that the scope names; `None` for every action.
    pub actions: Option<BTreeSet<String>>,
    pub owner: bool,
    pub team: bool,
    pub tags: bool,
    pub purpose: bool,
}

impl Mentions {
    pub const NOTHING: Self = Self {
        actions: None,
        owner: false,
        team: false,
        tags: false,
        purpose: false,
    };

    /// Fails in words for policies that name one resource: rows have no names here.
    pub fn of(policy: &Value) -> Result<Self, &'static str> {
        const ONE_RESOURCE: &str = "names a single resource; decide on resource.tenant, owner, team, tags or data_class instead";
        if !matches!(op(&policy["resource"]), Some("All" | "is")) {
            return Err(ONE_RESOURCE);
        }
        let mut found = Self {
            actions: actions(&policy["action"]),
            ..Self::default()
        };
        match found.walk(&policy["conditions"]) {
            true => Ok(found),
            false => Err(ONE_RESOURCE),
        }
    }

    pub const fn asks_about_rows(&self) -> bool {
        self.owner || self.team || self.tags
    }

    /// Takes in what another policy of the same action asks for.
    pub const fn also(&mut self, other: &Self) {
        self.owner |= other.owner;
        self.team |= other.team;
        self.tags |= other.tags;
        self.purpose |= other.purpose;
    }

    /// False where the resource is used as a whole.
    fn walk(&mut self, clause: &Value) -> bool {
        match clause {
            Value::Object(fields) => fields.iter().all(|(operator, operands)| {
                if operator == "Var"
                    && let Some(name) = operands.as_str()
                {
                    // Of the context as a whole, whatever it is used for, the purpose is a part.
                    self.purpose |= name == "context";
                    return name != "resource";
                }
                match (operator.as_str(), variable(operands)) {
                    ("." | "has", Some("resource")) => {
                        match operands["attr"].as_str() {
                            Some("owner") => self.owner = true,
                            Some("team") => self.team = true,
                            Some("tags") => self.tags = true,
                            _ => {}
                        }
                        true
                    }
                    ("." | "has", Some("context")) => {
                        self.purpose |= operands["attr"] == "purpose";
                        true
                    }
                    // Every resource is one, and none is in another.
                    ("is", Some("resource")) => operands.get("in").is_none_or(Value::is_null),
                    _ => self.walk(operands),
                }
            }),
            Value::Array(clauses) => clauses.iter().all(|clause| self.walk(clause)),
            _ => true,
        }
    }
}

/// The policy as it can be held where no row is known; `None` for a forbid that depends on one.
pub fn leave_rows_open(mut policy: Value) -> Option<Value> {
    let forbids = policy["effect"] == "forbid";
    let clauses = policy["conditions"].as_array_mut()?;
    let before = clauses.len();
    clauses.retain(|clause| !asks_about_row(clause));
    let depends = clauses.len() < before;
    (!(forbids && depends)).then_some(policy)
}

fn asks_about_row(clause: &Value) -> bool {
    let mut found = Mentions::default();
    found.walk(clause);
    found.asks_about_rows()
}

fn op(constraint: &Value) -> Option<&str> {
    // `resource is Resource in …` has both.
    match constraint.get("in") {
        Some(_) => None,
        None => constraint["op"].as_str(),
    }
}

/// The variable on the left of an operator, where it is one.
fn variable(operands: &Value) -> Option<&str> {
    operands["left"]["Var"].as_str()
}

fn actions(constraint: &Value) -> Option<BTreeSet<String>> {
    let id = |entity: &Value| entity["id"].as_str().map(str::to_owned);
    let one = constraint.get("entity").and_then(id);
    let many = constraint.get("entities").and_then(Value::as_array);
    match (one, many) {
        (None, None) => None,
        (one, many) => Some(
            one.into_iter()
                .chain(many.into_iter().flatten().filter_map(id))
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use cedar_policy::Policy;

    use super::*;

    fn json(text: &str) -> Value {
        let policy = Policy::parse(None, text).expect("parses");
        policy.to_json().expect("has a JSON form")
    }

    fn mentions(clauses: &str) -> Result<Mentions, &'static str> {
        Mentions::of(&json(&format!(
            "permit (principal, action, resource) {clauses};"
        )))
    }

    #[test]
    fn facts_are_found_wherever_they_are_asked_for() {
        for clause in [
            "when { resource.owner == principal.name }",
            "when { resource has owner }",
            "unless { false || (if resource has owner && 1 < 2 then true else false) }",
        ] {
            let found = mentions(clause).expect("fine");
            assert!(found.owner && !found.team && !found.tags, "{clause}");
        }
        assert!(
            mentions("when { principal in resource.team }")
                .expect("fine")
                .team
        );
        assert!(
            mentions("when { resource.tags.contains(\"vip\") }")
                .expect("fine")
                .tags
        );
        assert!(mentions("when { resource.tags has x }").expect("fine").tags);
        let found = mentions("when { context has purpose && context.purpose == \"care\" }");
        assert!(found.expect("fine").purpose);
        let found = mentions("when { (if true then context else context) has purpose }");
        assert!(found.expect("fine").purpose, "the context as a whole");
        let found = mentions("when { principal.owner == context.team }").expect("fine");
        assert_eq!(found, Mentions::default());
        let found = mentions("when { resource.data_class == DataClass::\"OPEN\" }");
        assert!(!found.expect("fine").asks_about_rows());
    }

    #[test]
    fn a_resource_as_a_whole_is_refused() {
        for clause in [
            "when { resource == Resource::\"x\" }",
            "when { resource in Resource::\"x\" }",
            "when { resource is Resource in Resource::\"x\" }",
            "when { [resource].contains(resource) }",
        ] {
            assert!(mentions(clause).is_err(), "{clause}");
        }
        let scope = "permit (principal, action, resource == Resource::\"x\");";
        assert!(Mentions::of(&json(scope)).is_err());
        let scope = "permit (principal, action, resource is Resource in Resource::\"x\");";
        assert!(Mentions::of(&json(scope)).is_err());
        let scope = "permit (principal, action, resource is Resource);";
        assert!(Mentions::of(&json(scope)).is_ok());
    }

    #[test]
    fn actions_are_those_of_the_scope() {
        let of = |scope: &str| {
            let text = format!("permit (principal, {scope}, resource);");
            Mentions::of(&json(&text)).expect("fine").actions
        };
        assert_eq!(of("action"), None);
        assert_eq!(of("action == Action::\"a\""), Some(["a".to_owned()].into()));
        let both = Some(["a".to_owned(), "b".to_owned()].into());
        assert_eq!(of("action in [Action::\"a\", Action::\"b\"]"), both);
    }

    #[test]
    fn clauses_about_a_row_are_left_to_the_row() {
        let text = "permit (principal, action, resource) \
                    when { context.all_tenants } when { resource has owner };";
        let left = leave_rows_open(json(text)).expect("a permit stays");
        assert_eq!(left["conditions"].as_array().map(Vec::len), Some(1));
        let text = "forbid (principal, action, resource) when { resource has owner };";
        assert_eq!(leave_rows_open(json(text)), None);
        let text = "forbid (principal, action, resource) unless { context.all_tenants };";
        assert!(leave_rows_open(json(text)).is_some());
    }
}
