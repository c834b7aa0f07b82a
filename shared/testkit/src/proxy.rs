//! A way over TCP that can go wrong.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes connections on to the first of its targets that takes them, beginning with another one
/// each time: a balancer, or with one target a wire. Dropping it cuts everything.
pub struct Proxy {
    address: String,
    way: watch::Sender<Way>,
    accepting: JoinHandle<()>,
}

/// How the way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Open,
    /// Whatever is sent arrives this much later.
    Slow(Duration),
    /// Nothing arrives any more and nobody is told, as behind a router that died. What was sent
    /// arrives once the way is open again, as TCP sends it again.
    Silent,
    /// Connections are closed, and new ones at once.
    Cut,
}

impl Proxy {
    /// `targets` are of the form `127.0.0.1:6379`.
    pub async fn start(targets: Vec<String>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (way, seen) = watch::channel(Way::Open);
        let accepting = tokio::spawn(accept(listener, targets, seen));
        Ok(Self {
            address,
            way,
            accepting,
        })
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Way::Cut);
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, targets: Vec<String>, way: watch::Receiver<Way>) {
    let mut turn = 0;
    while let Ok((near, _)) = listener.accept().await {
        turn += 1;
        let mut order = targets.clone();
        order.rotate_left(turn % targets.len());
        tokio::spawn(pass(near, order, way.clone()));
    }
}

async fn pass(near: TcpStream, targets: Vec<String>, way: watch::Receiver<Way>) {
    let mut cut = way.clone();
    let both = async {
        for target in targets {
            let Ok(far) = TcpStream::connect(target).await else {
                continue;
            };
            // Small messages are what is measured through this.
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            tokio::join!(
                pump(near_in, far_out, way.clone()),
                pump(far_in, near_out, way)
            );
            return;
        }
    };
    tokio::select! {
        () = both => {}
        _ = cut.wait_for(|way| *way == Way::Cut) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<Way>) {
    let mut bytes = vec![0; 16 * 1_024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let Ok(now) = way
            .wait_for(|way| *way != Way::Silent)
            .await
            .map(|way| *way)
        else {
            return;
        };
        if let Way::Slow(late) = now {
            tokio::time::sleep(late).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
    // The other side learns that this one ends; what comes back still passes.
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Port;

    /// Answers everything with itself.
    async fn echo() -> anyhow::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mut from, mut to) = stream.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
            }
        });
        Ok(address)
    }

    async fn ask(stream: &mut TcpStream) -> anyhow::Result<u8> {
        stream.write_all(&[7]).await?;
        Ok(stream.read_u8().await?)
    }

    #[tokio::test]
    async fn the_way_is_what_it_was_set_to() -> anyhow::Result<()> {
        let closed = Port::hold()?;
        let nobody = closed.address().to_string();
        let proxy = Proxy::start(vec![nobody, echo().await?]).await?;
        let mut stream = TcpStream::connect(proxy.address()).await?;
        assert_eq!(ask(&mut stream).await?, 7, "the one who is there answers");

        proxy.set(Way::Silent);
        let short = Duration::from_millis(50);
        let silent = tokio::time::timeout(short, ask(&mut stream)).await;
        assert!(silent.is_err());
        proxy.set(Way::Slow(short));
        assert_eq!(stream.read_u8().await?, 7, "what was held back arrives");
        proxy.set(Way::Cut);
        assert!(ask(&mut stream).await.is_err());
        let mut again = TcpStream::connect(proxy.address()).await?;
        assert!(ask(&mut again).await.is_err());
        Ok(())
    }
}
