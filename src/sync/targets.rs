//! Use-cases of administrators: targets.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::backlog::Task;
use super::session::place;
use super::spec::{Plans, SCIM, Spec};
use super::{Engine, Result, locked};
use crate::connector::scim_config::{SECRETS, check_change};
use crate::connector::settings::{join_secrets, split_secrets};
use crate::connector::{Capabilities, Failure};
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::{Key, TenantId};
use crate::domain::schema::Registry;
use crate::domain::secret::{HIDDEN, Secret};
use crate::domain::time::Timestamp;
use crate::runtime::random;
use crate::service::ServiceError;
use crate::store::targets::TargetRow;
use crate::store::{Conn, StoreError, changes, link_members, link_waits, links, targets};

/// A target as it is shown.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its id.
    pub id: Key,
    /// What an administrator wrote, secrets hidden.
    pub spec: Map<String, Value>,
    /// `active`, `paused` or `quarantined`.
    pub state: String,
    /// Why.
    pub state_reason: Option<String>,
    /// Since when.
    pub state_since: Timestamp,
    /// Revision.
    pub rev: i64,
    /// When it was made.
    pub created: Timestamp,
    /// No call before this instant.
    pub not_before: Option<Timestamp>,
    /// Links by status.
    pub counts: BTreeMap<String, i64>,
}

/// What a target answered when it was asked.
pub type Probed = std::result::Result<Capabilities, Failure>;

/// No such target; another tenant's looks the same.
pub(super) fn missing() -> ServiceError {
    Fault::new(Kind::NotFound, "no such target").into()
}

/// A target of a tenant.
pub(super) fn find(conn: &mut Conn, tenant: TenantId, id: Key) -> Result<TargetRow> {
    targets::get(conn, tenant, id)?.ok_or_else(missing)
}

impl Engine {
    /// Makes a target; every object that belongs there becomes due.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] that names the key, [`Kind::Uniqueness`] of the name.
    pub async fn create_target(&self, actor: &Actor, body: &Value) -> Result<Target> {
        let (tenant, now, id) = (actor.tenant, self.now(), Key::new(random::key()));
        let spec = Spec::parse(body)?;
        let row = TargetRow {
            id,
            name: String::new(),
            kind: SCIM.to_owned(),
            config: String::new(),
            secrets: None,
            mappings: String::new(),
            deprovision: String::new(),
            guard: None,
            state: "active".to_owned(),
            state_reason: None,
            state_since: now,
            rev: 1,
            created: now,
            dispatched_seq: 0,
            not_before: None,
            failures: 0,
            backlog: Some(Task::list(&[Task::sweep()])),
        };
        let row = self.fill(&actor.types, row, &spec, &[])?;
        let made = self.0.service.write(actor, move |_, tx| {
            // What changed before is seen by the sweep.
            let row = TargetRow { dispatched_seq: changes::last_seq(tx, tenant)?, ..row.clone() };
            targets::insert(tx, tenant, &row).map_err(|error| taken(error, &row.name))?;
            show(tx, tenant, row)
        });
        let made = made.await?;
        self.listen_to(actor);
        Ok(made)
    }

    /// One target.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn target(&self, actor: &Actor, id: Key) -> Result<Target> {
        let tenant = actor.tenant;
        self.store().read(move |conn| find(conn, tenant, id).and_then(|row| show(conn, tenant, row))).await
    }

    /// All of the tenant's, by name.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn targets(&self, actor: &Actor) -> Result<Vec<Target>> {
        let tenant = actor.tenant;
        self.store().read(move |conn| targets::list(conn, tenant)?.into_iter().map(|row| show(conn, tenant, row)).collect()).await
    }

    /// Puts a target in another's place; secrets that read as hidden stay.
    ///
    /// # Errors
    /// As [`Engine::create_target`], and [`Kind::NotFound`].
    pub async fn replace_target(&self, actor: &Actor, id: Key, body: &Value) -> Result<Target> {
        self.change_target(actor, id, |_| Ok(body.clone())).await
    }

    /// Changes parts of a target (RFC 7396).
    ///
    /// # Errors
    /// As [`Engine::replace_target`].
    pub async fn patch_target(&self, actor: &Actor, id: Key, patch: &Value) -> Result<Target> {
        if !patch.is_object() {
            return Err(Fault::new(Kind::InvalidSyntax, "a merge patch is an object").into());
        }
        self.change_target(actor, id, |known| Ok(merge(Value::Object(known), patch))).await
    }

    async fn change_target(
        &self,
        actor: &Actor,
        id: Key,
        change: impl FnOnce(Map<String, Value>) -> Result<Value>,
    ) -> Result<Target> {
        let tenant = actor.tenant;
        let old = self.store().read(move |conn| find(conn, tenant, id)).await?;
        let body = change(written(&old)?)?;
        let spec = Spec::parse(&body)?;
        let before = parse(&old.config)?;
        check_change(&before, &spec.config)?;
        let mut row = self.fill(&actor.types, old.clone(), &spec, &self.open_secrets(&old)?)?;
        row.rev += 1;
        let task = if before.get("baseUrl") != spec.config.get("baseUrl") {
            Some(Task::distrustful())
        } else {
            // Assignments name their target.
            (row.mappings != old.mappings || row.deprovision != old.deprovision || row.name != old.name).then(Task::sweep)
        };
        let expected = old.rev;
        let changed = self.0.service.write(actor, move |_, tx| {
            if !targets::update(tx, tenant, &row, expected).map_err(|error| taken(error, &row.name))? {
                return Err(Fault::new(Kind::Conflict, "the target was changed by someone else just now").into());
            }
            let mut row = find(tx, tenant, id)?;
            // The work that is there now: it was going on since the row was read.
            if let Some(task) = &task {
                row.backlog = Some(Task::with(row.backlog.as_deref(), task.clone())?);
                targets::set_backlog(tx, tenant, id, row.backlog.as_deref())?;
            }
            show(tx, tenant, row)
        });
        let changed = changed.await?;
        self.listen_to(actor);
        Ok(changed)
    }

    /// Forgets a target and its links; nothing is sent to it.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn delete_target(&self, actor: &Actor, id: Key) -> Result<()> {
        let tenant = actor.tenant;
        let deleted = self.0.service.write(actor, move |_, tx| {
            if !targets::delete(tx, tenant, id)? {
                return Err(missing());
            }
            links::delete_all(tx, tenant, id)?;
            link_members::delete_all(tx, tenant, id, None)?;
            link_waits::delete_all(tx, tenant, id)?;
            Ok(())
        });
        deleted.await?;
        if actor.rehearsal.is_some() {
            return Ok(());
        }
        locked(&self.0.sessions).remove(&id);
        locked(&self.0.turns).remove(&id);
        Ok(())
    }

    /// Ends calls to a target; what changes meanwhile is done when it goes on.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn pause_target(&self, actor: &Actor, id: Key) -> Result<Target> {
        let reason = format!("by {}", actor.name);
        self.steer(actor, id, move |row| {
            row.state = "paused".to_owned();
            row.state_reason = Some(reason.clone());
        })
        .await
    }

    /// Lets a target go on, out of a pause or a quarantine.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn resume_target(&self, actor: &Actor, id: Key) -> Result<Target> {
        self.steer(actor, id, activate).await
    }

    /// Compares every object with what the target holds of it, and mends what differs.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn resync_target(&self, actor: &Actor, id: Key) -> Result<Target> {
        let tenant = actor.tenant;
        let done = self.0.service.write(actor, move |_, tx| {
            let row = find(tx, tenant, id)?;
            let backlog = Task::with(row.backlog.as_deref(), Task::distrustful())?;
            targets::set_backlog(tx, tenant, id, Some(&backlog))?;
            let row = find(tx, tenant, id)?;
            show(tx, tenant, row)
        });
        let done = done.await?;
        self.listen_to(actor);
        Ok(done)
    }

    /// Asks a target what it can do, also in a dry run. An answer ends a quarantine.
    ///
    /// # Errors
    /// [`Kind::NotFound`]; what the target answers is inside.
    pub async fn probe_target(&self, actor: &Actor, id: Key) -> Result<Probed> {
        let tenant = actor.tenant;
        let row = self.store().read(move |conn| find(conn, tenant, id)).await?;
        let session = self.session(tenant, &row).await?;
        let probed = session.probe().await;
        if probed.is_ok() && row.state != "paused" && (row.state != "active" || row.not_before.is_some()) {
            self.steer(actor, id, activate).await?;
        }
        Ok(probed)
    }

    // What was only tried is no news.
    pub(super) fn listen_to(&self, actor: &Actor) {
        if actor.rehearsal.is_none() {
            self.listen();
        }
    }

    async fn steer(&self, actor: &Actor, id: Key, change: impl Fn(&mut TargetRow) + Send + Sync + 'static) -> Result<Target> {
        let (tenant, now) = (actor.tenant, self.now());
        let done = self.0.service.write(actor, move |_, tx| {
            let mut row = find(tx, tenant, id)?;
            let before = row.state.clone();
            change(&mut row);
            if row.state != before {
                row.state_since = now;
            }
            targets::update_health(tx, tenant, &row)?;
            show(tx, tenant, row)
        });
        let done = done.await?;
        self.listen_to(actor);
        Ok(done)
    }

    // Everything is checked before anything is stored.
    fn fill(&self, types: &Registry, row: TargetRow, spec: &Spec, known: &[(String, Secret)]) -> Result<TargetRow> {
        Plans::compile(&spec.mappings, types)?;
        let whole = join_secrets(&spec.config, known);
        self.connector(&whole)?;
        let (shown, secrets) = split_secrets(&whole, &SECRETS);
        if SECRETS.iter().any(|key| at(&whole, key) == Some(HIDDEN)) {
            let text = format!("config: a secret reads {HIDDEN}, and none is known that it could stand for");
            return Err(Fault::new(Kind::InvalidValue, text).into());
        }
        let secrets = if secrets.is_empty() { None } else { Some(self.seal(row.id, &secrets)?) };
        Ok(TargetRow {
            name: spec.name.clone(),
            config: shown.to_string(),
            secrets,
            mappings: Value::Object(spec.mappings.clone()).to_string(),
            deprovision: spec.deprovision.name().to_owned(),
            guard: spec.guard.map(|limits| json!(limits).to_string()),
            ..row
        })
    }

    fn seal(&self, id: Key, secrets: &[(String, Secret)]) -> Result<String> {
        let failed = |why: &dyn std::fmt::Display| ServiceError::Damaged(format!("the secrets cannot be sealed: {why}"));
        let texts: Vec<(&str, &str)> = secrets.iter().map(|(key, secret)| (key.as_str(), secret.expose())).collect();
        let plain = Secret::new(json!(texts).to_string());
        let nonce = random::bytes().map_err(|e| failed(&e))?;
        self.0.master_key.seal_secret(nonce, &place(id), &plain).map_err(|e| failed(&e))
    }
}

/// Refuses object types with which the mappings of a target would not compile.
pub(super) fn still_served(conn: &mut Conn, tenant: TenantId, types: &Registry) -> Result<()> {
    for row in targets::list(conn, tenant)? {
        let mappings = parse(&row.mappings)?.as_object().cloned().unwrap_or_default();
        Plans::compile(&mappings, types).map_err(|fault| {
            Fault::new(Kind::Conflict, format!("the mappings of target '{}' rest on what would go: {fault}", row.name))
        })?;
    }
    Ok(())
}

fn at<'a>(config: &'a Value, key: &str) -> Option<&'a str> {
    key.split('.').try_fold(config, |value, name| value.get(name))?.as_str()
}

pub(super) fn activate(row: &mut TargetRow) {
    row.state = "active".to_owned();
    row.state_reason = None;
    row.not_before = None;
    row.failures = 0;
}

fn taken(error: StoreError, name: &str) -> ServiceError {
    match error {
        StoreError::Unique { .. } => Fault::new(Kind::Uniqueness, format!("a target '{name}' exists")).into(),
        other => other.into(),
    }
}

fn parse(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|e| ServiceError::Damaged(format!("a target's row: {e}")))
}

fn written(row: &TargetRow) -> Result<Map<String, Value>> {
    let mut out = Map::new();
    out.insert("name".to_owned(), row.name.as_str().into());
    out.insert("kind".to_owned(), row.kind.as_str().into());
    out.insert("config".to_owned(), parse(&row.config)?);
    out.insert("mappings".to_owned(), parse(&row.mappings)?);
    out.insert("deprovision".to_owned(), row.deprovision.as_str().into());
    if let Some(guard) = &row.guard {
        out.insert("guard".to_owned(), parse(guard)?);
    }
    Ok(out)
}

fn show(conn: &mut Conn, tenant: TenantId, row: TargetRow) -> Result<Target> {
    Ok(Target {
        spec: written(&row)?,
        counts: links::counts(conn, tenant, row.id)?,
        id: row.id,
        state: row.state,
        state_reason: row.state_reason,
        state_since: row.state_since,
        rev: row.rev,
        created: row.created,
        not_before: row.not_before,
    })
}

fn merge(known: Value, patch: &Value) -> Value {
    match (known, patch) {
        (Value::Object(mut known), Value::Object(patch)) => {
            for (key, change) in patch {
                let old = known.shift_remove(key).unwrap_or(Value::Null);
                if !change.is_null() {
                    known.insert(key.clone(), merge(old, change));
                }
            }
            Value::Object(known)
        }
        (_, Value::Object(patch)) => merge(json!({}), &Value::Object(patch.clone())),
        (_, patch) => patch.clone(),
    }
}
