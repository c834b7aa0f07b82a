//! What a list of cases may be filtered on.

use dossier_filter::{FieldType, Schema};

use super::{CaseState, CaseType};

/// The fields of `ListCasesRequest.filter`.
pub struct CaseFields;

const FIELDS: [&str; 6] = [
    "type",
    "state",
    "customer",
    "channel",
    "create_time",
    "update_time",
];

impl Schema for CaseFields {
    fn field(&self, path: &[String]) -> Option<FieldType> {
        let [name] = path else { return None };
        let words = |words: &[&'static str]| {
            FieldType::Enum(words.iter().map(|w| (*w).to_owned()).collect())
        };
        match name.as_str() {
            "type" => Some(words(&CaseType::ALL.map(CaseType::as_str))),
            "state" => Some(words(&CaseState::ALL.map(CaseState::as_str))),
            "customer" => Some(FieldType::Id),
            "channel" => Some(FieldType::String),
            "create_time" | "update_time" => Some(FieldType::Time),
            _ => None,
        }
    }

    fn known(&self) -> Vec<String> {
        FIELDS.map(str::to_owned).to_vec()
    }
}
