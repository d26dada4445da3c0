//! When a role or a grant holds: one ISO 8601 interval, half-open (spec: idm §3.7).

use jiff::civil::Time;
use jiff::fmt::temporal::Pieces;
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Zoned};
use serde_json::Value;

use super::error::{Fault, Kind, excerpt};
use super::time::Timestamp;

/// Name of the property, on roles and in `_refProperties`.
pub const PROPERTY: &str = "temporalConstraints";

const RULE: &str = "an ISO 8601 interval: start/end, start/period or period/end, with the end after the start";

/// From `start` until just before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interval {
    /// The first instant inside.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

impl Interval {
    /// Reads `start/end`, `start/period` or `period/end`. An instant without an offset is UTC, a date alone its midnight; a
    /// period is counted on the calendar of the instant beside it.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] that names `temporalConstraints` and the rule.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let wrong = || Fault::new(Kind::InvalidValue, format!("'{PROPERTY}': {:?} is not {RULE}", excerpt(text)));
        Self::read(text).ok_or_else(wrong)
    }

    fn read(text: &str) -> Option<Self> {
        let (left, right) = text.trim().split_once('/')?;
        let period = |text: &str| text.starts_with(['P', 'p']).then(|| text.parse::<Span>().ok()).flatten();
        let (start, end) = match (period(left), period(right)) {
            (None, None) => (instant(left)?, instant(right)?),
            (None, Some(length)) => {
                let start = instant(left)?;
                (start.clone(), start.checked_add(length).ok()?)
            }
            (Some(length), None) => {
                let end = instant(right)?;
                (end.checked_sub(length).ok()?, end)
            }
            (Some(_), Some(_)) => return None,
        };
        let of = |at: Zoned| Timestamp::from_micros(at.timestamp().as_microsecond());
        let (start, end) = (of(start), of(end));
        (start < end).then_some(Self { start, end })
    }

    /// The interval of a `temporalConstraints` array, `[{"duration": …}]`; absent, null and `[]` are none. `of` says whose it
    /// is, for the message: `role` or `grant`.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] for another shape, a bad interval, or more than one.
    pub fn of_property(value: Option<&Value>, of: &str) -> Result<Option<Self>, Fault> {
        let shape = || Fault::new(Kind::InvalidValue, format!("'{PROPERTY}' must be a list of one {{\"duration\": interval}}"));
        match value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(list)) => match list.as_slice() {
                [] => Ok(None),
                [one] => {
                    let text = one.get("duration").and_then(Value::as_str).ok_or_else(shape)?;
                    Self::parse(text).map(Some)
                }
                _ => {
                    let text = format!("Only 1 temporal constraint is supported per {of}.");
                    Err(Fault::new(Kind::InvalidValue, text).requirement(PROPERTY, "VALID_TEMPORAL_CONSTRAINTS"))
                }
            },
            Some(_) => Err(shape()),
        }
    }

    /// Whether `at` lies inside.
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

/// Whether `at` passes all of the constraints; none passes always.
pub fn holds(constraints: impl IntoIterator<Item = Option<Interval>>, at: Timestamp) -> bool {
    constraints.into_iter().flatten().all(|interval| interval.contains(at))
}

fn instant(text: &str) -> Option<Zoned> {
    if text.contains('[') {
        return text.parse().ok();
    }
    let pieces = Pieces::parse(text).ok()?;
    let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
    pieces.date().to_datetime(pieces.time().unwrap_or(Time::midnight())).to_zoned(TimeZone::fixed(offset)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_the_three_forms() {
        for (text, start, end) in [
            ("2026-03-01T00:00:00.000Z/2026-08-31T00:00:00.000Z", "2026-03-01T00:00:00Z", "2026-08-31T00:00:00Z"),
            ("2026-03-01T00:00:00+02:00/P1M", "2026-02-28T22:00:00Z", "2026-03-31T22:00:00Z"),
            ("2026-01-31T12:00:00Z/P1M", "2026-01-31T12:00:00Z", "2026-02-28T12:00:00Z"),
            ("PT8H/2026-03-01T12:00:00Z", "2026-03-01T04:00:00Z", "2026-03-01T12:00:00Z"),
            ("P1Y2M3DT4H5M6S/2026-03-04T04:05:06Z", "2025-01-01T00:00:00Z", "2026-03-04T04:05:06Z"),
            ("P2W/2026-03-15", "2026-03-01T00:00:00Z", "2026-03-15T00:00:00Z"),
            ("2026-03-01/2026-03-02", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"),
            ("2026-03-01T08:00:00/PT1H", "2026-03-01T08:00:00Z", "2026-03-01T09:00:00Z"),
        ] {
            let wanted = Interval { start: Timestamp::parse(start).unwrap(), end: Timestamp::parse(end).unwrap() };
            assert_eq!(Interval::parse(text), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "/",
            "2026-03-01",
            "2026-03-01/",
            "/2026-03-01",
            "P1D/P1D",
            "2026-03-02/2026-03-01",
            "2026-03-01/2026-03-01",
            "2026-03-01/PT0S",
            "2026-03-01/-P1D",
            "tomorrow/P1D",
            "2026-13-01/P1D",
            "2026-03-01/P1X",
            "2026-03-01/2026-03-02/2026-03-03",
            "2026-03-01T00:00:00Z/P99999Y",
        ] {
            assert!(Interval::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn is_half_open() {
        let interval = Interval::parse("2026-03-01T00:00:00Z/2026-03-02T00:00:00Z").unwrap();
        for (at, inside) in [
            (interval.start.plus_micros(-1), false),
            (interval.start, true),
            (interval.end.plus_micros(-1), true),
            (interval.end, false),
        ] {
            assert_eq!(interval.contains(at), inside);
            assert_eq!(holds([None, Some(interval)], at), inside);
        }
        assert!(holds([None, None], Timestamp::default()));
    }

    #[test]
    fn a_property_holds_at_most_one() {
        let one = json!({"duration": "2026-03-01/P1D"});
        for none in [json!(null), json!([])] {
            assert_eq!(Interval::of_property(Some(&none), "role"), Ok(None));
        }
        assert!(Interval::of_property(Some(&json!([one])), "role").unwrap().is_some());
        for wrong in [json!("x"), json!({}), json!([{}]), json!([{"duration": 1}]), json!([{"duration": "x"}])] {
            assert_eq!(Interval::of_property(Some(&wrong), "role").unwrap_err().kind, Kind::InvalidValue, "{wrong}");
        }
        let two = Interval::of_property(Some(&json!([one, one])), "grant").unwrap_err();
        assert_eq!(two.detail, "Only 1 temporal constraint is supported per grant.");
    }

    proptest! {
        #[test]
        fn takes_any_text(text: String, left: String, right: String) {
            let _ = Interval::parse(&text);
            let _ = Interval::parse(&format!("{left}/{right}"));
        }
    }
}
