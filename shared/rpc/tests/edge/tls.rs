//! TLS: who can connect, and whose certificate counts for what.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dossier_kernel::{Clock, Ctx, Role, TenantId};
use dossier_rpc::{Channel, ClientTls, ClientTlsFiles, Tls, TlsFiles, TokenSource, service_uri};
use dossier_testkit::{Authority, Issued};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::{Code, Status};
use tower::ServiceExt;

use crate::details::refused;
use crate::echo::{EchoClient, Heard};
use crate::rig::Rig;

/// A server over TLS, with the files of both sides.
struct House {
    rig: Rig,
    authority: Authority,
    dir: tempfile::TempDir,
}

impl House {
    async fn start(verifies_clients: bool) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let authority = Authority::new().expect("an authority");
        let ca = dir.path().join("ca.crt");
        authority.write(&ca).expect("writes");
        let own = authority.issue(dir.path(), "server", &[]).expect("issues");
        let tls = Tls::load(TlsFiles {
            cert: own.cert,
            key: own.key,
            client_ca: verifies_clients.then_some(ca),
        });
        let tls = tls.expect("loads");
        Self {
            rig: Rig::with(|edge| edge.tls = Some(tls)).await,
            authority,
            dir,
        }
    }

    fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn issue(&self, name: &str, uris: &[&str]) -> Issued {
        self.authority
            .issue(self.dir(), name, uris)
            .expect("issues")
    }

    fn client(&self, identity: Option<Issued>) -> ClientTls {
        client(&self.dir().join("ca.crt"), identity)
    }

    fn service_tokens(&self) -> TokenSource {
        TokenSource::service(Arc::clone(&self.rig.key), "tester", Clock::system())
    }

    fn channel(&self, tokens: TokenSource, tls: &ClientTls) -> Channel {
        let uri = format!("https://localhost:{}", self.rig.address.port());
        Channel::secured(&uri, tokens, tls).expect("an address")
    }

    async fn say(&self, tokens: TokenSource, tls: &ClientTls) -> Result<Heard, Status> {
        let ctx = Ctx::service("tester", TenantId::embedded_default());
        let channel = self.channel(tokens, tls);
        let mut client = EchoClient::new(channel.with(&ctx));
        Ok(client.say("x").await?.into_inner())
    }
}

fn client(ca: &Path, identity: Option<Issued>) -> ClientTls {
    ClientTls::load(ClientTlsFiles {
        ca: ca.to_owned(),
        identity: identity.map(|issued| (issued.cert, issued.key)),
    })
    .expect("loads")
}

#[tokio::test]
async fn calls_work_over_tls_for_those_who_know_the_authority_and_for_nobody_else() {
    let house = House::start(false).await;
    let known = house.client(None);
    let heard = house.say(house.service_tokens(), &known).await;
    assert_eq!(heard.expect("heard").strength, "token");

    let other = Authority::new().expect("an authority");
    let path = house.dir().join("other.crt");
    other.write(&path).expect("writes");
    let stranger = client(&path, None);
    let status = house.say(house.service_tokens(), &stranger).await;
    refused(&status.expect_err("no"), Code::Unavailable, "UNAVAILABLE");

    let plain = Channel::network(&house.rig.uri(), house.service_tokens()).expect("an address");
    let ctx = Ctx::service("tester", TenantId::embedded_default());
    let status = EchoClient::new(plain.with(&ctx)).say("x").await;
    refused(&status.expect_err("no"), Code::Unavailable, "UNAVAILABLE");
}

#[tokio::test]
async fn a_services_token_counts_only_with_that_services_certificate() {
    let house = House::start(true).await;
    let own = house.issue("tester", &[&service_uri("tester")]);
    let heard = house
        .say(house.service_tokens(), &house.client(Some(own)))
        .await;
    assert_eq!(heard.expect("heard").strength, "mutual");

    let two = [service_uri("tester"), service_uri("profile")];
    let thieves = [
        None,
        Some(house.issue("nobody", &[])),
        Some(house.issue("profile", &[&service_uri("profile")])),
        Some(house.issue("elsewhere", &["spiffe://elsewhere/service/tester"])),
        Some(house.issue("longer", &["spiffe://dossier/service/tester/x"])),
        Some(house.issue("both", &[&two[0], &two[1]])),
    ];
    for identity in thieves {
        let named = format!("{identity:?}");
        let thief = house.client(identity);
        let stolen = house.say(house.service_tokens(), &thief).await;
        let status = stolen.expect_err(&named);
        refused(&status, Code::Unauthenticated, "UNAUTHENTICATED");
    }
    // Without a socket there is nothing to steal from.
    let ctx = Ctx::service("tester", TenantId::embedded_default());
    let inside = Channel::in_process(&house.rig.local, house.service_tokens());
    let heard = EchoClient::new(inside.with(&ctx)).say("x").await;
    assert_eq!(heard.expect("heard").into_inner().strength, "token");
}

#[tokio::test]
async fn people_need_no_certificate_and_a_foreign_one_ends_the_connection() {
    let house = House::start(true).await;
    let token = || TokenSource::fixed(&house.rig.token(Role::Admin)).expect("a header");
    let heard = house.say(token(), &house.client(None)).await;
    assert_eq!(heard.expect("heard").principal, "person:ada");
    let service = house.issue("tester", &[&service_uri("tester")]);
    let heard = house.say(token(), &house.client(Some(service))).await;
    assert_eq!(heard.expect("heard").strength, "token", "nor gain by one");

    let forged = Authority::new()
        .and_then(|other| other.issue(house.dir(), "forged", &[&service_uri("tester")]));
    let forged = house.client(Some(forged.expect("issues")));
    let status = house.say(token(), &forged).await.expect_err("no");
    refused(&status, Code::Unavailable, "UNAVAILABLE");
}

#[tokio::test]
async fn changed_certificates_are_used_without_a_restart_and_bad_ones_are_not() {
    let house = House::start(false).await;
    let known = house.client(None);
    std::fs::write(house.dir().join("server.crt"), "no certificate").expect("writes");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1_100) {
        let heard = house.say(house.service_tokens(), &known).await;
        heard.expect("the one of before stays");
    }
    let next = Authority::new().expect("an authority");
    let path = house.dir().join("next.crt");
    next.write(&path).expect("writes");
    next.issue(house.dir(), "server", &[]).expect("issues");
    let renewed = client(&path, None);
    let begun = Instant::now();
    while let Err(status) = house.say(house.service_tokens(), &renewed).await {
        assert!(begun.elapsed() < Duration::from_secs(20), "{status}");
    }
    // The client's authorities, too, are as new as their file.
    next.write(&house.dir().join("ca.crt")).expect("writes");
    let begun = Instant::now();
    while let Err(status) = house.say(house.service_tokens(), &known).await {
        assert!(begun.elapsed() < Duration::from_secs(20), "{status}");
    }
}

#[tokio::test]
async fn another_server_of_the_process_gets_its_connections_greeted() {
    let house = House::start(false).await;
    let (dir, client) = (house.dir(), house.client(None));
    let tls = Tls::load(TlsFiles {
        cert: dir.join("server.crt"),
        key: dir.join("server.key"),
        client_ca: None,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut listener = tls.expect("loads").listen(listener).expect("listens");
    let addr = listener.local_addr();
    let _silent = TcpStream::connect(addr).await.expect("connects");
    let uri = format!("https://localhost:{}", addr.port());
    let asked = client.oneshot(uri.parse().expect("an address"));
    let (asked, (mut greeted, _)) = tokio::join!(asked, listener.accept());
    let mut asked = asked.expect("connects").into_inner();
    asked.write_all(b"hello").await.expect("writes");
    let mut heard = [0; 5];
    greeted.read_exact(&mut heard).await.expect("reads");
    assert_eq!(&heard, b"hello");
}

#[tokio::test]
async fn handshakes_that_never_come_hinder_nobody_and_plain_words_get_no_answer() {
    let house = House::start(false).await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(
            TcpStream::connect(house.rig.address)
                .await
                .expect("connects"),
        );
    }
    let heard = house.say(house.service_tokens(), &house.client(None)).await;
    heard.expect("heard");
    let mut plain = TcpStream::connect(house.rig.address)
        .await
        .expect("connects");
    plain
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("writes");
    let mut answer = Vec::new();
    // A reset is an end as good as any.
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"));
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let authority = Authority::new().expect("an authority");
    let one = authority.issue(dir.path(), "one", &[]).expect("issues");
    let two = authority.issue(dir.path(), "two", &[]).expect("issues");
    let absent = dir.path().join("absent.pem");
    for (cert, key, client_ca, named) in [
        (&absent, &one.key, None, "absent.pem"),
        (&one.cert, &absent, None, "absent.pem"),
        (&one.cert, &one.cert, None, "one.crt"),
        (&one.key, &one.key, None, "one.key"),
        (&one.cert, &two.key, None, "one.crt"),
        (&one.cert, &one.key, Some(absent.clone()), "absent.pem"),
    ] {
        let files = TlsFiles {
            cert: cert.clone(),
            key: key.clone(),
            client_ca,
        };
        let refused = Tls::load(files).err().expect(named).to_string();
        assert!(refused.contains(named), "{refused}");
    }
}
