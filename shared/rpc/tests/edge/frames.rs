//! HTTP/2 by hand (RFC 9113), to send what no honest client does.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const CONTINUATION: u8 = 9;

pub const END_HEADERS: u8 = 4;

const PATIENCE: Duration = Duration::from_secs(10);

/// A connection on which nothing happens by itself.
pub struct Wire(TcpStream);

impl Wire {
    pub async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.expect("connects"))
    }

    /// Connected, with preface and settings sent.
    pub async fn open(address: SocketAddr) -> Self {
        let mut wire = Self::connect(address).await;
        let begin = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        assert!(wire.send(&begin).await, "an open connection");
        wire
    }

    /// Whether all of it could be sent: not when the server has closed or reads no more.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        let sent = timeout(Duration::from_millis(500), self.0.write_all(bytes));
        matches!(sent.await, Ok(Ok(())))
    }

    /// The next frame of this kind, or none before the connection ends.
    pub async fn wait_for(&mut self, kind: u8) -> Option<Vec<u8>> {
        let search = async {
            loop {
                let mut head = [0; 9];
                self.0.read_exact(&mut head).await.ok()?;
                let [a, b, c, found, ..] = head;
                let length = u32::from_be_bytes([0, a, b, c]);
                let mut payload = vec![0; usize::try_from(length).expect("small")];
                self.0.read_exact(&mut payload).await.ok()?;
                if found == kind {
                    return Some(payload);
                }
            }
        };
        timeout(PATIENCE, search)
            .await
            .expect("an answer or an end")
    }

    /// Returns when the server has closed the connection.
    pub async fn closed(mut self) {
        let mut sink = [0; 4_096];
        let end = async { while self.0.read(&mut sink).await.is_ok_and(|read| read > 0) {} };
        timeout(PATIENCE, end)
            .await
            .expect("the connection is closed");
    }
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("small").to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The headers of a gRPC call, as HPACK literals that nobody remembers (RFC 7541, section 6.2.2).
pub fn call(path: &str, token: &str) -> Vec<u8> {
    let authorization = format!("Bearer {token}");
    let headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "test"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("authorization", &authorization),
    ];
    let literals = headers
        .iter()
        .flat_map(|(name, value)| literal(name, value));
    literals.collect()
}

pub fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        let mut rest = text.len();
        if rest < 127 {
            bytes.push(u8::try_from(rest).expect("small"));
        } else {
            bytes.push(127);
            rest -= 127;
            while rest >= 128 {
                bytes.push(u8::try_from(rest % 128).expect("small") | 128);
                rest /= 128;
            }
            bytes.push(u8::try_from(rest).expect("small"));
        }
        bytes.extend(text.bytes());
    }
    bytes
}
