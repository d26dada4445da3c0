//! A sync check: what follows from an object is worked out anew, and every target looks at it again (spec/idm.md §1.6).

use std::sync::Arc;

use super::load::{Needs, document, parsed};
use super::{Context, Result, Service};
use crate::domain::actor::Actor;
use crate::domain::resource::Resource;
use crate::domain::schema::ObjectType;
use crate::store::Conn;

impl Service {
    /// Brings the conditional grants of an object in line and puts it up at every target; where nothing differs, nothing is
    /// written and nobody is called. The object keeps its revision.
    ///
    /// # Errors
    /// [`Kind::NotFound`](crate::domain::error::Kind::NotFound), permissions, and those of the store.
    pub async fn check(&self, actor: &Actor, kind: Arc<ObjectType>, wire_id: String, needs: Needs) -> Result<Resource> {
        self.write(actor, move |ctx, tx| ctx.check(tx, &kind, &wire_id, &needs)).await.and_then(parsed)
    }
}

impl Context {
    fn check(
        &self,
        conn: &mut Conn,
        kind: &Arc<ObjectType>,
        wire_id: &str,
        needs: &Needs,
    ) -> Result<crate::domain::written::Written> {
        self.guard_type(kind)?;
        let row = self.find(conn, kind, wire_id)?;
        let doc = document(&row)?;
        self.regrant_all(conn, kind, &row, &doc)?;
        self.record(conn, &[self.check_change(&kind.name, row.key, row.rev)])?;
        self.one_written(conn, kind, row, needs)
    }
}
