//! Who is connected: how many at once, from everywhere and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::edge::Limits;

/// The open connections of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connections {
    open: Arc<Mutex<Open>>,
    max: usize,
    peer_max: usize,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    from: HashMap<IpAddr, usize>,
}

/// The place of one connection; free again when dropped.
#[derive(Debug)]
pub struct Seat {
    connections: Connections,
    origin: IpAddr,
}

impl Connections {
    pub fn new(limits: &Limits) -> Self {
        Self {
            open: Arc::default(),
            max: limits.connections_max,
            peer_max: limits.peer_connections_max,
        }
    }

    /// A place for a connection from this address, where there is one.
    pub fn admit(&self, peer: IpAddr) -> Option<Seat> {
        let origin = origin(peer);
        let mut open = self.lock();
        let from = open.from.get(&origin).copied().unwrap_or_default();
        if open.all >= self.max || from >= self.peer_max {
            return None;
        }
        open.all += 1;
        open.from.insert(origin, from + 1);
        drop(open);
        let connections = self.clone();
        Some(Seat {
            connections,
            origin,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.all -= 1;
        if let Some(from) = open.from.get_mut(&self.origin) {
            *from -= 1;
            if *from == 0 {
                open.from.remove(&self.origin);
            }
        }
    }
}

/// Whoever has one address of IPv6 has the 2⁶⁴ beside it, too.
fn origin(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            Ipv6Addr::from_bits(network).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_origin_and_free_again() {
        let limits = Limits {
            connections_max: 3,
            peer_connections_max: 2,
            ..Limits::default()
        };
        let connections = Connections::new(&limits);
        let admit = |text: &str| connections.admit(text.parse().expect("an address"));
        let one = admit("2001:db8::1").expect("a place");
        let two = admit("2001:db8::2").expect("a place");
        assert!(admit("2001:db8:0:0:ffff::").is_none(), "the same network");
        let three = admit("192.0.2.1").expect("a place");
        assert!(admit("192.0.2.2").is_none(), "full");
        drop((one, two));
        let mapped = admit("::ffff:192.0.2.1").expect("a place");
        assert!(
            admit("192.0.2.1").is_none(),
            "the same address, written otherwise"
        );
        drop((mapped, three));
        assert!(connections.lock().from.is_empty());
    }
}
