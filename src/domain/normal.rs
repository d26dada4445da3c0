//! The normal form of values: what uniqueness, the attribute index and comparisons go by.

use std::cmp::Ordering;

use aws_lc_rs::digest::{SHA256, digest};
use icu_casemap::CaseMapper;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::domain::time::Timestamp;

/// Longest indexed text, in bytes; longer values are cut and carry a hash, and hits are re-checked.
pub const INDEX_BYTES: usize = 256;

/// Tells the Unicode tables of this binary from others: a digest of how each character is composed and folded. Another value
/// in a database means that its index was made by other tables.
pub const TABLES: &str = "38569f4c7abe20bd";

/// NFC, and case-folded unless `case_exact`.
pub fn text(value: &str, case_exact: bool) -> String {
    if value.is_ascii() {
        return if case_exact { value.to_owned() } else { value.to_ascii_lowercase() };
    }
    let composed = compose(value);
    if case_exact {
        return composed;
    }
    // Folding can leave text that is not composed (Unicode §3.13, toNFC(toCasefold(X))).
    compose(&CaseMapper::new().fold_string(&composed))
}

fn compose(value: &str) -> String {
    match is_nfc_quick(value.chars()) {
        IsNormalized::Yes => value.to_owned(),
        _ => value.nfc().collect(),
    }
}

/// The index form of a normalised text: itself, or its first bytes, U+001F and a hash when it is long.
pub fn index_text(normal: &str) -> String {
    if normal.len() <= INDEX_BYTES {
        return normal.to_owned();
    }
    let mut end = INDEX_BYTES;
    while !normal.is_char_boundary(end) {
        end -= 1;
    }
    let mut out = normal[..end].to_owned();
    out.push('\u{1f}');
    for byte in &hash(normal)[..8] {
        out.push_str(&format!("{byte:02x}"));
    }
    out
}

/// SHA-256 of a normalised value, the key of the table of unique values.
pub fn hash(normal: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, normal.as_bytes()).as_ref());
    out
}

/// An integer as sixteen hex digits whose text order is its order.
pub fn integer(value: i64) -> String {
    // Flipping the sign bit maps i64 order onto u64 order.
    format!("{:016x}", value.cast_unsigned() ^ (1 << 63))
}

/// A decimal as sixteen hex digits whose text order is its order.
pub fn decimal(value: f64) -> String {
    // Zero has two encodings; they must meet.
    let bits = if value == 0.0 { 0.0_f64.to_bits() } else { value.to_bits() };
    // IEEE 754: set the sign bit of positives, flip all of negatives.
    let ordered = if bits >> 63 == 0 { bits | (1 << 63) } else { !bits };
    format!("{ordered:016x}")
}

/// An instant as sixteen hex digits whose text order is time order.
pub fn instant(value: Timestamp) -> String {
    integer(value.micros())
}

/// The instant behind its index form.
pub fn parse_instant(form: &str) -> Option<Timestamp> {
    let bits = u64::from_str_radix(form, 16).ok().filter(|_| form.len() == 16)?;
    Some(Timestamp::from_micros((bits ^ (1 << 63)).cast_signed()))
}

/// A boolean's index form.
pub const fn boolean(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// Orders two texts as the index does: by the bytes of their normal forms.
pub fn compare(a: &str, b: &str, case_exact: bool) -> Ordering {
    text(a, case_exact).cmp(&text(b, case_exact))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_known() {
        let mut all = String::new();
        for character in (0x80..=0x0010_ffff).filter_map(char::from_u32) {
            let one = character.to_string();
            let (exact, folded) = (text(&one, true), text(&one, false));
            if exact != one || folded != one {
                all.push_str(&format!("{one}{exact}{folded}"));
            }
        }
        let digest: String = hash(&all)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, TABLES, "the tables changed: with the new digest every index is made anew at the next start");
    }

    #[test]
    fn folds_beyond_ascii() {
        for (a, b) in [("Straße", "STRASSE"), ("É", "e\u{301}"), ("ΌΣΟΣ", "όσος"), ("ﬁ", "FI")] {
            assert_eq!(text(a, false), text(b, false), "{a} {b}");
        }
        assert_ne!(text("A", true), text("a", true));
        assert_eq!(text("e\u{301}", true), text("é", true));
    }

    #[test]
    fn numbers_keep_their_order_as_text() {
        let integers = [i64::MIN, -5, -1, 0, 1, 7, i64::MAX];
        assert!(integers.windows(2).all(|w| integer(w[0]) < integer(w[1])));
        for value in integers {
            assert_eq!(parse_instant(&integer(value)), Some(Timestamp::from_micros(value)));
        }
        assert_eq!((parse_instant(""), parse_instant("x"), parse_instant("00")), (None, None, None));
        let decimals = [f64::NEG_INFINITY, -1.5, -0.25, 0.0, 0.25, 1.5, 1e300];
        assert!(decimals.windows(2).all(|w| decimal(w[0]) < decimal(w[1])));
        assert_eq!(decimal(-0.0), decimal(0.0));
    }

    #[test]
    fn long_values_are_cut_on_a_boundary_and_stay_apart() {
        let a = "é".repeat(200);
        let b = format!("{a}x");
        assert!(index_text(&a).len() <= INDEX_BYTES + 17);
        assert_ne!(index_text(&a), index_text(&b));
        assert_eq!(index_text("short"), "short");
    }
}
