//! What the columns of a CSV file mean.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dossier_kernel::{Error, Reason, Result, Violation};

use super::origin::HeaderNames;
use crate::domain::{AttributeType, Definitions, is_namespace};

/// The field of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    Ignored,
    Type,
    DisplayName,
    GivenName,
    FamilyName,
    LegalName,
    Gender,
    BirthDate,
    RegionCode,
    LanguageCode,
    TimeZone,
    Owner,
    Team,
    Email,
    Phone,
    Tags,
    ExternalId { namespace: String },
    Attribute { id: String, kind: AttributeType },
}

const KNOWN: &str = "type, display_name, given_name, family_name, legal_name, gender, birth_date, \
                     region_code, language_code, time_zone, owner, team, email, phone, tags, \
                     external_id.{namespace}, attributes.{id}";

/// The meaning of every column, from the header row.
#[derive(Debug)]
pub struct Columns {
    pub fields: Vec<Field>,
    pub names: Arc<HeaderNames>,
}

impl Columns {
    /// `mapping` goes from the file's names to ours; an empty one ignores the column.
    ///
    /// Columns that mean nothing are named by their number: in a file without a header row, the
    /// first row is a customer.
    pub fn read(
        header: Vec<String>,
        mapping: &BTreeMap<String, String>,
        definitions: &Definitions,
    ) -> Result<Self> {
        let mut violations = Vec::new();
        let mut fields = Vec::with_capacity(header.len());
        let mut by_field: HashMap<String, usize> = HashMap::new();
        for (index, column) in header.iter().enumerate() {
            let name = mapping.get(column).unwrap_or(column);
            let field = if name.is_empty() {
                Some(Field::Ignored)
            } else {
                field(name, definitions)
            };
            let Some(field) = field else {
                let number = index + 1;
                violations.push(Violation::new(
                    format!("columns[{index}]"),
                    format!(
                        "column {number} is none of {KNOWN}; map it in header.column_mapping, to nothing to ignore it"
                    ),
                ));
                continue;
            };
            let repeatable = matches!(
                field,
                Field::Ignored | Field::Email | Field::Phone | Field::ExternalId { .. }
            );
            if !repeatable && by_field.insert(name.clone(), index).is_some() {
                violations.push(Violation::new(
                    format!("columns[{index}]"),
                    format!("column {} repeats {name}; keep one column", index + 1),
                ));
            }
            fields.push(field);
        }
        for column in mapping.keys().filter(|column| !header.contains(column)) {
            violations.push(Violation::new(
                "header.column_mapping",
                format!("names the column `{column}`, which the file does not have"),
            ));
        }
        if violations.is_empty() {
            return Ok(Self {
                fields,
                names: Arc::new(HeaderNames {
                    columns: header,
                    by_field,
                }),
            });
        }
        let message = "The columns of the file are not understood; see the field violations.";
        Err(Error::new(Reason::InvalidArgument, message).with_violations(violations))
    }
}

fn field(name: &str, definitions: &Definitions) -> Option<Field> {
    Some(match name {
        "type" => Field::Type,
        "display_name" => Field::DisplayName,
        "given_name" => Field::GivenName,
        "family_name" => Field::FamilyName,
        "legal_name" => Field::LegalName,
        "gender" => Field::Gender,
        "birth_date" => Field::BirthDate,
        "region_code" => Field::RegionCode,
        "language_code" => Field::LanguageCode,
        "time_zone" => Field::TimeZone,
        "owner" => Field::Owner,
        "team" => Field::Team,
        "email" => Field::Email,
        "phone" => Field::Phone,
        "tags" => Field::Tags,
        _ => {
            if let Some(namespace) = name.strip_prefix("external_id.") {
                let namespace = namespace.to_owned();
                return is_namespace(&namespace).then_some(Field::ExternalId { namespace });
            }
            let definition = definitions.get(name.strip_prefix("attributes.")?)?;
            Field::Attribute {
                id: definition.id.clone(),
                kind: definition.kind,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &[&str], mapping: &[(&str, &str)]) -> Result<Columns> {
        let owned = |text: &&str| (*text).to_owned();
        let mapping = mapping
            .iter()
            .map(|(from, to)| (owned(from), owned(to)))
            .collect();
        Columns::read(
            header.iter().map(owned).collect(),
            &mapping,
            &Definitions::new(),
        )
    }

    #[test]
    fn columns_keep_their_own_names_or_are_mapped() {
        let columns = read(
            &["email", "Name", "external_id.crm", "x"],
            &[("Name", "display_name"), ("x", "")],
        )
        .expect("understood");
        let namespace = "crm".to_owned();
        let wanted = [
            Field::Email,
            Field::DisplayName,
            Field::ExternalId { namespace },
            Field::Ignored,
        ];
        assert_eq!(columns.fields, wanted);
    }

    #[test]
    fn what_means_nothing_is_named_by_its_number() {
        let refused = read(
            &["type", "Wang Xiaoming", "type", "attributes.nosuch"],
            &[("y", "tags")],
        )
        .expect_err("refused");
        let fields: Vec<_> = refused
            .violations()
            .iter()
            .map(|v| v.field.as_str())
            .collect();
        let wanted = [
            "columns[1]",
            "columns[2]",
            "columns[3]",
            "header.column_mapping",
        ];
        assert_eq!(fields, wanted);
        assert!(!format!("{refused:?}").contains("Wang"));
    }
}
