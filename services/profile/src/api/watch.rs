//! Changes as messages.

use dossier_proto::common::v1::{Heartbeat, StreamEnd};
use dossier_proto::profile::v1::watch_customers_response::Item;
use dossier_proto::profile::v1::{CustomerChange, CustomerChangeType, WatchCustomersResponse};
use prost_types::FieldMask;

use super::customer::encode_outline;
use super::value::encode_time;
use crate::app::Watched;
use crate::store::{ChangeBody, ChangeKind};

pub fn encode(watched: Watched) -> WatchCustomersResponse {
    let (cursor, item) = match watched {
        Watched::Snapshot { tenant, customer } => {
            let change = CustomerChange {
                r#type: CustomerChangeType::Snapshot.into(),
                tenant,
                time: Some(encode_time(customer.update_time)),
                customer: Some(encode_outline(customer)),
                changed_fields: None,
            };
            (String::new(), Item::Change(change))
        }
        Watched::Change {
            cursor,
            tenant,
            time,
            body,
        } => {
            let ChangeBody {
                kind,
                customer,
                changed,
            } = body;
            let change = CustomerChange {
                r#type: change_type(kind).into(),
                tenant: tenant.as_str().to_owned(),
                time: Some(encode_time(time)),
                customer: Some(encode_outline(customer)),
                changed_fields: (!changed.is_empty()).then_some(FieldMask { paths: changed }),
            };
            (cursor, Item::Change(change))
        }
        Watched::Heartbeat { cursor } => (cursor, Item::Heartbeat(Heartbeat {})),
        Watched::End { cursor } => (
            cursor,
            Item::End(StreamEnd {
                cause: "drain".to_owned(),
            }),
        ),
    };
    WatchCustomersResponse {
        cursor,
        item: Some(item),
    }
}

const fn change_type(kind: ChangeKind) -> CustomerChangeType {
    match kind {
        ChangeKind::Created => CustomerChangeType::Created,
        ChangeKind::Updated => CustomerChangeType::Updated,
        ChangeKind::Deleted => CustomerChangeType::Deleted,
        ChangeKind::Undeleted => CustomerChangeType::Undeleted,
        ChangeKind::Purged => CustomerChangeType::Purged,
    }
}
