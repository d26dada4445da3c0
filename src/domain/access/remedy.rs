//! What would help, when something is denied: each remedy is tried on the decision before it is told (spec/access.md §4.3).

use std::fmt;
use std::sync::Arc;

use super::decision::{Decision, Reason, decide};
use super::policy::{Exception, Policy};
use super::question::{Held, Principal, Question};
use crate::domain::time::Timestamp;

/// Most remedies that are told.
pub const MOST: usize = 20;

/// How many hours are looked ahead for one at which no rule denies.
const HOURS: i64 = 48;

const HOUR: i64 = 3_600_000_000;

/// What would turn a denial into an allowance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// To grant this role.
    Role(String),
    /// To add these tags, which rules except by.
    Tags(Vec<String>),
    /// To come back then.
    Wait(Timestamp),
    /// To enable the principal.
    Enable,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(name) => write!(f, "grant role {name}"),
            Self::Tags(tags) => {
                let many = if tags.len() == 1 { "" } else { "s" };
                write!(f, "add tag{many} {} (needs passport.roles)", tags.join(", "))
            }
            Self::Wait(at) => write!(f, "wait until {at}"),
            Self::Enable => f.write_str("enable the principal"),
        }
    }
}

/// What the principal does not have, and could.
#[derive(Debug, Clone, Default)]
pub struct Within {
    /// Roles that would be in effect if they were granted now.
    pub roles: Vec<Held>,
    /// Roles that come into effect by themselves, and when.
    pub later: Vec<(Timestamp, Held)>,
}

/// What helps against `decision`, at most [`MOST`]. One remedy is enough; none helps where two would be needed.
pub fn remedies(
    decision: &Decision<'_>,
    principal: &Principal,
    question: &Question<'_>,
    policies: &[Arc<Policy>],
    within: &Within,
) -> Vec<Remedy> {
    let candidates: Vec<Remedy> = match decision.reason {
        Reason::Allowed | Reason::Unknown => Vec::new(),
        Reason::Inactive => vec![Remedy::Enable],
        Reason::ImplicitDeny => {
            let mut later: Vec<Timestamp> = within.later.iter().map(|(at, _)| *at).collect();
            later.sort_unstable();
            let roles = within.roles.iter().map(|held| Remedy::Role(held.name.clone()));
            later.first().map(|at| Remedy::Wait(*at)).into_iter().chain(roles).collect()
        }
        Reason::ExplicitDeny | Reason::ConditionError => {
            let tags = excepting(decision).map(Remedy::Tags);
            let full = question.now.micros().div_euclid(HOUR);
            let hours = (1..=HOURS).map(|hour| Remedy::Wait(Timestamp::from_micros((full + hour) * HOUR)));
            let first = hours.into_iter().find(|wait| helps(wait, principal, question, policies, within));
            tags.into_iter().chain(first).collect()
        }
    };
    candidates.into_iter().filter(|remedy| helps(remedy, principal, question, policies, within)).take(MOST).collect()
}

/// Whether it would be allowed with a remedy.
fn helps(remedy: &Remedy, principal: &Principal, question: &Question<'_>, policies: &[Arc<Policy>], within: &Within) -> bool {
    let (mut principal, mut question) = (principal.clone(), question.clone());
    match remedy {
        Remedy::Role(name) => principal.roles.extend(within.roles.iter().find(|held| held.name == *name).cloned()),
        Remedy::Tags(tags) => principal.tags.extend(tags.iter().cloned()),
        Remedy::Wait(at) => {
            question.now = *at;
            principal.roles.retain(|held| held.until.is_none_or(|end| *at < end));
            principal.roles.extend(within.later.iter().filter(|(start, _)| start == at).map(|(_, held)| held.clone()));
        }
        Remedy::Enable => principal.active = true,
    }
    decide(&principal, &question, policies).allowed()
}

// One tag for each rule that denies; none when one of them excepts by none.
fn excepting(decision: &Decision<'_>) -> Option<Vec<String>> {
    let mut out: Vec<String> = Vec::new();
    for examined in decision.rules.iter().filter(|examined| examined.denies()) {
        let tag = examined.rule.exceptions.iter().find_map(|exception| match exception {
            Exception::Tag(tag) => Some(tag),
            _ => None,
        })?;
        if !out.contains(tag) {
            out.push(tag.clone());
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn held(name: &str, permissions: &[&str], until: Option<Timestamp>) -> Held {
        let permissions = permissions.iter().map(|name| (*name).to_owned()).collect();
        Held { until, ..Held::direct(name, name, permissions) }
    }

    fn somebody(roles: Vec<Held>) -> Principal {
        Principal {
            kind: "service_account".into(),
            id: "m".into(),
            name: "m".into(),
            active: true,
            tags: Vec::new(),
            groups: Vec::new(),
            roles,
        }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn told(principal: &Principal, policies: &[Arc<Policy>], within: &Within) -> Vec<String> {
        let question = Question { permission: "a.b", resource: &[], now: at("2026-05-25T03:20:00Z") };
        let decision = decide(principal, &question, policies);
        remedies(&decision, principal, &question, policies, within).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_examples_of_the_specification() {
        let night = |exceptions: &[&str]| {
            let body = json!({ "effect": "Deny", "condition": "hour(now()) < 6 || hour(now()) >= 22", "exceptions": exceptions });
            Arc::new(Policy::parse("p", &body).unwrap())
        };
        let runner = somebody(vec![held("runner", &["a.b"], None)]);
        let wait = "wait until 2026-05-25T06:00:00.000000Z".to_owned();
        let tag = "add tag scheduled-automation (needs passport.roles)".to_owned();
        let none = Within::default();
        assert_eq!(told(&runner, &[night(&["role:x", "tag:scheduled-automation"])], &none), [tag, wait.clone()]);
        assert_eq!(
            told(&runner, &[night(&["tag:a"]), night(&["tag:b", "tag:a"])], &none)[0],
            "add tags a, b (needs passport.roles)"
        );
        assert_eq!(told(&runner, &[night(&["tag:a"]), night(&[])], &none), [wait]);
        // Whose role has ended by then waits in vain; nobody without a role is helped by a tag.
        let short = somebody(vec![held("runner", &["a.b"], Some(at("2026-05-25T06:00:00Z")))]);
        assert_eq!(told(&short, &[night(&[])], &none), [""; 0]);
        assert_eq!(told(&somebody(vec![]), &[night(&["tag:a"])], &none), [""; 0]);
        let inactive = Principal { active: false, ..runner.clone() };
        assert_eq!(told(&inactive, &[], &none), ["enable the principal"]);
        assert_eq!(told(&inactive, &[night(&[])], &none), [""; 0]);
        let within = Within {
            roles: vec![held("runner", &["a.b"], None), held("other", &["a.b"], None)],
            later: vec![
                (at("2026-06-01T12:00:00Z"), held("x", &["a.b"], None)),
                (at("2026-05-26T00:00:00Z"), held("y", &["a.b"], None)),
            ],
        };
        assert_eq!(
            told(&somebody(vec![]), &[], &within),
            ["wait until 2026-05-26T00:00:00.000000Z", "grant role runner", "grant role other"]
        );
        let many = Within { roles: vec![held("r", &["a.b"], None); 50], later: Vec::new() };
        assert_eq!(told(&somebody(vec![]), &[], &many).len(), MOST);
    }

    proptest! {
        /// Applied, whatever is told allows what was denied.
        #[test]
        fn a_remedy_helps(
            conditions in proptest::collection::vec((0..5_usize, any::<bool>()), 0..4),
            has in any::<bool>(),
            active in any::<bool>(),
            hour in 0..24_i64,
            roles in proptest::collection::vec((any::<bool>(), 0..4_i64), 0..4),
        ) {
            let texts = ["true", "false", "hour(now()) < 6", "hour(now()) >= 12", "principal.roles.len() == 1"];
            let policies: Vec<Arc<Policy>> = conditions.iter().map(|(text, tag)| {
                let exceptions: &[&str] = if *tag { &["tag:t"] } else { &[] };
                let body = json!({ "effect": "Deny", "condition": texts[*text], "exceptions": exceptions });
                Arc::new(Policy::parse("p", &body).unwrap())
            }).collect();
            let mut principal = somebody(if has { vec![held("has", &["a.b"], None)] } else { vec![] });
            principal.active = active;
            let now = Timestamp::from_micros(hour * HOUR);
            let mut within = Within::default();
            for (place, (gives, later)) in roles.iter().enumerate() {
                let role = held(&format!("r{place}"), if *gives { &["a.b"] } else { &["a.c"] }, None);
                match later {
                    0 => within.roles.push(role),
                    hours => within.later.push((now.plus_seconds(hours * 3_600), role)),
                }
            }
            let question = Question { permission: "a.b", resource: &[], now };
            let decision = decide(&principal, &question, &policies);
            for remedy in remedies(&decision, &principal, &question, &policies, &within) {
                prop_assert!(!decision.allowed());
                let (mut principal, mut question) = (principal.clone(), question.clone());
                match &remedy {
                    Remedy::Role(name) => principal.roles.push(within.roles.iter().find(|r| r.name == *name).unwrap().clone()),
                    Remedy::Tags(tags) => principal.tags.clone_from(tags),
                    Remedy::Enable => principal.active = true,
                    Remedy::Wait(at) => {
                        prop_assert!(*at > now);
                        question.now = *at;
                        principal.roles.extend(within.later.iter().filter(|(start, _)| start == at).map(|(_, role)| role.clone()));
                    }
                }
                prop_assert!(decide(&principal, &question, &policies).allowed(), "{}", remedy);
            }
        }
    }
}
