//! What is asked, read from the JSON of the dialects that ask.
//!
//! Of a subject only type and id are read, of a resource only type, id and what it lies in: what a caller says of attributes or
//! tags feeds nothing, or he could send the tag that excepts him (spec/access.md §7.4).

use serde_json::{Map, Value};

use super::permission;
use super::question::Node;
use crate::domain::error::{Fault, Kind};

/// Most things that a resource lies in.
const DEEPEST: usize = 16;

/// The types of those who may be asked about: people, and programs.
pub const USER: &str = "user";
/// The type of programs.
pub const SERVICE_ACCOUNT: &str = "service_account";

/// Longest type, id or permission, in bytes.
const LONGEST: usize = 1_000;

/// Who is to act, as the caller names him.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Who {
    /// The type, when it was given; of any name.
    pub kind: Option<String>,
    /// The id.
    pub id: String,
}

/// Whoever asks. One who may not ask about others may still ask what he may do himself (spec/access.md §7.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The service account or user that the token stands for, if it stands for one.
    pub itself: Option<Itself>,
    /// Whether others may be asked about.
    pub others: bool,
}

/// The service account or user behind a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Itself {
    kind: &'static str,
    id: String,
    client_id: Option<String>,
}

impl Itself {
    /// A service account, by its id and its client id.
    pub fn account(id: &str, client_id: &str) -> Self {
        Self { kind: SERVICE_ACCOUNT, id: id.to_owned(), client_id: Some(client_id.to_owned()) }
    }

    /// A user, by his id.
    pub fn user(id: &str) -> Self {
        Self { kind: USER, id: id.to_owned(), client_id: None }
    }

    // By its type and its id, which nobody else fits.
    fn who(&self) -> Who {
        Who { kind: Some(self.kind.to_owned()), id: self.id.clone() }
    }

    fn is(&self, who: &Who) -> bool {
        let kind = who.kind.as_deref().is_none_or(|kind| type_named(kind) == Some(self.kind));
        kind && (who.id == self.id || Some(&who.id) == self.client_id.as_ref())
    }
}

impl Asker {
    /// One who may ask about everybody, and stands for nobody.
    pub const ANYBODY: Self = Self { itself: None, others: true };

    fn admit(&self, who: Option<Who>) -> Result<Who, Fault> {
        match (who, &self.itself) {
            (None, Some(itself)) => Ok(itself.who()),
            (None, None) => Err(Fault::new(Kind::InvalidValue, "'caller' is required: this token stands for nobody")),
            (Some(who), _) if self.others => Ok(who),
            (Some(who), Some(itself)) if itself.is(&who) => Ok(itself.who()),
            (Some(_), _) => Err(Fault::new(Kind::Forbidden, "to ask about others needs the scope 'access.evaluate'")),
        }
    }
}

/// The type that a name stands for, as the dialects write it.
pub fn type_named(kind: &str) -> Option<&'static str> {
    match kind {
        USER | "User" => Some(USER),
        SERVICE_ACCOUNT | "ServiceAccount" | "managed_identity" => Some(SERVICE_ACCOUNT),
        _ => None,
    }
}

/// A question as it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Who is to act.
    pub who: Who,
    /// What he wants to do.
    pub permission: String,
    /// On what, from the inside out; empty when nothing was named.
    pub resource: Vec<Node>,
}

impl Asked {
    /// Reads `{caller?, permission, resource?}` (spec/access.md §7.2). Without `caller` it is whoever asks; a token that stands
    /// for nobody has to name one.
    ///
    /// # Errors
    /// [`Kind::InvalidSyntax`] or [`Kind::InvalidValue`] that names the member; [`Kind::Forbidden`] for somebody else whom the
    /// asker may not ask about.
    pub fn passport(body: &Value, asker: &Asker) -> Result<Self, Fault> {
        let body = object("the body", Some(body))?;
        if let Some(other) = body.keys().find(|name| !["caller", "permission", "resource"].contains(&name.as_str())) {
            return Err(Fault::new(Kind::InvalidSyntax, format!("unknown member '{}'", crate::domain::error::excerpt(other))));
        }
        let who = match body.get("caller") {
            None | Some(Value::Null) => None,
            Some(Value::Object(caller)) => {
                Some(Who { kind: optional(caller, "caller", "type")?, id: required(caller, "caller", "id")? })
            }
            Some(_) => Some(Who { kind: None, id: required(body, "", "caller")? }),
        };
        let who = asker.admit(who)?;
        let permission = required(body, "", "permission")?;
        permission::check(&permission)?;
        let resource = match body.get("resource") {
            None | Some(Value::Null) => Vec::new(),
            given => {
                let given = object("resource", given)?;
                within(node(given, "resource")?, given.get("ancestors"), "resource.ancestors")?
            }
        };
        Ok(Self { who, permission, resource })
    }

    /// Reads an evaluation of AuthZEN 1.0: subject, action and resource, each from the item or else from the defaults. What is
    /// known of a resource's ancestors may stand in its properties; it only adds policies. The subject is required there.
    ///
    /// # Errors
    /// As [`Asked::passport`].
    pub fn authzen(item: &Map<String, Value>, defaults: &Map<String, Value>, asker: &Asker) -> Result<Self, Fault> {
        let member = |name: &str| object(name, item.get(name).or_else(|| defaults.get(name)));
        let (subject, action, resource) = (member("subject")?, member("action")?, member("resource")?);
        let who = Who { kind: Some(required(subject, "subject", "type")?), id: required(subject, "subject", "id")? };
        let who = asker.admit(Some(who))?;
        let ancestors = resource.get("properties").and_then(|properties| properties.get("ancestors"));
        Ok(Self {
            who,
            permission: required(action, "action", "name")?,
            resource: within(node(resource, "resource")?, ancestors, "resource.properties.ancestors")?,
        })
    }
}

fn within(inner: Node, ancestors: Option<&Value>, at: &str) -> Result<Vec<Node>, Fault> {
    let mut out = vec![inner];
    match ancestors {
        None | Some(Value::Null) => {}
        Some(Value::Array(list)) if list.len() <= DEEPEST => {
            for one in list {
                out.push(node(object(at, Some(one))?, at)?);
            }
        }
        Some(_) => return Err(Fault::new(Kind::InvalidValue, format!("'{at}' is a list of at most {DEEPEST} resources"))),
    }
    Ok(out)
}

fn node(given: &Map<String, Value>, at: &str) -> Result<Node, Fault> {
    Ok(Node { kind: required(given, at, "type")?, id: required(given, at, "id")? })
}

fn object<'v>(at: &str, value: Option<&'v Value>) -> Result<&'v Map<String, Value>, Fault> {
    let wrong = || Fault::new(Kind::InvalidSyntax, format!("'{at}' is required and a JSON object"));
    value.and_then(Value::as_object).ok_or_else(wrong)
}

fn optional(of: &Map<String, Value>, at: &str, name: &str) -> Result<Option<String>, Fault> {
    if of.get(name).is_none_or(Value::is_null) { Ok(None) } else { required(of, at, name).map(Some) }
}

fn required(of: &Map<String, Value>, at: &str, name: &str) -> Result<String, Fault> {
    let text = of.get(name).and_then(Value::as_str).filter(|text| (1..=LONGEST).contains(&text.len()));
    let dot = if at.is_empty() { "" } else { "." };
    let wrong = || Fault::new(Kind::InvalidValue, format!("'{at}{dot}{name}' is required, a text of 1 to {LONGEST} bytes"));
    text.filter(|text| !text.contains('\0')).map(str::to_owned).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn passport_reads_its_forms_and_nothing_else() {
        let whole = json!({ "caller": { "type": "user", "id": "u" }, "permission": "payroll.run", "resource": {
            "type": "workflow", "id": "w", "ancestors": [{ "type": "project", "id": "p" }], "tags": ["scheduled-automation"],
        } });
        let asked = Asked::passport(&whole, &Asker::ANYBODY).unwrap();
        assert_eq!((asked.who.kind.as_deref(), asked.resource.len()), (Some("user"), 2));
        let short = Asked::passport(&json!({ "caller": "u", "permission": "a.b" }), &Asker::ANYBODY).unwrap();
        assert_eq!(short, Asked { who: Who { kind: None, id: "u".into() }, permission: "a.b".into(), resource: vec![] });
        for (body, says) in [
            (json!([]), "the body"),
            (json!({ "permission": "a.b" }), "stands for nobody"),
            (json!({ "caller": 7, "permission": "a.b" }), "'caller'"),
            (json!({ "caller": {}, "permission": "a.b" }), "'caller.id'"),
            (json!({ "caller": { "id": "u", "type": 1 }, "permission": "a.b" }), "'caller.type'"),
            (json!({ "caller": "u" }), "'permission'"),
            (json!({ "caller": "u", "permission": "ab" }), "two or three segments"),
            (json!({ "caller": "u", "permission": "a.b", "resource": "w" }), "'resource'"),
            (json!({ "caller": "u", "permission": "a.b", "resource": { "type": "w" } }), "'resource.id'"),
            (json!({ "caller": "u", "permission": "a.b", "resource": { "type": "w", "id": "" } }), "'resource.id'"),
            (json!({ "caller": "u", "permission": "a.b", "resource": { "type": "w", "id": "1", "ancestors": {} } }), "a list"),
            (json!({ "caller": "u", "permission": "a.b", "tags": ["t"] }), "unknown member 'tags'"),
        ] {
            let fault = Asked::passport(&body, &Asker::ANYBODY).unwrap_err();
            assert!(fault.detail.contains(says), "{body}: {fault}");
        }
    }

    #[test]
    fn authzen_takes_what_an_item_lacks_from_the_defaults() {
        let map = |value: Value| value.as_object().unwrap().clone();
        let defaults = map(
            json!({ "subject": { "type": "user", "id": "u", "properties": { "tags": ["t"] } }, "action": { "name": "read" } }),
        );
        let item = map(json!({ "action": { "name": "write" }, "resource": { "type": "w", "id": "1", "more": 1 } }));
        let asked = Asked::authzen(&item, &defaults, &Asker::ANYBODY).unwrap();
        assert_eq!((asked.permission.as_str(), asked.who.id.as_str(), asked.resource.len()), ("write", "u", 1));
        for (item, says) in [
            (json!({}), "'resource'"),
            (json!({ "resource": { "type": "w", "id": "1" }, "subject": { "id": "u" } }), "'subject.type'"),
            (json!({ "resource": { "type": "w", "id": "1" }, "action": {} }), "'action.name'"),
        ] {
            let fault = Asked::authzen(&map(item), &defaults, &Asker::ANYBODY).unwrap_err();
            assert!(fault.detail.contains(says), "{fault}");
        }
    }

    #[test]
    fn who_asks_about_itself_and_who_about_others() {
        let itself = || Some(Itself::account("m", "mi-m-clientid"));
        let own = Asker { itself: itself(), others: false };
        let both = Asker { itself: itself(), others: true };
        let typed = |kind: &str, id: &str| json!({ "type": kind, "id": id });
        for (caller, from_own, from_both) in [
            (Value::Null, Ok(("service_account", "m")), Ok(("service_account", "m"))),
            (json!("m"), Ok(("service_account", "m")), Ok(("", "m"))),
            (json!("mi-m-clientid"), Ok(("service_account", "m")), Ok(("", "mi-m-clientid"))),
            (typed("managed_identity", "m"), Ok(("service_account", "m")), Ok(("managed_identity", "m"))),
            (typed("user", "m"), Err(Kind::Forbidden), Ok(("user", "m"))),
            (typed("nothing", "m"), Err(Kind::Forbidden), Ok(("nothing", "m"))),
            (json!("other"), Err(Kind::Forbidden), Ok(("", "other"))),
        ] {
            for (asker, expected) in [(&own, from_own), (&both, from_both)] {
                let asked = Asked::passport(&json!({ "caller": caller, "permission": "a.b" }), asker);
                let told = asked.as_ref().map(|asked| (asked.who.kind.as_deref().unwrap_or(""), asked.who.id.as_str()));
                assert_eq!(told.map_err(|fault| fault.kind), expected, "{caller}");
            }
        }
        let map = |kind: &str, id: &str| {
            let body = json!({ "subject": typed(kind, id), "action": { "name": "a.b" }, "resource": typed("w", "1") });
            Asked::authzen(body.as_object().unwrap(), &Map::new(), &own).map(|asked| asked.who.id).map_err(|fault| fault.kind)
        };
        assert_eq!(map("service_account", "mi-m-clientid"), Ok("m".to_owned()));
        assert_eq!(map("user", "m"), Err(Kind::Forbidden));
    }
}
