//! What goes on in the background: following three feeds, looking at the clock, settling segments.

pub(crate) mod follow;
mod settle;
mod sweep;

use dossier_runtime::Job;
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// All of it is idempotent and is begun again where it fails.
pub fn jobs(app: &App, stop: &CancellationToken) -> Vec<Job> {
    let job = |name, run: Run| {
        let (app, stop) = (app.clone(), stop.clone());
        Job::new(name, move || run(app.clone(), stop.clone()))
    };
    vec![
        job("segmentation.follow-profile", |app, stop| {
            Box::pin(follow::profile(app, stop))
        }),
        job("segmentation.follow-interaction", |app, stop| {
            Box::pin(follow::interaction(app, stop))
        }),
        job("segmentation.follow-feedback", |app, stop| {
            Box::pin(follow::feedback(app, stop))
        }),
        job("segmentation.sweep", |app, stop| {
            Box::pin(sweep::sweep(app, stop))
        }),
        job("segmentation.settle", |app, stop| {
            Box::pin(settle::settle(app, stop))
        }),
    ]
}

type Run =
    fn(App, CancellationToken) -> futures::future::BoxFuture<'static, dossier_kernel::Result<()>>;
