//! Who a customer is, as profile knows it.

use dossier_kernel::{Ctx, CustomerId, Error, Result};
use dossier_proto::common::v1 as wire;
use dossier_proto::profile::v1::customer_service_client::CustomerServiceClient;
use dossier_proto::profile::v1::{LookupCustomersRequest, LookupCustomersResult};
use dossier_rpc::Channel;

use crate::domain::{CustomerKey, Who};

#[derive(Clone)]
pub struct Profile {
    channel: Channel,
}

impl Profile {
    pub const fn new(channel: Channel) -> Self {
        Self { channel }
    }

    /// The live customers behind up to 500 names and identifiers, in the order asked; `None` where
    /// there is none. Of a customer that was merged into another it is the customer itself: what is
    /// recorded stays its own, whoever speaks for it.
    pub async fn lookup_customers(
        &self,
        ctx: &Ctx,
        who: &[&Who],
    ) -> Result<Vec<Option<CustomerId>>> {
        let mut request = LookupCustomersRequest {
            keys: Vec::new(),
            names: Vec::new(),
        };
        for who in who {
            match who {
                Who::Customer(id) => request.names.push(id.to_name()),
                Who::Key(key) => request.keys.push(encode_key(key)),
            }
        }
        let keys = request.keys.len();
        let answer = self
            .channel
            .ask(ctx, |peer| {
                let request = request.clone();
                async move {
                    CustomerServiceClient::new(peer)
                        .lookup_customers(request)
                        .await
                }
            })
            .await?;
        if answer.results.len() != who.len() {
            return Err(Error::internal(
                "profile answered another number of look-ups than asked",
            ));
        }
        // Keys come first, then names.
        let (by_key, by_name) = answer.results.split_at(keys);
        let (mut by_key, mut by_name) = (by_key.iter(), by_name.iter());
        who.iter()
            .map(|who| {
                let result = match who {
                    Who::Customer(_) => by_name.next(),
                    Who::Key(_) => by_key.next(),
                };
                result.map_or(Ok(None), decode)
            })
            .collect()
    }
}

fn encode_key(key: &CustomerKey) -> wire::CustomerKey {
    use wire::customer_key::Key;
    let (key, region_code) = match key {
        CustomerKey::Email(email) => (Key::Email(email.expose().clone()), String::new()),
        CustomerKey::Phone {
            number,
            region_code,
        } => (Key::Phone(number.expose().clone()), region_code.clone()),
        CustomerKey::ExternalId { namespace, value } => {
            let value = value.expose().clone();
            let id = wire::ExternalId {
                namespace: namespace.clone(),
                value,
            };
            (Key::ExternalId(id), String::new())
        }
    };
    wire::CustomerKey {
        key: Some(key),
        region_code,
    }
}

fn decode(result: &LookupCustomersResult) -> Result<Option<CustomerId>> {
    let LookupCustomersResult {
        customer,
        match_count: _,
        origin,
    } = result;
    if customer.is_empty() {
        return Ok(None);
    }
    // An older release of profile says no origin.
    let name = if origin.is_empty() { customer } else { origin };
    CustomerId::from_name(name)
        .map(Some)
        .ok_or_else(|| Error::internal("profile answered something that is no customer's name"))
}
