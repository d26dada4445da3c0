//! What a failure means for the object and for the target (spec/sync.md §2.6), in one place.

use std::time::Duration;

use super::create::CREATE;
use super::lease::{Fence, Held};
use super::session::Session;
use super::{Engine, Result, locked};
use crate::connector::{Failure, FailureClass};
use crate::domain::time::Timestamp;
use crate::runtime::random;
use crate::store::links::LinkRow;
use crate::store::targets;

/// Failures in a row after which a target is left alone until a probe succeeds.
pub const BREAKER: i32 = 5;

/// First and longest time between probes.
const PROBE: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(30 * 60)];

/// How long a target that asks for patience without saying how much is left alone.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a target has been answering, as long as one lease is held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Failures in a row.
    pub failures: i32,
    /// No call before this instant.
    pub not_before: Option<Timestamp>,
    /// Why it is quarantined.
    pub quarantine: Option<String>,
    /// Why it is left alone.
    pub reason: Option<String>,
}

/// The time under one lease.
pub struct Round {
    /// The lease.
    pub held: Held,
    /// How the target has been answering.
    pub health: std::sync::Mutex<Health>,
}

impl Round {
    /// Whether calls may be made.
    pub fn open(&self, now: Timestamp) -> bool {
        let health = locked(&self.health);
        self.held.may_call() && health.quarantine.is_none() && health.not_before.is_none_or(|at| at <= now)
    }

    /// What a write asks inside its transaction.
    pub fn fence(&self) -> Fence {
        self.held.fence()
    }

    /// The target answered as it should.
    pub fn well(&self) {
        let mut health = locked(&self.health);
        health.failures = 0;
    }

    /// The target is not to be called until a probe succeeds.
    pub fn quarantine(&self, reason: String, now: Timestamp) {
        let mut health = locked(&self.health);
        // One refusal is told by every call under way.
        if health.quarantine.is_some() && health.not_before.is_some_and(|at| at > now) {
            return;
        }
        health.failures = health.failures.saturating_add(1).max(1);
        health.not_before = Some(after(now, doubled(PROBE, health.failures - 1)));
        health.quarantine = Some(reason);
    }

    fn ill(&self, failure: &Failure, now: Timestamp) {
        let mut health = locked(&self.health);
        health.failures = health.failures.saturating_add(1);
        if health.failures >= BREAKER {
            health.not_before = Some(after(now, doubled(PROBE, health.failures - BREAKER)));
            health.reason = Some(format!("it cannot be reached: {failure}"));
        }
    }

    fn throttle(&self, wait: Duration, now: Timestamp) -> Timestamp {
        let mut health = locked(&self.health);
        let until = after(now, wait).max(health.not_before.unwrap_or(now));
        health.not_before = Some(until);
        health.reason = Some("it asks for patience".to_owned());
        until
    }

    /// A probe failed.
    pub fn probe_failed(&self, failure: &Failure, now: Timestamp) {
        if failure.class == FailureClass::Throttle {
            self.throttle(failure.retry_after.unwrap_or(PATIENCE), now);
            return;
        }
        if matches!(failure.class, FailureClass::Credentials | FailureClass::Missing) {
            return self.quarantine(reason(failure), now);
        }
        let mut health = locked(&self.health);
        health.failures = health.failures.saturating_add(1).max(BREAKER);
        health.not_before = Some(after(now, doubled(PROBE, health.failures - BREAKER)));
        health.reason = Some(format!("it cannot be reached: {failure}"));
    }
}

/// Why a target is quarantined.
pub fn reason(failure: &Failure) -> String {
    match failure.class {
        FailureClass::Credentials => format!("it does not accept the credentials: {failure}"),
        FailureClass::Missing => format!("nothing is found there; is baseUrl right? {failure}"),
        _ => failure.to_string(),
    }
}

/// An instant after a time.
pub fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.plus_micros(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX))
}

// The first time, doubled as often as there were failures before.
fn doubled([first, longest]: [Duration; 2], times: i32) -> Duration {
    first.saturating_mul(1_u32.checked_shl(u32::try_from(times).unwrap_or(0)).unwrap_or(u32::MAX)).min(longest)
}

impl Engine {
    /// When to try again after some failures: anywhere up to a time that doubles, so that not all come back at once.
    pub(super) fn retry_at(&self, failures: i32) -> Timestamp {
        let settings = &self.0.settings;
        let most = doubled([settings.backoff_first, settings.backoff_longest], failures);
        let wait = random::up_to(u64::try_from(most.as_micros()).unwrap_or(u64::MAX));
        // Not at once: what just failed needs a moment.
        after(self.now(), Duration::from_micros(wait.max(1)))
    }

    /// When a create that was never answered is known to have happened or not: a target may be slow to do what was no longer
    /// waited for.
    pub(super) fn known_at(&self, link: &LinkRow) -> Option<Timestamp> {
        let sent = link.intent_at.filter(|_| link.intent.as_deref() == Some(CREATE))?;
        Some(after(sent, self.0.settings.call_timeout * 2))
    }

    /// Settles what a failure means for a link and its target.
    pub(super) fn fail(&self, round: &Round, link: &mut LinkRow, failure: &Failure) {
        let now = self.now();
        link.error_class = Some(failure.class.name().to_owned());
        link.error = Some(failure.to_string());
        link.failed_since.get_or_insert(now);
        match failure.class {
            // The object is not to blame.
            FailureClass::Transient => {
                round.ill(failure, now);
                let failures = locked(&round.health).failures;
                link.due = Some(self.retry_at(failures - 1));
            }
            FailureClass::Throttle => link.due = Some(round.throttle(failure.retry_after.unwrap_or(PATIENCE), now)),
            FailureClass::Uncertain | FailureClass::ObjectTransient | FailureClass::Stale => {
                if failure.class == FailureClass::Uncertain {
                    round.ill(failure, now);
                }
                let due = self.retry_at(link.attempts);
                link.due = Some(self.known_at(link).map_or(due, |at| at.max(due)));
                link.attempts = link.attempts.saturating_add(1);
            }
            FailureClass::Credentials
            | FailureClass::Permanent
            | FailureClass::Conflict
            | FailureClass::Missing
            | FailureClass::Capability => park(link, failure.class.name(), failure.to_string(), now),
        }
    }

    /// Writes down how the target has been answering.
    pub(super) async fn note_health(&self, session: &Session, round: &Round, before: &Health) -> Result<()> {
        let health = locked(&round.health).clone();
        if health == *before {
            return Ok(());
        }
        let (tenant, target, fence, now) = (session.tenant, session.target, round.fence(), self.now());
        self.store()
            .write(tenant, move |tx| {
                let Some(mut row) = targets::get(tx, tenant, target)? else { return Ok(()) };
                if !fence.holds(tx)? {
                    return Ok(());
                }
                row.failures = health.failures;
                row.not_before = health.not_before;
                if row.state != "paused" {
                    let state = if health.quarantine.is_some() { "quarantined" } else { "active" };
                    if row.state != state {
                        row.state_since = now;
                    }
                    row.state = state.to_owned();
                    row.state_reason = health.quarantine.clone().or_else(|| health.reason.clone());
                }
                targets::update_health(tx, tenant, &row)?;
                Ok(())
            })
            .await
    }
}

/// Sets a link aside until something changes or someone asks.
pub fn park(link: &mut LinkRow, class: &str, text: String, now: Timestamp) {
    link.status = "parked".to_owned();
    link.due = None;
    link.error_class = Some(class.to_owned());
    link.error = Some(text);
    link.failed_since.get_or_insert(now);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_double_up_to_the_longest() {
        let seconds = |times| doubled(PROBE, times).as_secs();
        assert_eq!([-1, 0, 1, 2, 5, 6, 40].map(seconds), [30, 30, 60, 120, 960, 1800, 1800]);
    }
}
