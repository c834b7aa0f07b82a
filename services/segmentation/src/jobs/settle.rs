//! Settling segments that were made, changed or deleted, here or by another process.

use std::time::Duration;

use dossier_kernel::Result;
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// How soon the work of another process that stopped is taken up.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub async fn settle(app: App, stop: CancellationToken) -> Result<()> {
    while !stop.is_cancelled() {
        app.end_rereading().await?;
        tokio::select! {
            () = stop.cancelled() => {}
            settled = app.settle() => settled?,
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = app.unsettled() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    Ok(())
}
