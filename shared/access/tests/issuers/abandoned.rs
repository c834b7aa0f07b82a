//! A caller who asks for new keys and does not wait for them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dossier_access::IssuerAlgorithm;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::house::{NOW, document, jwk, payload, settings, token, verifier};

const ALGORITHM: IssuerAlgorithm = IssuerAlgorithm::Es256;

/// Longer than an issuer is left alone between two attempts.
const PAUSE: Duration = Duration::from_secs(31);

#[tokio::test]
async fn who_hangs_up_does_not_keep_others_from_new_keys() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let uri = format!("http://{}/keys", listener.local_addr().expect("bound"));
    let published = Arc::new(Mutex::new(document(&[jwk(ALGORITHM, "old")])));
    let asked = Arc::new(AtomicU32::new(0));
    let (open, gate) = watch::channel(true);
    let (shown, count) = (Arc::clone(&published), Arc::clone(&asked));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            count.fetch_add(1, Ordering::SeqCst);
            gate.clone().wait_for(|open| *open).await.expect("kept");
            let text = shown.lock().expect("whole").clone();
            let length = text.len();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close");
            let _ = stream
                .write_all(format!("{head}\r\n\r\n{text}").as_bytes())
                .await;
        }
    });
    let verifier = verifier(settings(ALGORITHM, &uri)).await;
    *published.lock().expect("whole") = document(&[jwk(ALGORITHM, "new")]);
    open.send_replace(false);
    tokio::time::pause();
    tokio::time::advance(PAUSE).await;
    tokio::time::resume();

    let invented = token(ALGORITHM, "invented", &payload());
    let leaves = async {
        while asked.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = verifier.admit(&invented, NOW) => panic!("nobody has answered"),
        () = leaves => {}
    }
    open.send_replace(true);
    let new = token(ALGORITHM, "new", &payload());
    let known = async {
        while verifier.verify(&new, NOW).is_err() {
            tokio::task::yield_now().await;
        }
    };
    let known = tokio::time::timeout(Duration::from_secs(10), known).await;
    known.expect("the keys came although nobody waited");
}
