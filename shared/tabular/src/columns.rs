//! What the columns of a table mean: as the caller maps them, else by our own names, else by the
//! names of the program that the table seems to come from.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use dossier_kernel::{Error, Reason, Result, Violation};

use crate::dialect::{DIALECTS, Dialect};
use crate::field::{Field, KNOWN};
use crate::origin::HeaderNames;

/// What the caller says about columns.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    /// From the file's names to ours; an empty one ignores the column.
    pub columns: BTreeMap<String, String>,
    /// Columns that mean nothing are reported and left out, instead of refusing the file.
    pub ignore_unknown: bool,
    /// The ids of the attributes that exist.
    pub attributes: BTreeSet<String>,
}

/// The meaning of every column.
#[derive(Debug)]
pub struct Columns {
    pub fields: Vec<Field>,
    pub names: Arc<HeaderNames>,
    /// What each column was taken for, in their order: the caller's words for what was understood.
    pub meanings: Vec<Meaning>,
    /// The program whose names were recognised.
    pub dialect: Option<&'static str>,
}

/// What was made of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// Our name of the field; empty when the column is left out.
    pub field: String,
    pub why: Why,
}

/// Who said what a column means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The caller's mapping.
    Mapped,
    /// The name is one of ours.
    OurName,
    /// The name is one of a program's.
    Recognised,
    /// Nobody knows the name, and the caller said to leave such columns out.
    Unknown,
}

impl Columns {
    /// From the header row. Everything that is wrong with it is named at once.
    ///
    /// Columns that mean nothing are named by their number: in a file without a header row, the
    /// first row is a customer.
    pub fn read(header: Vec<String>, mapping: &Mapping) -> Result<Self> {
        let small: Vec<String> = header.iter().map(|name| name.to_lowercase()).collect();
        let dialect = recognised(&small);
        let mut violations = Vec::new();
        let mut fields = Vec::with_capacity(header.len());
        let mut meanings = Vec::with_capacity(header.len());
        let mut by_field: HashMap<String, usize> = HashMap::new();
        for (index, column) in header.iter().enumerate() {
            let meaning = meaning(column, &small[index], dialect, mapping);
            let field = meaning.as_ref().and_then(|meaning| {
                Field::parse(&meaning.field).filter(|field| exists(field, mapping))
            });
            let (Some(meaning), Some(field)) = (meaning, field) else {
                violations.push(Violation::new(
                    format!("columns[{index}]"),
                    format!(
                        "column {} is none of {KNOWN}, nor one that Google Contacts, HubSpot, \
                         Salesforce or Zoho CRM export; map it in header.column_mapping, to \
                         nothing to ignore it, or set header.ignore_unknown_columns",
                        index + 1
                    ),
                ));
                continue;
            };
            if let Some(before) = by_field.insert(meaning.field.clone(), index)
                && !field.is_repeatable()
            {
                violations.push(Violation::new(
                    format!("columns[{index}]"),
                    format!(
                        "columns {} and {} both mean {}; map one of them to nothing",
                        before + 1,
                        index + 1,
                        meaning.field
                    ),
                ));
            }
            fields.push(field);
            meanings.push(meaning);
        }
        for column in mapping.columns.keys().filter(|name| !header.contains(name)) {
            violations.push(Violation::new(
                "header.column_mapping",
                format!("names the column `{column}`, which the file does not have"),
            ));
        }
        if !violations.is_empty() {
            let message = "The columns of the file are not understood; see the field violations.";
            return Err(Error::new(Reason::InvalidArgument, message).with_violations(violations));
        }
        let used = meanings
            .iter()
            .any(|meaning| meaning.why == Why::Recognised);
        by_field.remove("");
        Ok(Self {
            names: Arc::new(HeaderNames {
                columns: header,
                by_field,
            }),
            fields,
            meanings,
            dialect: dialect.filter(|_| used).map(|dialect| dialect.name),
        })
    }
}

/// The dialect that knows the most columns; of equals the first.
fn recognised(columns: &[String]) -> Option<&'static Dialect> {
    let mut best: Option<(&Dialect, usize)> = None;
    for dialect in &DIALECTS {
        let likeness = dialect.likeness(columns);
        if likeness > best.map_or(0, |(_, most)| most) {
            best = Some((dialect, likeness));
        }
    }
    best.map(|(dialect, _)| dialect)
}

/// What `column` means; `None` when nobody knows.
fn meaning(
    column: &str,
    small: &str,
    dialect: Option<&Dialect>,
    mapping: &Mapping,
) -> Option<Meaning> {
    if let Some(field) = mapping.columns.get(column) {
        let (field, why) = (field.clone(), Why::Mapped);
        return Some(Meaning { field, why });
    }
    // Spreadsheets write cells beyond the last column that has a name.
    if column.is_empty() {
        let (field, why) = (String::new(), Why::Unknown);
        return Some(Meaning { field, why });
    }
    let ours =
        Field::parse(column).filter(|field| exists(field, mapping) && *field != Field::Ignored);
    if ours.is_some() || column == "masked_fields" {
        let (field, why) = (column.to_owned(), Why::OurName);
        return Some(Meaning { field, why });
    }
    if let Some(field) = dialect.and_then(|dialect| dialect.field(small)) {
        let why = Why::Recognised;
        return Some(Meaning { field, why });
    }
    mapping.ignore_unknown.then(|| Meaning {
        field: String::new(),
        why: Why::Unknown,
    })
}

fn exists(field: &Field, mapping: &Mapping) -> bool {
    match field {
        Field::Attribute { id } => mapping.attributes.contains(id),
        // 1 to 63 characters, as the contract has it.
        Field::ExternalId { namespace } => {
            let legal = |byte: u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte)
            };
            (1..=63).contains(&namespace.len()) && namespace.bytes().all(legal)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{ContactPointType, Single};
    use crate::field::Group;

    fn read(header: &[&str], mapping: &[(&str, &str)]) -> Result<Columns> {
        let owned = |text: &&str| (*text).to_owned();
        let columns = mapping
            .iter()
            .map(|(from, to)| (owned(from), owned(to)))
            .collect();
        let mapping = Mapping {
            columns,
            attributes: ["tier".to_owned()].into(),
            ..Mapping::default()
        };
        Columns::read(header.iter().map(owned).collect(), &mapping)
    }

    fn meanings(header: &str) -> (Option<&'static str>, Vec<String>) {
        let header: Vec<&str> = header.split(',').collect();
        let columns = read(&header, &[]).unwrap_or_else(|error| panic!("{header:?}: {error:?}"));
        let fields = columns.meanings.into_iter().map(|meaning| meaning.field);
        (columns.dialect, fields.collect())
    }

    #[test]
    fn columns_keep_their_own_names_or_are_mapped() {
        let columns = read(
            &["email", "Name", "external_id.crm", "x", "attributes.tier"],
            &[("Name", "given_name"), ("x", "")],
        )
        .expect("understood");
        let kind = ContactPointType::Email;
        let namespace = "crm".to_owned();
        let wanted = [
            Field::ContactPoint {
                kind,
                group: Group::default(),
            },
            Field::Single(Single::GivenName),
            Field::ExternalId { namespace },
            Field::Ignored,
            Field::Attribute {
                id: "tier".to_owned(),
            },
        ];
        assert_eq!(columns.fields, wanted);
        assert_eq!(columns.dialect, None);
    }

    #[test]
    fn what_means_nothing_is_named_by_its_number() {
        let refused = read(
            &[
                "type",
                "Wang Xiaoming",
                "type",
                "attributes.nosuch",
                "external_id.A",
            ],
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
            "columns[4]",
            "header.column_mapping",
        ];
        assert_eq!(fields, wanted);
        assert!(!format!("{refused:?}").contains("Wang"));
    }

    #[test]
    fn unknown_columns_are_left_out_where_the_caller_says_so_and_reported() {
        let mapping = Mapping {
            ignore_unknown: true,
            ..Mapping::default()
        };
        let header = ["email", "Shoe size"].map(str::to_owned).to_vec();
        let columns = Columns::read(header, &mapping).expect("understood");
        assert_eq!(columns.fields[1], Field::Ignored);
        assert_eq!(columns.meanings[1].why, Why::Unknown);
        // Spreadsheets leave columns without a name behind.
        let columns = read(&["email", "", ""], &[]).expect("understood");
        assert_eq!(columns.fields[1..], [Field::Ignored, Field::Ignored]);
    }

    #[test]
    fn exports_of_other_programs_are_recognised() {
        let (dialect, fields) = meanings(
            "First Name,Middle Name,Last Name,Phonetic First Name,Birthday,Labels,\
             E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Address 1 - Country",
        );
        assert_eq!(dialect, Some("Google Contacts"));
        let wanted = [
            "given_name",
            "",
            "family_name",
            "",
            "birth_date",
            "tags",
            "email[1].label",
            "email[1]",
            "phone[1].label",
            "phone[1]",
            "address[1].region_code",
        ];
        assert_eq!(fields, wanted);

        let (dialect, fields) =
            meanings("Id,AccountId,LastName,FirstName,MailingCity,MobilePhone,Email");
        assert_eq!(dialect, Some("Salesforce contacts"));
        let wanted = [
            "external_id.salesforce",
            "",
            "family_name",
            "given_name",
            "address.locality",
            "phone:mobile",
            "email",
        ];
        assert_eq!(fields, wanted);

        let (dialect, fields) = meanings(
            "Record ID,First Name,Last Name,Email,Phone Number,Contact owner,Lifecycle Stage,Country/Region",
        );
        assert_eq!(dialect, Some("HubSpot contacts"));
        assert_eq!(fields[0], "external_id.hubspot");
        assert_eq!(
            (fields[5].as_str(), fields[7].as_str()),
            ("", "address.region_code")
        );

        let (dialect, fields) = meanings(
            "Record Id,Contact Owner.id,Contact Owner,First Name,Last Name,Email,Mobile,Mailing Zip,Tag",
        );
        assert_eq!(dialect, Some("Zoho CRM contacts"));
        assert_eq!(
            (fields[0].as_str(), fields[7].as_str()),
            ("external_id.zoho", "address.postal_code")
        );

        let (dialect, _) =
            meanings("Account ID,Account Name,Billing Street,Billing Code,Account Owner.id");
        assert_eq!(dialect, Some("Zoho CRM accounts"));
        let (dialect, fields) = meanings("姓名,手机,邮箱,性别,省份,城市,标签");
        assert_eq!(dialect, Some("a table"));
        let wanted = [
            "display_name",
            "phone:mobile",
            "email",
            "gender",
            "address.administrative_area",
            "address.locality",
            "tags",
        ];
        assert_eq!(fields, wanted);
    }

    #[test]
    fn two_columns_of_one_meaning_are_ambiguous() {
        let refused = read(&["姓名", "客户姓名"], &[]).expect_err("refused");
        assert_eq!(refused.violations()[0].field, "columns[1]");
        assert!(read(&["姓名", "客户姓名"], &[("客户姓名", "")]).is_ok());
        // Each is a phone of its own.
        assert!(read(&["手机", "移动电话"], &[]).is_ok());
    }
}
