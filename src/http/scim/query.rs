//! Query parameters and SearchRequest bodies, in one form (RFC 7644 §3.4.2, §3.4.3, §3.9).

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use serde_json::{Map, Value};

use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::filter::{self, Filter, scim};
use crate::domain::projection::Projection;
use crate::domain::schema::ObjectType;
use crate::domain::token;
use crate::http::query;
use crate::http::state::State;

/// What a client asks of a list or an answer; names compare without case, unknown ones are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// `filter`.
    pub filter: Option<String>,
    /// `attributes`.
    pub attributes: Option<String>,
    /// `excludedAttributes`.
    pub excluded: Option<String>,
    /// `startIndex`, 1 or more.
    pub start: Option<usize>,
    /// `count`, 0 or more.
    pub count: Option<usize>,
    /// Whether this stood in the address of the request.
    pub in_address: bool,
    /// How large the filter may be.
    pub limits: filter::Limits,
    /// `sortBy`.
    pub sort_by: Option<String>,
    /// Whether `sortOrder` is descending.
    pub descending: bool,
    /// `cursor`; empty for the first page.
    pub cursor: Option<String>,
}

impl Parameters {
    /// From the query string.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] naming the parameter.
    pub fn from_query(req: &HttpRequest) -> Result<Self, Fault> {
        let limits = req.app_data::<web::Data<State>>().map(|state| state.limits.filter).unwrap_or_default();
        let mut out = Self { in_address: true, limits, ..Self::default() };
        for (name, value) in query::read::<Vec<(String, String)>>(req)? {
            // An address is written down in many places (RFC 6750 §5.3).
            if name.eq_ignore_ascii_case("access_token") || token::form(&value) == token::Form::Made {
                let text = format!("'{}' holds a token, which must not stand in an address", excerpt(&name));
                return Err(Fault::new(Kind::Sensitive, text));
            }
            match name.to_ascii_lowercase().as_str() {
                "filter" => out.filter = Some(value),
                "attributes" => out.attributes = Some(value),
                "excludedattributes" => out.excluded = Some(value),
                "startindex" => out.start = Some(number("startIndex", &value)?.max(1)),
                "count" => out.count = Some(number("count", &value)?),
                "sortby" => out.sort_by = Some(value).filter(|by| !by.is_empty()),
                "sortorder" => out.descending = descending(&value)?,
                "cursor" => out.cursor = Some(value),
                _ => {}
            }
        }
        Ok(out)
    }

    /// From a SearchRequest body.
    ///
    /// # Errors
    /// [`Kind::InvalidSyntax`] when it is no object, [`Kind::InvalidValue`] naming the member.
    pub fn from_search(body: &Value) -> Result<Self, Fault> {
        let body = body.as_object().ok_or_else(|| Fault::new(Kind::InvalidSyntax, "a search request must be a JSON object"))?;
        let list = |name: &str| member(body, name).map(|v| names(name, v)).transpose();
        let string = |name: &str| member(body, name).map(|v| text(name, v)).transpose();
        Ok(Self {
            filter: string("filter")?,
            attributes: list("attributes")?,
            excluded: list("excludedAttributes")?,
            start: member(body, "startIndex").map(|v| integer("startIndex", v)).transpose()?.map(|n| n.max(1)),
            count: member(body, "count").map(|v| integer("count", v)).transpose()?,
            sort_by: string("sortBy")?.filter(|by| !by.is_empty()),
            descending: string("sortOrder")?.map(|order| descending(&order)).transpose()?.unwrap_or(false),
            cursor: string("cursor")?,
            ..Self::default()
        })
    }

    /// The same within these limits.
    #[must_use]
    pub fn within(self, limits: filter::Limits) -> Self {
        Self { limits, ..self }
    }

    /// The filter for one of the types that are `listed`.
    ///
    /// # Errors
    /// [`Kind::InvalidFilter`]; [`Kind::Sensitive`] for a secret attribute in an address.
    pub fn filter(&self, kind: &ObjectType, listed: &[Arc<ObjectType>]) -> Result<Option<Filter>, Fault> {
        let Some(text) = &self.filter else { return Ok(None) };
        let expression = scim::parse_within(text, self.limits)?;
        filter::resolve_among(&expression, kind, listed, filter::Dialect::Scim).map(Some).map_err(|fault| match fault.kind {
            Kind::Sensitive if !self.in_address => Fault { kind: Kind::InvalidFilter, ..fault },
            _ => fault,
        })
    }

    /// The projection for one object type.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] when attributes are both named and excluded.
    pub fn projection(&self, kind: &ObjectType) -> Result<Projection, Fault> {
        Projection::parse(kind, self.attributes.as_deref(), self.excluded.as_deref())
    }

    /// Whether the answer to a write has to hold a resource.
    pub fn projects(&self) -> bool {
        self.attributes.is_some() || self.excluded.is_some()
    }
}

// Numbers below the range mean its end (RFC 7644 §3.4.2.4).
fn number(name: &str, value: &str) -> Result<usize, Fault> {
    let digits = value.trim();
    let below = digits.strip_prefix('-').is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()));
    if below {
        return Ok(0);
    }
    digits.parse().map_err(|_| Fault::new(Kind::InvalidValue, format!("'{name}' must be an integer, not '{}'", excerpt(value))))
}

// Without `sortBy` it says nothing (RFC 7644 §3.4.2.3), but must be right.
fn descending(value: &str) -> Result<bool, Fault> {
    match value.trim() {
        order if order.eq_ignore_ascii_case("descending") => Ok(true),
        order if order.is_empty() || order.eq_ignore_ascii_case("ascending") => Ok(false),
        other => {
            let text = format!("'sortOrder' must be ascending or descending, not '{}'", excerpt(other));
            Err(Fault::new(Kind::InvalidValue, text))
        }
    }
}

fn member<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    body.iter().find(|(k, v)| k.eq_ignore_ascii_case(name) && !v.is_null()).map(|(_, v)| v)
}

fn text(name: &str, value: &Value) -> Result<String, Fault> {
    let wrong = || Fault::new(Kind::InvalidValue, format!("'{name}' must be a string"));
    value.as_str().map(str::to_owned).ok_or_else(wrong)
}

fn integer(name: &str, value: &Value) -> Result<usize, Fault> {
    match value {
        Value::Number(n) if n.is_i64() || n.is_u64() => Ok(n.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0)),
        _ => Err(Fault::new(Kind::InvalidValue, format!("'{name}' must be an integer"))),
    }
}

fn names(name: &str, value: &Value) -> Result<String, Fault> {
    let wrong = || Fault::new(Kind::InvalidValue, format!("'{name}' must be a list of strings"));
    match value {
        Value::String(one) => Ok(one.clone()),
        Value::Array(list) => {
            let list: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            Ok(list.ok_or_else(wrong)?.join(","))
        }
        _ => Err(wrong()),
    }
}
