//! Following what is recorded.

use std::collections::HashMap;

use dossier_feed::{Cursor, Item};
use dossier_kernel::id::InteractionId;
use dossier_kernel::{Ctx, Result, TenantId, Timestamp};
use futures::stream::{BoxStream, StreamExt};
use tokio_util::sync::CancellationToken;

use super::Interactions;
use crate::domain::{Interaction, Words};
use crate::store::{self, change};

/// How many changes are looked up at once.
const LOOKED_UP_MAX: usize = 500;

/// Where a follower begins.
#[derive(Debug)]
pub enum Start {
    Now,
    /// With everything there is. What is recorded never changes and this service keeps its feed
    /// whole, so the feed from its beginning *is* the snapshot: exact, in commit order, and
    /// resumable in the middle.
    Beginning,
    After(Cursor),
}

/// One message to a follower, with the cursor to resume from.
#[derive(Debug)]
pub enum Change {
    Recorded {
        cursor: Cursor,
        tenant: TenantId,
        time: Timestamp,
        interaction: Box<Interaction>,
    },
    Heartbeat {
        cursor: Cursor,
    },
    /// The service is stopping.
    End {
        cursor: Cursor,
    },
}

impl Interactions {
    /// Ends after an error or [`Change::End`].
    pub async fn watch_interactions(
        &self,
        ctx: &Ctx,
        start: Start,
        stop: CancellationToken,
    ) -> Result<BoxStream<'static, Result<Change>>> {
        let after = match start {
            Start::Now => Some(self.0.feed.head().await?),
            Start::Beginning => None,
            Start::After(cursor) => Some(cursor),
        };
        let items = self.0.feed.watch(ctx.tenant.clone(), after, stop);
        let interactions = self.clone();
        let changes = items.ready_chunks(LOOKED_UP_MAX).then(move |items| {
            let interactions = interactions.clone();
            async move { interactions.look_up(items).await }
        });
        Ok(changes.flat_map(futures::stream::iter).boxed())
    }

    /// The interactions that the items speak of. What was read before an error still counts.
    async fn look_up(&self, items: Vec<Result<Item>>) -> Vec<Result<Change>> {
        match self.interactions_of(&items).await {
            Err(error) => vec![Err(error)],
            Ok(mut found) => items
                .into_iter()
                .map(|item| match item? {
                    Item::Event {
                        cursor,
                        tenant,
                        subject: _,
                        time,
                        body,
                    } => {
                        Ok(match found.remove(&change::read(&body)?) {
                            Some(interaction) => Change::Recorded {
                                cursor,
                                tenant,
                                time,
                                interaction,
                            },
                            // Erased since: nothing is left to say, but the cursor moves on.
                            None => Change::Heartbeat { cursor },
                        })
                    }
                    Item::Heartbeat { cursor } => Ok(Change::Heartbeat { cursor }),
                    Item::End { cursor } => Ok(Change::End { cursor }),
                })
                .collect(),
        }
    }

    async fn interactions_of(
        &self,
        items: &[Result<Item>],
    ) -> Result<HashMap<InteractionId, Box<Interaction>>> {
        let mut by_tenant: HashMap<&TenantId, Vec<InteractionId>> = HashMap::new();
        for item in items.iter().flatten() {
            if let Item::Event { tenant, body, .. } = item {
                by_tenant
                    .entry(tenant)
                    .or_default()
                    .push(change::read(body)?);
            }
        }
        let mut found = HashMap::new();
        for (tenant, mut ids) in by_tenant {
            let recent = self.0.recent.find(tenant, &ids);
            ids.retain(|id| !recent.contains_key(id));
            found.extend(recent.into_iter().map(|(id, one)| (id, Box::new(one))));
            if ids.is_empty() {
                continue;
            }
            let models = store::find_many_clear(&self.0.db.reader_of(tenant), tenant, &ids).await?;
            for (id, model) in models {
                found.insert(id, Box::new(model.read(Words::default())?));
            }
        }
        Ok(found)
    }
}
