//! Conditions of roles, compiled once and kept by their text.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Result, ServiceError};
use crate::domain::condition::Condition;
use crate::domain::error::Fault;
use crate::domain::key::TenantId;
use crate::domain::schema::ObjectType;

/// How many conditions are kept of a tenant; beyond it its table is emptied, which costs a parse each.
const KEPT: usize = 20_000;

/// Conditions by tenant and text, compiled against one version of the type that they speak of.
#[derive(Default)]
pub(crate) struct Compiled(RwLock<HashMap<TenantId, Table>>);

#[derive(Default)]
struct Table {
    version: i64,
    conditions: HashMap<String, Arc<Condition>>,
}

impl Compiled {
    /// The condition with this text, which was accepted when it was saved.
    pub(crate) fn get(&self, tenant: TenantId, source: &str, subject: &ObjectType) -> Result<Arc<Condition>> {
        if let Some(table) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&tenant)
            && table.version == subject.version
            && let Some(found) = table.conditions.get(source)
        {
            return Ok(found.clone());
        }
        let parsed = Condition::parse(source, subject);
        let condition =
            Arc::new(parsed.map_err(|e: Fault| ServiceError::Damaged(format!("a stored condition does not parse: {e}")))?);
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let table = all.entry(tenant).or_default();
        if table.version != subject.version || table.conditions.len() >= KEPT {
            *table = Table { version: subject.version, conditions: HashMap::new() };
        }
        table.conditions.insert(source.to_owned(), condition.clone());
        Ok(condition)
    }
}
