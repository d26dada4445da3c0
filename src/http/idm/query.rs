//! Query parameters (spec/idm.md §1.5).

use actix_web::HttpRequest;

use crate::domain::error::{Fault, Kind, excerpt};
use crate::http::query;

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
    /// `_totalPagedResultsPolicy=EXACT`.
    pub total: bool,
}

impl Parameters {
    /// Reads the query string; unknown names are ignored.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] naming the parameter and the rule.
    pub fn read(req: &HttpRequest) -> Result<Self, Fault> {
        let wrong = |rule: &str| Fault::new(Kind::InvalidValue, rule.to_owned());
        let mut out = Self::default();
        for (name, value) in query::read::<Vec<(String, String)>>(req)? {
            match name.as_str() {
                "_action" => out.action = Some(value),
                "_fields" => out.fields = Some(value),
                "_queryFilter" => out.filter = Some(value),
                "_queryId" => out.query_id = Some(value),
                "_queryExpression" => return Err(wrong("_queryExpression is not offered; use _queryFilter")),
                "_sortKeys" if value.trim_start_matches(['+', '-', '/']) != "_id" => {
                    return Err(Fault::new(Kind::NotImplemented, format!("_sortKeys '{}' is not offered", excerpt(&value))));
                }
                "_pageSize" => out.page_size = Some(count("_pageSize", &value)?).filter(|n| *n > 0),
                "_pagedResultsOffset" => out.offset = Some(count("_pagedResultsOffset", &value)?),
                "_pagedResultsCookie" if !value.is_empty() => out.cookie = Some(value),
                "_totalPagedResultsPolicy" => match value.as_str() {
                    "NONE" | "ESTIMATE" => out.total = false,
                    "EXACT" => out.total = true,
                    _ => return Err(wrong("_totalPagedResultsPolicy is NONE, ESTIMATE or EXACT")),
                },
                _ => {}
            }
        }
        if out.filter.is_some() && out.query_id.is_some() {
            return Err(wrong("give one of _queryFilter and _queryId"));
        }
        if out.cookie.is_some() && out.offset.is_some() {
            return Err(wrong("give one of _pagedResultsCookie and _pagedResultsOffset"));
        }
        Ok(out)
    }
}

/// A cookie that this server did not give.
pub fn foreign_cookie() -> Fault {
    Fault::new(Kind::InvalidValue, "_pagedResultsCookie is not one this server gave")
}

fn count(name: &str, value: &str) -> Result<usize, Fault> {
    value
        .parse()
        .map_err(|_| Fault::new(Kind::InvalidValue, format!("'{name}' must be a whole number, not '{}'", excerpt(value))))
}
