//! Issuers whose tokens a tenant takes: stored as they were written.

use serde_json::Value;

use super::{Context, Result, Service, ServiceError};
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::Key;
use crate::domain::relation::Precondition;
use crate::domain::time::Timestamp;
use crate::domain::trusted::Trusted;
use crate::runtime::random;
use crate::store::issuers::IssuerRow;
use crate::store::{Conn, StoreError, issuers};

/// The type of those who are people.
pub(super) const USER: &str = "user";

/// Most issuers of a tenant.
const MOST: usize = 100;

/// An issuer with what is known about its record.
#[derive(Debug, Clone)]
pub struct IssuerView {
    /// The record.
    pub trusted: Trusted,
    /// Its id.
    pub id: Key,
    /// Its revision.
    pub rev: i64,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub modified: Timestamp,
}

impl Service {
    /// The tenant's issuers, in the order in which they were made.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn issuers(&self, actor: &Actor) -> Result<Vec<IssuerView>> {
        let tenant = actor.tenant;
        let rows = self.store().read_short(move |conn| issuers::list(conn, tenant)).await?;
        rows.iter().map(view).collect()
    }

    /// One issuer.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn issuer(&self, actor: &Actor, id: Key) -> Result<IssuerView> {
        let tenant = actor.tenant;
        let row = self.store().read_short(move |conn| issuers::get(conn, tenant, id)).await?;
        view(&row.ok_or_else(missing)?)
    }

    /// Trusts an issuer.
    ///
    /// # Errors
    /// Those of [`Trusted::check_attributes`]; [`Kind::Uniqueness`] when the tenant has it, or its tokens for one of the
    /// audiences are somebody's; [`Kind::Conflict`] beyond the number of issuers.
    pub async fn create_issuer(&self, actor: &Actor, trusted: Trusted) -> Result<IssuerView> {
        let id = Key::new(random::key());
        self.write(actor, move |ctx, tx| {
            ctx.check_issuer(&trusted)?;
            if issuers::list(tx, ctx.actor.tenant)?.len() >= MOST {
                return Err(Fault::new(Kind::Conflict, format!("a tenant trusts at most {MOST} issuers")).into());
            }
            let row = row(&trusted, id, 1, ctx.now, ctx.now);
            issuers::insert(tx, ctx.actor.tenant, &row, &trusted.audiences).map_err(taken)?;
            ctx.record_issuer(tx, (id, 1), None, Some(&trusted.to_json()))?;
            Ok(shown(trusted.clone(), &row))
        })
        .await
    }

    /// Puts a record in the place of another. What changes nothing moves no revision.
    ///
    /// # Errors
    /// As [`Service::create_issuer`]; [`Kind::NotFound`], [`Kind::PreconditionFailed`].
    pub async fn replace_issuer(
        &self,
        actor: &Actor,
        id: Key,
        trusted: Trusted,
        precondition: Precondition,
    ) -> Result<IssuerView> {
        self.write(actor, move |ctx, tx| {
            ctx.check_issuer(&trusted)?;
            let known = ctx.issuer_row(tx, id, &precondition)?;
            let (before, after) = (view(&known)?.trusted.to_json(), trusted.to_json());
            if before == after {
                return Ok(shown(trusted.clone(), &known));
            }
            let row = row(&trusted, id, known.rev + 1, known.created, ctx.now);
            issuers::update(tx, ctx.actor.tenant, &row, &trusted.audiences).map_err(taken)?;
            ctx.record_issuer(tx, (id, row.rev), Some(&before), Some(&after))?;
            Ok(shown(trusted.clone(), &row))
        })
        .await
    }

    /// Trusts an issuer no longer: from the answer on none of its tokens is taken.
    ///
    /// # Errors
    /// [`Kind::NotFound`], [`Kind::PreconditionFailed`].
    pub async fn delete_issuer(&self, actor: &Actor, id: Key, precondition: Precondition) -> Result<()> {
        self.write(actor, move |ctx, tx| {
            let known = ctx.issuer_row(tx, id, &precondition)?;
            issuers::delete(tx, ctx.actor.tenant, id)?;
            ctx.record_issuer(tx, (id, known.rev), Some(&view(&known)?.trusted.to_json()), None)
        })
        .await
    }
}

impl Context {
    fn check_issuer(&self, trusted: &Trusted) -> Result<()> {
        Ok(trusted.check_attributes(&*self.kind(USER)?)?)
    }

    /// The issuers that the tenant trusts.
    pub(super) fn trusted(&self, conn: &mut Conn) -> Result<Vec<Trusted>> {
        issuers::list(conn, self.actor.tenant)?.iter().map(|row| Ok(view(row)?.trusted)).collect()
    }

    fn issuer_row(&self, conn: &mut Conn, id: Key, precondition: &Precondition) -> Result<IssuerRow> {
        let row = issuers::get(conn, self.actor.tenant, id)?.ok_or_else(missing)?;
        if precondition.admits(row.rev) { Ok(row) } else { Err(Fault::of(Kind::PreconditionFailed).into()) }
    }
}

fn missing() -> Fault {
    Fault::new(Kind::NotFound, "no such issuer")
}

// Whose the audience is stays untold.
fn taken(error: StoreError) -> ServiceError {
    let text = match &error {
        StoreError::Unique { table, .. } if table == "issuers" => "'issuer' is one that the tenant trusts already",
        StoreError::Unique { table, .. } if table == "issuer_audiences" => {
            "'audiences' names one for which this issuer's tokens are taken already; let it make them for another"
        }
        _ => return error.into(),
    };
    Fault::new(Kind::Uniqueness, text).into()
}

fn row(trusted: &Trusted, id: Key, rev: i64, created: Timestamp, modified: Timestamp) -> IssuerRow {
    IssuerRow { id, issuer: trusted.issuer.clone(), rev, created, modified, body: trusted.to_json().to_string() }
}

const fn shown(trusted: Trusted, row: &IssuerRow) -> IssuerView {
    IssuerView { trusted, id: row.id, rev: row.rev, created: row.created, modified: row.modified }
}

fn view(row: &IssuerRow) -> Result<IssuerView> {
    let damaged = |text: String| ServiceError::Damaged(format!("issuer {}: {text}", row.id));
    let body: Value = serde_json::from_str(&row.body).map_err(|e| damaged(e.to_string()))?;
    let trusted = Trusted::parse(&body, "").map_err(|fault| damaged(fault.to_string()))?;
    Ok(shown(trusted, row))
}
