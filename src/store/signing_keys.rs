//! The keys that this installation signs tokens with; they belong to no tenant.

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::tables::signing_keys;
use super::types::{DbKey, DbTime};
use crate::domain::key::Key;
use crate::domain::time::Timestamp;

/// One key pair.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = signing_keys)]
pub struct SigningKeyRow {
    /// Its id, which tokens name as `kid`.
    #[diesel(deserialize_as = DbKey)]
    pub id: Key,
    /// Name of the algorithm, as in JWS.
    pub algorithm: String,
    /// The public half, JWK.
    pub public: String,
    /// The private half, sealed by the master key.
    pub private: String,
    /// When it was made.
    #[diesel(deserialize_as = DbTime)]
    pub created: Timestamp,
    /// From when on it signs; before, it is published.
    #[diesel(deserialize_as = DbTime)]
    pub signs_from: Timestamp,
}

/// Adds a key.
pub fn insert(conn: &mut Conn, row: &SigningKeyRow) -> Result<()> {
    let values = (
        signing_keys::id.eq(DbKey(row.id)),
        signing_keys::algorithm.eq(&row.algorithm),
        signing_keys::public.eq(&row.public),
        signing_keys::private.eq(&row.private),
        signing_keys::created.eq(DbTime(row.created)),
        signing_keys::signs_from.eq(DbTime(row.signs_from)),
    );
    on!(conn, |c| diesel::insert_into(signing_keys::table).values(values).execute(c))?;
    Ok(())
}

/// All of them, in the order in which they sign.
pub fn list(conn: &mut Conn) -> Result<Vec<SigningKeyRow>> {
    let order = (signing_keys::signs_from, signing_keys::id);
    Ok(on!(conn, |c| signing_keys::table.select(SigningKeyRow::as_select()).order(order).load(c))?)
}

/// Removes a key for good; false when there is none.
pub fn remove(conn: &mut Conn, id: Key) -> Result<bool> {
    let same = signing_keys::id.eq(DbKey(id));
    Ok(on!(conn, |c| diesel::delete(signing_keys::table.filter(same)).execute(c))? == 1)
}
