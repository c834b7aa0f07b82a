//! The resource names in a message, and names of nobody to put in their place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

/// Ids of the resources that messages name.
#[derive(Debug, Default)]
pub struct Names(BTreeSet<String>);

/// Ids that exist nowhere, by the ids they stand for.
pub struct Strangers(BTreeMap<String, String>);

impl Names {
    pub fn in_bodies(bodies: &[Value]) -> Self {
        let mut ids = BTreeSet::new();
        for body in bodies {
            visit(body, &mut |text| ids.extend(ids_of(text)));
        }
        Self(ids)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that the suite made, which are unique everywhere.
    pub fn made_ids(&self) -> impl Iterator<Item = String> {
        let made = |id: &&String| Uuid::parse_str(id).is_ok();
        self.0.iter().filter(made).cloned()
    }

    /// One for each, of the same form.
    pub fn strangers(&self) -> Strangers {
        let stranger = |id: &String| {
            let fresh = match Uuid::parse_str(id) {
                Ok(_) => Uuid::now_v7().to_string(),
                Err(_) => format!("x{}", &Uuid::new_v4().simple().to_string()[..12]),
            };
            (id.clone(), fresh)
        };
        Strangers(self.0.iter().map(stranger).collect())
    }
}

impl Strangers {
    pub fn put_into(&self, body: &Value) -> Value {
        match body {
            Value::String(text) => {
                Value::String(self.0.iter().fold(text.clone(), |text, (id, fresh)| {
                    text.replace(id.as_str(), fresh)
                }))
            }
            Value::Array(values) => values.iter().map(|value| self.put_into(value)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(field, value)| (field.clone(), self.put_into(value)))
                .collect(),
            other => other.clone(),
        }
    }

    /// The text with the ids that they stand for.
    pub fn take_out(&self, text: &str) -> String {
        let put_back = |text: String, (id, fresh): (&String, &String)| text.replace(fresh, id);
        self.0.iter().fold(text.to_owned(), put_back)
    }
}

/// `customers/{id}` and `surveys/{id}/responses/{id}`, also inside other words such as filters.
fn ids_of(text: &str) -> Vec<String> {
    let part_of_name = |c: char| c.is_ascii_alphanumeric() || "/-_".contains(c);
    let mut ids = Vec::new();
    for word in text.split(|c| !part_of_name(c)) {
        let parts: Vec<&str> = word.split('/').collect();
        for pair in parts.windows(2) {
            // The services of the suite are nobody's.
            let collection = pair[0] != "services"
                && pair[0].starts_with(|c: char| c.is_ascii_lowercase())
                && pair[0].ends_with('s')
                && pair[0].bytes().all(|b| b.is_ascii_alphabetic());
            if collection && !pair[1].is_empty() {
                ids.push(pair[1].to_owned());
            }
        }
    }
    ids
}

fn visit(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(values) => values.iter().for_each(|value| visit(value, see)),
        Value::Object(fields) => fields.values().for_each(|value| visit(value, see)),
        _ => {}
    }
}

#[test]
fn names_are_found_replaced_and_put_back() {
    let id = Uuid::now_v7().to_string();
    let body = serde_json::json!({
        "name": format!("surveys/{id}/invitations/seven"),
        "filter": format!("customer = \"customers/{id}\" AND channel = \"web\""),
        "time_zone": "Asia/Shanghai",
    });
    let names = Names::in_bodies(std::slice::from_ref(&body));
    assert_eq!(names.0, BTreeSet::from([id.clone(), "seven".to_owned()]));
    assert_eq!(names.made_ids().collect::<Vec<_>>(), [id.as_str()]);
    let strangers = names.strangers();
    let other = strangers.put_into(&body).to_string();
    assert!(!other.contains(&id) && !other.contains("seven"));
    assert!(other.contains("Asia/Shanghai"));
    assert_eq!(strangers.take_out(&other), body.to_string());
}
