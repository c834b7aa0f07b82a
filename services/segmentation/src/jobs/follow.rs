//! Following the three feeds. Of all processes that follow under one name, one does at a time.

use std::time::Duration;

use dossier_db::Tx;
use dossier_feed::Consumer;
use dossier_kernel::{Clock, Ctx, Error, Reason, Result, TenantId};
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::{Cause, News};
use crate::peers::{Told, is_in_snapshot};
use crate::store::across::LostFeed;

/// A process that reads a snapshot stores how far it is more often than this.
const SNAPSHOT_STEP_MAX: Duration = Duration::from_secs(5);

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
    let open = |cursor: Option<String>| -> BoxFuture<'static, Result<Told>> {
        let (consumer, told) = (consumer.clone(), open(cursor.clone()));
        Box::pin(async move {
            unless_another_reads(&consumer, cursor.as_deref()).await?;
            told.await
        })
    };
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

/// A snapshot that nobody reads on is begun anew; one that another process is reading is left to
/// it, or the two would take it from each other for ever.
async fn unless_another_reads(consumer: &Consumer, cursor: Option<&str>) -> Result<()> {
    if !cursor.is_some_and(is_in_snapshot) {
        return Ok(());
    }
    let moved = consumer.moved_time().await?;
    let abandoned = Clock::system().now().minus(SNAPSHOT_STEP_MAX);
    if moved.is_some_and(|moved| moved > abandoned) {
        return Err(Error::unavailable(
            "A snapshot is being read under this name, or was until just now.",
        ));
    }
    Ok(())
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
