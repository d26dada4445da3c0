//! The guard for what comes in: how much a source may take away, by deactivating or deleting, before someone must look.
//!
//! Counted in the transaction that takes away, by source and type of object, each object once within a window that slides.
//! What would pass the ceiling is refused, and held until an administrator lets it pass or the window has moved on.

use std::sync::Arc;

use super::{Context, Result, Service, ServiceError};
use crate::config::keys::InboundGuard;
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::Key;
use crate::domain::schema::ObjectType;
use crate::domain::time::Timestamp;
use crate::store::inbound::{self, AllowanceRow, HeldRow};
use crate::store::objects::ObjectRow;
use crate::store::{Conn, StoreError};
use crate::telemetry::metrics::Metrics;

/// What is held when an object was to be made inactive.
pub const DEACTIVATE: &str = "deactivate";

/// What is held when an object was to be deleted.
pub const DELETE: &str = "delete";

/// Most held removals of one source that are listed.
const LISTED: i64 = 1_000;

/// The ceiling, and where it is counted.
#[derive(Debug)]
pub struct Guard(Option<(InboundGuard, Arc<Metrics>)>);

/// A removal that is refused, with what is to be written down of it.
#[derive(Debug)]
pub struct Held {
    /// What the caller is told.
    pub fault: Fault,
    row: HeldRow,
}

/// A removal that was refused.
pub type HeldRemoval = HeldRow;

/// What is held of one source.
#[derive(Debug, Clone)]
pub struct HeldSource {
    /// The source.
    pub source: String,
    /// How many removals are held.
    pub count: i64,
    /// The first of them.
    pub removals: Vec<HeldRemoval>,
    /// How many others an approval still lets pass, and until when.
    pub allowance: Option<(i64, Timestamp)>,
}

impl Guard {
    /// No ceiling.
    pub const fn off() -> Self {
        Self(None)
    }

    /// The ceiling that the configuration sets.
    pub fn new(settings: InboundGuard, metrics: Arc<Metrics>) -> Self {
        Self(settings.enabled.then_some((settings, metrics)))
    }
}

/// Whether so many removals within the window are too many; `population` is only asked where its answer matters.
fn passes_ceiling(settings: &InboundGuard, count: i64, population: impl FnOnce() -> Result<i64>) -> Result<bool> {
    if count > i64::from(settings.removals) {
        return Ok(true);
    }
    let percent = i64::from(settings.percent);
    // Where the percentage counts, it allows at least this share of the fewest.
    if count * 100 <= i64::from(settings.population) * percent {
        return Ok(false);
    }
    let population = population()?;
    Ok(population >= i64::from(settings.population) && count * 100 > population * percent)
}

fn seconds(length: std::time::Duration) -> i64 {
    i64::try_from(length.as_secs()).unwrap_or(i64::MAX)
}

impl Context {
    /// Counts the removal of an object, or refuses it.
    pub(crate) fn admit_removal(&self, conn: &mut Conn, kind: &ObjectType, row: &ObjectRow, op: &'static str) -> Result<()> {
        let Guard(Some((settings, _))) = &self.service.inner.guard else { return Ok(()) };
        let (tenant, source, name, now) = (self.actor.tenant, &*self.actor.source, kind.name.as_str(), self.now);
        inbound::forget(conn, tenant, source, name, now.plus_seconds(-seconds(settings.window)))?;
        // Who was made inactive a moment ago may be deleted as well.
        if !inbound::take(conn, tenant, source, name, row.key, now)? {
            inbound::release(conn, tenant, source, name, row.key)?;
            return Ok(());
        }
        let (count, first) = inbound::taken(conn, tenant, source, name)?;
        let too_many = passes_ceiling(settings, count, || Ok(inbound::population(conn, tenant, source, name)?))?;
        if !too_many || self.is_approved(conn, name, row.key, op)? {
            if too_many {
                inbound::excuse(conn, tenant, source, name, row.key)?;
            }
            inbound::release(conn, tenant, source, name, row.key)?;
            return Ok(());
        }
        let free = first.unwrap_or(now).plus_seconds(seconds(settings.window)).micros().saturating_sub(now.micros());
        let wait = u32::try_from(free.saturating_add(999_999) / 1_000_000).unwrap_or(u32::MAX).max(1);
        let text = format!(
            "the source '{source}' has taken away {} objects of type '{name}' within {} seconds, as many as the guard allows; \
             this one is held until an administrator approves it",
            count - 1,
            seconds(settings.window)
        );
        let row = HeldRow {
            source: source.to_owned(),
            kind: kind.name.clone(),
            key: row.key,
            wire_id: row.wire_id.clone(),
            name: row.label.clone(),
            op: op.to_owned(),
            at: now,
            tries: 1,
            actor: self.actor.name.to_string(),
            token: self.actor.token,
            request_id: self.actor.request_id.to_string(),
            approved_until: None,
        };
        Err(ServiceError::Held(Box::new(Held { fault: Fault::new(Kind::TooManyRequests, text).retry_after(wait), row })))
    }

    /// Whether someone has looked at it; an allowance for any object is used up by one. Who approved a deactivation approved no
    /// deletion.
    fn is_approved(&self, conn: &mut Conn, kind: &str, key: Key, op: &str) -> Result<bool> {
        let (tenant, source) = (self.actor.tenant, &*self.actor.source);
        let held = inbound::held(conn, tenant, source, kind, key)?.filter(|held| held.op == op || held.op == DELETE);
        if held.and_then(|held| held.approved_until).is_some_and(|until| until > self.now) {
            return Ok(true);
        }
        let allowance = inbound::allowance(conn, tenant, source)?;
        let Some(left) = allowance.filter(|left| left.until > self.now && left.remaining > 0) else { return Ok(false) };
        inbound::allow(conn, tenant, &AllowanceRow { remaining: left.remaining - 1, ..left })?;
        Ok(true)
    }

    /// Writes down what was refused, and gives what the caller is told.
    pub(crate) async fn hold(&self, held: Held) -> ServiceError {
        let Held { fault, row } = held;
        let tenant = self.actor.tenant;
        let written = self.service.store().write(tenant, move |tx| inbound::hold(tx, tenant, &row)).await;
        if let Guard(Some((_, metrics))) = &self.service.inner.guard {
            metrics.inbound_held.count();
        }
        match written {
            Ok(()) => fault.into(),
            Err(error) => ServiceError::Store(error),
        }
    }
}

impl Service {
    /// What is held, by source.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn held_removals(&self, actor: &Actor) -> Result<Vec<HeldSource>> {
        let (tenant, now) = (actor.tenant, self.clock().now());
        let read = self.store().read(move |conn| {
            let mut out = Vec::new();
            for (source, count) in inbound::held_counts(conn, tenant)? {
                let allowance = inbound::allowance(conn, tenant, &source)?;
                let allowance = allowance.filter(|a| a.until > now && a.remaining > 0).map(|a| (a.remaining, a.until));
                out.push(HeldSource { count, removals: inbound::held_of(conn, tenant, &source, LISTED)?, allowance, source });
            }
            Ok::<_, StoreError>(out)
        });
        Ok(read.await?)
    }

    /// Lets what is held of a source pass when it is sent again within `seconds`, and `more` others; how many are held, and
    /// until when.
    ///
    /// # Errors
    /// [`Kind::Conflict`] while the guard is off; those of the store.
    pub async fn approve_removals(
        &self,
        actor: &Actor,
        source: String,
        more: u32,
        seconds_given: Option<u32>,
    ) -> Result<(usize, Timestamp)> {
        let Guard(Some((settings, metrics))) = &self.inner.guard else {
            return Err(Fault::new(Kind::Conflict, "the guard is off: inbound_guard.enabled is false").into());
        };
        let until = self.clock().now().plus_seconds(seconds_given.map_or(seconds(settings.approval), i64::from));
        let approved = self.write(actor, move |ctx, tx| {
            let tenant = ctx.actor.tenant;
            let approved = inbound::approve(tx, tenant, &source, until)?;
            if more > 0 {
                let actor = ctx.actor.name.to_string();
                let row = AllowanceRow { source: source.clone(), until, remaining: i64::from(more), actor };
                inbound::allow(tx, tenant, &row)?;
            }
            Ok(approved)
        });
        let approved = approved.await?;
        if actor.rehearsal.is_none() {
            metrics.inbound_approved.add(u64::try_from(approved).unwrap_or(u64::MAX));
        }
        Ok((approved, until))
    }

    /// Leaves what is held of a source as it is, and ends what an approval allowed; how many.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn reject_removals(&self, actor: &Actor, source: String) -> Result<usize> {
        self.write(actor, move |ctx, tx| Ok(inbound::reject(tx, ctx.actor.tenant, &source)?)).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_ceiling_is_absolute_and_a_share() {
        let settings = InboundGuard {
            enabled: true,
            removals: 50,
            percent: 20,
            population: 100,
            window: Duration::from_secs(3600),
            approval: Duration::from_secs(3600),
        };
        for (count, population, expected) in [
            (1, 1, false),
            (50, 99, false),
            (51, 99, true),
            (51, 100_000, true),
            (20, 100, false),
            (21, 100, true),
            (21, 99, false),
            (40, 200, false),
            (41, 200, true),
            (50, 250, false),
        ] {
            assert_eq!(passes_ceiling(&settings, count, || Ok(population)).unwrap(), expected, "{count} of {population}");
        }
        let none = InboundGuard { removals: 0, ..settings };
        assert!(passes_ceiling(&none, 1, || Ok(1)).unwrap());
    }
}
