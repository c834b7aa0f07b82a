//! The operators' port: metrics, readiness, liveness. No personal data, no token. Plain HTTP on
//! loopback; elsewhere over TLS with the certificate of the suite, where it has one.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use dossier_audit::Audit;
use dossier_db::Db;
use dossier_rpc::{Health, Tls, TlsConnection, TlsListener};
use dossier_telemetry::Metrics;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::jobs::JobHealth;

pub(crate) struct Admin {
    pub health: Health,
    pub services: Vec<&'static str>,
    pub jobs: Box<dyn Fn() -> Vec<JobHealth> + Send + Sync>,
    /// By service, in the order of `services`.
    pub databases: Vec<Db>,
    /// The same.
    pub audits: Vec<Audit>,
}

impl Admin {
    /// Services whose database refuses writes until a restart.
    fn read_only(&self) -> Vec<&'static str> {
        let both = self.services.iter().zip(&self.databases);
        both.filter(|(_, db)| db.is_read_only())
            .map(|(service, _)| *service)
            .collect()
    }

    /// Services whose audit log cannot be written or signed right now.
    fn unaudited(&self) -> Vec<&'static str> {
        let both = self.services.iter().zip(&self.audits);
        both.filter(|(_, audit)| audit.is_failing())
            .map(|(service, _)| *service)
            .collect()
    }
}

const READ_ONLY: &str = "dossier_database_read_only";
const READ_ONLY_HEAD: &str = "\
# HELP dossier_database_read_only 1 once the disk failed: writes are refused until a restart.
# TYPE dossier_database_read_only gauge
";

const AUDIT: &str = "dossier_audit_failing";
const AUDIT_HEAD: &str = "\
# HELP dossier_audit_failing 1 while the audit log cannot be written, or was changed and is not signed.
# TYPE dossier_audit_failing gauge
";

/// What /readyz answers, with 200 when ready and 503 when not.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    services: Vec<&'static str>,
    /// Services whose disk failed: they answer reads and must be restarted.
    read_only: Vec<&'static str>,
    /// Services whose audit log cannot be written, or was changed by somebody and is not signed.
    audit_failing: Vec<&'static str>,
    /// Background work that is failing right now; the services answer nevertheless.
    failing_jobs: Vec<JobHealth>,
}

/// Serves until `stop`.
pub(crate) async fn serve(
    admin: Admin,
    listener: TcpListener,
    tls: Option<Tls>,
    stop: CancellationToken,
) {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/readyz", get(readiness))
        .route("/livez", get(|| async { "alive\n" }))
        .with_state(Arc::new(admin));
    let stopped = stop.cancelled_owned();
    let served = match tls {
        None => {
            axum::serve(listener, router)
                .with_graceful_shutdown(stopped)
                .await
        }
        Some(tls) => match tls.listen(listener) {
            Ok(listener) => {
                axum::serve(Secured(listener), router)
                    .with_graceful_shutdown(stopped)
                    .await
            }
            Err(error) => Err(error),
        },
    };
    if let Err(error) = served {
        tracing::warn!(%error, "the operators' port is closed");
    }
}

struct Secured(TlsListener);

impl Listener for Secured {
    type Io = TlsConnection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TlsConnection, SocketAddr) {
        self.0.accept().await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local_addr())
    }
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    let mut text = dossier_telemetry::metrics().render();
    text += READ_ONLY_HEAD;
    let read_only = admin.read_only();
    for service in &admin.services {
        let value = u8::from(read_only.contains(service));
        text += &format!("{READ_ONLY}{{service=\"{service}\"}} {value}\n");
    }
    text += AUDIT_HEAD;
    let unaudited = admin.unaudited();
    for service in &admin.services {
        let value = u8::from(unaudited.contains(service));
        text += &format!("{AUDIT}{{service=\"{service}\"}} {value}\n");
    }
    ([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], text).into_response()
}

async fn readiness(State(admin): State<Arc<Admin>>) -> Response {
    let ready = admin.health.is_serving();
    let failing = |job: &JobHealth| job.last_error.is_some() && !job.running;
    let readiness = Readiness {
        ready,
        services: admin.services.clone(),
        read_only: admin.read_only(),
        audit_failing: admin.unaudited(),
        failing_jobs: (admin.jobs)().into_iter().filter(failing).collect(),
    };
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = serde_json::to_string_pretty(&readiness).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
