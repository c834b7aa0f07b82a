//! What the feed says of a transition: JSON of this structure, no personal data.

use dossier_kernel::id::SegmentId;
use dossier_kernel::{CustomerId, Error, Result, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use dossier_db::Change;

use crate::domain::{Cause, Way};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MembershipEvent {
    pub segment: SegmentId,
    pub customer: CustomerId,
    pub way: Way,
    pub cause: Cause,
    pub time: Timestamp,
    pub rule_revision: i32,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    segment: SegmentId,
    customer: CustomerId,
    enter: bool,
    cause: StoredCause,
    time: Timestamp,
    rule_revision: i32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredCause {
    Event,
    Customer,
    Time,
    Definition,
    Erasure,
    Merge,
}

impl MembershipEvent {
    /// Transitions of one customer stay in order.
    pub fn into_change(self, tenant: &TenantId) -> Result<Change> {
        let Self {
            segment,
            customer,
            way,
            cause,
            time,
            rule_revision,
        } = self;
        let cause = match cause {
            Cause::Event => StoredCause::Event,
            Cause::Customer => StoredCause::Customer,
            Cause::Time => StoredCause::Time,
            Cause::Definition => StoredCause::Definition,
            Cause::Erasure => StoredCause::Erasure,
            Cause::Merge => StoredCause::Merge,
        };
        let enter = way == Way::Enter;
        let stored = Stored {
            segment,
            customer,
            enter,
            cause,
            time,
            rule_revision,
        };
        let body = serde_json::to_vec(&stored).map_err(Error::internal)?;
        Ok(Change {
            tenant: tenant.clone(),
            subject: customer.uuid(),
            time,
            body,
        })
    }

    pub fn read(body: &[u8]) -> Result<Self> {
        let Stored {
            segment,
            customer,
            enter,
            cause,
            time,
            rule_revision,
        } = serde_json::from_slice(body).map_err(Error::internal)?;
        let cause = match cause {
            StoredCause::Event => Cause::Event,
            StoredCause::Customer => Cause::Customer,
            StoredCause::Time => Cause::Time,
            StoredCause::Definition => Cause::Definition,
            StoredCause::Erasure => Cause::Erasure,
            StoredCause::Merge => Cause::Merge,
        };
        let way = if enter { Way::Enter } else { Way::Exit };
        Ok(Self {
            segment,
            customer,
            way,
            cause,
            time,
            rule_revision,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_comes_back_from_its_body() {
        let tenant = TenantId::embedded_default();
        for (way, cause) in [(Way::Enter, Cause::Event), (Way::Exit, Cause::Time)] {
            let event = MembershipEvent {
                segment: SegmentId::generate(),
                customer: CustomerId::generate(),
                way,
                cause,
                time: Timestamp(5),
                rule_revision: 3,
            };
            let change = event.into_change(&tenant).expect("a body");
            assert_eq!(change.subject, event.customer.uuid());
            assert_eq!(MembershipEvent::read(&change.body).expect("reads"), event);
        }
    }
}
