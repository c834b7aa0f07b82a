//! What lists of interactions may be filtered on and ordered by.

use dossier_filter::{Direction as Way, FieldType, OrderBy, Schema};
use dossier_kernel::{Error, Reason, Violation};

use super::{Direction, Kind};

/// A field that filters and orders know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Kind,
    Source,
    Channel,
    Direction,
    OccurTime,
    CreateTime,
}

impl Field {
    const ALL: [Self; 6] = [
        Self::Kind,
        Self::Source,
        Self::Channel,
        Self::Direction,
        Self::OccurTime,
        Self::CreateTime,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Source => "source",
            Self::Channel => "channel",
            Self::Direction => "direction",
            Self::OccurTime => "occur_time",
            Self::CreateTime => "create_time",
        }
    }

    pub fn parse(path: &[String]) -> Option<Self> {
        let [name] = path else { return None };
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }
}

/// The fields of an interaction, for `filter`.
pub struct Fields;

impl Schema for Fields {
    fn field(&self, path: &[String]) -> Option<FieldType> {
        Some(match Field::parse(path)? {
            Field::Kind => FieldType::Enum(Kind::ALL.map(|kind| kind.as_str().to_owned()).into()),
            Field::Direction => {
                FieldType::Enum(Direction::ALL.map(|way| way.as_str().to_owned()).into())
            }
            Field::Source | Field::Channel => FieldType::String,
            Field::OccurTime | Field::CreateTime => FieldType::Time,
        })
    }

    fn known(&self) -> Vec<String> {
        Field::ALL.map(|field| field.as_str().to_owned()).into()
    }
}

/// Which of the two times orders a list, and which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub by: Time,
    pub newest_first: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    Occurred,
    /// Served by the order of ids, which is the order of recording.
    Recorded,
}

impl Order {
    pub const DEFAULT: Self = Self {
        by: Time::Occurred,
        newest_first: true,
    };

    /// As `order_by` says it.
    pub const fn as_str(self) -> &'static str {
        match (self.by, self.newest_first) {
            (Time::Occurred, true) => "occur_time desc",
            (Time::Occurred, false) => "occur_time",
            (Time::Recorded, true) => "create_time desc",
            (Time::Recorded, false) => "create_time",
        }
    }

    /// Reads `order_by`; empty is `occur_time desc`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let order = OrderBy::parse(text, &["occur_time", "create_time"])?;
        let (field, way) = match order.as_slice() {
            [] => return Ok(Self::DEFAULT),
            [only] => only,
            _ => {
                let words = "must be one of occur_time and create_time, with desc or without";
                return Err(
                    Error::new(Reason::InvalidFilter, format!("order_by {words}."))
                        .with_violations(vec![Violation::new("order_by", words)]),
                );
            }
        };
        Ok(Self {
            by: if field == "create_time" {
                Time::Recorded
            } else {
                Time::Occurred
            },
            newest_first: *way == Way::Descending,
        })
    }
}

#[cfg(test)]
mod tests {
    use dossier_filter::Filter;

    use super::*;

    #[test]
    fn the_example_of_the_contract_parses() {
        let text = r#"kind = PURCHASE AND occur_time >= "1998-01-01""#;
        assert!(Filter::parse(text, &Fields).is_ok());
        assert!(Filter::parse("kind = purchases", &Fields).is_err());
        assert!(Filter::parse(r#"customer = "x""#, &Fields).is_err());
    }

    #[test]
    fn lists_are_newest_first_unless_told_otherwise() {
        assert_eq!(Order::parse("").expect("default"), Order::DEFAULT);
        for text in [
            "occur_time",
            "create_time",
            "occur_time desc",
            "create_time desc",
        ] {
            assert_eq!(Order::parse(text).expect("an order").as_str(), text);
        }
        assert!(Order::parse("kind").is_err());
        assert!(Order::parse("occur_time, create_time").is_err());
    }
}
