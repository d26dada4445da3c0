//! The wire forms over the same objects.

use std::fmt;

/// A wire form. Its name is the first part of a scope and the `dialect` of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// SCIM 2.0, under `/scim/v2`.
    Scim,
    /// The IDM REST form, under `/openidm`.
    Idm,
    /// The Passport form, under `/passport`.
    Passport,
    /// The company form, under `/api`.
    Company,
    /// Access decisions, under `/access/v1`.
    Access,
    /// The admin API, under `/admin/v1`.
    Admin,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Scim, Self::Idm, Self::Passport, Self::Company, Self::Access, Self::Admin];

    /// The name on the wire and in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scim => "scim",
            Self::Idm => "idm",
            Self::Passport => "passport",
            Self::Company => "company",
            Self::Access => "access",
            Self::Admin => "admin",
        }
    }

    /// The dialect of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
