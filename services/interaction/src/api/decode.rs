//! From the wire: everything that is wrong with a message is said at once.

use dossier_kernel::id::InteractionId;
use dossier_kernel::{Currency, CustomerId, Error, Money, Pii, Timestamp, Violation};
use dossier_proto::common::v1 as common;
use dossier_proto::interaction::v1 as wire;

use super::details::{self, Said};
use crate::app::Record;
use crate::domain::{CustomerKey, Direction, Draft, Violations, Who};

/// An interaction and whom it is about, as every recording RPC carries them.
pub fn record(
    interaction: Option<wire::Interaction>,
    customer_key: Option<common::CustomerKey>,
    now: Timestamp,
) -> Result<Record, Violations> {
    let mut violations = Violations::default();
    let Some(interaction) = interaction else {
        violations.add("interaction", "is required");
        return Err(violations);
    };
    let wire::Interaction {
        // Output only.
        name: _,
        uid: _,
        masked_fields: _,
        etag: _,
        create_time: _,
        kind: _,
        customer,
        source,
        event_id,
        occur_time,
        channel,
        direction,
        details,
    } = interaction;
    let who = who(&customer, customer_key, &mut violations);
    let occur_time = time(occur_time, &mut violations);
    let direction = direction_of(direction, &mut violations);
    let said = details::decode(details, &mut violations);
    let Some(Said {
        details,
        words,
        amounts_read,
    }) = said
    else {
        return Err(violations);
    };
    let draft = Draft {
        source,
        event_id,
        // What could not be read was reported; the beginning of time is never too late.
        occur_time: occur_time.unwrap_or(Timestamp(i64::MIN)),
        channel,
        direction,
        details,
        words,
    };
    draft.check(now, amounts_read, &mut violations);
    match who {
        Some(who) if violations.is_empty() => Ok(Record { draft, who }),
        _ => Err(violations),
    }
}

/// `customers/{customer}`; another tenant's or nobody's is for the store to say.
pub fn customer(field: &str, name: &str) -> Result<CustomerId, Error> {
    CustomerId::from_name(name).ok_or_else(|| bad_name(field, "customers/{customer}"))
}

pub fn interaction(field: &str, name: &str) -> Result<InteractionId, Error> {
    InteractionId::from_name(name).ok_or_else(|| bad_name(field, "interactions/{interaction}"))
}

/// An amount; `None` when it could not be read, which was then reported.
pub fn money(
    field: &str,
    money: Option<common::Money>,
    violations: &mut Violations,
) -> Option<Money> {
    let Some(common::Money {
        currency_code,
        units,
        nanos,
    }) = money
    else {
        violations.add(field, "is required");
        return None;
    };
    let Some(currency) = Currency::parse(&currency_code) else {
        violations.add(
            format!("{field}.currency_code"),
            "must be an ISO 4217 code of three capital letters",
        );
        return None;
    };
    match Money::from_units_nanos(units, nanos, currency) {
        Ok(money) => Some(money),
        Err(error) => {
            violations.add(field, error.to_string());
            None
        }
    }
}

fn who(
    customer: &str,
    key: Option<common::CustomerKey>,
    violations: &mut Violations,
) -> Option<Who> {
    match (customer, key) {
        ("", None) => {
            violations.add(
                "interaction.customer",
                "is required, unless customer_key is given",
            );
            None
        }
        ("", Some(key)) => {
            let key = customer_key(key, violations)?;
            key.check(violations);
            Some(Who::Key(key))
        }
        (_, Some(_)) => {
            violations.add(
                "customer_key",
                "must be empty when interaction.customer is given",
            );
            None
        }
        (name, None) => {
            let id = CustomerId::from_name(name);
            if id.is_none() {
                violations.add(
                    "interaction.customer",
                    "must have the form customers/{customer}",
                );
            }
            id.map(Who::Customer)
        }
    }
}

fn customer_key(key: common::CustomerKey, violations: &mut Violations) -> Option<CustomerKey> {
    use common::customer_key::Key;
    let common::CustomerKey { key, region_code } = key;
    Some(match key {
        None => {
            violations.add(
                "customer_key",
                "must carry one of email, phone and external_id",
            );
            return None;
        }
        Some(Key::Email(email)) => CustomerKey::Email(Pii::new(email)),
        Some(Key::Phone(number)) => CustomerKey::Phone {
            number: Pii::new(number),
            region_code,
        },
        Some(Key::ExternalId(common::ExternalId { namespace, value })) => CustomerKey::ExternalId {
            namespace,
            value: Pii::new(value),
        },
    })
}

fn time(time: Option<prost_types::Timestamp>, violations: &mut Violations) -> Option<Timestamp> {
    let Some(prost_types::Timestamp { seconds, nanos }) = time else {
        violations.add("interaction.occur_time", "is required");
        return None;
    };
    let read = Timestamp::from_secs_nanos(seconds, nanos);
    if read.is_none() {
        violations.add(
            "interaction.occur_time",
            "must lie in the years 0001 to 9999",
        );
    }
    read
}

fn direction_of(direction: i32, violations: &mut Violations) -> Option<Direction> {
    match wire::Direction::try_from(direction) {
        Ok(wire::Direction::Unspecified) => None,
        Ok(wire::Direction::Inbound) => Some(Direction::Inbound),
        Ok(wire::Direction::Outbound) => Some(Direction::Outbound),
        Err(_) => {
            violations.add(
                "interaction.direction",
                "must be a Direction of this version",
            );
            None
        }
    }
}

fn bad_name(field: &str, form: &str) -> Error {
    Error::invalid(vec![Violation::new(
        field,
        format!("must have the form {form}"),
    )])
}
