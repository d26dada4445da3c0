//! Lengths of time as people write them: `90d`, `12h`, `500ms`.

use std::time::Duration;

use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::time::Timestamp;

const UNITS: [(&str, u64); 6] = [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a whole number and one unit of `ms`, `s`, `m`, `h`, `d`, `w`, at most a hundred years. A day has 24 hours.
///
/// # Errors
/// [`Kind::InvalidValue`] that states the rule.
pub fn parse(text: &str) -> Result<Duration, Fault> {
    const LONGEST: u64 = 100 * 366 * 86_400_000;
    let cut = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(cut);
    let millis = UNITS
        .iter()
        .find(|known| known.0 == unit)
        .and_then(|known| number.parse::<u64>().ok()?.checked_mul(known.1))
        .filter(|millis| *millis <= LONGEST);
    millis.map(Duration::from_millis).ok_or_else(|| {
        Fault::new(
            Kind::InvalidValue,
            format!(
                "{:?} is no length of time: write a whole number and a unit, as in 500ms, 30s, 15m, 12h, 90d, 2w",
                excerpt(text)
            ),
        )
    })
}

/// An instant as people write it: itself, or a length of time from `now`.
///
/// # Errors
/// As [`parse`].
pub fn instant(now: Timestamp, text: &str) -> Result<Timestamp, Fault> {
    if let Some(at) = Timestamp::parse(text) {
        return Ok(at);
    }
    let seconds = i64::try_from(parse(text)?.as_secs()).unwrap_or(i64::MAX);
    Ok(now.plus_seconds(seconds))
}

/// The shortest text that [`parse`] reads back; what is below a millisecond is cut.
pub fn print(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (unit, size) = UNITS.into_iter().find(|(_, size)| millis % size == 0 && millis != 0).unwrap_or(("s", 1_000));
    format!("{}{unit}", millis / size)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{parse, print};

    #[test]
    fn reads_units() {
        for (text, millis) in [
            ("90d", 7_776_000_000),
            ("12h", 43_200_000),
            ("15m", 900_000),
            ("30s", 30_000),
            ("500ms", 500),
            ("2w", 1_209_600_000),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
            assert_eq!(print(Duration::from_millis(millis)), text);
        }
        for text in ["", "d", "90", "-1d", "1.5h", "1 d", "90D", "1y", "99999999999999999999d", "40000d", "٣d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn prints_what_it_reads(millis in 0_u64..3_000_000_000_000) {
            let given = Duration::from_millis(millis);
            prop_assert_eq!(parse(&print(given)), Ok(given));
        }

        #[test]
        fn takes_any_text(text: String) {
            let _ = parse(&text);
        }
    }
}
