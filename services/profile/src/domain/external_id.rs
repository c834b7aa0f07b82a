//! The id of a customer in another system.
//!
//! Two namespaces are well known: [`RESIDENT_ID`] and [`CREDIT_CODE`]. What states give to people
//! and companies identifies exactly as other systems' ids do, is looked up, kept unique and sealed
//! in the same way, and has besides a checksum.

use dossier_kernel::Pii;

use super::{CustomerType, Many, Violations, credit_code, resident_id};

pub const COUNT_MAX: usize = 100;

/// Holds the number of a person's resident identity card (居民身份证).
pub const RESIDENT_ID: &str = "cn-resident-id";
/// Holds the unified social credit code (统一社会信用代码) of an organisation.
pub const CREDIT_CODE: &str = "cn-uscc";

/// Unique per tenant and namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalId {
    /// 1 to 63 characters of `a-z`, `0-9`, `-`, `_` and `.`.
    pub namespace: String,
    /// 1 to 256 characters, trimmed.
    pub value: Pii<String>,
}

impl ExternalId {
    /// The normalised form; says in `violations`, below `path`, what keeps it from being one.
    pub fn check(self, path: &str, violations: &mut Violations) -> Option<Self> {
        let namespace_fine = is_namespace(&self.namespace);
        if !namespace_fine {
            violations.add(
                format!("{path}.namespace"),
                "must have 1 to 63 characters of a-z, 0-9, '-', '_' and '.'",
            );
        }
        let value = self.value.expose().trim();
        let fine = (1..=256).contains(&value.chars().count()) && !value.contains(char::is_control);
        if !fine {
            violations.add(
                format!("{path}.value"),
                "must have 1 to 256 characters and no control characters",
            );
        }
        if !namespace_fine || !fine {
            return None;
        }
        let value = match self.namespace.as_str() {
            RESIDENT_ID => resident_id::normalize(value),
            CREDIT_CODE => credit_code::normalize(value),
            _ => Ok(value.to_owned()),
        };
        match value {
            Ok(value) => Some(Self {
                value: Pii::new(value),
                namespace: self.namespace,
            }),
            Err(words) => {
                violations.add(format!("{path}.value"), words);
                None
            }
        }
    }
}

/// What must hold of all ids of a customer together.
pub fn check_whole(ids: &[ExternalId], kind: CustomerType, violations: &mut Violations) {
    for (namespace, holder, whose) in [
        (RESIDENT_ID, CustomerType::Person, "persons"),
        (CREDIT_CODE, CustomerType::Organization, "organizations"),
    ] {
        match ids.iter().filter(|id| id.namespace == namespace).count() {
            0 => {}
            1 if kind == holder => {}
            1 => violations.add(
                "external_ids",
                format!("must not have the namespace {namespace}, which belongs to {whose} only"),
            ),
            _ => violations.add(
                "external_ids",
                format!(
                    "must not have the namespace {namespace} twice; replace the id that is there"
                ),
            ),
        }
    }
}

pub fn is_namespace(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    (1..=63).contains(&text.len()) && text.bytes().all(legal)
}

pub fn check(ids: Many<ExternalId>, violations: &mut Violations) -> Many<ExternalId> {
    let mut seen: Vec<ExternalId> = Vec::new();
    ids.filter_map(|index, id| {
        let path = format!("external_ids[{index}]");
        let id = id.check(&path, violations)?;
        if seen.contains(&id) {
            violations.add(path, "is named twice; name every external id once");
            return None;
        }
        seen.push(id.clone());
        Some(id)
    })
}

pub fn apply(ids: Many<ExternalId>, field: &mut Vec<ExternalId>) {
    ids.apply(
        field,
        |a, b| a == b,
        |field, id| {
            if !field.contains(&id) {
                field.push(id);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(namespace: &str, value: &str) -> ExternalId {
        ExternalId {
            namespace: namespace.to_owned(),
            value: Pii::from(value),
        }
    }

    #[test]
    fn documents_are_kept_in_one_spelling_and_others_as_they_are() {
        let mut violations = Violations::default();
        for (namespace, given, kept) in [
            (RESIDENT_ID, "110105491231002", "11010519491231002X"),
            (CREDIT_CODE, "91350100m000100y43", "91350100M000100Y43"),
            ("crm", " 110105491231002 ", "110105491231002"),
        ] {
            let checked = id(namespace, given).check("external_ids[0]", &mut violations);
            assert_eq!(checked, Some(id(namespace, kept)));
        }
        assert!(violations.is_empty());
        let wrong = id(CREDIT_CODE, "91350100M000100Y44").check("external_ids[0]", &mut violations);
        assert_eq!(wrong, None);
        assert_eq!(violations.as_slice()[0].field, "external_ids[0].value");
    }

    #[test]
    fn a_document_belongs_to_its_kind_of_customer_once() {
        let card = id(RESIDENT_ID, "11010519491231002X");
        let other = id(RESIDENT_ID, "440524188001010014");
        let licence = id(CREDIT_CODE, "91350100M000100Y43");
        for (ids, kind, fine) in [
            (vec![card.clone()], CustomerType::Person, true),
            (vec![licence.clone()], CustomerType::Organization, true),
            (vec![card.clone()], CustomerType::Organization, false),
            (vec![licence], CustomerType::Person, false),
            (vec![card, other], CustomerType::Person, false),
        ] {
            let mut violations = Violations::default();
            check_whole(&ids, kind, &mut violations);
            assert_eq!(violations.is_empty(), fine, "{ids:?}");
        }
    }
}
