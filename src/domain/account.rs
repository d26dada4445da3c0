//! A service account, and a user, as tokens tell of them, and what a token says it may do.

use std::collections::BTreeSet;

use super::error::{Fault, Kind, excerpt};

/// A role in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRole {
    /// Its name.
    pub name: String,
    /// The permissions that it gives.
    pub permissions: Vec<String>,
}

/// A service account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Name of its tenant.
    pub tenant: String,
    /// The id that clients see.
    pub id: String,
    /// What it is called at the token endpoint.
    pub client_id: String,
    /// Name for people.
    pub name: String,
    /// Its roles in effect.
    pub roles: Vec<HeldRole>,
}

/// A user.
#[derive(Debug, Clone)]
pub struct Person {
    /// Name of his tenant.
    pub tenant: String,
    /// The id that clients see.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// His preferred address; empty when he has none.
    pub email: String,
    /// His roles in effect.
    pub roles: Vec<HeldRole>,
}

/// What a token gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// Names of roles.
    pub roles: Vec<String>,
    /// Names of permissions.
    pub scope: Vec<String>,
}

impl Granted {
    /// All that roles give.
    pub fn all(roles: &[HeldRole]) -> Self {
        let scope: BTreeSet<&String> = roles.iter().flat_map(|role| &role.permissions).collect();
        Self { roles: roles.iter().map(|role| role.name.clone()).collect(), scope: scope.into_iter().cloned().collect() }
    }
}

impl Account {
    /// What a token of this account gives: everything, or what a `scope` narrows it to, which names permissions and roles that
    /// the account holds. Of the roles then those stay that are named, or of which every permission is given.
    ///
    /// # Errors
    /// [`Kind::InvalidScope`] that names the first that is not held.
    pub fn grant(&self, scope: Option<&str>) -> Result<Granted, Fault> {
        let wanted: Vec<&str> = scope.unwrap_or_default().split(' ').filter(|name| !name.is_empty()).collect();
        let all = || self.roles.iter().flat_map(|role| role.permissions.iter().map(String::as_str));
        if wanted.is_empty() {
            return Ok(Granted::all(&self.roles));
        }
        let mut given = BTreeSet::new();
        for name in &wanted {
            let before = given.len();
            given.extend(all().find(|permission| permission == name));
            let role = self.roles.iter().find(|role| role.name == *name);
            given.extend(role.into_iter().flat_map(|role| role.permissions.iter().map(String::as_str)));
            if given.len() == before && role.is_none() && !given.contains(name) {
                return Err(Fault::new(Kind::InvalidScope, format!("the account does not hold '{}'", excerpt(name))));
            }
        }
        Ok(Granted { roles: self.within(&wanted, &given), scope: given.into_iter().map(str::to_owned).collect() })
    }

    /// The roles held that a token gives which names these and gives these permissions: those that it names, and those of which
    /// it gives every permission.
    pub fn within(&self, named: &[&str], given: &BTreeSet<&str>) -> Vec<String> {
        let covered = |role: &HeldRole| {
            !role.permissions.is_empty() && role.permissions.iter().all(|permission| given.contains(permission.as_str()))
        };
        let stays = |role: &&HeldRole| named.contains(&role.name.as_str()) || covered(role);
        self.roles.iter().filter(stays).map(|role| role.name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Account, Granted, HeldRole};
    use crate::domain::error::Kind;

    #[test]
    fn a_scope_narrows() {
        let role = |name: &str, permissions: &[&str]| HeldRole {
            name: name.to_owned(),
            permissions: permissions.iter().map(|p| (*p).to_owned()).collect(),
        };
        let account = Account {
            tenant: "t".to_owned(),
            id: "1".to_owned(),
            client_id: "c".to_owned(),
            name: "n".to_owned(),

            roles: vec![role("payroll", &["payroll.run", "payroll.read"]), role("reader", &["payroll.read"]), role("bare", &[])],
        };
        for (scope, roles, permissions) in [
            (None, vec!["payroll", "reader", "bare"], vec!["payroll.read", "payroll.run"]),
            (Some(""), vec!["payroll", "reader", "bare"], vec!["payroll.read", "payroll.run"]),
            (Some("payroll.read"), vec!["reader"], vec!["payroll.read"]),
            (Some("payroll.read  payroll.read"), vec!["reader"], vec!["payroll.read"]),
            (Some("payroll"), vec!["payroll", "reader"], vec!["payroll.read", "payroll.run"]),
            (Some("bare"), vec!["bare"], vec![]),
            (Some("payroll.run"), vec![], vec!["payroll.run"]),
            (Some("reader bare"), vec!["reader", "bare"], vec!["payroll.read"]),
        ] {
            let own = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
            let expected = Granted { roles: own(roles), scope: own(permissions) };
            assert_eq!(account.grant(scope).unwrap(), expected, "{scope:?}");
        }
        for unknown in ["payroll.write", "Payroll", "payroll.read admin", "*"] {
            assert_eq!(account.grant(Some(unknown)).unwrap_err().kind, Kind::InvalidScope, "{unknown}");
        }
    }
}
