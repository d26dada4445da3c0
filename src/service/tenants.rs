//! Tenants, and the first steps of a database.

use super::{Result, Service, indexable, reindex};
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::{Key, TenantId};
use crate::domain::normal;
use crate::domain::time::Timestamp;
use crate::runtime::random;
use crate::store::tokens::{self, TokenRow};
use crate::store::{Conn, StoreError, Tx, index, object_types, settings, tenants};

/// The tenant that every database has.
pub const DEFAULT: &str = "default";

/// Name of the setting that tells the Unicode tables of the index.
const TABLES: &str = "unicode_tables";

/// Name of the setting that tells since when the uses of permissions are noted.
pub(super) const USES_SINCE: &str = "permission_uses_since";

/// The tenant under which operator work is queued with the writer; no row carries it.
const NOBODY: TenantId = TenantId(0);

/// An isolated world of identities.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its number.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
}

impl Service {
    /// Makes a tenant, 1 to 64 of a-z, 0-9 and dash, with its first token. In a dry run (`dry`) it is checked and not made.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] for the name, [`Kind::Uniqueness`] when it is taken.
    pub async fn create_tenant(&self, name: &str, first: TokenRow, dry: bool) -> Result<Tenant> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err(Fault::new(Kind::InvalidValue, "'name' has 1 to 64 of a-z, 0-9 and dash").into());
        }
        let (service, name, created) = (self.clone(), name.to_owned(), self.clock().now());
        let make = move |tx: &mut Tx<'_>| {
            if tenants::by_name(tx, &name)?.is_some() {
                return Err(Fault::new(Kind::Uniqueness, format!("a tenant '{name}' exists")).into());
            }
            let id = tenants::insert(tx, &name, created)?;
            service.number_paths(tx, id)?;
            service.seed(tx, id)?;
            tokens::insert(tx, id, &first)?;
            Ok(Tenant { id, name: name.clone(), created })
        };
        if dry { self.store().rehearse(NOBODY, make).await } else { self.store().write(NOBODY, make).await }
    }

    /// All tenants.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn tenants(&self) -> Result<Vec<Tenant>> {
        let rows = self.store().read(tenants::list).await?;
        Ok(rows.into_iter().map(|row| Tenant { id: row.id, name: row.name, created: row.created }).collect())
    }

    /// The tenant of this name.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn tenant(&self, name: &str) -> Result<Tenant> {
        let wanted = name.to_owned();
        let found = self.store().read(move |conn| tenants::by_name(conn, &wanted)).await?;
        let row = found.ok_or_else(|| Fault::new(Kind::NotFound, format!("no tenant '{name}'")))?;
        Ok(Tenant { id: row.id, name: row.name, created: row.created })
    }

    /// Makes sure that the default tenant is there, and in all tenants the numbers of indexed attributes and the internal roles.
    /// Gives the default tenant its `first` token unless it ever had one, and tells whether it did.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn prepare(&self, first: Option<TokenRow>) -> Result<bool> {
        let (service, created) = (self.clone(), self.clock().now());
        self.store()
            .write(NOBODY, move |tx| {
                let default = match tenants::by_name(tx, DEFAULT)? {
                    Some(row) => row.id,
                    None => tenants::insert(tx, DEFAULT, created)?,
                };
                let all = tenants::list(tx)?;
                for tenant in &all {
                    service.number_paths(tx, tenant.id)?;
                }
                if settings::get(tx, TABLES)?.as_deref() != Some(normal::TABLES) {
                    for tenant in &all {
                        service.reindex_all(tx, tenant.id)?;
                    }
                    settings::set(tx, TABLES, normal::TABLES)?;
                }
                if settings::get(tx, USES_SINCE)?.is_none() {
                    settings::set(tx, USES_SINCE, &created.to_string())?;
                }
                // After the index is known to be good: a new database has nothing to index anew.
                for tenant in &all {
                    service.seed(tx, tenant.id)?;
                }
                let Some(first) = first.as_ref() else { return Ok(false) };
                // Not asked of the tenant: a start that was cut off may have left one without a token.
                let missing = tokens::list(tx, default)?.is_empty();
                if missing {
                    tokens::insert(tx, default, first)?;
                }
                Ok(missing)
            })
            .await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn ready(&self) -> std::result::Result<(), StoreError> {
        self.store().read(|conn| tenants::list(conn).map(drop)).await
    }

    // The index of every object was made by other Unicode tables, or it is not known by which.
    fn reindex_all(&self, conn: &mut Conn, tenant: TenantId) -> Result<()> {
        let registry = self.registry_in(conn, tenant)?;
        let ctx = self.context(&Actor::internal(tenant, registry.clone(), "reindex"));
        let mut any = false;
        for kind in registry.types() {
            any |= reindex::begin(&ctx, conn, reindex::State::all(kind), Key::new(random::key()))?;
        }
        if any {
            object_types::raise(conn, tenant)?;
        }
        Ok(())
    }

    // What every tenant has from the start.
    fn seed(&self, conn: &mut Conn, tenant: TenantId) -> Result<()> {
        let worker = Actor::internal(tenant, self.shipped().clone(), "prepare");
        self.context(&worker).seed_internal_roles(conn, tenant)
    }

    fn number_paths(&self, conn: &mut Conn, tenant: TenantId) -> Result<()> {
        for kind in self.shipped().types() {
            let paths: Vec<String> = indexable(kind).map(|path| kind.path_text(path)).collect();
            index::ensure_paths(conn, tenant, &kind.name, &paths)?;
        }
        Ok(())
    }
}
