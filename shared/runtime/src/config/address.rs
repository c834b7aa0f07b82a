//! What the URL of a server says about the way to it.

use std::net::IpAddr;

/// The parts of `scheme://user:password@host:port/path?query#fragment` that are looked at.
pub(super) struct Address<'a> {
    pub scheme: &'a str,
    pub host: &'a str,
    query: &'a str,
    pub fragment: &'a str,
}

impl<'a> Address<'a> {
    pub fn of(url: &'a str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        let host = match host.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        Self {
            scheme,
            host,
            query,
            fragment,
        }
    }

    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value)
            // The last one counts, as it does for drivers.
            .next_back()
    }

    /// Whether the way ends on this machine: loopback, or a socket file.
    pub fn stays_here(&self) -> bool {
        let host = self.parameter("host").unwrap_or(self.host);
        let socket = host.starts_with('/') || host.to_ascii_lowercase().starts_with("%2f");
        socket || is_loopback(host)
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_is_read_as_drivers_read_it() {
        for here in [
            "postgres://u:p@127.0.0.1:5432/d",
            "postgres://localhost/d",
            "postgres://[::1]:5432/d",
            "postgres://%2Fvar%2Frun/d",
            "postgres://db.internal/d?host=/var/run/postgresql",
            "redis://:secret@127.0.0.2:1/0",
        ] {
            assert!(Address::of(here).stays_here(), "{here}");
        }
        for away in [
            "postgres://db.internal/d",
            "postgres://127.0.0.1@db.internal/d",
            "postgres://localhost/d?host=db.internal",
            "postgres://localhost.evil.example/d",
            "redis://10.0.0.1",
        ] {
            assert!(!Address::of(away).stays_here(), "{away}");
        }
        let url = "postgres://h/d?sslmode=disable&sslmode=verify-full";
        assert_eq!(Address::of(url).parameter("sslmode"), Some("verify-full"));
    }
}
