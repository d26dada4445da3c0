//! Instants as they are stored and printed.

use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::TimeZone;

/// Microseconds since 1970-01-01T00:00:00Z: what is stored is what is printed and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This instant moved by `micros`, held at the ends of the range.
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// This instant moved by `seconds`, held at the ends of the range.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Parses an xsd:dateTime with any offset and up to nine fraction digits (RFC 7643 §2.3.5); what has no offset is
    /// taken as UTC. Digits beyond microseconds are cut.
    pub fn parse(text: &str) -> Option<Self> {
        let instant = match text.parse::<jiff::Timestamp>() {
            Ok(instant) => instant,
            Err(_) => text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp(),
        };
        // A bare date is no dateTime.
        (text.contains(['T', 't'])).then(|| Self(instant.as_microsecond()))
    }
}

impl std::fmt::Display for Timestamp {
    /// RFC 3339 in UTC with six fraction digits, so that text order is time order.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => f.write_str(&PRINTER.timestamp_to_string(&instant)),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn prints_what_it_reads() {
        for (given, printed) in [
            ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00.000000Z"),
            ("2026-11-21T10:00:00.1234567Z", "2026-11-21T10:00:00.123456Z"),
            ("2026-11-21T12:00:00+02:00", "2026-11-21T10:00:00.000000Z"),
            ("2026-11-21T10:00:00", "2026-11-21T10:00:00.000000Z"),
        ] {
            assert_eq!(Timestamp::parse(given).unwrap().to_string(), printed, "{given}");
        }
        assert_eq!(Timestamp::parse("2026-11-21"), None);
        assert_eq!(Timestamp::parse("tomorrow"), None);
    }
}
