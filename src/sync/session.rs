//! A target as the engine works with it: mappings compiled, connector made, and how it has been answering.

use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};

use super::guard::{DESTRUCTIVE, RECREATING, Window};
use super::spec::{Deprovision, Limits, Plans};
use super::{Engine, Result, locked};
use crate::connector::scim::ScimConnector;
use crate::connector::scim_config::ScimConfig;
use crate::connector::settings::join_secrets;
use crate::connector::{Capabilities, Connector, Failure};
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::{Key, TenantId};
use crate::domain::schema::Registry;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::service::ServiceError;
use crate::store::targets::TargetRow;
use crate::store::{attempts, links};

/// A target as the engine works with it.
pub struct Session {
    /// Its tenant.
    pub tenant: TenantId,
    /// Its id.
    pub target: Key,
    /// Its name.
    pub name: String,
    /// Its revision that this was made of.
    pub rev: i64,
    /// The object types that its mappings speak of.
    pub types: Arc<Registry>,
    /// Its mappings.
    pub plans: Plans,
    /// What becomes of what is no longer wanted.
    pub deprovision: Deprovision,
    /// Limits of the guard.
    pub limits: Limits,
    /// How it is spoken to.
    pub connector: Arc<dyn Connector>,
    // What it can do; none until it was asked.
    capabilities: Mutex<Option<Capabilities>>,
    windows: tokio::sync::Mutex<Option<Windows>>,
    /// Held while a link is put into a batch of the guard.
    pub holding: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Windows {
    destructive: Window,
    recreating: Window,
    linked: i64,
    epoch: i64,
}

/// What the guard is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// Taking an account away.
    Removal,
    /// Making again one that is missing at the target.
    Recreation,
}

impl Session {
    /// In whose name objects are read for it.
    pub fn actor(&self) -> Actor {
        Actor::internal(self.tenant, self.types.clone(), "sync")
    }

    /// What the target can do, as far as it is known.
    pub fn capabilities(&self) -> Capabilities {
        locked(&self.capabilities).clone().unwrap_or_default()
    }

    /// Whether it was asked what it can do.
    pub fn is_probed(&self) -> bool {
        locked(&self.capabilities).is_some()
    }

    /// Asks it, and remembers the answer.
    ///
    /// # Errors
    /// Those of the connector.
    pub async fn probe(&self) -> std::result::Result<Capabilities, Failure> {
        let found = self.connector.probe().await?;
        *locked(&self.capabilities) = Some(found.clone());
        Ok(found)
    }

    /// Remembers that it cannot do something after all.
    pub fn lower(&self, change: impl FnOnce(&mut Capabilities)) {
        change(locked(&self.capabilities).get_or_insert_default());
    }
}

impl Engine {
    /// The session of a target, made anew when the target was changed.
    pub(super) async fn session(&self, tenant: TenantId, row: &TargetRow) -> Result<Arc<Session>> {
        let types = self.0.service.registry(tenant).await?;
        if let Some(kept) = self.kept_session(row, &types) {
            return Ok(kept);
        }
        let session = self.fresh_session(tenant, row, types)?;
        locked(&self.0.sessions).insert(row.id, session.clone());
        Ok(session)
    }

    /// A session for a look ahead. One that is made for it is not kept: the row of a dry run is undone, and another may get its
    /// revision.
    pub(super) fn session_to_foresee(&self, tenant: TenantId, row: &TargetRow, types: Arc<Registry>) -> Result<Arc<Session>> {
        match self.kept_session(row, &types) {
            Some(kept) => Ok(kept),
            None => self.fresh_session(tenant, row, types),
        }
    }

    fn kept_session(&self, row: &TargetRow, types: &Registry) -> Option<Arc<Session>> {
        let current = |kept: &&Arc<Session>| kept.rev == row.rev && kept.types.version() == types.version();
        locked(&self.0.sessions).get(&row.id).filter(current).cloned()
    }

    fn fresh_session(&self, tenant: TenantId, row: &TargetRow, types: Arc<Registry>) -> Result<Arc<Session>> {
        let damaged =
            |what: &str, why: &dyn std::fmt::Display| ServiceError::Damaged(format!("target {}: {what}: {why}", row.id));
        let mappings: Map<String, Value> = serde_json::from_str(&row.mappings).map_err(|e| damaged("mappings", &e))?;
        let plans = Plans::compile(&mappings, &types).map_err(|e| damaged("mappings", &e))?;
        let deprovision = serde_json::from_value(row.deprovision.as_str().into()).map_err(|e| damaged("deprovision", &e))?;
        let limits = match &row.guard {
            None => Limits::default(),
            Some(text) => serde_json::from_str(text).map_err(|e| damaged("guard", &e))?,
        };
        let config: Value = serde_json::from_str(&row.config).map_err(|e| damaged("config", &e))?;
        let secrets = self.open_secrets(row)?;
        let connector = self.connector(&join_secrets(&config, &secrets))?;
        Ok(Arc::new(Session {
            tenant,
            target: row.id,
            name: row.name.clone(),
            rev: row.rev,
            types,
            plans,
            deprovision,
            limits,
            connector,
            capabilities: Mutex::default(),
            windows: tokio::sync::Mutex::default(),
            holding: tokio::sync::Mutex::default(),
        }))
    }

    /// A connector for a configuration that holds its secrets.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] that names the key.
    pub(super) fn connector(&self, config: &Value) -> std::result::Result<Arc<dyn Connector>, Fault> {
        let mut config = ScimConfig::parse(config)?;
        // No call may outlast the lease.
        let settings = &self.0.settings;
        config.options.timeout = config.options.timeout.min(settings.call_timeout);
        config.options.connect_timeout = config.options.connect_timeout.min(settings.connect_timeout);
        let made = ScimConnector::new(config, self.0.service.clock().clone());
        Ok(Arc::new(made.map_err(|failure| Fault::new(Kind::InvalidValue, format!("config: {failure}")))?))
    }

    /// The secrets of a target.
    pub(super) fn open_secrets(&self, row: &TargetRow) -> Result<Vec<(String, Secret)>> {
        let Some(sealed) = &row.secrets else { return Ok(Vec::new()) };
        let damaged = |why: &dyn std::fmt::Display| ServiceError::Damaged(format!("secrets of target {}: {why}", row.id));
        let opened = self.0.master_key.open_secret(&place(row.id), sealed).map_err(|e| damaged(&e))?;
        let texts: Vec<(String, Secret)> = serde_json::from_str(opened.expose()).map_err(|_| damaged(&"they do not parse"))?;
        Ok(texts)
    }

    /// Whether the guard lets one more pass.
    pub(super) async fn admits(&self, session: &Session, epoch: i64, what: Guarded, now: Timestamp) -> Result<bool> {
        let mut slot = session.windows.lock().await;
        if slot.as_ref().is_none_or(|known| known.epoch != epoch) {
            let (tenant, target) = (session.tenant, session.target);
            let since = now.plus_seconds(-i64::from(session.limits.window_seconds));
            let loaded = self.store().read(move |conn| {
                let destructive = attempts::done_since(conn, tenant, target, &DESTRUCTIVE, since)?;
                let recreating = attempts::done_since(conn, tenant, target, &RECREATING, since)?;
                let counts = links::counts(conn, tenant, target)?;
                let linked = ["linked", "blocked", "held"].iter().filter_map(|status| counts.get(*status)).sum();
                Ok::<_, ServiceError>((destructive, recreating, linked))
            });
            let (destructive, recreating, linked) = loaded.await?;
            *slot = Some(Windows {
                // What was taken away counts to what there was.
                linked: i64::try_from(destructive.len()).unwrap_or(0).saturating_add(linked),
                destructive: Window::with(destructive),
                recreating: Window::with(recreating),
                epoch,
            });
        }
        let Some(windows) = slot.as_mut() else { return Ok(false) };
        let linked = windows.linked;
        Ok(match what {
            Guarded::Removal => windows.destructive.admit(&session.limits, linked, now),
            Guarded::Recreation => windows.recreating.admit(&session.limits, linked, now),
        })
    }
}

/// Where the secrets of a target are sealed for.
pub(super) fn place(target: Key) -> String {
    format!("target:{target}")
}
