//! What a column can mean, and how that is written: the names of our own export.

use crate::entry::{AddressPart, ContactPointType, Single};

/// The meaning of one column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    Ignored,
    Single(Single),
    /// One contact point: `email`, `phone:work`, `email[2]`.
    ContactPoint {
        kind: ContactPointType,
        group: Group,
    },
    /// The label of the point in the same group: `email[2].label`.
    ContactPointLabel {
        kind: ContactPointType,
        group: Group,
    },
    /// All contact points, as a JSON array.
    ContactPoints,
    ExternalId {
        namespace: String,
    },
    /// All external ids, as a list of `namespace:value`.
    ExternalIds,
    /// A part of an address: `address.locality`, `address:home.locality`, `address[2].label`.
    Address {
        part: AddressPart,
        group: Group,
    },
    /// All addresses, as a JSON array.
    Addresses,
    Tags,
    Attribute {
        id: String,
    },
}

/// Columns of one group are about the same thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Group {
    /// The number in brackets; 0 where there is none.
    pub number: u16,
    /// What the thing is for, where the column's name says so.
    pub label: String,
}

/// For messages.
pub const KNOWN: &str = "type, display_name, given_name, family_name, legal_name, gender, birth_date, \
                         region_code, language_code, time_zone, owner, team, industry, email, phone, email[2], \
                         email[2].label, phone:work, contact_points, tags, external_id.{namespace}, \
                         external_ids, address.region_code, address.postal_code, \
                         address.administrative_area, address.locality, address.sublocality, address.division_code, \
                         address.address_lines, address.label, address[2].locality, addresses, \
                         attributes.{id}";

impl Field {
    /// The field of that name; whether a namespace is legal or an attribute exists is not asked
    /// here.
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(single) = Single::parse(name) {
            return Some(Self::Single(single));
        }
        Some(match name {
            "" | "masked_fields" => Self::Ignored,
            "contact_points" => Self::ContactPoints,
            "external_ids" => Self::ExternalIds,
            "addresses" => Self::Addresses,
            "tags" => Self::Tags,
            _ => {
                if let Some(namespace) = name.strip_prefix("external_id.") {
                    let namespace = namespace.to_owned();
                    return Some(Self::ExternalId { namespace });
                }
                if let Some(id) = name.strip_prefix("attributes.") {
                    return Some(Self::Attribute { id: id.to_owned() });
                }
                return Self::grouped(name);
            }
        })
    }

    fn grouped(name: &str) -> Option<Self> {
        let (thing, part) = match name.split_once('.') {
            Some((thing, part)) => (thing, Some(part)),
            None => (name, None),
        };
        let base = thing.split(['[', ':']).next()?;
        let rest = &thing[base.len()..];
        let group = if let Some(label) = rest.strip_prefix(':') {
            let label = Some(label).filter(|label| !label.is_empty())?.to_owned();
            Group { number: 0, label }
        } else if rest.is_empty() {
            Group::default()
        } else {
            let number = rest.strip_prefix('[')?.strip_suffix(']')?;
            let number = number.parse().ok().filter(|number| *number > 0)?;
            Group {
                number,
                label: String::new(),
            }
        };
        let kind = match base {
            "address" => {
                let part = AddressPart::parse(part?)?;
                return Some(Self::Address { part, group });
            }
            "email" => ContactPointType::Email,
            "phone" => ContactPointType::Phone,
            _ => return None,
        };
        match part {
            None => Some(Self::ContactPoint { kind, group }),
            Some("label") => Some(Self::ContactPointLabel { kind, group }),
            Some(_) => None,
        }
    }

    /// Whether several columns may mean it.
    pub fn is_repeatable(&self) -> bool {
        match self {
            Self::Ignored | Self::ExternalId { .. } => true,
            // Without a number each column is a point of its own.
            Self::ContactPoint { group, .. } => group.number == 0,
            // A street of several columns has several lines.
            Self::Address { part, .. } => *part == AddressPart::Lines,
            Self::Single(_)
            | Self::ContactPointLabel { .. }
            | Self::ContactPoints
            | Self::ExternalIds
            | Self::Addresses
            | Self::Tags
            | Self::Attribute { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_which_thing_and_what_for() {
        let group = |number, label: &str| Group {
            number,
            label: label.to_owned(),
        };
        let email = ContactPointType::Email;
        for (name, field) in [
            (
                "email",
                Field::ContactPoint {
                    kind: email,
                    group: group(0, ""),
                },
            ),
            (
                "email:work",
                Field::ContactPoint {
                    kind: email,
                    group: group(0, "work"),
                },
            ),
            (
                "email[2].label",
                Field::ContactPointLabel {
                    kind: email,
                    group: group(2, ""),
                },
            ),
            (
                "address:home.locality",
                Field::Address {
                    part: AddressPart::Locality,
                    group: group(0, "home"),
                },
            ),
            ("birth_date", Field::Single(Single::BirthDate)),
            (
                "external_id.crm",
                Field::ExternalId {
                    namespace: "crm".to_owned(),
                },
            ),
        ] {
            assert_eq!(Field::parse(name), Some(field), "{name}");
        }
        for name in [
            "email.locality",
            "email[0]",
            "email[x]",
            "address",
            "address.nosuch",
            "Email",
            "email:",
        ] {
            assert_eq!(Field::parse(name), None, "{name}");
        }
    }
}
