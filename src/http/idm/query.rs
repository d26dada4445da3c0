//! Query parameters (spec/idm.md §1.5).

use actix_web::HttpRequest;

use super::descriptor::Form;
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::filter::ast::{Expr, Literal, Op};
use crate::domain::filter::{self, Filter, idm};
use crate::domain::schema::ObjectType;
use crate::http::query;

/// How many there are in all: whether that is told, and how exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Policy {
    /// It is not told.
    #[default]
    None,
    /// An estimate is enough. What is counted anyway is exact.
    Estimate,
    /// Counted.
    Exact,
}

impl Policy {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Estimate => "ESTIMATE",
            Self::Exact => "EXACT",
        }
    }
}

/// What the query string asks.
#[derive(Debug, Default)]
pub struct Parameters {
    /// `_action`.
    pub action: Option<String>,
    /// `_fields`.
    pub fields: Option<String>,
    /// `_queryFilter`.
    pub filter: Option<String>,
    /// `_queryId`.
    pub query_id: Option<String>,
    /// `_pageSize`.
    pub page_size: Option<usize>,
    /// `_pagedResultsCookie`.
    pub cookie: Option<String>,
    /// `_pagedResultsOffset`.
    pub offset: Option<usize>,
    /// Whether `_totalPagedResultsPolicy` or `_countOnly` asks for a total.
    pub total: bool,
    /// `_totalPagedResultsPolicy`.
    pub policy: Policy,
    /// `_countOnly`.
    pub count_only: bool,
    /// `_sortKeys`.
    pub sort: Option<String>,
    /// `_prettyPrint`.
    pub pretty: bool,
    /// `_api` or `_crestapi`.
    pub describe: Option<Form>,
    // What is no parameter of CREST: the values that a query of the gateway takes.
    values: Vec<(String, String)>,
}

impl Parameters {
    /// Reads the query string; unknown names are ignored.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] naming the parameter and the rule.
    pub fn read(req: &HttpRequest) -> Result<Self, Fault> {
        let mut out = Self::default();
        let mut policy = None;
        for (name, value) in query::read::<Vec<(String, String)>>(req)? {
            let number = |slot: &mut Option<usize>| {
                let value = count(&name, &value)?;
                once(&name, slot, value)
            };
            match name.as_str() {
                "_action" => once(&name, &mut out.action, value)?,
                "_queryFilter" => once(&name, &mut out.filter, value)?,
                "_queryId" => once(&name, &mut out.query_id, value)?,
                "_queryExpression" => return Err(wrong("_queryExpression is not offered; use _queryFilter")),
                "_pageSize" => number(&mut out.page_size)?,
                "_pagedResultsOffset" => number(&mut out.offset)?,
                "_pagedResultsCookie" => once(&name, &mut out.cookie, value)?,
                "_totalPagedResultsPolicy" => once(&name, &mut policy, named(&value)?)?,
                "_countOnly" => out.count_only = flag(&name, &value)?,
                "_prettyPrint" => out.pretty = flag(&name, &value)?,
                "_api" => out.describe = Some(Form::OpenApi),
                "_crestapi" => out.describe = Some(Form::Crest),
                "_fields" => list(&mut out.fields, &value),
                "_sortKeys" => list(&mut out.sort, &value),
                // What is worked out on reading is always so.
                "executeOnRetrieve" => _ = flag(&name, &value)?,
                _ => out.values.push((name, value)),
            }
        }
        out.page_size = out.page_size.filter(|size| *size > 0);
        out.cookie = out.cookie.filter(|cookie| !cookie.is_empty());
        out.policy = policy.unwrap_or_default();
        out.total = out.policy != Policy::None || out.count_only;
        out.consistent()?;
        Ok(out)
    }

    fn consistent(&self) -> Result<(), Fault> {
        if self.filter.is_some() && self.query_id.is_some() {
            return Err(wrong("give one of _queryFilter and _queryId"));
        }
        if self.cookie.is_some() && self.offset.is_some() {
            return Err(wrong("give one of _pagedResultsCookie and _pagedResultsOffset"));
        }
        if self.sort.is_some() && self.query_id.is_some() {
            return Err(wrong("_sortKeys goes with _queryFilter, not with _queryId"));
        }
        Ok(())
    }

    /// Whether the query answers ids and revisions alone.
    pub fn ids_only(&self) -> bool {
        self.query_id.as_deref() == Some("query-all-ids")
    }

    /// Who passes the query of a collection; everybody when there is no filter inside.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] when there is no query, or none of that name; those of the filter.
    pub fn question(&self, kind: &ObjectType, limits: filter::Limits) -> Result<Option<Filter>, Fault> {
        let expression = match (&self.filter, self.query_id.as_deref()) {
            (Some(text), _) => idm::parse_within(text, limits)?,
            (None, Some("query-all-ids" | "query-all")) => Expr::True,
            (None, Some("for-userName")) => {
                let uid = self.values.iter().find(|(name, _)| name == "uid");
                let (_, uid) = uid.ok_or_else(|| wrong("the query 'for-userName' needs the parameter 'uid'"))?;
                Expr::Compare { path: "userName".to_owned(), op: Op::Eq, value: Literal::Text(uid.clone()) }
            }
            (None, Some(other)) => return Err(wrong(format!("there is no query '{}'", excerpt(other)))),
            (None, None) => return Err(wrong("a query of a collection needs _queryFilter")),
        };
        Ok(match filter::resolve(&expression, kind, filter::Dialect::Idm)? {
            Filter::Const(true) => None,
            filter => Some(filter),
        })
    }
}

fn wrong(rule: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(Kind::InvalidValue, rule)
}

/// A cookie that this server did not give.
pub fn foreign_cookie() -> Fault {
    wrong("_pagedResultsCookie is not one this server gave")
}

fn once<T>(name: &str, slot: &mut Option<T>, value: T) -> Result<(), Fault> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(wrong(format!("'{name}' is given twice"))),
    }
}

// Several are one list.
fn list(slot: &mut Option<String>, value: &str) {
    match slot {
        Some(known) => known.extend([",", value]),
        None => *slot = Some(value.to_owned()),
    }
}

fn named(value: &str) -> Result<Policy, Fault> {
    let known = [Policy::None, Policy::Estimate, Policy::Exact].into_iter().find(|policy| policy.name() == value);
    known.ok_or_else(|| wrong("_totalPagedResultsPolicy is NONE, ESTIMATE or EXACT"))
}

fn count(name: &str, value: &str) -> Result<usize, Fault> {
    value.parse().map_err(|_| wrong(format!("'{name}' must be a whole number, not '{}'", excerpt(value))))
}

// A name without a value says yes.
fn flag(name: &str, value: &str) -> Result<bool, Fault> {
    match value {
        "" => Ok(true),
        yes if yes.eq_ignore_ascii_case("true") => Ok(true),
        no if no.eq_ignore_ascii_case("false") => Ok(false),
        other => Err(wrong(format!("'{name}' is true or false, not '{}'", excerpt(other)))),
    }
}
