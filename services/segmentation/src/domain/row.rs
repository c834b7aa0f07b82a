//! A customer as the filter language looks at it, at one instant.

use std::cell::Cell;

use dossier_filter::{Call, Row, Value};
use dossier_kernel::{Currency, Timestamp};

use super::{Aggregate, Customer, Feedback, Profile};

/// Notes, while it is looked at, when what was seen can change next. What the evaluator never looks
/// at cannot change the verdict before something it did look at changes.
pub struct CustomerRow<'a> {
    pub customer: &'a Customer,
    pub profile: &'a Profile,
    pub at: Timestamp,
    /// The tenant's.
    pub currency: Currency,
    pub next_change: Cell<Option<Timestamp>>,
}

impl Row for CustomerRow<'_> {
    fn field(&self, path: &[String]) -> Value {
        let value = match path {
            [name] => self.fixed_field(name),
            [_, id] => {
                let value = self.profile.attributes.get(id);
                value.map(|value| value.to_filter_value(self.currency))
            }
            _ => None,
        };
        value.unwrap_or(Value::Null)
    }

    fn call(&self, call: &Call) -> Value {
        let Some(Ok(aggregate)) = Aggregate::of(call) else {
            return Value::Null;
        };
        let next = aggregate.next_change(self.customer, self.at, self.currency);
        self.next_change.set(earlier(self.next_change.get(), next));
        aggregate.value(self.customer, self.at, self.currency)
    }
}

impl CustomerRow<'_> {
    fn fixed_field(&self, name: &str) -> Option<Value> {
        let Profile {
            kind,
            gender,
            birth_date,
            region_code,
            language_code,
            time_zone,
            owner,
            team,
            create_time,
            tags,
            industry,
            attributes: _,
        } = self.profile;
        let Feedback {
            response_count,
            last_response_time,
            open_case_count,
        } = self.customer.feedback;
        match name {
            "type" => Some(Value::String(kind.as_str().to_owned())),
            "gender" => gender.map(|gender| Value::String(gender.as_str().to_owned())),
            "birth_date" => birth_date.map(Value::Date),
            "region_code" => region_code.clone().map(Value::String),
            "language_code" => language_code.clone().map(Value::String),
            "time_zone" => time_zone.clone().map(Value::String),
            "owner" => owner.clone().map(Value::String),
            "team" => team.clone().map(Value::String),
            "create_time" => Some(Value::Time(*create_time)),
            "tags" => Some(Value::Set(tags.clone())),
            "industry" => Some(Value::Set(industry.clone())),
            "response_count" => Some(Value::Int(response_count)),
            "last_response_time" => last_response_time.map(Value::Time),
            "open_case_count" => Some(Value::Int(open_case_count)),
            _ => None,
        }
    }
}

pub fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
