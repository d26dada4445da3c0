//! Least privilege, looked at from what is stored: rules L1, L2, L3, L8 and L9 of spec/access.md §4.5. A finding forbids nothing.

use serde_json::{Value, json};

/// Names of roles that say who somebody is, and not what a program has to do.
const BROAD: [&str; 7] = ["admin", "administrator", "manager", "owner", "root", "superuser", "user"];

/// More permissions than one task needs.
const MANY: usize = 50;

/// What permissions over people are about, and over what people may do.
const PEOPLE: [&str; 8] = ["user", "users", "identity", "identities", "member", "members", "principal", "principals"];
const RIGHTS: [&str; 10] = ["role", "roles", "grant", "grants", "policy", "policies", "tag", "tags", "permission", "permissions"];

/// What changes them.
const CHANGES: [&str; 9] = ["manage", "create", "update", "delete", "write", "admin", "assign", "invite", "remove"];

/// A role, as far as the rules look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is marked as one for programs.
    pub for_programs: bool,
    /// What it gives.
    pub permissions: Vec<String>,
    /// Whether people hold it, directly or through a group.
    pub held_by_people: bool,
}

/// Who answers for a service account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Nobody.
    Missing,
    /// Somebody who may not act any more.
    Inactive,
    /// Somebody.
    Active,
}

/// A service account, as far as the rules look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who answers for it.
    pub owner: Owner,
    /// The roles in effect.
    pub roles: Vec<Role>,
}

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule, `L1` and so on.
    pub rule: &'static str,
    /// Type, id and name of what it is about.
    pub subject: (&'static str, String, String),
    /// Id and name of the role it is about.
    pub role: Option<(String, String)>,
    /// What was found, and what to do.
    pub text: String,
}

impl Finding {
    /// As it is told.
    pub fn to_json(&self) -> Value {
        let (kind, id, name) = &self.subject;
        let mut out = json!({ "rule": self.rule, "subject": { "type": kind, "id": id, "name": name }, "text": self.text });
        if let Some((id, name)) = &self.role {
            out["role"] = json!({ "id": id, "name": name });
        }
        out
    }
}

/// What there is to say of a service account.
pub fn account(account: &Account) -> Vec<Finding> {
    let finding = |rule, role: Option<&Role>, text: String| Finding {
        rule,
        subject: ("service_account", account.id.clone(), account.name.clone()),
        role: role.map(|role| (role.id.clone(), role.name.clone())),
        text,
    };
    let mut out = Vec::new();
    for role in &account.roles {
        if BROAD.iter().any(|broad| role.name.eq_ignore_ascii_case(broad)) {
            let text = format!("'{}' is a broad role; a program needs one that says what it does", role.name);
            out.push(finding("L1", Some(role), text));
        } else if role.permissions.len() > MANY {
            let text = format!("'{}' gives {} permissions; a program needs few", role.name, role.permissions.len());
            out.push(finding("L1", Some(role), text));
        }
        if !role.for_programs && role.held_by_people {
            let text = format!("'{}' is held by people too; give the program a role of its own", role.name);
            out.push(finding("L2", Some(role), text));
        }
        if let Some(permission) = role.permissions.iter().find(|name| changes(name, &PEOPLE)) {
            out.push(finding("L3", Some(role), format!("'{}' lets a program manage users: {permission}", role.name)));
        }
    }
    match account.owner {
        Owner::Missing => out.push(finding("L9", None, "nobody answers for the account; name an owner".to_owned())),
        Owner::Inactive => out.push(finding("L9", None, "the owner of the account is not active; name another".to_owned())),
        Owner::Active => {}
    }
    out
}

/// Whether a role gives power over people or over what they may do.
pub fn is_risky(permissions: &[String]) -> bool {
    permissions.iter().any(|name| changes(name, &PEOPLE) || changes(name, &RIGHTS))
}

/// What there is to say of a role, of which `standing` grants by hand have no end; `more`, if those are not all.
pub fn role(role: &Role, standing: usize, more: bool) -> Vec<Finding> {
    let name = &role.name;
    let finding = |rule, text| Finding { rule, subject: ("role", role.id.clone(), name.clone()), role: None, text };
    let mut out = Vec::new();
    if role.for_programs && role.held_by_people {
        out.push(finding("L2", format!("'{name}' is meant for service accounts, and people hold it")));
    }
    if standing > 0 && is_risky(&role.permissions) {
        let least = if more { "at least " } else { "" };
        let text = format!("'{name}' gives power over people or their rights, and {least}{standing} grants of it have no end");
        out.push(finding("L8", text));
    }
    out
}

// The last segment is what is done, the one before what it is done to.
fn changes(permission: &str, what: &[&str]) -> bool {
    let mut segments = permission.rsplit('.');
    let (verb, of) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
    CHANGES.contains(&verb) && what.contains(&of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(name: &str, permissions: &[&str]) -> Role {
        let permissions = permissions.iter().map(|name| (*name).to_owned()).collect();
        Role { id: name.to_owned(), name: name.to_owned(), for_programs: true, permissions, held_by_people: false }
    }

    fn rules(roles: Vec<Role>, owner: Owner) -> Vec<&'static str> {
        let account_ = Account { id: "a".to_owned(), name: "a".to_owned(), owner, roles };
        account(&account_).iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn each_rule_by_itself() {
        let people = |role: Role, for_programs| Role { held_by_people: true, for_programs, ..role };
        let many: Vec<String> = (0..=MANY).map(|n| format!("a.b{n}")).collect();
        for (role, expected) in [
            (given("payroll-executor", &["payroll.run"]), &[][..]),
            (given("Admin", &[]), &["L1"]),
            (Role { permissions: many, ..given("all", &[]) }, &["L1"]),
            (people(given("x", &["a.b"]), false), &["L2"]),
            (people(given("x", &["a.b"]), true), &[]),
            (given("x", &["user.manage"]), &["L3"]),
            (given("x", &["console.users.manage"]), &["L3"]),
            (given("x", &["user.view", "users.read.all", "manage.user"]), &[]),
            (people(given("manager", &["user.create"]), false), &["L1", "L2", "L3"]),
        ] {
            assert_eq!(rules(vec![role.clone()], Owner::Active), expected, "{role:?}");
        }
        assert_eq!(rules(vec![], Owner::Missing), ["L9"]);
        assert_eq!(rules(vec![], Owner::Inactive), ["L9"]);
    }

    #[test]
    fn what_is_risky() {
        for (name, risky) in [
            ("user.delete", true),
            ("role.assign", true),
            ("identity.tag.write", true),
            ("policy.write", true),
            ("role.view", false),
        ] {
            assert_eq!(is_risky(&[name.to_owned()]), risky, "{name}");
        }
        let risky = given("r", &["role.assign"]);
        assert_eq!(role(&risky, 0, false), []);
        assert!(role(&risky, 1_000, true)[0].text.contains("at least 1000 grants"));
        assert_eq!(role(&given("r", &["a.b"]), 5, false), []);
        assert_eq!(role(&Role { held_by_people: true, ..given("r", &[]) }, 0, false)[0].rule, "L2");
    }
}
