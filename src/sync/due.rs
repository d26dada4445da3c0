//! Instants at which a role or a grant begins or ceases to hold: they become changes, and take their course from there.

use super::{Engine, Result};
use crate::domain::time::Timestamp;
use crate::service::ServiceError;
use crate::store::temporal;

/// The lease for taking instants.
const TIME: &str = "time";

impl Engine {
    /// Works off every instant that came, of all tenants, and gives the next that will.
    pub(super) async fn pass_time(&self) -> Result<Option<Timestamp>> {
        let (now, mut failed) = (self.now(), None);
        for tenant in self.store().read_short(move |conn| temporal::tenants_due(conn, now)).await? {
            let Some(held) = self.0.leases.take(self.store(), tenant, TIME.to_owned()).await? else { continue };
            let work = async {
                loop {
                    let fence = held.fence();
                    if self.0.service.pass_time(tenant, move |conn| fence.holds(conn)).await? == 0 {
                        return Ok::<_, ServiceError>(());
                    }
                }
            };
            let worked = tokio::select! {
                worked = work => worked,
                lost = held.keep(self.store()) => lost.map_err(ServiceError::from),
            };
            held.release(self.store()).await?;
            // One tenant's trouble is not to stop the others' time.
            failed = failed.or(worked.err());
        }
        if let Some(error) = failed {
            return Err(error);
        }
        Ok(self.store().read_short(temporal::next).await?.filter(|at| *at > now))
    }
}
