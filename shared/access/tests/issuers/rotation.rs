//! How keys come and go.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dossier_access::{IssuerAlgorithm, Verifier};
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::house::{NOW, document, jwk, payload, settings, token, verifier};

const ALGORITHM: IssuerAlgorithm = IssuerAlgorithm::Es256;

/// Answers with its document, or with 500 while there is none, and counts.
struct Publisher {
    addr: SocketAddr,
    tls: Option<Tls>,
    document: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicU32>,
}

/// A certificate that is its own authority.
#[derive(Clone)]
struct Tls {
    acceptor: TlsAcceptor,
    pem: String,
}

impl Tls {
    fn new() -> Self {
        let issued = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]);
        let rcgen::CertifiedKey { cert, signing_key } = issued.expect("issues");
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a certificate and its key");
        Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            pem: cert.pem(),
        }
    }
}

impl Publisher {
    async fn start(kids: &[&str]) -> Self {
        Self::start_over(kids, None).await
    }

    async fn start_over(kids: &[&str], tls: Option<Tls>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let publisher = Self {
            addr: listener.local_addr().expect("bound"),
            tls: tls.clone(),
            document: Arc::default(),
            asked: Arc::default(),
        };
        publisher.publish(Some(kids));
        let (document, asked) = (
            Arc::clone(&publisher.document),
            Arc::clone(&publisher.asked),
        );
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream: Box<dyn Stream> = match &tls {
                    None => Box::new(stream),
                    Some(tls) => match tls.acceptor.accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => continue,
                    },
                };
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request).await;
                asked.fetch_add(1, Ordering::Relaxed);
                let document = document.lock().expect("whole").clone();
                let answer = match document {
                    Some(text) => format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
                        text.len()
                    ),
                    None => "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                        .to_owned(),
                };
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        publisher
    }

    fn publish(&self, kids: Option<&[&str]>) {
        let keys = |kids: &[&str]| {
            let keys: Vec<_> = kids.iter().map(|kid| jwk(ALGORITHM, kid)).collect();
            document(&keys)
        };
        *self.document.lock().expect("whole") = kids.map(keys);
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    async fn verifier(&self) -> Verifier {
        let pem = self.tls.as_ref().map(|tls| tls.pem.as_str());
        self.verifier_believing(pem).await
    }

    /// Who takes this certificate for an authority.
    async fn verifier_believing(&self, pem: Option<&str>) -> Verifier {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let mut settings = settings(ALGORITHM, &format!("{scheme}://{}/keys", self.addr));
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        if let Some(pem) = pem {
            file.write_all(pem.as_bytes()).expect("writes");
            settings.jwks_ca_file = Some(file.path().to_owned());
        }
        verifier(settings).await
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Lets time pass without waiting for it, and then run on, so that sockets may take theirs.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

async fn believes(verifier: &Verifier, kid: &str) -> bool {
    let token = token(ALGORITHM, kid, &payload());
    verifier.admit(&token, NOW).await.is_ok()
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it_and_not_more_often_than_agreed() {
    let publisher = Publisher::start(&["old"]).await;
    let verifier = publisher.verifier().await;
    assert!(believes(&verifier, "old").await);
    publisher.publish(Some(&["old", "new"]));
    for n in 0..200 {
        assert!(!believes(&verifier, &format!("made-up-{n}")).await);
    }
    assert!(!believes(&verifier, "new").await, "asked for just now");
    assert_eq!(publisher.asked(), 1);
    pass(Duration::from_secs(31)).await;
    let flood = (0..50).map(|n| {
        let verifier = verifier.clone();
        tokio::spawn(async move { believes(&verifier, &format!("made-up-{n}")).await })
    });
    for one in flood.collect::<Vec<_>>() {
        assert!(!one.await.expect("runs"));
    }
    assert!(believes(&verifier, "new").await && believes(&verifier, "old").await);
    assert_eq!(publisher.asked(), 2, "one question for all");
}

#[tokio::test]
async fn over_tls_keys_rotate_and_an_unknown_authority_tells_none() {
    let publisher = Publisher::start_over(&["old"], Some(Tls::new())).await;
    let stranger = publisher.verifier_believing(Some(&Tls::new().pem)).await;
    assert!(!believes(&stranger, "old").await);
    assert_eq!(
        publisher.asked(),
        0,
        "nothing is asked of whom nobody knows"
    );
    let verifier = publisher.verifier().await;
    assert!(believes(&verifier, "old").await);
    publisher.publish(Some(&["new"]));
    pass(Duration::from_secs(31)).await;
    assert!(believes(&verifier, "new").await && !believes(&verifier, "old").await);
    assert!(!believes(&stranger, "new").await);
    assert_eq!(publisher.asked(), 2);
}

#[tokio::test]
async fn keys_stay_while_nobody_answers_and_go_when_they_are_withdrawn() {
    let publisher = Publisher::start(&["old"]).await;
    let verifier = publisher.verifier().await;
    assert!(believes(&verifier, "old").await);
    publisher.publish(None);
    pass(Duration::from_secs(301)).await;
    while publisher.asked() < 2 {
        assert!(believes(&verifier, "old").await, "nobody answers");
        tokio::task::yield_now().await;
    }
    publisher.publish(Some(&["new"]));
    pass(Duration::from_secs(301)).await;
    // Also a token that was remembered: its key is gone.
    while believes(&verifier, "old").await {
        tokio::task::yield_now().await;
    }
    assert!(believes(&verifier, "new").await);
    assert_eq!(publisher.asked(), 3);
}

#[tokio::test]
async fn an_issuer_that_is_away_at_the_start_is_asked_later() {
    let publisher = Publisher::start(&[]).await;
    publisher.publish(None);
    let verifier = publisher.verifier().await;
    assert!(!believes(&verifier, "new").await);
    publisher.publish(Some(&["new"]));
    pass(Duration::from_secs(31)).await;
    assert!(believes(&verifier, "new").await);
}

#[tokio::test]
async fn a_file_is_read_again_when_a_key_is_missing_and_must_be_there_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.json");
    let settings = settings(ALGORITHM, path.to_str().expect("UTF-8"));
    assert!(
        dossier_access::Foreign::open(settings.clone())
            .await
            .is_err()
    );
    std::fs::write(&path, document(&[jwk(ALGORITHM, "old")])).expect("writes");
    let verifier = verifier(settings).await;
    assert!(believes(&verifier, "old").await && !believes(&verifier, "new").await);
    std::fs::write(&path, "{").expect("writes");
    pass(Duration::from_secs(2)).await;
    assert!(!believes(&verifier, "new").await);
    assert!(
        believes(&verifier, "old").await,
        "a broken file changes nothing"
    );
    std::fs::write(&path, document(&[jwk(ALGORITHM, "new")])).expect("writes");
    pass(Duration::from_secs(2)).await;
    assert!(believes(&verifier, "new").await && !believes(&verifier, "old").await);
}
