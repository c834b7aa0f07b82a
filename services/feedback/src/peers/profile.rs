//! Who an identifier is.

use dossier_kernel::{Ctx, CustomerId, Error, Reason, Result};
use dossier_proto::common::v1 as common;
use dossier_proto::profile::v1::customer_service_client::CustomerServiceClient;
use dossier_proto::profile::v1::{LookupCustomersRequest, LookupCustomersResult};
use dossier_rpc::Channel;

use crate::domain::{CustomerKey, Who};

/// The profile service, as far as feedback asks it.
#[derive(Clone)]
pub struct Profile(Channel);

impl Profile {
    pub fn new(channel: Channel) -> Self {
        Self(channel)
    }

    /// The live customer meant; NOT_FOUND when there is none. Of one that was merged into another it is
    /// itself: what is written stays its own, whoever speaks for it.
    pub async fn resolve(&self, ctx: &Ctx, who: Who) -> Result<CustomerId> {
        let request = match who {
            Who::Customer(id) => LookupCustomersRequest {
                keys: Vec::new(),
                names: vec![id.to_name()],
            },
            Who::Key(key) => LookupCustomersRequest {
                keys: vec![encode(key)],
                names: Vec::new(),
            },
        };
        let answer = self
            .0
            .ask(ctx, |peer| {
                let request = request.clone();
                async move {
                    CustomerServiceClient::new(peer)
                        .lookup_customers(request)
                        .await
                }
            })
            .await?;
        // An older release of profile says no origin.
        let name = answer.results.first().map_or("", |result| {
            let LookupCustomersResult {
                customer,
                match_count: _,
                origin,
            } = result;
            if origin.is_empty() { customer } else { origin }
        });
        match (CustomerId::from_name(name), request.names.first()) {
            (Some(id), _) => Ok(id),
            (None, Some(asked)) => Err(Error::not_found(asked)),
            (None, None) => Err(Error::new(
                Reason::NotFound,
                "No customer of this tenant has the customer_key; create the customer first.",
            )),
        }
    }
}

fn encode(key: CustomerKey) -> common::CustomerKey {
    use common::customer_key::Key;
    let (key, region_code) = match key {
        CustomerKey::Email(email) => (Key::Email(email.expose().clone()), String::new()),
        CustomerKey::Phone {
            number,
            region_code,
        } => (Key::Phone(number.expose().clone()), region_code),
        CustomerKey::ExternalId { namespace, value } => {
            let value = value.expose().clone();
            (
                Key::ExternalId(common::ExternalId { namespace, value }),
                String::new(),
            )
        }
    };
    common::CustomerKey {
        key: Some(key),
        region_code,
    }
}
