//! The decision and its explanation.

use std::sync::Arc;

use serde_json::{Value, json};

use super::policy::{Policy, Rule, bindings};
use super::question::{Held, Principal, Question};
use super::remedy::Remedy;
use super::trace::trace;

/// Why it came out as it did; the first that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There is no such principal.
    Unknown,
    /// The principal may do nothing.
    Inactive,
    /// A rule denies it.
    ExplicitDeny,
    /// A rule that might deny it could not be evaluated.
    ConditionError,
    /// A role allows it.
    Allowed,
    /// Nothing allows it.
    ImplicitDeny,
}

impl Reason {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown_principal",
            Self::Inactive => "inactive",
            Self::ExplicitDeny => "explicit_deny",
            Self::ConditionError => "condition_error",
            Self::Allowed => "allowed",
            Self::ImplicitDeny => "implicit_deny",
        }
    }
}

/// What became of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It denies.
    Denies,
    /// It could not be evaluated, which denies: the text of the error.
    Failed(String),
    /// It passes over the principal, by this exception.
    Excepted(String),
    /// Its condition does not hold.
    Passes,
}

/// A rule that says something of what was asked.
#[derive(Debug, Clone)]
pub struct Examined<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// Place of the rule in it, from 0.
    pub place: usize,
    /// The rule.
    pub rule: &'a Rule,
    /// What became of it.
    pub verdict: Verdict,
}

impl Examined<'_> {
    /// Whether the principal is denied by it.
    pub fn denies(&self) -> bool {
        matches!(self.verdict, Verdict::Denies | Verdict::Failed(_))
    }
}

/// A role that would allow it, and is not in force by one thing alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// Id of its grant, where there is one.
    pub grant: Option<String>,
    /// Id and name of the role.
    pub role: (String, String),
    /// What is missing.
    pub why: String,
}

/// What a decision that denies does not say by itself.
#[derive(Debug, Clone, Default)]
pub struct Beyond {
    /// What nearly allows it.
    pub near: Vec<Miss>,
    /// What would help.
    pub remedies: Vec<Remedy>,
    /// Whether something was left out because there is too much of it.
    pub cut: bool,
}

/// Most rules, and most roles, that an explanation names.
const TOLD: usize = 100;

/// The answer.
#[derive(Debug, Clone)]
pub struct Decision<'a> {
    /// Why.
    pub reason: Reason,
    /// Every rule in force that names the permission, the nearest to the resource first.
    pub rules: Vec<Examined<'a>>,
    /// The roles that allow it, also where a rule denies.
    pub allows: Vec<&'a Held>,
}

impl Decision<'_> {
    /// About somebody who is not there.
    pub const fn unknown() -> Self {
        Self { reason: Reason::Unknown, rules: Vec::new(), allows: Vec::new() }
    }

    /// Whether it may be done.
    pub fn allowed(&self) -> bool {
        self.reason == Reason::Allowed
    }

    /// What to tell whoever asked: the message of the first rule that denies.
    pub fn message(&self) -> Option<&str> {
        let said = |examined: &Examined<'_>| match (&examined.rule.message, &examined.verdict) {
            (Some(_), _) => None,
            (None, Verdict::Failed(_)) => Some("a rule of the resource cannot be evaluated"),
            (None, _) => Some("a rule of the resource denies it"),
        };
        match self.reason {
            Reason::Allowed => None,
            Reason::Unknown => Some("the caller is not known"),
            Reason::Inactive => Some("the caller is not active"),
            Reason::ImplicitDeny => Some("no role of the caller allows it"),
            Reason::ExplicitDeny | Reason::ConditionError => {
                let failed = self.reason == Reason::ConditionError;
                let first = self
                    .rules
                    .iter()
                    .filter(|examined| examined.denies())
                    .find(|e| matches!(e.verdict, Verdict::Failed(_)) == failed)?;
                said(first).or(first.rule.message.as_deref())
            }
        }
    }

    /// What it would be if no rule denied; none where no rule does.
    fn would_be(&self) -> Option<&'static str> {
        let denied = matches!(self.reason, Reason::ExplicitDeny | Reason::ConditionError);
        denied.then_some(if self.allows.is_empty() { "deny" } else { "allow" })
    }

    /// The explanation (spec/access.md §4.3): at most a hundred rules, those first that deny, and a hundred roles.
    pub fn explain(&self, principal: &Principal, question: &Question<'_>, beyond: &Beyond) -> Value {
        let mut bindings = bindings(principal, question.resource.first(), question.permission, question.now);
        let mut rule = |examined: &Examined<'_>| {
            let mut out = json!({
                "policy": examined.policy.id,
                "rule": examined.place,
                "matched": examined.verdict == Verdict::Denies,
                "condition": examined.rule.condition.text(),
                "message": examined.rule.message,
                "exceptions": examined.rule.exceptions.iter()
                    .map(|e| json!({ "token": e.to_string(), "matched": e.admits(principal) })).collect::<Vec<_>>(),
            });
            if examined.denies() {
                out["trace"] = trace(&examined.rule.condition, &mut bindings).into();
            }
            if let Verdict::Failed(error) = &examined.verdict {
                out["error"] = error.as_str().into();
            }
            out
        };
        let allow = |held: &&Held| {
            let mut out = json!({
                "grant": held.grant, "role": { "id": held.id, "name": held.name }, "type": held.via, "via": held.path,
                "state": if principal.active { "effective" } else { "inactive" },
            });
            if let Some(until) = held.until {
                out["until"] = until.to_string().into();
            }
            out
        };
        let miss = |miss: &Miss| json!({ "grant": miss.grant, "role": miss.role.1, "roleId": miss.role.0, "why": miss.why });
        let mut rules: Vec<&Examined<'_>> = self.rules.iter().collect();
        if rules.len() > TOLD {
            rules.sort_by_key(|examined| !examined.denies());
        }
        json!({
            "decision": if self.allowed() { "allow" } else { "deny" },
            "reason": self.reason.as_str(),
            "wouldBe": self.would_be(),
            "permission": question.permission,
            "principal": { "type": principal.kind, "id": principal.id },
            "resource": question.resource.first().map(|node| json!({ "type": node.kind, "id": node.id })),
            "evaluatedAt": question.now.to_string(),
            "denies": rules.into_iter().take(TOLD).map(&mut rule).collect::<Vec<_>>(),
            "allows": self.allows.iter().take(TOLD).map(allow).collect::<Vec<_>>(),
            "nearMisses": beyond.near.iter().map(miss).collect::<Vec<_>>(),
            "remedies": beyond.remedies.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "truncated": beyond.cut || self.rules.len() > TOLD || self.allows.len() > TOLD,
            // What a question without a resource cannot tell.
            "note": question.resource.is_empty().then_some("no resource was named: only policies on every resource were asked"),
        })
    }
}

/// Decides. `policies` are those of the tenant, or at least those that concern the resource; `of` finds the policy in one.
pub fn decide<'a>(principal: &'a Principal, question: &Question<'_>, policies: &'a [Arc<Policy>]) -> Decision<'a> {
    let holds = |held: &&Held| held.permissions.iter().any(|name| name == question.permission);
    let allows: Vec<&Held> = principal.roles.iter().filter(holds).collect();
    if !principal.active {
        // Not even the rules are asked.
        return Decision { reason: Reason::Inactive, rules: Vec::new(), allows };
    }
    let in_force = policies.iter().filter(|policy| policy.enabled);
    let mut near: Vec<(usize, &Policy)> =
        in_force.filter_map(|policy| Some((policy.distance(question.resource)?, policy.as_ref()))).collect();
    near.sort_by_key(|(distance, _)| *distance);
    let mut bindings = bindings(principal, question.resource.first(), question.permission, question.now);
    let mut rules = Vec::new();
    for (_, policy) in near {
        let named = policy.rules.iter().enumerate().filter(|(_, rule)| rule.names(question.permission));
        for (place, rule) in named {
            let verdict = match rule.exceptions.iter().find(|exception| exception.admits(principal)) {
                Some(exception) => Verdict::Excepted(exception.to_string()),
                None => match rule.condition.holds(&mut bindings) {
                    Ok(true) => Verdict::Denies,
                    Ok(false) => Verdict::Passes,
                    Err(error) => Verdict::Failed(error.to_string()),
                },
            };
            rules.push(Examined { policy, place, rule, verdict });
        }
    }
    let reason = if rules.iter().any(|examined| examined.verdict == Verdict::Denies) {
        Reason::ExplicitDeny
    } else if rules.iter().any(|examined| matches!(examined.verdict, Verdict::Failed(_))) {
        Reason::ConditionError
    } else if allows.is_empty() {
        Reason::ImplicitDeny
    } else {
        Reason::Allowed
    };
    Decision { reason, rules, allows }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::question::Node;
    use super::*;
    use crate::domain::time::Timestamp;

    const NIGHT: &str = "hour(now()) < 6 || hour(now()) >= 22";

    fn policy(body: &Value) -> Arc<Policy> {
        Arc::new(Policy::parse("p", body).unwrap())
    }

    fn payroll(exceptions: &[&str]) -> Arc<Policy> {
        policy(&json!({ "resourceType": "workflow", "resourceId": "wf-monthly-payroll", "conditions": [
            { "effect": "Deny", "condition": NIGHT, "message": "outside allowed hours", "exceptions": exceptions },
        ] }))
    }

    fn principal(tags: &[&str]) -> Principal {
        let held = Held::direct("r1", "payroll-executor", vec!["payroll.run".into(), "workflow.execute".into()]);
        Principal {
            kind: "service_account".into(),
            id: "mi-1".into(),
            name: "payroll".into(),
            active: true,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            groups: vec!["g1".into()],
            roles: vec![held],
        }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn workflow() -> [Node; 2] {
        let node = |kind: &str, id: &str| Node { kind: kind.into(), id: id.into() };
        [node("workflow", "wf-monthly-payroll"), node("project", "p1")]
    }

    #[test]
    fn hours_are_utc_and_half_open() {
        let policies = [payroll(&[])];
        for (time, allowed) in [
            ("2026-05-25T05:59:59Z", false),
            ("2026-05-25T06:00:00Z", true),
            ("2026-05-25T21:59:59.999999Z", true),
            ("2026-05-25T22:00:00Z", false),
            ("2026-05-25T07:30:00+02:00", false),
        ] {
            let (principal, workflow) = (principal(&[]), workflow());
            let question = Question { permission: "payroll.run", resource: &workflow, now: at(time) };
            let decision = decide(&principal, &question, &policies);
            assert_eq!(decision.allowed(), allowed, "{time}");
            assert_eq!(decision.message(), (!allowed).then_some("outside allowed hours"), "{time}");
            assert_eq!(decision.allows.len(), 1, "what would be without the rule is told");
        }
    }

    #[test]
    fn a_tag_alone_does_nothing() {
        let night = at("2026-05-25T03:00:00Z");
        for (tags, exceptions, allowed) in [
            (&["scheduled-automation"][..], &["tag:scheduled-automation"][..], true),
            (&["scheduled-automation"][..], &[][..], false),
            (&["Scheduled-Automation"][..], &["tag:scheduled-automation"][..], false),
            (&[][..], &["tag:scheduled-automation"][..], false),
            (&[][..], &["role:payroll-executor"][..], true),
            (&[][..], &["group:g1"][..], true),
            (&[][..], &["group:g2", "principal:mi-1"][..], true),
        ] {
            let (principal, workflow, policies) = (principal(tags), workflow(), [payroll(exceptions)]);
            let question = Question { permission: "payroll.run", resource: &workflow, now: night };
            assert_eq!(decide(&principal, &question, &policies).allowed(), allowed, "{tags:?} {exceptions:?}");
        }
    }

    #[test]
    fn what_fails_denies_and_says_so() {
        let broken = policy(&json!({ "effect": "Deny", "condition": "resource.id == \"x\"" }));
        let workflow = workflow();
        let principal = principal(&[]);
        let noon = at("2026-05-25T12:00:00Z");
        let policies = [broken, payroll(&[])];
        // Without a resource there is no `resource.id`: the rule fails, and so denies.
        let question = Question { permission: "payroll.run", resource: &[], now: noon };
        let decision = decide(&principal, &question, &policies);
        assert_eq!((decision.reason, decision.rules.len()), (Reason::ConditionError, 1));
        assert_eq!(decision.message(), Some("a rule of the resource cannot be evaluated"));
        let told = decision.explain(&principal, &question, &Beyond::default());
        assert!(told["denies"][0]["error"].as_str().unwrap().contains("'id'") && told["note"].is_string(), "{told}");
        let question = Question { permission: "payroll.run", resource: &workflow, now: noon };
        assert_eq!(decide(&principal, &question, &policies).reason, Reason::Allowed);
        let question = Question { permission: "payroll.read", resource: &workflow, now: noon };
        assert_eq!(decide(&principal, &question, &policies).reason, Reason::ImplicitDeny);
        let inactive = Principal { active: false, ..principal };
        let question = Question { permission: "payroll.run", resource: &workflow, now: noon };
        assert_eq!(decide(&inactive, &question, &policies).reason, Reason::Inactive);
    }

    #[test]
    fn both_literal_forms_and_what_is_refused() {
        let bare = json!({ "effect": "Deny", "condition": NIGHT, "exceptions": ["tag:scheduled-automation"] });
        assert_eq!(policy(&bare).to_json(), bare);
        assert_eq!(policy(&bare).distance(&[]), Some(usize::MAX));
        let mut attached = bare.clone();
        attached["resourceType"] = "workflow".into();
        attached["enabled"] = false.into();
        assert_eq!(policy(&attached).to_json(), attached);
        assert_eq!((policy(&attached).distance(&[]), policy(&attached).distance(&workflow())), (None, Some(usize::MAX - 1)));
        let whole = payroll(&["tag:scheduled-automation"]);
        assert_eq!(policy(&whole.to_json()).to_json(), whole.to_json());
        for (body, says) in [
            (json!({}), "conditions"),
            (json!({ "resourceType": "w", "conditions": [bare], "effect": "Deny" }), "'effect' does not stand beside"),
            (json!({ "resourceType": "w", "resourceId": "x", "conditions": [] }), "at least one"),
            (json!({ "resourceId": "x", "conditions": [bare] }), "resourceType"),
            (json!({ "effect": "Allow", "condition": "true" }), "'effect'"),
            (json!({ "effect": "Deny" }), "condition"),
            (json!([]), "JSON object"),
            (json!({ "conditions": [["Deny", [], "true"]] }), "JSON object"),
            (json!({ "effect": "Deny", "condition": "hour(now()) <" }), "line 1, column"),
            (json!({ "effect": "Deny", "condition": "hour(now())" }), "true or false"),
            (json!({ "effect": "Deny", "condition": "nobody.tags == []" }), "no variable 'nobody'"),
            (json!({ "effect": "Deny", "condition": "true", "exceptions": ["colour:red"] }), "'exceptions'"),
            (json!({ "effect": "Deny", "condition": "true", "permissions": ["*"] }), "'permissions'"),
            (json!({ "effect": "Deny", "condition": "true", "more": 1 }), "more"),
        ] {
            let fault = Policy::parse("p", &body).unwrap_err();
            assert!(fault.detail.contains(says), "{body}: {fault}");
        }
    }

    // What the rules of the specification say, word by word, over a model in which a condition is a constant or fails.
    fn brute(principal: &Principal, permission: &str, resource: &[Node], policies: &[Arc<Policy>]) -> Reason {
        if !principal.active {
            return Reason::Inactive;
        }
        let mut failed = false;
        for policy in policies.iter().filter(|policy| policy.enabled) {
            let on = |kind: &str, id: &str| policy.resource_type == kind && policy.resource_id == id;
            let attached = on("*", "*")
                || resource.first().is_some_and(|node| on(&node.kind, "*"))
                || resource.iter().any(|node| on(&node.kind, &node.id));
            for rule in policy.rules.iter().filter(|_| attached) {
                let named = rule.permissions.is_empty() || rule.permissions.contains(&permission.to_owned());
                if !named || rule.exceptions.iter().any(|exception| exception.admits(principal)) {
                    continue;
                }
                match rule.condition.text() {
                    "true" => return Reason::ExplicitDeny,
                    "false" => {}
                    // It compares the type, which no resource of the model has; without a resource it compares a number with text.
                    _ => failed |= resource.is_empty(),
                }
            }
        }
        let allows = principal.roles.iter().any(|role| role.permissions.contains(&permission.to_owned()));
        match (failed, allows) {
            (true, _) => Reason::ConditionError,
            (_, true) => Reason::Allowed,
            _ => Reason::ImplicitDeny,
        }
    }

    fn some(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
        proptest::sample::subsequence(of, 0..=of.len()).prop_map(|list| list.into_iter().map(str::to_owned).collect())
    }

    fn policies() -> impl Strategy<Value = Vec<Arc<Policy>>> {
        // The last one fails where no resource is named, and else does not hold.
        let condition = proptest::sample::select(&["true", "false", "get(resource, \"type\", 1) == \"x\""][..]);
        let rule = (condition, some(&["a.b", "a.c"]), some(&["tag:t", "role:r1", "group:g", "principal:p"]));
        let rule = rule.prop_map(|(condition, permissions, exceptions)| {
            json!({ "effect": "Deny", "condition": condition, "permissions": permissions, "exceptions": exceptions })
        });
        let at = proptest::sample::select(&[("*", "*"), ("w", "*"), ("w", "1"), ("p", "1"), ("p", "2"), ("w", "2")][..]);
        let one = (at, any::<bool>(), proptest::collection::vec(rule, 1..3)).prop_map(|((kind, id), enabled, rules)| {
            policy(&json!({ "resourceType": kind, "resourceId": id, "enabled": enabled, "conditions": rules }))
        });
        proptest::collection::vec(one, 0..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn the_evaluator_agrees_with_the_rules(
            policies in policies(),
            (tags, groups, active) in (some(&["t", "u"]), some(&["g"]), proptest::bool::weighted(0.95)),
            roles in proptest::collection::vec((proptest::sample::select(&["r1", "r2"][..]), some(&["a.b", "a.c"])), 0..3),
            resource in proptest::sample::subsequence(&[("w", "1"), ("p", "1")][..], 0..=2),
            permission in proptest::sample::select(&["a.b", "a.c", "a.d"][..]),
        ) {
            let roles = roles.into_iter().map(|(name, permissions)| Held::direct(name, name, permissions));
            let principal = Principal {
                kind: "user".into(), id: "p".into(), name: "p".into(), active, tags, groups, roles: roles.collect(),
            };
            let resource: Vec<Node> = resource.iter().map(|(kind, id)| Node { kind: (*kind).into(), id: (*id).into() }).collect();
            let question = Question { permission, resource: &resource, now: Timestamp::from_micros(0) };
            let decision = decide(&principal, &question, &policies);
            let expected = brute(&principal, permission, &resource, &policies);
            prop_assert_eq!(decision.reason, expected);
            prop_assert_eq!(decision.allowed(), decision.message().is_none());
        }
    }
}
