//! The ends of a relationship that are too many to be held at once: who is in a large group, a batch at a time.

use std::collections::HashMap;
use std::sync::Arc;

use super::load::{Needs, far_end, limit};
use super::{Context, Result, Service};
use crate::domain::actor::Actor;
use crate::domain::key::Key;
use crate::domain::resource::Related;
use crate::domain::schema::{AttrPath, ObjectType, Relationship};
use crate::domain::written::Written;
use crate::store::{Conn, edges};

/// Edges that are read at a time.
const BATCH: usize = 1_000;

/// Where the edges of one property of one object led at one instant.
#[derive(Debug, Clone)]
pub struct Ends {
    /// The attribute that shows them.
    pub attribute: AttrPath,
    far: Vec<(Arc<ObjectType>, Key)>,
}

impl Ends {
    fn load(ctx: &Context, conn: &mut Conn, attribute: AttrPath, relationship: &Relationship, near: Key) -> Result<Self> {
        let (tenant, relation, side) = (ctx.actor.tenant, &relationship.relation, relationship.side);
        let mut kinds: HashMap<String, Arc<ObjectType>> = HashMap::new();
        let (mut far, mut last) = (Vec::new(), None);
        loop {
            let rows = edges::of(conn, tenant, relation, side, near, last.as_ref(), limit(BATCH))?;
            for row in &rows {
                let (kind, key) = far_end(row, side);
                if !kinds.contains_key(&kind) {
                    kinds.insert(kind.clone(), ctx.kind(&kind)?);
                }
                far.extend(kinds.get(&kind).map(|kind| (Arc::clone(kind), key)));
            }
            match rows.into_iter().last() {
                Some(row) => last = Some(row),
                None => return Ok(Self { attribute, far }),
            }
        }
    }
}

impl Service {
    /// Reads an object, its document as text. A list of the base schema that shows more than `most` ends of a relationship is
    /// not loaded: what is returned beside says where they are, as of the same instant.
    ///
    /// # Errors
    /// [`crate::domain::error::Kind::NotFound`].
    pub async fn read_crowded(
        &self,
        actor: &Actor,
        kind: Arc<ObjectType>,
        wire_id: String,
        needs: Needs,
        most: usize,
    ) -> Result<(Written, Vec<Ends>)> {
        let ctx = self.context(actor);
        let needs = needs.crowds_at_most(&kind, most);
        self.store()
            .read_short(move |conn| {
                let row = ctx.find(conn, &kind, &wire_id)?;
                let written = ctx.one_written(conn, &kind, row, &needs)?;
                let mut crowds = Vec::new();
                for (attribute, relationship) in needs.left_out(&kind, &written.head) {
                    crowds.push(Ends::load(&ctx, conn, attribute, relationship, written.head.key)?);
                }
                Ok((written, crowds))
            })
            .await
    }

    /// What stands at the ends from place `from` on, and the place to go on from, if there are more. What was deleted since is
    /// passed over.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn ends(&self, actor: &Actor, ends: &Ends, from: usize) -> Result<(Vec<Related>, Option<usize>)> {
        let ctx = self.context(actor);
        let until = ends.far.len().min(from.saturating_add(BATCH));
        let batch: Vec<_> = ends.far.get(from..until).unwrap_or_default().to_vec();
        let related = self.store().read_short(move |conn| {
            let labels = ctx.labels(conn, batch.iter().map(|(kind, key)| (kind.name.clone(), *key)))?;
            Ok::<_, super::ServiceError>(batch.iter().filter_map(|(_, key)| Some(labels.get(key)?.related(*key, None))).collect())
        });
        Ok((related.await?, (until < ends.far.len()).then_some(until)))
    }
}
