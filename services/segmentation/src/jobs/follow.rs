//! Following the three feeds. Of all processes that follow under one name, one does at a time.

use dossier_db::Tx;
use dossier_feed::Consumer;
use dossier_kernel::{Ctx, Reason, Result, TenantId};
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::{Cause, News};
use crate::peers::Told;
use crate::store::across::LostFeed;

pub async fn profile(app: App, stop: CancellationToken) -> Result<()> {
    let peer = app.peers().profile.clone();
    let open = move |cursor| -> BoxFuture<'static, Result<Told>> {
        let peer = peer.clone();
        Box::pin(async move { peer.follow(&everybody(), cursor).await })
    };
    let consumer = app.followers().profile.clone();
    follow(
        &app,
        &consumer,
        open,
        Cause::Customer,
        LostFeed::Profile,
        stop,
    )
    .await
}

pub async fn interaction(app: App, stop: CancellationToken) -> Result<()> {
    let peer = app.peers().interaction.clone();
    let open = move |cursor| -> BoxFuture<'static, Result<Told>> {
        let peer = peer.clone();
        Box::pin(async move { peer.follow(&everybody(), cursor).await })
    };
    let consumer = app.followers().interaction.clone();
    follow(
        &app,
        &consumer,
        open,
        Cause::Event,
        LostFeed::Interaction,
        stop,
    )
    .await
}

pub async fn feedback(app: App, stop: CancellationToken) -> Result<()> {
    let peer = app.peers().feedback.clone();
    let open = move |cursor| -> BoxFuture<'static, Result<Told>> {
        let peer = peer.clone();
        Box::pin(async move { peer.follow(&everybody(), cursor).await })
    };
    let consumer = app.followers().feedback.clone();
    follow(
        &app,
        &consumer,
        open,
        Cause::Event,
        LostFeed::Feedback,
        stop,
    )
    .await
}

fn everybody() -> Ctx {
    Ctx::service("segmentation", TenantId::all())
}

/// Until `stop`. Where the history cannot be continued, what the feed told is read anew.
async fn follow(
    app: &App,
    consumer: &Consumer,
    open: impl Fn(Option<String>) -> BoxFuture<'static, Result<Told>> + Send + Sync,
    cause: Cause,
    feed: LostFeed,
    stop: CancellationToken,
) -> Result<()> {
    loop {
        let followed = consumer
            .run(&open, learn(app.clone(), cause), stop.clone())
            .await;
        match followed {
            Err(error) if matches!(error.reason(), Reason::Compacted | Reason::EpochChanged) => {
                app.begin_rereading(feed).await?;
            }
            ended => return ended,
        }
    }
}

/// What a consumer of any of the feeds does with its news.
pub fn learn(
    app: App,
    cause: Cause,
) -> impl for<'t> Fn(&'t Tx, Vec<Option<News>>) -> BoxFuture<'t, Result<()>> + Send + Sync + 'static
{
    move |tx, news| {
        let app = app.clone();
        Box::pin(async move {
            app.learn(tx, news.into_iter().flatten().collect(), cause)
                .await
        })
    }
}
