//! What a token may do: its scopes, and the permissions that handlers ask for (spec: admin, "Tokens").
//!
//! No scope implies another, but for `admin`, which gives every permission of its tenant in every dialect. `operator` alone
//! manages tenants, and reads no identities.

use std::fmt;

use crate::domain::dialect::Dialect;
use crate::domain::error::{Fault, Kind, excerpt};

/// What a handler does, as far as permission goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// View objects.
    Read,
    /// Create, update and delete objects.
    Write,
    /// Assign: write roles, conditions, grants, service accounts, and the membership of a group that holds roles.
    Roles,
    /// Ask for access decisions.
    Evaluate,
    /// Configure the tenant: tokens, targets, types, the change log.
    Admin,
    /// Create and remove tenants.
    Operator,
}

impl Action {
    /// Whether it writes anything, or only reads and answers.
    pub const fn writes(self) -> bool {
        !matches!(self, Self::Read | Self::Evaluate)
    }
}

/// What a handler names before it does anything: an action in a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission {
    /// The dialect spoken.
    pub dialect: Dialect,
    /// What is done.
    pub action: Action,
}

impl Permission {
    /// The permission to do `action` in `dialect`.
    pub const fn new(dialect: Dialect, action: Action) -> Self {
        Self { dialect, action }
    }

    /// The narrowest scope that gives it.
    pub fn scope(self) -> Scope {
        match self.action {
            Action::Operator => Scope::OPERATOR,
            // Decisions are asked for in more than one dialect.
            Action::Evaluate => position(|row| row.1.action == Action::Evaluate).unwrap_or(Scope::ADMIN),
            _ => position(|row| row.1 == self).unwrap_or(Scope::ADMIN),
        }
    }
}

/// Every scope: its name, and the permission it stands for.
const TABLE: [(&str, Permission); 15] = {
    use Action::{Admin, Evaluate, Operator, Read, Roles, Write};
    [
        ("scim.read", Permission::new(Dialect::Scim, Read)),
        ("scim.write", Permission::new(Dialect::Scim, Write)),
        ("scim.roles", Permission::new(Dialect::Scim, Roles)),
        ("idm.read", Permission::new(Dialect::Idm, Read)),
        ("idm.write", Permission::new(Dialect::Idm, Write)),
        ("idm.roles", Permission::new(Dialect::Idm, Roles)),
        ("passport.read", Permission::new(Dialect::Passport, Read)),
        ("passport.write", Permission::new(Dialect::Passport, Write)),
        ("passport.roles", Permission::new(Dialect::Passport, Roles)),
        ("company.read", Permission::new(Dialect::Company, Read)),
        ("company.write", Permission::new(Dialect::Company, Write)),
        ("company.roles", Permission::new(Dialect::Company, Roles)),
        ("access.evaluate", Permission::new(Dialect::Access, Evaluate)),
        ("admin", Permission::new(Dialect::Admin, Admin)),
        ("operator", Permission::new(Dialect::Admin, Operator)),
    ]
};

/// The scope whose row of the table fits.
fn position(fits: impl Fn(&(&str, Permission)) -> bool) -> Option<Scope> {
    (0_u8..).zip(&TABLE).find(|(_, row)| fits(row)).map(|(at, _)| Scope(at))
}

/// One scope: a row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(u8);

impl Scope {
    /// Everything of the tenant, in every dialect, but for what [`Scope::OPERATOR`] gives.
    pub const ADMIN: Self = Self(13);
    /// Creates and removes tenants; reads no identities.
    pub const OPERATOR: Self = Self(14);

    /// Every scope, in the table's order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0_u8..).take(TABLE.len()).map(Self)
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        // The field is private and only made from positions in the table.
        TABLE[usize::from(self.0)].0
    }

    /// Reads a name.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] that names the unknown scope.
    pub fn parse(name: &str) -> Result<Self, Fault> {
        position(|row| row.0 == name).ok_or_else(|| {
            let known: Vec<_> = TABLE.iter().map(|row| row.0).collect();
            Fault::new(
                Kind::InvalidValue,
                format!("scopes: no scope is called {:?}; there are {}", excerpt(name), known.join(", ")),
            )
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Scopes(u16);

impl Scopes {
    /// What the first token of a database holds: `admin` and `operator`.
    pub const FIRST: Self = Self(1 << Scope::ADMIN.0 | 1 << Scope::OPERATOR.0);

    /// Reads names separated by white space, the form in which a set is stored and printed.
    ///
    /// # Errors
    /// As [`Scope::parse`].
    pub fn parse(text: &str) -> Result<Self, Fault> {
        text.split_whitespace().map(Scope::parse).collect()
    }

    /// Whether the scope itself is in the set.
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 >> scope.0 & 1 == 1
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes, in the table's order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        (0_u8..).take(TABLE.len()).map(Scope).filter(move |scope| self.contains(*scope))
    }

    /// Whether a token with these scopes has the permission.
    pub fn allows(self, permission: Permission) -> bool {
        self.contains(permission.scope()) || (permission.action != Action::Operator && self.contains(Scope::ADMIN))
    }

    /// [`Scopes::allows`], with the refusal.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] that names the scope that is missing.
    pub fn require(self, permission: Permission) -> Result<(), Fault> {
        if self.allows(permission) {
            return Ok(());
        }
        Err(Fault::new(Kind::Forbidden, format!("the token lacks the scope {}", permission.scope())))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | 1 << scope.0))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Scope::name).collect();
        f.write_str(&names.join(" "))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Scope::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Action, Permission, Scope, Scopes, TABLE};
    use crate::domain::dialect::Dialect;
    use crate::domain::error::Kind;

    const ACTIONS: [Action; 6] = [Action::Read, Action::Write, Action::Roles, Action::Evaluate, Action::Admin, Action::Operator];

    fn permissions() -> impl Iterator<Item = Permission> {
        Dialect::ALL.into_iter().flat_map(|dialect| ACTIONS.map(|action| Permission::new(dialect, action)))
    }

    #[test]
    fn named_positions_are_right() {
        assert_eq!((Scope::ADMIN.name(), Scope::OPERATOR.name()), ("admin", "operator"));
        assert_eq!(Scopes::FIRST.to_string(), "admin operator");
    }

    #[test]
    fn who_may_what() {
        for (scopes, dialect, action, expected) in [
            ("scim.read", Dialect::Scim, Action::Read, true),
            ("scim.read", Dialect::Scim, Action::Write, false),
            ("scim.read", Dialect::Idm, Action::Read, false),
            ("scim.write", Dialect::Scim, Action::Read, false),
            ("scim.write", Dialect::Scim, Action::Roles, false),
            ("scim.read scim.roles", Dialect::Scim, Action::Roles, true),
            ("access.evaluate", Dialect::Access, Action::Evaluate, true),
            ("access.evaluate", Dialect::Passport, Action::Evaluate, true),
            ("passport.read", Dialect::Passport, Action::Evaluate, false),
            ("access.evaluate", Dialect::Admin, Action::Admin, false),
            ("", Dialect::Scim, Action::Read, false),
        ] {
            let held = Scopes::parse(scopes).unwrap();
            let permission = Permission::new(dialect, action);
            assert_eq!(held.allows(permission), expected, "{scopes}: {permission:?}");
            assert_eq!(held.require(permission).is_ok(), expected);
        }
    }

    #[test]
    fn admin_may_all_but_tenants_and_operator_tenants_alone() {
        let (admin, operator) = (Scopes::from_iter([Scope::ADMIN]), Scopes::from_iter([Scope::OPERATOR]));
        for permission in permissions() {
            let tenants = permission.action == Action::Operator;
            assert_eq!(admin.allows(permission), !tenants, "{permission:?}");
            assert_eq!(operator.allows(permission), tenants, "{permission:?}");
            assert!(Scopes::FIRST.allows(permission));
        }
    }

    #[test]
    fn a_refusal_names_the_scope() {
        let fault = Scopes::default().require(Permission::new(Dialect::Idm, Action::Roles)).unwrap_err();
        assert_eq!((fault.kind, fault.to_string().as_str()), (Kind::Forbidden, "the token lacks the scope idm.roles"));
        let fault = Scopes::parse("scim.read scim.reed").unwrap_err();
        assert_eq!(fault.kind, Kind::InvalidValue);
        assert!(fault.to_string().contains("\"scim.reed\""), "{fault}");
    }

    proptest! {
        #[test]
        fn prints_what_it_reads(bits in 0_u16..1 << TABLE.len()) {
            let scopes = Scopes(bits);
            prop_assert_eq!(Scopes::parse(&scopes.to_string()).unwrap(), scopes);
            prop_assert_eq!(scopes.iter().collect::<Scopes>(), scopes);
            prop_assert_eq!(scopes.is_empty(), scopes.iter().next().is_none());
        }
    }
}
