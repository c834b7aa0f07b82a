//! What a rule may speak about.

use dossier_filter::{Call, FieldType, Schema};

use super::aggregate::FUNCTIONS;
use super::{Aggregate, Attributes, CustomerType, Gender};

/// The fields that every customer has.
pub const FIELDS: [&str; 14] = [
    "type",
    "gender",
    "birth_date",
    "region_code",
    "language_code",
    "time_zone",
    "owner",
    "team",
    "create_time",
    "tags",
    "industry",
    "response_count",
    "last_response_time",
    "open_case_count",
];

/// The fixed fields, the functions, and the tenant's attributes.
pub struct RuleSchema<'a> {
    pub attributes: &'a Attributes,
}

impl Schema for RuleSchema<'_> {
    fn field(&self, path: &[String]) -> Option<FieldType> {
        match path {
            [name] => fixed_field(name),
            [attributes, id] if attributes == "attributes" => {
                Some(self.attributes.get(id)?.field_type())
            }
            _ => None,
        }
    }

    fn function(&self, call: &Call) -> Option<Result<FieldType, String>> {
        Some(Aggregate::of(call)?.map(|aggregate| aggregate.result_type()))
    }

    fn known(&self) -> Vec<String> {
        let attributes = self.attributes.keys().map(|id| format!("attributes.{id}"));
        FIELDS
            .iter()
            .chain(&FUNCTIONS)
            .map(|&name| name.to_owned())
            .chain(attributes)
            .collect()
    }
}

/// Whether a field is about what the customer said.
pub fn is_feedback(path: &[String]) -> bool {
    matches!(path, [name] if matches!(
        name.as_str(), "response_count" | "last_response_time" | "open_case_count"
    ))
}

fn fixed_field(name: &str) -> Option<FieldType> {
    Some(match name {
        "type" => FieldType::Enum(CustomerType::ALL.map(|t| t.as_str().to_owned()).to_vec()),
        "gender" => FieldType::Enum(Gender::ALL.map(|g| g.as_str().to_owned()).to_vec()),
        "birth_date" => FieldType::Date,
        "region_code" | "language_code" | "time_zone" | "owner" | "team" => FieldType::String,
        "create_time" | "last_response_time" => FieldType::Time,
        "tags" | "industry" => FieldType::StringSet,
        "response_count" | "open_case_count" => FieldType::Int,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_field_has_a_type() {
        for name in FIELDS {
            assert!(fixed_field(name).is_some(), "{name}");
        }
    }
}
