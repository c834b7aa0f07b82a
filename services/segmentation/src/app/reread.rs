//! When a feed's history cannot be continued, as after a restore of the service behind it: what it
//! told is forgotten and read anew. Memberships stay as they are meanwhile, and afterwards only true
//! differences become transitions.

use dossier_feed::Consumer;
use dossier_kernel::{Ctx, Result, TenantId};

use super::App;
use crate::store::across::{self, LostFeed};

impl App {
    pub async fn begin_rereading(&self, feed: LostFeed) -> Result<()> {
        let consumer = self.consumer_of(feed).clone();
        let ctx = Ctx::service("segmentation.reread", TenantId::all());
        self.0
            .db
            .write(&ctx, move |tx| {
                Box::pin(async move {
                    // The cursor first: whoever ends a rereading holds it while they do.
                    consumer.reset(tx).await?;
                    across::begin_rereading(tx, feed).await
                })
            })
            .await?;
        tracing::warn!(
            ?feed,
            "the history of a feed was lost; its facts are being read anew"
        );
        Ok(())
    }

    /// Ends the rereading of feeds that were read to their end.
    pub async fn end_rereading(&self) -> Result<()> {
        for feed in across::rereading(&self.0.db.reader_of(&TenantId::all())).await? {
            let consumer = self.consumer_of(feed).clone();
            if !consumer.progress().borrow().caught_up {
                continue;
            }
            let ctx = Ctx::service("segmentation.reread", TenantId::all());
            let work = self.0.db.write(&ctx, move |tx| {
                Box::pin(async move {
                    let is_complete = consumer.is_caught_up(tx).await?;
                    if is_complete {
                        across::end_rereading(tx, feed).await?;
                    }
                    Ok(is_complete)
                })
            });
            if work.await?.value {
                tracing::info!(?feed, "the facts of a feed are complete again");
            }
        }
        Ok(())
    }

    fn consumer_of(&self, feed: LostFeed) -> &Consumer {
        let followers = self.followers();
        match feed {
            LostFeed::Profile => &followers.profile,
            LostFeed::Interaction => &followers.interaction,
            LostFeed::Feedback => &followers.feedback,
        }
    }
}
