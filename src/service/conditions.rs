//! Conditions of roles, compiled once and kept by their text.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Result, ServiceError};
use crate::domain::condition::Condition;
use crate::domain::error::Fault;
use crate::domain::schema::ObjectType;

/// How many conditions are kept; beyond it the table is emptied, which costs a parse each.
const KEPT: usize = 20_000;

/// Conditions by their text. A text means the same for all tenants, because the types are the same.
#[derive(Default)]
pub(crate) struct Compiled(RwLock<HashMap<String, Arc<Condition>>>);

impl Compiled {
    /// The condition with this text, which was accepted when it was saved.
    pub(crate) fn get(&self, source: &str, subject: &ObjectType) -> Result<Arc<Condition>> {
        if let Some(found) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(source) {
            return Ok(found.clone());
        }
        let parsed = Condition::parse(source, subject);
        let condition =
            Arc::new(parsed.map_err(|e: Fault| ServiceError::Damaged(format!("a stored condition does not parse: {e}")))?);
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= KEPT {
            table.clear();
        }
        table.insert(source.to_owned(), condition.clone());
        Ok(condition)
    }
}
