//! The upstream that a token stands for.

use std::fmt;

use crate::domain::error::{Fault, Kind, excerpt};

const LONGEST: usize = 64;

/// The name of a source: 1 to 64 of `a-z`, `0-9`, `.`, `_`, `-`, starting with a letter or digit. An `externalId` belongs
/// to a source; rotated tokens share it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceName(String);

impl SourceName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] that states the rule.
    pub fn parse(name: &str) -> Result<Self, Fault> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = name.len() <= LONGEST
            && name.bytes().next().is_some_and(plain)
            && name.bytes().all(|byte| plain(byte) || b"._-".contains(&byte));
        if !fits {
            return Err(Fault::new(
                Kind::InvalidValue,
                format!(
                    "source: {:?} is no name; it takes 1 to {LONGEST} of a-z, 0-9, '.', '_' and '-', first a letter or digit",
                    excerpt(name)
                ),
            ));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for SourceName {
    /// `default`.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::SourceName;

    #[test]
    fn takes_plain_names_only() {
        for name in ["a", "hr", "entra-2", "9.x_y", SourceName::default().as_str(), &"a".repeat(64)] {
            assert_eq!(SourceName::parse(name).unwrap().as_str(), name);
        }
        for name in ["", "-hr", "HR", "a b", "ä", "a\0", &"a".repeat(65)] {
            assert!(SourceName::parse(name).unwrap_err().to_string().starts_with("source: "), "{name}");
        }
    }
}
