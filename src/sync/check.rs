//! A sync check of all objects of a type: every target looks at them again, page by page (spec/idm.md §1.6).

use super::backlog::Task;
use super::{Engine, Result};
use crate::domain::actor::Actor;
use crate::domain::schema::ObjectType;
use crate::store::targets;

impl Engine {
    /// Puts all objects of a type up at each target of the tenant. The work is kept with the targets and goes on after a
    /// restart; an object that is as it should be costs no call.
    ///
    /// # Errors
    /// Permissions, and those of the store.
    pub async fn check_all(&self, actor: &Actor, kind: &ObjectType) -> Result<()> {
        let (tenant, kind) = (actor.tenant, kind.clone());
        let done = self.0.service.write(actor, move |ctx, tx| {
            ctx.guard_type(&kind)?;
            for row in targets::list(tx, tenant)? {
                let backlog = Task::with(row.backlog.as_deref(), Task::sweep_of(&kind.name))?;
                targets::set_backlog(tx, tenant, row.id, Some(&backlog))?;
            }
            Ok(())
        });
        done.await?;
        if actor.rehearsal.is_none() {
            self.listen();
        }
        Ok(())
    }
}
