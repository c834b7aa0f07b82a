//! A process from its first log line to its exit.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args as _, Command, FromArgMatches};
use dossier_kernel::{Error, Reason, Result};
use dossier_telemetry::Guard;
use tracing::level_filters::LevelFilter;

use crate::config::{Config, LogLevel};
use crate::flags::Flags;
use crate::recipe::Recipe;
use crate::signals::stop_signal;
use crate::start::start;

/// What a stop may take at most, whatever hangs. With the flush it stays below the 25 s that are
/// promised; orchestrators kill after 30 s.
const STOP_BOUND: Duration = Duration::from_millis(22_500);
/// What sending the last traces and metrics may take.
const FLUSH_BOUND: Duration = Duration::from_secs(2);
/// sysexits.h: the command line or the configuration is wrong.
const EX_USAGE: u8 = 64;

/// The whole `main` of a binary that serves one service.
pub fn main(recipe: Recipe) -> ExitCode {
    let name = format!("dossier-{}", recipe.name);
    let command = Command::new(name.clone())
        .version(env!("CARGO_PKG_VERSION"))
        .about(format!(
            "Serves dossier's {} service until SIGTERM or SIGINT",
            recipe.name
        ));
    let command = Flags::augment_args(command).mut_arg("only", |only| only.hide(true));
    let flags = match command
        .try_get_matches()
        .and_then(|found| Flags::from_arg_matches(&found))
    {
        Ok(flags) => Flags {
            only: Some(vec![recipe.name.to_owned()]),
            ..flags
        },
        Err(error) => {
            let asked_for = !error.use_stderr();
            // Nobody is left to tell when even this cannot be written.
            let _ = error.print();
            return if asked_for {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(EX_USAGE)
            };
        }
    };
    let outcome = Config::load(&flags).and_then(|config| {
        let runtime = tokio::runtime::Runtime::new().map_err(Error::internal)?;
        let served = runtime.block_on(async {
            let telemetry = telemetry(&config, &name)?;
            let served = serve(config, vec![recipe]).await;
            telemetry.finish().await;
            served
        });
        // What still runs was cut on purpose: nobody waits for it.
        runtime.shutdown_background();
        served
    });
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    let _ = writeln!(std::io::stderr(), "error: {}", explain(&error));
    match error.reason() {
        Reason::InvalidArgument => ExitCode::from(EX_USAGE),
        _ => ExitCode::FAILURE,
    }
}

/// Starts, says where, serves until a signal, drains. Fails when it cannot start or the server ends
/// by itself.
pub async fn serve(config: Config, recipes: Vec<Recipe>) -> Result<()> {
    if config.admits_anonymous() {
        tracing::warn!(
            "callers on this machine need no token and act as admin of the tenant `default`; set \
             anonymous_loopback = false to end that"
        );
    }
    if dossier_db::failpoint::BUILT_IN {
        tracing::warn!("this build can be told to fail (failpoints) and is for tests only");
    }
    let mut running = start(config, recipes).await?;
    let admin = running.admin_addr().map(|addr| addr.to_string());
    tracing::info!(grpc = %running.addr(), admin, "serving");
    let failure = tokio::select! {
        signal = stop_signal() => {
            tracing::info!(signal, "stopping");
            None
        }
        error = running.wait() => Some(error),
    };
    if let Some(error) = failure {
        return Err(error);
    }
    if tokio::time::timeout(STOP_BOUND, running.stop())
        .await
        .is_err()
    {
        tracing::warn!("the stop took too long and was cut; what was acknowledged is on disk");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Logs, metrics and traces of a process. Call inside the tokio runtime.
pub fn telemetry(config: &Config, service_name: &str) -> Result<Telemetry> {
    let options = dossier_telemetry::Options {
        otlp_endpoint: config.otlp_endpoint.clone(),
        log: config.log_format,
        level: match config.log_level {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        },
        service_name: service_name.to_owned(),
    };
    let guard = dossier_telemetry::init(&options)
        .map_err(|error| Error::new(Reason::InvalidArgument, error.to_string()).caused_by(error))?;
    Ok(Telemetry(guard))
}

/// Keeps telemetry on.
#[must_use = "what is buffered is lost unless it is finished"]
pub struct Telemetry(Guard);

impl Telemetry {
    /// Sends what is buffered, within a few seconds.
    pub async fn finish(self) {
        // The flush blocks, and needs the runtime it would block.
        let flush = tokio::task::spawn_blocking(|| self.0.shutdown());
        // A collector that hangs must not keep the process.
        let _ = tokio::time::timeout(FLUSH_BOUND, flush).await;
    }
}

/// The message with its causes: for the operator of this process, never for a client.
pub fn explain(error: &Error) -> String {
    let mut words = error.to_string();
    for violation in error.violations() {
        let line = format!("\n  {}: {}", violation.field, violation.description);
        if error.violations().len() > 1 {
            words.push_str(&line);
        }
    }
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        words.push_str(&format!("\n  caused by: {inner}"));
        cause = inner.source();
    }
    words
}
