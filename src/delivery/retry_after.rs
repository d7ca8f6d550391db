//! The `Retry-After` header (RFC 9110, section 10.2.3): a number of seconds, or a date.

use std::time::{Duration, SystemTime};

/// How long the answer asks to be left alone; `None` for nonsense (`-1`, `1.5`, `soon`), which is
/// then ignored.
///
/// A date counts from the answer's own `Date`, so that a wrong clock on either side does no harm;
/// without one, from `now`. A date in the past is zero. A number too large for the clock is the
/// longest time there is.
pub(crate) fn parse(value: &str, date: Option<&str>, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let from = date.and_then(|date| httpdate::parse_http_date(date.trim()).ok()).unwrap_or(now);
    Some(until.duration_since(from).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONDAY: &str = "Mon, 23 Nov 2026 12:00:00 GMT";

    fn read(value: &str) -> Option<Duration> {
        parse(value, Some(MONDAY), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(read("0"), Some(Duration::ZERO));
        assert_eq!(read(" 120 "), Some(Duration::from_secs(120)));
        assert_eq!(read("Mon, 23 Nov 2026 12:01:30 GMT"), Some(Duration::from_secs(90)));
        assert_eq!(
            read("Mon, 23 Nov 2026 11:00:00 GMT"),
            Some(Duration::ZERO),
            "a date in the past"
        );
        assert_eq!(read(&"9".repeat(500)), Some(Duration::MAX));
    }

    #[test]
    fn nonsense_is_ignored() {
        for value in ["", "-1", "1.5", "soon", "5, 10", "0x10", "１２"] {
            assert_eq!(read(value), None, "{value}");
        }
    }

    #[test]
    fn a_date_counts_from_our_clock_where_the_answer_has_none() {
        let now = httpdate::parse_http_date(MONDAY).expect("a date");
        assert_eq!(parse("Mon, 23 Nov 2026 12:00:07 GMT", None, now), Some(Duration::from_secs(7)));
        assert_eq!(
            parse("Mon, 23 Nov 2026 12:00:07 GMT", Some("nonsense"), now),
            Some(Duration::from_secs(7))
        );
    }
}
