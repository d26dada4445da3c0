//! Users as the tokens of other issuers name them.

use serde_json::{Map, Value};

use super::issuers::USER;
use super::load::{Needs, parsed};
use super::search::{Most, Order, Part, Search, Start};
use super::{Result, Service};
use crate::domain::account::Person;
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind};
use crate::domain::filter::eval;
use crate::domain::key::{Key, TenantId};
use crate::domain::resource::Resource;
use crate::domain::schema::Home;
use crate::domain::trusted::Trusted;

impl Service {
    /// The user that the claims of a token mean, as he is now. None when there is not exactly one, or he is not active: nobody is
    /// made, and nobody is guessed.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn person(
        &self,
        tenant: TenantId,
        tenant_name: &str,
        trusted: &Trusted,
        claims: &Map<String, Value>,
    ) -> Result<Option<(Key, Person)>> {
        let Some(values) = trusted.values(claims) else { return Ok(None) };
        let types = self.registry(tenant).await?;
        let kind = types.by_name(USER).cloned().ok_or_else(|| Fault::of(Kind::Internal))?;
        let filter = match trusted.filter(&kind, &values) {
            Ok(filter) => filter,
            Err(fault) => {
                log::warn!("the issuer {} tells users by what is no more: {fault}", trusted.issuer);
                return Ok(None);
            }
        };
        // `externalId` is that of the record's source.
        let actor = Actor { source: trusted.source.as_str().into(), ..Actor::internal(tenant, types, "tokens") };
        let ctx = self.context(&actor);
        let (needs, reads) = (Needs::nothing(), Needs::nothing());
        let parts = vec![Part { kind: kind.clone(), filter: Some(filter), sort: None, needs, reads }];
        let (order, start, most) = (Order::Creation, Start::Offset(0), Most::ANY);
        // A second one is enough to know that it is not the only one.
        let search = Search { parts, order, start, count: 2, total: false, most, base: String::new() };
        let (tenant_name, trusted) = (tenant_name.to_owned(), trusted.clone());
        self.store()
            .read_short(move |conn| {
                let mut found = ctx.search(conn, &search)?.resources;
                let Some(one) = found.pop().filter(|_| found.is_empty()) else { return Ok(None) };
                let user = parsed(one)?;
                if user.doc.get("active") != Some(&true.into()) || !is_meant(&user, &trusted, &values) {
                    return Ok(None);
                }
                let roles = ctx.held_roles(conn, &kind, user.key)?;
                let (name, email) = (name(&user), email(&user));
                let person = Person { tenant: tenant_name, id: user.wire_id.clone(), name, email, roles };
                Ok(Some((user.key, person)))
            })
            .await
    }
}

// Searches fold more than the case of ASCII, and what looks alike is not the same: `K` is no `k` when it is the sign of Kelvin.
fn is_meant(user: &Resource, trusted: &Trusted, values: &[String]) -> bool {
    trusted.matching.iter().zip(values).all(|((_, attribute), value)| {
        let Some(path) = user.kind.resolve_attribute(attribute) else { return false };
        let leaf = user.kind.leaf(path);
        let same = |text: &str| if leaf.compares_exactly() { text == value } else { text.eq_ignore_ascii_case(value) };
        if path.home == Home::Common {
            let held = if leaf.name == "externalId" { user.external_id.as_deref() } else { Some(user.wire_id.as_str()) };
            return held.is_some_and(same);
        }
        let mut found = false;
        eval::each_value(&user.kind, path, &user.doc, |held| found |= held.as_str().is_some_and(same));
        found
    })
}

fn name(user: &Resource) -> String {
    let text = |name: &str| user.doc.get(name).and_then(Value::as_str);
    text("displayName").or_else(|| text("userName")).unwrap_or_default().to_owned()
}

// The primary one, else the first.
fn email(user: &Resource) -> String {
    let all = || user.doc.get("emails").and_then(Value::as_array).into_iter().flatten();
    let primary = all().find(|email| email.get("primary") == Some(&true.into()));
    let text = primary.or_else(|| all().next()).and_then(|email| email.get("value")).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}
