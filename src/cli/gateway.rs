//! The gateway put together: store, use-cases, callers, HTTP. `serve`, the demo and the tests start it the same way.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::CliError;
use crate::auth::issuer::Terms;
use crate::auth::keys::Rules;
use crate::auth::tokens::NewToken;
use crate::auth::trusted::{self, Fetched, Others};
use crate::auth::{Authenticator, Issuer, Refusal};
use crate::config::{Config, Database, PublicUrl, master_key};
use crate::connector::document::Documents;
use crate::domain::cursor::Cursors;
use crate::domain::document::json;
use crate::domain::key::TenantId;
use crate::domain::profile::{Overrides, Profile};
use crate::domain::schema::Registry;
use crate::domain::scope::Scopes;
use crate::domain::secret::{MasterKey, Secret};
use crate::domain::token::Pepper;
use crate::domain::{filter, patch};
use crate::http::base::straighten;
use crate::http::request::with_request_id;
use crate::http::state::Limits;
use crate::http::{State, routes};
use crate::runtime::wait::{Waited, wait};
use crate::runtime::{Clock, random};
use crate::service::inbound::Guard;
use crate::service::search::Most;
use crate::service::{Service, ServiceError};
use crate::store::{Options, Store, StoreError, settings};
use crate::sync::{Engine, Running};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::workers::Workers;

/// Name of the setting that holds the sealed pepper.
const PEPPER: &str = "token_pepper";

/// How often the last uses of tokens are written down.
const USES_EVERY: Duration = Duration::from_secs(30);

/// The name among the workers of what writes them.
const USES: &str = "token uses";

/// The parts that need no network: what commands on the data itself work with.
pub struct Core {
    /// The store.
    pub store: Store,
    /// The use-cases.
    pub service: Service,
    /// Tokens.
    pub auth: Authenticator,
    /// The key that seals stored secrets.
    pub master_key: MasterKey,
    /// The first admin token, when it was made just now.
    pub first_token: Option<Secret>,
}

/// A server that listens.
pub struct Gateway {
    /// Its parts.
    pub core: Core,
    /// The engine that keeps targets converged.
    pub sync: Engine,
    /// Where it listens.
    pub address: SocketAddr,
    /// Base of the addresses it tells.
    pub public_url: String,
    /// To stop it.
    pub handle: ServerHandle,
    server: actix_web::dev::Server,
    running: Option<Running>,
    jobs: Option<Running>,
    uses: (watch::Sender<bool>, JoinHandle<()>),
    stop_timeout: Duration,
    stopping: Arc<OnceLock<Instant>>,
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<ServiceError> for CliError {
    fn from(error: ServiceError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<random::NoRandomness> for CliError {
    fn from(error: random::NoRandomness) -> Self {
        Self::new(error.to_string())
    }
}

impl From<Refusal> for CliError {
    fn from(error: Refusal) -> Self {
        Self::new(error.to_string())
    }
}

/// Opens the store that the configuration names and brings its schema up to date; a folder without a database gets one.
///
/// # Errors
/// Those of the store.
pub fn open_store(config: &Config, metrics: Arc<Metrics>) -> Result<Store, CliError> {
    let from = &config.store;
    let options = Options {
        readers: from.readers,
        // One for each thread that serves, and one for the engine.
        short_readers: u32::try_from(serving(config) + 1).unwrap_or(u32::MAX),
        cache_kib: u32::try_from(from.cache.bytes() / 1024).unwrap_or(u32::MAX),
        batch_jobs: from.batch_jobs,
        batch_time: from.batch_time,
        queue: from.queue,
        connections: from.connections,
        acquire_timeout: from.acquire_timeout,
        connect_timeout: from.connect_timeout,
        statement_timeout: from.statement_timeout,
        retries: from.retries,
        metrics,
    };
    Ok(match config.database() {
        Database::Folder(folder) => Store::open_sqlite(folder, &options)?,
        Database::Postgres(url) => Store::open_postgres(url.expose(), &options)?,
    })
}

// Threads that serve requests.
fn serving(config: &Config) -> usize {
    config.server.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get))
}

/// Opens the store that the configuration names, which must be there: what inspects or mends makes nothing new.
///
/// # Errors
/// When there is no database, and those of the store.
pub fn open_existing(config: &Config) -> Result<Store, CliError> {
    if let Database::Folder(folder) = config.database()
        && !Store::is_in(folder)
    {
        return Err(CliError::new(format!(
            "there is no database in '{}'; name its folder with --data, or make one with `provost serve`",
            folder.display()
        )));
    }
    open_store(config, Arc::default())
}

/// The use-cases over a store.
///
/// # Errors
/// When the shipped object types do not hold together.
pub fn service(store: &Store, clock: Clock) -> Result<Service, CliError> {
    Ok(Service::new(store.clone(), shipped()?, clock))
}

fn shipped() -> Result<Arc<Registry>, CliError> {
    Registry::shipped().map(Arc::new).map_err(|e| CliError::new(e.to_string()))
}

impl Core {
    /// Opens the store and brings it up to date: schema, default tenant, pepper, and the first admin token unless there ever was one.
    ///
    /// # Errors
    /// Those of the configuration and the store.
    pub async fn open(config: &Config, clock: Clock, metrics: Arc<Metrics>) -> Result<Self, CliError> {
        // What is wrong with the key is told before anything is made.
        let key = master_key::find(config)?;
        Self::over(open_store(config, metrics.clone())?, key, config, clock, metrics).await
    }

    /// Brings an opened store up to date, as [`Core::open`] does, with the master key that the configuration names, if any.
    ///
    /// # Errors
    /// Those of the configuration and the store.
    pub async fn over(
        store: Store,
        key: Option<MasterKey>,
        config: &Config,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Result<Self, CliError> {
        let known_pepper = store.read(|conn| settings::get(conn, PEPPER)).await?;
        let master_key = match (key, config.database()) {
            (Some(key), _) => key,
            // A new key would open nothing that an old one sealed.
            (None, Database::Folder(folder)) if known_pepper.is_some() => {
                return Err(CliError::new(format!(
                    "the database in '{}' has secrets and no master.key beside it: copy that file there, or set \
                     PROVOST_MASTER_KEY",
                    folder.display()
                )));
            }
            (None, Database::Folder(folder)) => master_key::create(folder, random::bytes()?)?,
            (None, Database::Postgres(_)) => return Err(CliError::new("PostgreSQL needs PROVOST_MASTER_KEY")),
        };
        let guard = Guard::new(config.inbound_guard.clone(), metrics);
        let service = Service::guarded(store.clone(), shipped()?, clock.clone(), guard);
        service.limit_grants(config.limits.grants);
        if !config.idm.client_ids {
            service.keep_ids_to_itself();
        }
        let pepper = pepper(&store, &master_key).await?;
        let auth = Authenticator::new(store.clone(), clock, pepper);
        let chosen = config.secrets.admin_token.as_ref().map(|t| t.secret().clone());
        let made = chosen.is_none();
        let wish = NewToken {
            name: "admin".to_owned(),
            source: "default".to_owned(),
            profile: &Profile::GENERIC,
            overrides: Overrides::default(),
            scopes: Scopes::parse("admin operator")?,
            expires: None,
        };
        let (first, text) = auth.draft(wish, chosen)?;
        let new = service.prepare(Some(first)).await?;
        let first_token = (new && made).then_some(text);
        Ok(Self { store, service, auth, master_key, first_token })
    }
}

// The pepper is random and sealed by the master key, so that rotating that key keeps tokens valid.
async fn pepper(store: &Store, master_key: &MasterKey) -> Result<Pepper, CliError> {
    let fresh =
        Pepper::from_bytes(random::bytes()?).seal(master_key, random::bytes()?).map_err(|e| CliError::new(e.to_string()))?;
    let sealed = store
        .write(TenantId(0), move |tx| {
            if let Some(known) = settings::get(tx, PEPPER)? {
                return Ok::<_, StoreError>(known);
            }
            settings::set(tx, PEPPER, &fresh)?;
            Ok(fresh.clone())
        })
        .await?;
    let wrong = |e| CliError::new(format!("the stored token key cannot be opened with this master key: {e}"));
    Pepper::open(master_key, &sealed).map_err(wrong)
}

fn terms(config: &Config, public_url: &str) -> Terms {
    let from = &config.oauth;
    let seconds = |length: Duration| i64::try_from(length.as_secs()).unwrap_or(i64::MAX / 4);
    Terms {
        name: from.issuer.as_ref().map_or(public_url, PublicUrl::as_str).to_owned(),
        server: public_url.to_owned(),
        audience: from.audience.clone(),
        resources: from.resources.split_whitespace().map(str::to_owned).collect(),
        secret_in_body: from.secret_in_body,
        assertion_life: seconds(from.assertion_lifetime),
        client_rate: from.client_rate,
        address_rate: from.address_rate,
        rules: Rules {
            algorithm: from.algorithm,
            life: seconds(from.token_lifetime).max(1),
            rotation: seconds(from.key_lifetime),
        },
    }
}

// Keys of other issuers come through the guarded client of the connectors.
fn others(config: &Config, clock: &Clock) -> Others {
    let seconds = |length: Duration| i64::try_from(length.as_secs()).unwrap_or(i64::MAX / 4);
    let rules = trusted::Rules { life: seconds(config.oauth.issuer_keys), stale: seconds(config.oauth.issuer_keys_stale) };
    let documents = Documents::new(config.oauth.issuer_timeout, clock.clone());
    let fetch = move |address: String, private: bool| -> Fetched {
        let documents = documents.clone();
        Box::pin(async move { documents.get(&address, private).await.map_err(|failure| failure.to_string()) })
    };
    Others::new(fetch, rules, clock.clone())
}

fn cursors(auth: &Authenticator, config: &Config) -> Cursors {
    let life = i64::try_from(config.limits.cursor_timeout.as_micros()).unwrap_or(i64::MAX);
    Cursors::new(auth.derive("cursor"), life)
}

// Writes down now and then which tokens were used, so that a crash forgets little.
async fn note_uses(auth: Authenticator, service: Service, workers: Workers, mut stop: watch::Receiver<bool>) {
    let nobody = Notify::new();
    while wait(&nobody, USES_EVERY, &mut stop).await == Waited::Due {
        match auth.note_uses().await.and(service.note_permission_uses().await) {
            Ok(()) => workers.well(USES),
            Err(error) => {
                log::warn!("the last uses of tokens and permissions were not written down: {error}");
                workers.failed(USES);
            }
        }
    }
}

impl Gateway {
    /// Binds the address and starts to serve; [`Gateway::run`] waits for the end.
    ///
    /// # Errors
    /// Those of the configuration, the store and the network.
    pub async fn start(config: &Config, clock: Clock) -> Result<Self, CliError> {
        // First, so that a taken address does not cost the token that a new database is given.
        let listener = TcpListener::bind(config.server.listen.as_str())
            .map_err(|e| CliError::new(format!("cannot listen on {}: {e}", config.server.listen.as_str())))?;
        let (metrics, workers) = (Arc::new(Metrics::default()), Workers::default());
        let core = Core::open(config, clock, metrics.clone()).await?;
        let address = listener.local_addr()?;
        let public_url = config.base_url(address);
        if config.server.public_url.is_none() && address.ip().is_unspecified() {
            log::warn!("listening on every address without PROVOST_PUBLIC_URL; clients are told {public_url}");
        }
        let terms = terms(config, &public_url);
        let epochs = core.service.epochs().clone();
        let issuer = Issuer::new(terms, core.store.clone(), core.service.clock().clone(), core.master_key.clone(), epochs);
        core.auth.trust(issuer.clone());
        core.auth.trust_others(others(config, core.service.clock()));
        let sync =
            Engine::new(core.service.clone(), config.sync.clone(), core.master_key.clone(), metrics.clone(), workers.clone());
        let (nodes, depth, chars) = (config.limits.filter_terms, config.limits.filter_depth, config.limits.filter_length);
        let filter = filter::Limits { nodes, depth, chars };
        let state = State {
            service: core.service.clone(),
            auth: core.auth.clone(),
            issuer,
            public_url: public_url.as_str().into(),
            limits: Limits {
                body: config.limits.body.bytes(),
                bulk_body: config.limits.bulk_body.bytes(),
                bulk_operations: config.limits.bulk_operations,
                bulk_references: config.limits.bulk_references,
                json: json::Limits { depth: config.limits.depth, elements: config.limits.elements },
                filter,
                patch: patch::Limits { operations: config.limits.patch_operations, path: filter },
                max_page: config.limits.page_max,
                default_page: config.limits.page_default,
                cursor_timeout: config.limits.cursor_timeout,
                lists: Most { scan: config.limits.scan, sort: config.limits.sort },
            },
            cursors: cursors(&core.auth, config),
            metrics,
            sync: sync.clone(),
            workers: workers.clone(),
        };
        let data = web::Data::new(state);
        let app =
            move || App::new().app_data(data.clone()).wrap(from_fn(straighten)).wrap(from_fn(with_request_id)).configure(routes);
        let server = HttpServer::new(app)
            .keep_alive(config.server.keep_alive)
            .client_request_timeout(config.server.head_timeout)
            .disable_signals()
            .shutdown_timeout(config.server.stop_timeout.as_secs())
            .workers(serving(config));
        let server = server.listen(listener)?.run();
        let running = config.sync.enabled.then(|| sync.spawn());
        let jobs = config.jobs.enabled.then(|| sync.spawn_jobs(config.jobs.poll));
        let (stop, stopped) = watch::channel(false);
        let uses = (stop, tokio::spawn(note_uses(core.auth.clone(), core.service.clone(), workers, stopped)));
        Ok(Self {
            core,
            sync,
            address,
            public_url,
            handle: server.handle(),
            server,
            running,
            jobs,
            uses,
            stop_timeout: config.server.stop_timeout,
            stopping: Arc::default(),
        })
    }

    /// Lets SIGTERM and SIGINT stop it: it accepts nothing more, finishes what is in flight, and ends.
    ///
    /// # Errors
    /// When the system does not let the signals be caught.
    pub fn stop_on_signals(&self) -> Result<(), CliError> {
        let mut signals = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (handle, stopping) = (self.handle.clone(), self.stopping.clone());
        actix_web::rt::spawn(async move {
            tokio::select! {
                _ = signals.0.recv() => {}
                _ = signals.1.recv() => {}
            }
            log::info!("stopping");
            stopping.get_or_init(Instant::now);
            handle.stop(true).await;
        });
        Ok(())
    }

    /// Serves until [`Gateway::handle`] stops it; then everything that was acknowledged is on disk.
    ///
    /// # Errors
    /// Those of the network.
    pub async fn run(self) -> Result<(), CliError> {
        let Self { core, server, running, jobs, uses: (stop, uses), stop_timeout, stopping, .. } = self;
        let ended = server.await;
        for running in jobs.into_iter().chain(running) {
            // Requests and calls to targets share the time; what is cut off is looked up at the next start.
            let spent = stopping.get().map_or(Duration::ZERO, Instant::elapsed);
            running.stop(stop_timeout.saturating_sub(spent).max(Duration::from_secs(1))).await;
        }
        // It listens until it ends, and a write of its that is under way is waited for.
        let _ = stop.send(true);
        if let Err(error) = uses.await {
            log::error!("the writing down of uses of tokens ended badly: {error}");
        }
        if let Err(error) = core.auth.note_uses().await.and(core.service.note_permission_uses().await) {
            log::warn!("the last uses of tokens and permissions were not written down: {error}");
        }
        core.store.close().await;
        Ok(ended?)
    }
}
