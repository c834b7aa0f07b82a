//! What customers said.

use dossier_kernel::id::{CaseId, ResponseId};
use dossier_kernel::{Ctx, CustomerId, Result, TenantId};
use dossier_proto::feedback::v1 as proto;
use dossier_proto::feedback::v1::feedback_service_client::FeedbackServiceClient;
use dossier_rpc::Channel;

use super::Told;
use super::follow::{Said, opened, resume, spoiled, time, told};
use crate::domain::{News, What};

/// The feedback service, as far as segmentation asks it.
#[derive(Clone)]
pub struct Feedback(Channel);

impl Feedback {
    pub fn new(channel: Channel) -> Self {
        Self(channel)
    }

    /// Everything said to `ctx.tenant` after the cursor, or all of it first.
    pub async fn follow(&self, ctx: &Ctx, cursor: Option<String>) -> Result<Told> {
        let request = proto::WatchFeedbackRequest {
            cursor: resume(cursor)?,
            include_snapshot: true,
        };
        let mut peer = FeedbackServiceClient::new(self.0.with(ctx));
        let messages = opened(peer.watch_feedback(request)).await?;
        Ok(told(messages, read))
    }
}

fn read(message: proto::WatchFeedbackResponse) -> Result<(String, Said)> {
    use proto::watch_feedback_response::Item;
    let proto::WatchFeedbackResponse { cursor, item } = message;
    let said = match item {
        None | Some(Item::Heartbeat(_)) => Said::Heartbeat,
        Some(Item::End(_)) => Said::End,
        Some(Item::Change(change)) => Said::Change(Some(news(change)?)),
    };
    Ok((cursor, said))
}

fn news(change: proto::FeedbackChange) -> Result<News> {
    use proto::feedback_change::Change;
    let proto::FeedbackChange {
        tenant,
        time: _,
        change,
    } = change;
    let (customer, what) = match change {
        Some(Change::Response(response)) => {
            let id = ResponseId::from_name(&response.name);
            let id = id.ok_or_else(|| spoiled("a response's name"))?.uuid();
            let time = time(response.create_time, "a response without create_time")?;
            (response.customer, What::Response { id, time })
        }
        Some(Change::Case(case)) => {
            let id = CaseId::from_name(&case.name);
            let id = id.ok_or_else(|| spoiled("a case's name"))?.uuid();
            let open = case.state() == proto::CaseState::Open;
            (case.customer, What::Case { id, open })
        }
        None => return Err(spoiled("a change that says nothing")),
    };
    let customer = CustomerId::from_name(&customer).ok_or_else(|| spoiled("a customer's name"))?;
    Ok(News {
        tenant: TenantId::parse(&tenant)?,
        customer,
        what,
    })
}
