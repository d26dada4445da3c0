//! Least privilege, looked at from what is stored: rules L1, L2, L3 and L7 to L10 of spec/access.md §4.5. A finding forbids
//! nothing.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::domain::time::Timestamp;

/// Names of roles that say who somebody is, and not what a program has to do.
const BROAD: [&str; 7] = ["admin", "administrator", "manager", "owner", "root", "superuser", "user"];

/// More permissions than one task needs.
const MANY: usize = 50;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Days after which a secret is old, and for which two of a kind may be good.
const OLD: i64 = 90;
const BOTH: i64 = 7;

/// Most permissions that a finding names.
const NAMED: usize = 10;

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
    /// The roles in effect, each with since when what it gives could be used and would be known to be.
    pub roles: Vec<(Role, Timestamp)>,
    /// When permissions were last used, by name.
    pub used: HashMap<String, Timestamp>,
    /// What it proves itself with, of what is good.
    pub credentials: Vec<Credential>,
}

/// A secret or a key of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// `secret` or `key`.
    pub kind: String,
    /// What it is called.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
}

/// The instant of the look, and how long something may lie unused, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Now.
    pub now: Timestamp,
    /// Seconds after which what was not used is found.
    pub unused: i64,
}

impl Look {
    /// As the rules say: 90 days.
    pub const fn at(now: Timestamp) -> Self {
        Self { now, unused: 90 * DAY }
    }
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
pub fn account(account: &Account, look: Look) -> Vec<Finding> {
    let finding = |rule, role: Option<&Role>, text: String| Finding {
        rule,
        subject: ("service_account", account.id.clone(), account.name.clone()),
        role: role.map(|role| (role.id.clone(), role.name.clone())),
        text,
    };
    let mut out = Vec::new();
    for (role, since) in &account.roles {
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
        if let Some(text) = unused(role, *since, &account.used, look) {
            out.push(finding("L7", Some(role), text));
        }
    }
    match account.owner {
        Owner::Missing => out.push(finding("L9", None, "nobody answers for the account; name an owner".to_owned())),
        Owner::Inactive => out.push(finding("L9", None, "the owner of the account is not active; name another".to_owned())),
        Owner::Active => {}
    }
    out.extend(old(&account.credentials, look.now).into_iter().map(|text| finding("L10", None, text)));
    out
}

// What a role gives that was not used for long.
fn unused(role: &Role, since: Timestamp, used: &HashMap<String, Timestamp>, look: Look) -> Option<String> {
    let limit = look.now.plus_seconds(-look.unused);
    if since > limit {
        return None;
    }
    let idle = |name: &&String| used.get(*name).is_none_or(|last| *last <= limit);
    let idle: Vec<&String> = role.permissions.iter().filter(idle).collect();
    let told = |name: &&String| match used.get(*name) {
        Some(last) => format!("{name} (last {last})"),
        None => format!("{name} (never)"),
    };
    let named: Vec<String> = idle.iter().take(NAMED).map(told).collect();
    let more = if idle.len() > NAMED { format!(" and {} more", idle.len() - NAMED) } else { String::new() };
    let text = || format!("'{}' gives what was not used for {} days: {}{more}", role.name, look.unused / DAY, named.join(", "));
    (!idle.is_empty()).then(text)
}

// Secrets that are old, and two of a kind that stay.
fn old(credentials: &[Credential], now: Timestamp) -> Vec<String> {
    let age = |credential: &Credential| (now.micros() - credential.created.micros()).div_euclid(1_000_000 * DAY);
    let mut out = Vec::new();
    for secret in credentials.iter().filter(|credential| credential.kind == "secret" && age(credential) >= OLD) {
        let late = if age(secret) >= 2 * OLD { ", twice as long as a secret should live" } else { "" };
        out.push(format!("the secret '{}' is {} days old{late}; put another in its place", secret.name, age(secret)));
    }
    for kind in ["secret", "key"] {
        let newest = credentials.iter().filter(|credential| credential.kind == kind).map(age).min();
        if credentials.iter().filter(|credential| credential.kind == kind).count() > 1 && newest.is_some_and(|age| age >= BOTH) {
            out.push(format!("two {kind}s are good for more than {BOTH} days; remove the one that is not used any more"));
        }
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
        let grants = if standing == 1 { "grant of it has" } else { "grants of it have" };
        let text = format!("'{name}' gives power over people or their rights, and {least}{standing} {grants} no end");
        out.push(finding("L8", text));
    }
    out
}

/// What there is to say of a role that programs hold and that is not marked for them (L2), when its definition is written.
pub fn shared(role: &Role) -> Option<Finding> {
    let text = || format!("'{}' is held by people and by service accounts; give these a role of their own", role.name);
    let subject = || ("role", role.id.clone(), role.name.clone());
    let both = role.held_by_people && !role.for_programs;
    both.then(|| Finding { rule: "L2", subject: subject(), role: None, text: text() })
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
        let roles = roles.into_iter().map(|role| (role, day(0))).collect();
        account(&somebody(owner, roles), Look::at(day(1))).iter().map(|finding| finding.rule).collect()
    }

    fn somebody(owner: Owner, roles: Vec<(Role, Timestamp)>) -> Account {
        let (used, credentials) = (HashMap::new(), Vec::new());
        Account { id: "a".to_owned(), name: "a".to_owned(), owner, roles, used, credentials }
    }

    fn day(number: i64) -> Timestamp {
        Timestamp::from_micros(0).plus_seconds(number * DAY)
    }

    #[test]
    fn l7_what_was_not_used_for_long() {
        let mut robot = somebody(Owner::Active, vec![(given("r", &["a.b", "a.c"]), day(10))]);
        robot.used = HashMap::from([("a.b".to_owned(), day(20)), ("x.y".to_owned(), day(1))]);
        let said =
            |robot: &Account, now| account(robot, Look::at(day(now))).into_iter().map(|f| (f.rule, f.text)).collect::<Vec<_>>();
        assert_eq!(said(&robot, 99), []);
        assert_eq!(said(&robot, 100), [("L7", "'r' gives what was not used for 90 days: a.c (never)".to_owned())]);
        let both = format!("'r' gives what was not used for 90 days: a.b (last {}), a.c (never)", day(20));
        assert_eq!(said(&robot, 110), [("L7", both)]);
        assert_eq!(account(&robot, Look { now: day(50), unused: 40 * DAY }).len(), 1);
        let names: Vec<String> = (0..15).map(|n| format!("a.b{n}")).collect();
        robot.roles = vec![(Role { permissions: names, ..given("r", &[]) }, day(0))];
        assert!(said(&robot, 100)[0].1.ends_with("a.b9 (never) and 5 more"));
    }

    #[test]
    fn l10_old_secrets_and_two_of_a_kind() {
        let credential =
            |kind: &str, name: &str, created| Credential { kind: kind.into(), name: name.into(), created: day(created) };
        let mut robot = somebody(Owner::Active, vec![]);
        robot.credentials = vec![credential("secret", "old", 0), credential("secret", "new", 85), credential("key", "k", 0)];
        let said =
            |robot: &Account, now| account(robot, Look::at(day(now))).into_iter().map(|f| (f.rule, f.text)).collect::<Vec<_>>();
        assert_eq!(said(&robot, 89), []);
        let aged = ("L10", "the secret 'old' is 90 days old; put another in its place".to_owned());
        assert_eq!(said(&robot, 90), [aged]);
        assert!(said(&robot, 92)[1].1.contains("two secrets are good for more than 7 days"));
        robot.credentials.remove(1);
        assert!(said(&robot, 180)[0].1.contains("180 days old, twice as long"));
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
