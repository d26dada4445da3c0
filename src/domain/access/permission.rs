//! Names of permissions: dotted, two or three segments (spec/access.md rows P42, P44).

use crate::domain::error::{Fault, Kind, excerpt};

/// Longest name.
const LONGEST: usize = 200;

/// Checks a name. Names compare exactly, and none stands for others: there is no wildcard.
///
/// # Errors
/// [`Kind::InvalidValue`] that names the permission and the rule.
pub fn check(name: &str) -> Result<(), Fault> {
    let segment = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    let segments = name.split('.').count();
    if name.len() <= LONGEST && (2..=3).contains(&segments) && name.split('.').all(segment) {
        return Ok(());
    }
    let rule = "two or three segments with a dot between, each a letter and then letters, digits, '_' or '-'";
    Err(Fault::new(Kind::InvalidValue, format!("permission '{}' has not the form of one: {rule}", excerpt(name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_or_three_segments() {
        for name in
            ["workflow.execute", "payroll.run", "report.payroll.read", "identity.tag.write", "role.grant_beyond_own", "A.b-9"]
        {
            assert!(check(name).is_ok(), "{name}");
        }
        for name in ["", "payroll", "a.b.c.d", "a..b", ".a", "a.", "*.run", "a.*", "a b.c", "1a.b", "a.b\u{0}", &"a.b".repeat(99)]
        {
            let fault = check(name).unwrap_err();
            assert!(fault.kind == Kind::InvalidValue && fault.detail.contains("two or three segments"), "{name}");
        }
    }
}
