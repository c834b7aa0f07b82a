//! A port for a server that is started later, or that nobody serves.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A port of 127.0.0.1 that nobody else is given while this lives. A socket is bound to it and does
/// not listen: connections are refused until a server that sets `SO_REUSEADDR`, as they do, listens
/// there, and again after it. A port that was only looked up could by then be somebody else's.
pub struct Port {
    address: SocketAddr,
    _held: TcpSocket,
}

impl Port {
    pub fn hold() -> anyhow::Result<Self> {
        let held = TcpSocket::new_v4()?;
        // Both must say so: the one who holds the port and the one who comes to listen.
        held.set_reuseaddr(true)?;
        held.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = held.local_addr()?;
        Ok(Self {
            address,
            _held: held,
        })
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn number(&self) -> u16 {
        self.address.port()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn a_server_listens_where_the_port_is_held() -> anyhow::Result<()> {
        let port = Port::hold()?;
        assert!(TcpStream::connect(port.address()).await.is_err());
        let stranger = TcpSocket::new_v4()?;
        assert!(stranger.bind(port.address()).is_err(), "it is held");
        for _ in 0..2 {
            let server = TcpListener::bind(port.address()).await?;
            let (near, far) = tokio::join!(TcpStream::connect(port.address()), server.accept());
            drop((near?, far?, server));
            assert!(TcpStream::connect(port.address()).await.is_err());
        }
        Ok(())
    }
}
