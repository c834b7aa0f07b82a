//! What customers bought.

use dossier_kernel::id::InteractionId;
use dossier_kernel::{Ctx, CustomerId, Result, TenantId};
use dossier_proto::interaction::v1 as proto;
use dossier_proto::interaction::v1::interaction_service_client::InteractionServiceClient;
use dossier_rpc::Channel;

use super::Told;
use super::follow::{Said, opened, resume, spoiled, time, told};
use super::profile::money;
use crate::domain::{News, Purchase, What};

/// The interaction service, as far as segmentation asks it.
#[derive(Clone)]
pub struct Interaction(Channel);

impl Interaction {
    pub fn new(channel: Channel) -> Self {
        Self(channel)
    }

    /// Everything recorded for `ctx.tenant` after the cursor, or from the beginning.
    pub async fn follow(&self, ctx: &Ctx, cursor: Option<String>) -> Result<Told> {
        let request = proto::WatchInteractionsRequest {
            cursor: resume(cursor)?,
            include_snapshot: true,
        };
        let mut peer = InteractionServiceClient::new(self.0.with(ctx));
        let messages = opened(peer.watch_interactions(request)).await?;
        Ok(told(messages, read))
    }
}

fn read(message: proto::WatchInteractionsResponse) -> Result<(String, Said)> {
    use proto::watch_interactions_response::Item;
    let proto::WatchInteractionsResponse { cursor, item } = message;
    let said = match item {
        None | Some(Item::Heartbeat(_)) => Said::Heartbeat,
        Some(Item::End(_)) => Said::End,
        Some(Item::Change(change)) => Said::Change(news(change)?),
    };
    Ok((cursor, said))
}

/// `None` for everything but purchases.
fn news(change: proto::InteractionChange) -> Result<Option<News>> {
    let proto::InteractionChange {
        tenant,
        time: _,
        interaction,
    } = change;
    let interaction = interaction.ok_or_else(|| spoiled("a change without its interaction"))?;
    let Some(proto::interaction::Details::Purchase(purchase)) = interaction.details else {
        return Ok(None);
    };
    let amount = purchase.amount.as_ref().and_then(money);
    let purchase = Purchase {
        occur_time: time(interaction.occur_time, "a purchase without occur_time")?,
        amount: amount.ok_or_else(|| spoiled("a purchase's amount"))?,
    };
    let id = InteractionId::from_name(&interaction.name);
    let customer = CustomerId::from_name(&interaction.customer);
    Ok(Some(News {
        tenant: TenantId::parse(&tenant)?,
        customer: customer.ok_or_else(|| spoiled("a purchase's customer"))?,
        what: What::Purchase {
            interaction: id.ok_or_else(|| spoiled("an interaction's name"))?,
            purchase,
        },
    }))
}
