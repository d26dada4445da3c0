//! Names near to one that was mistyped.

/// Most names that are suggested.
const MOST: usize = 3;

/// The nearest of `known` to `name`, the nearest first: those that a few slips of the hand, or upper and lower case, tell apart.
pub fn near<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let wanted: Vec<char> = name.to_lowercase().chars().collect();
    let allowed = (wanted.len() / 3).clamp(1, 4);
    let measured = known.into_iter().map(|one| (distance(&wanted, &one.to_lowercase().chars().collect::<Vec<_>>()), one));
    let mut out: Vec<(usize, &str)> = measured.filter(|(distance, _)| *distance <= allowed).collect();
    out.sort_unstable();
    out.truncate(MOST);
    out.into_iter().map(|(_, one)| one).collect()
}

// Levenshtein's, one row at a time.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = corner + usize::from(left != right);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_near_and_other_names_are_not() {
        let known = ["payroll-executor", "payroll-reader", "report-reader", "Admin", "erp-reader", "user"];
        for (name, expected) in [
            ("payrol-executor", &["payroll-executor"][..]),
            ("ADMIN", &["Admin"]),
            ("rep-reader", &["erp-reader", "report-reader"]),
            ("manager", &[]),
            ("", &[]),
        ] {
            assert_eq!(near(name, known), expected, "{name}");
        }
    }

    #[test]
    fn distances() {
        let of = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        for (a, b, expected) in [("", "", 0), ("abc", "", 3), ("", "ab", 2), ("kitten", "sitting", 3), ("ab", "ba", 2)] {
            assert_eq!(of(a, b), expected, "{a} {b}");
        }
    }
}
