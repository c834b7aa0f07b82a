//! What operators are promised about starting and stopping.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::recipe::{Job, Service};
use crate::subject::Held;

/// A service that answers nothing, and has a job that fails.
const EMPTY: Recipe = Recipe {
    name: "profile",
    grpc_services: &["dossier.profile.v1.CustomerService"],
    migrations: Vec::new,
    sealed: dossier_vault::Registry::NOTHING,
    held: Held::NOTHING,
    replay: None,
    compaction: Some("profile.compact-feed"),
    build: |deps| {
        Box::pin(async move {
            let waiting = move || {
                let stop = deps.stop.clone();
                async move {
                    stop.cancelled().await;
                    Ok(())
                }
            };
            let jobs = vec![
                Job::new("profile.waiting", waiting),
                Job::new("profile.failing", || async {
                    Err(Error::unavailable("Not there."))
                }),
            ];
            Ok(Service {
                routes: tonic::service::Routes::default(),
                jobs,
                participant: None,
            })
        })
    },
};

async fn get(addr: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.expect("the operators' port");
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("writes");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("reads");
    answer
}

#[tokio::test]
async fn a_process_has_its_directory_alone_and_gives_it_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = || {
        let mut config = Config::embedded(dir.path()).expect("valid");
        config.admin_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        config
    };
    let running = start(config(), vec![EMPTY]).await.expect("starts");
    let refused = start(config(), vec![EMPTY]).await.err().expect("in use");
    assert_eq!(refused.reason(), Reason::FailedPrecondition);
    assert!(refused.to_string().contains("is in use"), "{refused}");
    let refused = migrate(&config(), vec![EMPTY]).await.expect_err("in use");
    assert!(refused.to_string().contains("is in use"), "{refused}");

    let admin = running.admin_addr().expect("asked for");
    let mut ready = get(admin, "/readyz").await;
    while !ready.contains("profile.failing") {
        ready = get(admin, "/readyz").await;
    }
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
    assert!(
        ready.contains("profile.failing") && !ready.contains("waiting"),
        "{ready}"
    );
    assert!(get(admin, "/metrics").await.starts_with("HTTP/1.1 200"));
    running.stop().await;

    let again = start(config(), vec![EMPTY])
        .await
        .expect("free again, same keys");
    again.stop().await;
    assert_eq!(
        migrate(&config(), vec![EMPTY]).await.expect("free"),
        [("profile", 0)]
    );
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut config = Config::embedded(dir.path()).expect("valid");
    config.listen = taken.local_addr().expect("bound");
    let refused = start(config, vec![EMPTY]).await.err().expect("taken");
    assert!(refused.to_string().contains("--listen"), "{refused}");
}

#[tokio::test]
async fn named_key_files_must_be_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut config = Config::embedded(dir.path()).expect("valid");
    config.root_key_file = Some(dir.path().join("absent.key"));
    assert!(start(config, vec![EMPTY]).await.is_err());
}

#[tokio::test]
async fn what_this_binary_does_not_serve_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut config = Config::embedded(dir.path()).expect("valid");
    config.only = vec!["feedback".to_owned()];
    let refused = start(config, vec![EMPTY]).await.err().expect("none left");
    assert_eq!(refused.reason(), Reason::InvalidArgument);
}
