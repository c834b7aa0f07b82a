//! The `grpc-timeout` header (gRPC over HTTP/2, "Timeout").

use std::time::Duration;

use http::{HeaderName, HeaderValue};

pub const HEADER: HeaderName = HeaderName::from_static("grpc-timeout");

/// Reads one to eight digits and a unit; `None` for anything else.
pub fn parse(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3_600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// Writes the duration in the finest unit that fits, rounded down: what is left must not grow on
/// its way to a peer.
pub fn format(left: Duration) -> HeaderValue {
    const DIGITS: u128 = 99_999_999;
    let (amount, unit) = match left {
        _ if left.as_micros() <= DIGITS => (left.as_micros(), 'u'),
        _ if left.as_millis() <= DIGITS => (left.as_millis(), 'm'),
        _ => (u128::from(left.as_secs()).min(DIGITS), 'S'),
    };
    HeaderValue::try_from(format!("{amount}{unit}"))
        .unwrap_or_else(|_| HeaderValue::from_static("0u"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_timeout_is_refused() {
        for bad in ["", "5", "S", "123456789S", "-1S", "1.5S", "1 S", "1s"] {
            assert_eq!(parse(&HeaderValue::from_static(bad)), None, "{bad}");
        }
        assert_eq!(parse(&HeaderValue::from_static("0m")), Some(Duration::ZERO));
        assert_eq!(
            parse(&HeaderValue::from_static("2H")),
            Some(Duration::from_secs(7_200))
        );
    }

    proptest! {
        #[test]
        fn a_timeout_never_grows_and_loses_little(micros in 0u64..100_000_000_000_000) {
            let left = Duration::from_micros(micros);
            let read = parse(&format(left)).expect("what we write we read");
            prop_assert!(read <= left);
            prop_assert!(left.as_secs() > 99_999_999 || left - read <= Duration::from_secs(1));
        }
    }
}
