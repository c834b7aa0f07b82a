//! A field of the tenant's own on every customer.

use std::collections::BTreeMap;

use dossier_kernel::Timestamp;
use uuid::Uuid;

use super::attribute::{LIST_LENGTH_MAX, TEXT_LENGTH_MAX};
use super::{AttributeValue, Violations, normalize};

/// The most definitions a tenant may have; also the most attributes of a customer.
pub const COUNT_MAX: usize = 500;
pub const CHOICES_MAX: usize = 500;

/// What values an attribute takes. Cannot change once made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttributeType {
    String,
    Enum,
    Int,
    Decimal,
    Bool,
    Date,
    Time,
    Money,
    StringList,
}

impl AttributeType {
    pub const ALL: [Self; 9] = [
        Self::String,
        Self::Enum,
        Self::Int,
        Self::Decimal,
        Self::Bool,
        Self::Date,
        Self::Time,
        Self::Money,
        Self::StringList,
    ];

    /// The word used in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "STRING",
            Self::Enum => "ENUM",
            Self::Int => "INT",
            Self::Decimal => "DECIMAL",
            Self::Bool => "BOOL",
            Self::Date => "DATE",
            Self::Time => "TIME",
            Self::Money => "MONEY",
            Self::StringList => "STRING_LIST",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// How personal the values are. Cannot change once made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataClass {
    None,
    Quasi,
    Direct,
    Sensitive,
}

/// Where a value is kept, and under which lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protection {
    /// In columns that lists filter by and that reach segments.
    Clear,
    Direct,
    Sensitive,
}

impl DataClass {
    pub const ALL: [Self; 4] = [Self::None, Self::Quasi, Self::Direct, Self::Sensitive];

    /// The word used in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Quasi => "QUASI",
            Self::Direct => "DIRECT",
            Self::Sensitive => "SENSITIVE",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }

    pub const fn protection(self) -> Protection {
        match self {
            Self::None | Self::Quasi => Protection::Clear,
            Self::Direct => Protection::Direct,
            Self::Sensitive => Protection::Sensitive,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeDefinition {
    /// The key in a customer's attributes.
    pub id: String,
    pub uid: Uuid,
    pub revision: i64,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
    pub kind: AttributeType,
    pub class: DataClass,
    pub display_name: String,
    pub description: String,
    /// The legal values of an enum; empty for other types.
    pub choices: Vec<String>,
    /// The longest text of a STRING or STRING_LIST in characters, where it is less than for all.
    pub length_max: Option<usize>,
    /// The most texts of a STRING_LIST, where they are fewer than for all.
    pub count_max: Option<usize>,
    /// Old values stay readable, new ones are refused.
    pub deprecated: bool,
}

/// The definitions a draft's attributes are checked against, by id.
pub type Definitions = BTreeMap<String, AttributeDefinition>;

/// What a caller says about a definition to be made.
#[derive(Clone, Debug, Default)]
pub struct NewAttributeDefinition {
    pub id: String,
    pub kind: Option<AttributeType>,
    pub class: Option<DataClass>,
    pub display_name: String,
    pub description: String,
    pub choices: Vec<String>,
    pub length_max: Option<usize>,
    pub count_max: Option<usize>,
}

impl NewAttributeDefinition {
    /// The definition, or everything that is wrong with it.
    pub fn check(
        self,
        uid: Uuid,
        now: Timestamp,
        violations: &mut Violations,
    ) -> Option<AttributeDefinition> {
        if !is_id(&self.id) {
            violations.add(
                "attribute_definition_id",
                "must have 1 to 63 characters of a-z, 0-9 and '_', beginning with a letter",
            );
        }
        let mut field = |name: &str, words: &str| {
            violations.add(format!("attribute_definition.{name}"), words);
        };
        if self.kind.is_none() {
            field("type", "is required");
        }
        if self.class.is_none() {
            field("data_class", "must be NONE, QUASI, DIRECT or SENSITIVE");
        }
        let definition = AttributeDefinition {
            id: self.id,
            uid,
            revision: 1,
            create_time: now,
            update_time: now,
            // A definition without them is refused below.
            kind: self.kind.unwrap_or(AttributeType::String),
            class: self.class.unwrap_or(DataClass::Sensitive),
            display_name: normalize::text(&self.display_name),
            description: self.description,
            choices: self
                .choices
                .iter()
                .map(|choice| normalize::text(choice))
                .collect(),
            length_max: self.length_max,
            count_max: self.count_max,
            deprecated: false,
        };
        definition.check_details(self.kind.is_some(), violations);
        violations.is_empty().then_some(definition)
    }
}

impl AttributeDefinition {
    /// The resource name.
    pub fn to_name(&self) -> String {
        format!("attributeDefinitions/{}", self.id)
    }

    pub fn etag(&self) -> String {
        self.revision.to_string()
    }

    /// What is wrong with `value` as a value of this attribute; `None` when nothing is.
    pub fn objection(&self, value: &AttributeValue) -> Option<String> {
        if value.kind() != self.kind && !self.takes_as_choice(value) {
            return Some(format!("must be {}", describe(self.kind)));
        }
        value.objection().or_else(|| self.exceeds(value))
    }

    /// Names what is wrong beside type and class; whether details belong to the type is asked where
    /// it `has_kind`.
    pub(super) fn check_details(&self, has_kind: bool, violations: &mut Violations) {
        let mut field = |name: &str, words: &str| {
            violations.add(format!("attribute_definition.{name}"), words);
        };
        if self.display_name.chars().count() > 128 {
            field("display_name", "must have at most 128 characters");
        }
        if self.description.chars().count() > 1_024 {
            field("description", "must have at most 1,024 characters");
        }
        if self.description.contains('\0') {
            field("description", "must not contain the character U+0000");
        }
        // Each is compared with those before it.
        for (index, choice) in self.choices.iter().take(CHOICES_MAX).enumerate() {
            let path = format!("choices[{index}]");
            if !(1..=128).contains(&choice.chars().count()) {
                field(&path, "must have 1 to 128 characters");
            } else if self.choices[..index].contains(choice) {
                field(&path, "is named twice");
            }
        }
        if !has_kind {
            return;
        }
        match (self.kind, self.choices.len()) {
            (AttributeType::Enum, 1..=CHOICES_MAX) => {}
            (AttributeType::Enum, _) => field("choices", "must have 1 to 500 choices"),
            (_, 0) => {}
            (_, _) => field("choices", "belong to attributes of type ENUM only"),
        }
        let is_text = matches!(self.kind, AttributeType::String | AttributeType::StringList);
        match self.length_max {
            Some(_) if !is_text => field(
                "length_max",
                "belongs to attributes of type STRING and STRING_LIST only",
            ),
            Some(length) if !(1..=TEXT_LENGTH_MAX).contains(&length) => {
                field("length_max", "must be 1 to 4,096, or 0 for 4,096");
            }
            Some(_) | None => {}
        }
        match self.count_max {
            Some(_) if self.kind != AttributeType::StringList => {
                field(
                    "count_max",
                    "belongs to attributes of type STRING_LIST only",
                );
            }
            Some(count) if !(1..=LIST_LENGTH_MAX).contains(&count) => {
                field("count_max", "must be 1 to 100, or 0 for 100");
            }
            Some(_) | None => {}
        }
    }

    /// What keeps `value` from being within the definition's own limits.
    fn exceeds(&self, value: &AttributeValue) -> Option<String> {
        let length = self.length_max.unwrap_or(TEXT_LENGTH_MAX);
        let count = self.count_max.unwrap_or(LIST_LENGTH_MAX);
        let long = |text: &String| text.chars().count() > length;
        match value {
            AttributeValue::String(text) if self.kind == AttributeType::String && long(text) => {
                Some(format!("must have at most {length} characters"))
            }
            AttributeValue::StringList(texts) if texts.len() > count => {
                Some(format!("must have at most {count} texts"))
            }
            AttributeValue::StringList(texts) if texts.iter().any(long) => {
                Some(format!("must have texts of at most {length} characters"))
            }
            _ => None,
        }
    }

    fn takes_as_choice(&self, value: &AttributeValue) -> bool {
        match (self.kind, value) {
            (AttributeType::Enum, AttributeValue::String(text)) => self.choices.contains(text),
            _ => false,
        }
    }

    /// Deprecates; says whether that changed anything.
    pub fn deprecate(&mut self, now: Timestamp) -> bool {
        if self.deprecated {
            return false;
        }
        self.deprecated = true;
        self.revision += 1;
        self.update_time = now;
        true
    }
}

pub fn is_id(id: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let first = id.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    first && id.len() <= 63 && id.bytes().all(legal)
}

const fn describe(kind: AttributeType) -> &'static str {
    match kind {
        AttributeType::String => "a string_value",
        AttributeType::Enum => "a string_value that is one of the definition's choices",
        AttributeType::Int => "an int_value",
        AttributeType::Decimal => "a decimal_value",
        AttributeType::Bool => "a bool_value",
        AttributeType::Date => "a date_value",
        AttributeType::Time => "a time_value",
        AttributeType::Money => "a money_value",
        AttributeType::StringList => "a list_value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AttributeValue;

    #[test]
    fn what_no_database_stores_is_refused() {
        let draft = NewAttributeDefinition {
            id: "tier".to_owned(),
            kind: Some(AttributeType::Int),
            class: Some(DataClass::None),
            description: "a\0b".to_owned(),
            ..NewAttributeDefinition::default()
        };
        let mut violations = Violations::default();
        assert!(
            draft
                .check(Uuid::nil(), Timestamp(0), &mut violations)
                .is_none()
        );
        let text = "a\0b".to_owned();
        assert!(AttributeValue::String(text.clone()).objection().is_some());
        assert!(AttributeValue::StringList(vec![text]).objection().is_some());
    }

    fn made(kind: AttributeType, choices: &[&str]) -> AttributeDefinition {
        let draft = NewAttributeDefinition {
            id: "tier".to_owned(),
            kind: Some(kind),
            class: Some(DataClass::None),
            choices: choices.iter().map(|&choice| choice.to_owned()).collect(),
            ..NewAttributeDefinition::default()
        };
        let mut violations = Violations::default();
        let made = draft.check(Uuid::nil(), Timestamp(0), &mut violations);
        made.unwrap_or_else(|| panic!("{violations:?}"))
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let draft = NewAttributeDefinition {
            id: "9".to_owned(),
            ..Default::default()
        };
        let mut violations = Violations::default();
        assert!(
            draft
                .check(Uuid::nil(), Timestamp(0), &mut violations)
                .is_none()
        );
        let fields: Vec<_> = violations
            .as_slice()
            .iter()
            .map(|v| v.field.as_str())
            .collect();
        assert_eq!(
            fields,
            [
                "attribute_definition_id",
                "attribute_definition.type",
                "attribute_definition.data_class"
            ]
        );
    }

    #[test]
    fn an_enum_takes_its_choices_only() {
        let tier = made(AttributeType::Enum, &["gold", "silver"]);
        assert_eq!(
            tier.objection(&AttributeValue::String("gold".to_owned())),
            None
        );
        assert!(
            tier.objection(&AttributeValue::String("tin".to_owned()))
                .is_some()
        );
        assert!(tier.objection(&AttributeValue::Int(1)).is_some());
    }

    #[test]
    fn choices_beyond_the_limit_are_one_violation() {
        let mut tier = made(AttributeType::Enum, &["gold"]);
        tier.choices = (0..CHOICES_MAX + 100).map(|n| n.to_string()).collect();
        tier.choices.push("0".to_owned());
        let mut violations = Violations::default();
        tier.check_details(true, &mut violations);
        let wrong = violations.as_slice().iter();
        let wrong: Vec<_> = wrong.map(|one| one.field.as_str()).collect();
        assert_eq!(wrong, ["attribute_definition.choices"]);
    }

    #[test]
    fn deprecating_twice_changes_nothing() {
        let mut points = made(AttributeType::Int, &[]);
        assert!(points.deprecate(Timestamp(5)));
        assert!(!points.deprecate(Timestamp(9)));
        assert_eq!((points.revision, points.update_time), (2, Timestamp(5)));
    }
}
