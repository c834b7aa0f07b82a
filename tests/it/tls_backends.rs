//! The servers behind the suite over TLS: PostgreSQL, Redis and an issuer of tokens. Who shows a
//! certificate of another authority is not believed, and the words say so.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use dossier_proto::interaction::v1 as interaction;
use dossier_proto::profile::v1 as profile;
use dossier_proto::profile::v1::customer_service_client::CustomerServiceClient;
use dossier_testkit::{
    Authority, Backend, Clients, Cluster, Issued, Plan, Redis, Shape, Suite, build,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tonic::Code;

use crate::installation::{Installation, Settings};
use crate::tokens::Keys;

const END_TIMEOUT: Duration = Duration::from_secs(60);
/// Of rustls, for a certificate that no known authority has issued.
const NOT_BELIEVED: &str = "invalid peer certificate";

#[tokio::test(flavor = "multi_thread")]
async fn four_processes_use_a_postgres_over_tls() -> anyhow::Result<()> {
    if !Backend::PostgresRedis.is_wanted() {
        return Ok(());
    }
    let (authority, another) = (Authority::new()?, Authority::new()?);
    let cluster = Cluster::start_over_tls(&authority).await?;
    let mut suite = Suite::prepare(plan(Backend::PostgresRedis), Some(&cluster))?;
    let url = suite.database_url().context("on PostgreSQL")?.to_owned();
    let with = |ca: &Path| {
        let url = format!("{url}?sslmode=verify-full&sslrootcert={}", ca.display());
        vec![("DOSSIER_DATABASE_URL".to_owned(), url)]
    };
    let [ca, wrong] = write(
        [("ca.crt", &authority), ("wrong.crt", &another)],
        suite.dir(),
    )?;
    suite.set_environment(with(&ca));
    suite.start_again().await?;
    work(&suite.clients()?).await?;
    let sessions = cluster.execute(
        "SELECT count(*) FILTER (WHERE ssl), count(*) FILTER (WHERE NOT ssl) \
         FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE application_name LIKE 'dossier_%'",
    )?;
    let (over_tls, plain) = sessions.split_once('|').context("two numbers")?;
    ensure!(over_tls.parse::<u32>()? >= 4 && plain == "0", "{sessions}");

    suite.kill()?;
    suite.set_environment(with(&wrong));
    suite.spawn_again()?;
    let ended = suite.wait(END_TIMEOUT).await?;
    ensure!(ended.iter().all(|status| !status.success()), "{ended:?}");
    let log = suite.log()?;
    ensure!(log.matches(NOT_BELIEVED).count() >= ended.len(), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn four_processes_use_a_redis_over_tls() -> anyhow::Result<()> {
    if !Backend::PostgresRedis.is_wanted() {
        return Ok(());
    }
    let (authority, another) = (Authority::new()?, Authority::new()?);
    let redis = Redis::start_over_tls(&authority).await?;
    let mut suite = Suite::prepare(plan(Backend::SqliteMemory), None)?;
    let with = |ca: &Path| {
        vec![
            (
                "DOSSIER_REDIS_URL".to_owned(),
                format!("rediss://{}", redis.address()),
            ),
            ("SSL_CERT_FILE".to_owned(), ca.display().to_string()),
        ]
    };
    let [ca, wrong] = write(
        [("ca.crt", &authority), ("wrong.crt", &another)],
        suite.dir(),
    )?;
    suite.set_environment(with(&ca));
    suite.start_again().await?;
    work(&suite.clients()?).await?;
    let held = redis.command(&["KEYS", "dossier:*"])?;
    ensure!(held.lines().count() >= 2, "nothing is cached: {held}");

    // Not believed, it is as if it were away: answers stay right, and nothing is kept there.
    suite.kill()?;
    redis.command(&["FLUSHALL"])?;
    suite.set_environment(with(&wrong));
    suite.start_again().await?;
    work(&suite.clients()?).await?;
    ensure!(
        redis.command(&["DBSIZE"])? == "0",
        "an unknown Redis was used"
    );
    let log = suite.log()?;
    ensure!(log.contains(NOT_BELIEVED), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_an_issuer_come_over_tls() -> anyhow::Result<()> {
    let mut installation = Installation::new()?;
    let keys = Keys::new(installation.signing_seed, installation.dir())?;
    let issued = installation
        .authority
        .issue(installation.dir(), "issuer", &[])?;
    let document = std::fs::read_to_string(keys.es_file())?;
    let url = serve_over_tls(&issued, document).await?;
    let [wrong] = write([("wrong.crt", &Authority::new()?)], installation.dir())?;
    let settings = |ca: &Path| -> Settings {
        let issuer = format!("{}jwks_ca_file = {ca:?}\n", Keys::es_issuer(&url));
        let mut settings = installation.fit_for_production();
        settings.insert("[[issuers]]".to_owned(), issuer);
        settings
    };
    let (believed, not) = (settings(&installation.path("ca.crt")), settings(&wrong));
    let token = keys.es_token();
    installation.start("dossier", &believed).await?;
    ensure!(list(&installation, &token).await? == Code::Ok);

    installation.stop()?;
    installation.start("dossier", &not).await?;
    ensure!(list(&installation, &token).await? == Code::Unauthenticated);
    let log = std::fs::read_to_string(installation.path("dossier.log"))?;
    ensure!(log.contains(NOT_BELIEVED), "{log}");
    Ok(())
}

const fn plan(backend: Backend) -> Plan {
    Plan {
        backend,
        shape: Shape::FourProcesses,
        log_level: "info",
    }
}

/// Their certificates, as files.
fn write<const N: usize>(
    authorities: [(&str, &Authority); N],
    dir: &Path,
) -> anyhow::Result<[PathBuf; N]> {
    let paths = authorities.map(|(name, _)| dir.join(name));
    for (path, (_, authority)) in paths.iter().zip(authorities) {
        authority.write(path)?;
    }
    Ok(paths)
}

/// Something that all processes but feedback take part in, and a read through the cache.
async fn work(clients: &Clients) -> anyhow::Result<()> {
    let key = uuid::Uuid::new_v4().to_string();
    let request = profile::CreateCustomerRequest {
        customer: Some(build::person("Somebody", &key)),
        ..Default::default()
    };
    let mut customers = clients.customers.clone();
    let customer = customers.create_customer(request).await?.into_inner();
    let request = interaction::RecordInteractionRequest {
        interaction: Some(build::purchase(
            &customer.name,
            "tls",
            &key,
            1_760_000_000,
            100,
        )),
        ..Default::default()
    };
    clients
        .interactions
        .clone()
        .record_interaction(request)
        .await?;
    for _ in 0..2 {
        let name = customer.name.clone();
        let got = customers
            .get_customer(profile::GetCustomerRequest {
                name,
                ..Default::default()
            })
            .await?;
        ensure!(got.into_inner().display_name == customer.display_name);
    }
    crate::following::verify(clients).await.map(drop)
}

async fn list(installation: &Installation, token: &str) -> anyhow::Result<Code> {
    let wire = installation.wire("dossier", token, None)?;
    let request = profile::ListCustomersRequest::default();
    let answer = CustomerServiceClient::new(wire)
        .list_customers(request)
        .await;
    Ok(answer.err().map_or(Code::Ok, |status| status.code()))
}

/// Answers every request with the document.
async fn serve_over_tls(issued: &Issued, document: String) -> anyhow::Result<String> {
    let certificate = CertificateDer::from_pem_file(&issued.cert)?;
    let key = PrivateKeyDer::from_pem_file(&issued.key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("https://{}/keys", listener.local_addr()?);
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{document}",
        document.len()
    );
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Who does not believe the certificate goes away.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    Ok(url)
}
