//! What other programs call their columns.
//!
//! The names are those of the programs' own exports and of their documented fields: Google Contacts
//! ("Google CSV", before and since 2024), HubSpot (contacts and companies), Salesforce (API names, as
//! Data Loader exports them, and the labels of reports; Contact and Account) and Zoho CRM (Contacts
//! and Accounts); and the words in which tables are kept in Chinese. An empty field says that the
//! column is known and that a customer's file has no place for it.

mod google;
mod hubspot;
mod people;
mod salesforce;
mod zoho;

/// The columns of one program's export of one kind of record.
pub struct Dialect {
    pub name: &'static str,
    /// From the column, in small letters, to the field.
    pub columns: &'static [(&'static str, &'static str)],
    /// Columns that nobody else has: with none of them, a file is not of this dialect.
    pub marks: &'static [&'static str],
    /// Columns that are known and held nowhere.
    pub unheld: &'static [&'static str],
}

impl Dialect {
    /// The field of a column, empty where a file has no place for it. `column` is in small letters.
    pub fn field(&self, column: &str) -> Option<String> {
        if let Some((_, field)) = self.columns.iter().find(|(name, _)| *name == column) {
            return Some((*field).to_owned());
        }
        if self.unheld.contains(&column) {
            return Some(String::new());
        }
        (self.name == GOOGLE).then(|| numbered(column)).flatten()
    }

    /// How many of the columns it knows; 0 when the file is not of this dialect.
    pub fn likeness(&self, columns: &[String]) -> usize {
        let marked = |column: &String| {
            self.marks.contains(&column.as_str())
                || (self.name == GOOGLE && numbered(column).is_some())
        };
        if !self.marks.is_empty() && !columns.iter().any(marked) {
            return 0;
        }
        let known = columns.iter().filter(|column| self.field(column).is_some());
        known.count()
    }
}

const GOOGLE: &str = "Google Contacts";

/// Google numbers what there can be several of: `E-mail 2 - Value`.
fn numbered(column: &str) -> Option<String> {
    let (thing, part) = column.split_once(" - ")?;
    let (thing, number) = thing.rsplit_once(' ')?;
    let number: u16 = number.parse().ok().filter(|number| *number > 0)?;
    let part = match (thing, part) {
        ("e-mail", "value") => return Some(format!("email[{number}]")),
        ("e-mail", "label" | "type") => return Some(format!("email[{number}].label")),
        ("phone", "value") => return Some(format!("phone[{number}]")),
        ("phone", "label" | "type") => return Some(format!("phone[{number}].label")),
        ("address", "street" | "extended address") => "address_lines",
        ("address", "city") => "locality",
        ("address", "region") => "administrative_area",
        ("address", "postal code") => "postal_code",
        ("address", "country") => "region_code",
        ("address", "label" | "type") => "label",
        (
            "address" | "organization" | "relation" | "website" | "event" | "custom field" | "im"
            | "calendar link" | "jot" | "external id",
            _,
        ) => return Some(String::new()),
        _ => return None,
    };
    Some(format!("address[{number}].{part}"))
}

/// In this order: the first of equals is taken.
pub const DIALECTS: [Dialect; 8] = [
    google::CONTACTS,
    salesforce::CONTACTS,
    salesforce::ACCOUNTS,
    hubspot::CONTACTS,
    hubspot::COMPANIES,
    zoho::CONTACTS,
    zoho::ACCOUNTS,
    people::TABLE,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::field::Field;

    #[test]
    fn every_field_exists_and_no_column_is_named_twice() {
        for dialect in &DIALECTS {
            let mut seen = BTreeSet::new();
            for (column, field) in dialect.columns {
                assert!(Field::parse(field).is_some(), "{column}: {field}");
                assert!(seen.insert(*column), "{}: {column}", dialect.name);
            }
            for column in dialect.unheld {
                assert!(seen.insert(column), "{}: {column}", dialect.name);
            }
            let marks = dialect.marks.iter();
            let strange: Vec<_> = marks.filter(|mark| !seen.contains(*mark)).collect();
            assert!(strange.is_empty(), "{}: {strange:?}", dialect.name);
        }
    }

    #[test]
    fn google_numbers_its_columns() {
        assert_eq!(numbered("e-mail 2 - value").as_deref(), Some("email[2]"));
        assert_eq!(
            numbered("address 1 - city").as_deref(),
            Some("address[1].locality")
        );
        assert_eq!(numbered("website 1 - value").as_deref(), Some(""));
        assert_eq!(numbered("fax 1 - value"), None);
        assert_eq!(numbered("e-mail 0 - value"), None);
    }
}
