//! Looking at the clock: whoever enters or leaves because time passed does so within a second.

use std::time::Duration;

use dossier_kernel::Result;
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// A quarter of what is promised; the look is one read of an index.
const LOOK_EVERY: Duration = Duration::from_millis(250);

pub async fn sweep(app: App, stop: CancellationToken) -> Result<()> {
    while !stop.is_cancelled() {
        app.sweep().await?;
        let _ = tokio::time::timeout(LOOK_EVERY, stop.cancelled()).await;
    }
    Ok(())
}
