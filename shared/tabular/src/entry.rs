//! A customer as files know it: words, before anybody asked what they mean.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A value that a customer has at most one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Single {
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
    /// List and code, such as `ISIC_REV_4:1071`.
    Industry,
}

impl Single {
    pub const ALL: [Self; 13] = [
        Self::Type,
        Self::DisplayName,
        Self::GivenName,
        Self::FamilyName,
        Self::LegalName,
        Self::Gender,
        Self::BirthDate,
        Self::RegionCode,
        Self::LanguageCode,
        Self::TimeZone,
        Self::Owner,
        Self::Team,
        Self::Industry,
    ];

    /// The contract's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::DisplayName => "display_name",
            Self::GivenName => "given_name",
            Self::FamilyName => "family_name",
            Self::LegalName => "legal_name",
            Self::Gender => "gender",
            Self::BirthDate => "birth_date",
            Self::RegionCode => "region_code",
            Self::LanguageCode => "language_code",
            Self::TimeZone => "time_zone",
            Self::Owner => "owner",
            Self::Team => "team",
            Self::Industry => "industry",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|single| single.as_str() == name)
    }
}

/// One row, card or line. What is absent says nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Entry {
    singles: [Option<String>; Single::ALL.len()],
    pub contact_points: Vec<ContactPoint>,
    pub external_ids: Vec<ExternalId>,
    pub addresses: Vec<Address>,
    pub tags: Vec<String>,
    /// By the id of their definition; which texts are legal says the definition.
    pub attributes: BTreeMap<String, String>,
    /// Fields that whoever wrote the file was not shown. Readers leave it empty.
    pub masked_fields: Vec<String>,
}

impl Entry {
    pub fn get(&self, single: Single) -> Option<&str> {
        self.singles[single as usize].as_deref()
    }

    pub fn set(&mut self, single: Single, text: impl Into<String>) {
        self.singles[single as usize] = Some(text.into());
    }

    /// The same without what is empty: what a contract's message has no value for.
    pub fn set_filled(&mut self, single: Single, text: &str) {
        if !text.is_empty() {
            self.set(single, text);
        }
    }
}

/// What is personal shows its name and nothing else.
macro_rules! hides {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

hides!(Entry, ContactPoint, ExternalId, Address);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ContactPointType {
    Email,
    Phone,
}

/// Its serde form stands in cells: names stay.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContactPoint {
    #[serde(rename = "type")]
    pub kind: ContactPointType,
    pub value: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub primary: bool,
    /// An instant in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_time: Option<String>,
}

impl ContactPoint {
    pub const fn new(kind: ContactPointType, value: String, label: String) -> Self {
        Self {
            kind,
            value,
            label,
            primary: false,
            verify_time: None,
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct ExternalId {
    pub namespace: String,
    pub value: String,
}

/// Its serde form stands in cells: names stay.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Address {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region_code: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub postal_code: String,
    /// State or province (省).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub administrative_area: String,
    /// City (市).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub locality: String,
    /// District (区).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sublocality: String,
    /// The division of China that it lies in (GB/T 2260).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub division_code: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub address_lines: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label: String,
    #[serde(skip_serializing_if = "is_false")]
    pub primary: bool,
}

/// A column of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressPart {
    RegionCode,
    PostalCode,
    AdministrativeArea,
    Locality,
    Sublocality,
    DivisionCode,
    Lines,
    Label,
}

impl AddressPart {
    pub const ALL: [Self; 8] = [
        Self::RegionCode,
        Self::PostalCode,
        Self::AdministrativeArea,
        Self::Locality,
        Self::Sublocality,
        Self::DivisionCode,
        Self::Lines,
        Self::Label,
    ];

    /// The contract's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RegionCode => "region_code",
            Self::PostalCode => "postal_code",
            Self::AdministrativeArea => "administrative_area",
            Self::Locality => "locality",
            Self::Sublocality => "sublocality",
            Self::DivisionCode => "division_code",
            Self::Lines => "address_lines",
            Self::Label => "label",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.as_str() == name)
    }
}

impl Address {
    pub fn set(&mut self, part: AddressPart, text: &str) {
        let text = text.trim();
        match part {
            AddressPart::RegionCode => self.region_code = crate::words::region(text),
            AddressPart::PostalCode => text.clone_into(&mut self.postal_code),
            AddressPart::AdministrativeArea => text.clone_into(&mut self.administrative_area),
            AddressPart::Locality => text.clone_into(&mut self.locality),
            AddressPart::Sublocality => text.clone_into(&mut self.sublocality),
            AddressPart::DivisionCode => text.clone_into(&mut self.division_code),
            AddressPart::Lines => {
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                self.address_lines.extend(lines.map(str::to_owned));
            }
            AddressPart::Label => text.clone_into(&mut self.label),
        }
    }

    pub fn get(&self, part: AddressPart) -> String {
        match part {
            AddressPart::RegionCode => self.region_code.clone(),
            AddressPart::PostalCode => self.postal_code.clone(),
            AddressPart::AdministrativeArea => self.administrative_area.clone(),
            AddressPart::Locality => self.locality.clone(),
            AddressPart::Sublocality => self.sublocality.clone(),
            AddressPart::DivisionCode => self.division_code.clone(),
            AddressPart::Lines => self.address_lines.join("\n"),
            AddressPart::Label => self.label.clone(),
        }
    }

    /// Whether columns alone hold it.
    pub fn is_simple(&self) -> bool {
        let mut again = Self::default();
        for part in AddressPart::ALL {
            again.set(part, &self.get(part));
        }
        &again == self && again != Self::default() && !self.label.starts_with("* ")
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}
