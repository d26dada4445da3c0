//! Whether what is stored holds together: each object in itself, and every table that follows from others.
//!
//! Everything is read in one snapshot, in batches, so memory does not grow with the database; only the conditions of one
//! tenant are held at a time. Nothing is changed.

mod edges;
mod objects;
mod temporal;

use std::fmt::{self, Display};
use std::sync::Arc;

use super::{Result, Service};
use crate::domain::schema::Registry;
use crate::store::tenants::TenantRow;
use crate::store::{Conn, audit, tenants};

/// Rows of one batch.
const BATCH: i64 = 500;

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Name of the tenant.
    pub tenant: String,
    /// What it is about: `user <id>`, `edge <id>`, …
    pub about: String,
    /// What does not hold; names attributes, never values.
    pub what: String,
}

impl Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tenant {} {}: {}", self.tenant, self.about, self.what)
    }
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Examined {
    /// Tenants.
    pub tenants: usize,
    /// Objects of all types.
    pub objects: usize,
    /// Edges.
    pub edges: usize,
    /// Rows of the change log.
    pub changes: i64,
    /// What was found.
    pub findings: usize,
}

/// One tenant under examination.
struct Examiner<'a> {
    service: &'a Service,
    conn: &'a mut Conn,
    tenant: &'a TenantRow,
    types: Arc<Registry>,
    examined: &'a mut Examined,
    tell: &'a mut dyn FnMut(&Finding),
}

impl Service {
    /// Examines every tenant; each finding is told at once.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn examine(&self, mut tell: impl FnMut(&Finding) + Send + 'static) -> Result<Examined> {
        let service = self.clone();
        self.store()
            .read(move |conn| {
                let mut examined = Examined::default();
                for tenant in tenants::list(conn)? {
                    examined.tenants += 1;
                    let types = service.registry_in(conn, tenant.id)?;
                    let (examined, tell) = (&mut examined, &mut tell);
                    Examiner { service: &service, conn: &mut *conn, tenant: &tenant, types, examined, tell }.run()?;
                }
                Ok(examined)
            })
            .await
    }
}

impl Examiner<'_> {
    fn run(&mut self) -> Result<()> {
        self.objects()?;
        self.edges()?;
        self.lost_times()?;
        self.unresolved()?;
        self.changes()?;
        for target in audit::lost_targets(self.conn, self.tenant.id)? {
            self.note(format_args!("target {target}"), "links speak of it, and it does not exist");
        }
        Ok(())
    }

    fn note(&mut self, about: impl Display, what: impl Display) {
        let finding = Finding { tenant: self.tenant.name.clone(), about: about.to_string(), what: what.to_string() };
        self.examined.findings += 1;
        (self.tell)(&finding);
    }

    // Only PostgreSQL has changes that wait for their number.
    fn changes(&mut self) -> Result<()> {
        let numbering = audit::numbering(self.conn, self.tenant.id)?;
        self.examined.changes += numbering.changes;
        if self.conn.is_sqlite() && numbering.numbered < numbering.changes {
            self.note("changes", format_args!("{} have no number", numbering.changes - numbering.numbered));
        }
        if let Some((first, last)) = numbering.range
            && last - first + 1 != numbering.numbered
        {
            self.note("changes", format_args!("of the numbers {first} to {last} only {} are there", numbering.numbered));
        }
        Ok(())
    }
}
