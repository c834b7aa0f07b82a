//! Small parts of requests, decoded.

use dossier_db::Once;
use dossier_kernel::{CustomerId, Error, Pii, Result, Timestamp, Violation};
use dossier_proto::common::v1 as common;
use prost::Message;
use prost_types::{FieldMask, Timestamp as WireTime};

use crate::domain::{CustomerKey, Who};

pub fn invalid(field: &str, description: &str) -> Error {
    Error::invalid(vec![Violation::new(field, description)])
}

/// The name of a mutation that happens once; its body is the request as the caller sent it.
pub fn once(
    method: &'static str,
    request_id: &str,
    request: &impl Message,
) -> Result<Option<Once>> {
    Once::new(request_id, method, &request.encode_to_vec())
}

/// Reads a resource name with the `from_name` of its id.
pub fn name<T>(
    field: &str,
    name: &str,
    shape: &str,
    from_name: fn(&str) -> Option<T>,
) -> Result<T> {
    from_name(name).ok_or_else(|| invalid(field, &format!("must be {shape} with a UUID")))
}

/// Reads an id that the caller chose; empty: none was chosen.
pub fn chosen_id<T: From<uuid::Uuid>>(field: &str, id: &str) -> Result<Option<T>> {
    if id.is_empty() {
        return Ok(None);
    }
    match uuid::Uuid::try_parse(id) {
        Ok(id) if !id.is_nil() => Ok(Some(T::from(id))),
        _ => Err(invalid(
            field,
            "must be a UUID other than the nil UUID, or empty",
        )),
    }
}

pub fn who(
    customer_field: &str,
    customer: &str,
    customer_key: Option<common::CustomerKey>,
) -> Result<Who> {
    use common::customer_key::Key;
    match (
        customer,
        customer_key.and_then(|key| Some((key.key?, key.region_code))),
    ) {
        ("", None) => Err(invalid(customer_field, "is required, or a customer_key")),
        ("", Some((key, region_code))) => Ok(Who::Key(match key {
            Key::Email(email) => CustomerKey::Email(Pii::new(email)),
            Key::Phone(number) => CustomerKey::Phone {
                number: Pii::new(number),
                region_code,
            },
            Key::ExternalId(common::ExternalId { namespace, value }) => CustomerKey::ExternalId {
                namespace,
                value: Pii::new(value),
            },
        })),
        (name, None) => self::name(
            customer_field,
            name,
            "customers/{customer}",
            CustomerId::from_name,
        )
        .map(Who::Customer),
        (_, Some(_)) => Err(invalid(
            "customer_key",
            "must be empty where the customer is named",
        )),
    }
}

pub fn time(field: &str, time: Option<WireTime>) -> Result<Option<Timestamp>> {
    let Some(WireTime { seconds, nanos }) = time else {
        return Ok(None);
    };
    Timestamp::from_secs_nanos(seconds, nanos)
        .map(Some)
        .ok_or_else(|| invalid(field, "must lie in the years 0001 to 9999"))
}

pub fn wire_time(time: Timestamp) -> Option<WireTime> {
    let (seconds, nanos) = time.to_secs_nanos();
    Some(WireTime { seconds, nanos })
}

pub fn field_mask(paths: &[&str]) -> FieldMask {
    FieldMask {
        paths: paths.iter().map(|&path| path.to_owned()).collect(),
    }
}
