//! What requests with an idempotency key have answered, so that a client that did not hear it can ask again.

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::tables::idempotency;
use super::types::DbTime;
use crate::domain::key::TenantId;
use crate::domain::time::Timestamp;

/// What one transaction of a request answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRow {
    /// Digest of the client's key and its token.
    pub key: [u8; 32],
    /// The number of the part: that of its first step.
    pub part: i32,
    /// Digest of the request's body.
    pub request: Vec<u8>,
    /// When the request began, the same in all its parts.
    pub began: Timestamp,
    /// The answer, JSON text.
    pub answer: String,
}

/// A part of the request with this key.
pub fn get(conn: &mut Conn, tenant: TenantId, key: &[u8; 32], part: i32) -> Result<Option<PartRow>> {
    let columns = (idempotency::request, idempotency::began, idempotency::answer);
    let row: Option<(Vec<u8>, DbTime, String)> =
        on!(conn, |c| idempotency::table.find((tenant.0, key.as_slice(), part)).select(columns).first(c).optional())?;
    Ok(row.map(|(request, began, answer)| PartRow { key: *key, part, request, began: began.0, answer }))
}

/// Keeps what a part answered.
///
/// # Errors
/// [`super::StoreError::Unique`] of `idempotency` when it is kept already.
pub fn insert(conn: &mut Conn, tenant: TenantId, row: &PartRow) -> Result<()> {
    let values = (
        idempotency::tenant.eq(tenant.0),
        idempotency::key.eq(row.key.as_slice()),
        idempotency::part.eq(row.part),
        idempotency::request.eq(&row.request),
        idempotency::began.eq(DbTime(row.began)),
        idempotency::answer.eq(&row.answer),
    );
    on!(conn, |c| diesel::insert_into(idempotency::table).values(values).execute(c))?;
    Ok(())
}

/// Forgets the requests that began before an instant. How many rows that were.
pub fn prune(conn: &mut Conn, tenant: TenantId, before: Timestamp) -> Result<usize> {
    let old = idempotency::tenant.eq(tenant.0).and(idempotency::began.lt(DbTime(before)));
    Ok(on!(conn, |c| diesel::delete(idempotency::table.filter(old)).execute(c))?)
}
