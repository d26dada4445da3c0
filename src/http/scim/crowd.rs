//! A resource with a list that is sent as it is read: a large group and its members (spec/scim.md §2.5).

use std::collections::VecDeque;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use futures_util::stream;
use serde_json::{Map, Value};

use super::{Result, answer};
use crate::domain::actor::Actor;
use crate::domain::document::text::push_string;
use crate::domain::projection::Projection;
use crate::domain::resource::Related;
use crate::domain::schema::ObjectType;
use crate::domain::written::Written;
use crate::http::state::State;
use crate::service::ends::Ends;
use crate::service::{Service, ServiceError};

/// What is left to send.
struct Rest {
    service: Service,
    actor: Actor,
    base: String,
    kind: std::sync::Arc<ObjectType>,
    projection: Projection,
    lists: VecDeque<Ends>,
    // Place in the first list, and whether an element of it was sent.
    from: usize,
    begun: bool,
}

/// The answer: what stands in the resource besides, then the lists. What fails before the first batch is an error of its own;
/// what fails later breaks the connection off, so that nobody takes a part for the whole.
///
/// # Errors
/// Those of the store.
pub async fn resource(
    state: &State,
    actor: &Actor,
    written: Written,
    lists: Vec<Ends>,
    projection: Projection,
) -> Result<HttpResponse> {
    let (base, kind) = (state.scim_base(), written.head.kind.clone());
    let mut answer = answer::head(StatusCode::OK, &base, &written.head);
    let mut text = String::with_capacity(written.doc.len() + 768);
    answer::print(&base, written, &projection, &mut text)?;
    // The object goes on.
    text.pop();
    let lists = lists.into();
    let mut rest =
        Rest { service: state.service.clone(), actor: actor.clone(), base, kind, projection, lists, from: 0, begun: false };
    rest.step(&mut text).await?;
    let first = Ok(Bytes::from(text));
    let later = stream::try_unfold(rest, |mut rest| async move {
        if rest.lists.is_empty() {
            return Ok(None);
        }
        let mut text = String::new();
        match rest.step(&mut text).await {
            Ok(()) => Ok(Some((Bytes::from(text), rest))),
            Err(error) => {
                log::error!(error:% = error; "an answer was broken off");
                Err(error)
            }
        }
    });
    Ok(answer.streaming(stream::StreamExt::chain(stream::iter([first]), later)))
}

impl Rest {
    // Prints one batch, and the end of the object after the last.
    async fn step(&mut self, out: &mut String) -> std::result::Result<(), ServiceError> {
        let Some(list) = self.lists.front() else { return Ok(()) };
        let (related, next) = self.service.ends(&self.actor, list, self.from).await?;
        let name = &self.kind.attribute(list.attribute).name;
        if self.from == 0 {
            self.begun = false;
            out.push(',');
            push_string(out, name);
            out.push_str(":[");
        }
        for element in self.elements(list, &related) {
            if std::mem::replace(&mut self.begun, true) {
                out.push(',');
            }
            out.push_str(&element.to_string());
        }
        match next {
            Some(next) => self.from = next,
            None => {
                out.push(']');
                self.from = 0;
                self.lists.pop_front();
                if self.lists.is_empty() {
                    out.push('}');
                }
            }
        }
        Ok(())
    }

    fn elements(&self, list: &Ends, related: &[Related]) -> Vec<Value> {
        let definition = self.kind.attribute(list.attribute);
        let all: Vec<Value> = related.iter().map(|related| related.to_scim(&self.base, definition)).collect();
        if self.projection.is_whole(&self.kind) {
            return all;
        }
        let mut shown = Map::from_iter([(definition.name.clone(), Value::Array(all))]);
        self.projection.apply(&self.kind, &mut shown);
        match shown.remove(&definition.name) {
            Some(Value::Array(shown)) => shown,
            _ => Vec::new(),
        }
    }
}
