//! Use-cases of administrators: links, what is held, attempts.

use std::collections::BTreeMap;

use super::create::{APPROVED, Claim, claim};
use super::members::moved;
use super::session::Session;
use super::targets::find;
use super::{Engine, Result};
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;
use crate::runtime::random;
use crate::service::ServiceError;
use crate::store::attempts::{AttemptFilter, AttemptRow};
use crate::store::links::{LinkFilter, LinkRow, Want};
use crate::store::{Conn, attempts, link_members, links, objects};

/// Links handled by one transaction.
const PAGE: i64 = 500;

/// What is known of one object at one target.
pub type Link = LinkRow;

/// A call to a target.
pub type Attempt = AttemptRow;

/// Which links are meant; `None` means any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Type of the object.
    pub kind: Option<String>,
    /// Status.
    pub status: Option<String>,
    /// Class of the last error.
    pub class: Option<String>,
    /// Failing since this instant or later.
    pub since: Option<Timestamp>,
}

/// Which attempts to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptWish {
    /// Of this object.
    pub key: Option<Key>,
    /// With this outcome.
    pub outcome: Option<String>,
    /// Before this one, which stood last on the page before.
    pub before: Option<Key>,
    /// At most so many.
    pub limit: usize,
}

fn missing() -> Fault {
    Fault::new(Kind::NotFound, "no such link")
}

/// The key of an object, by its key or by the id that clients see; it may be gone.
pub(super) fn object_key(conn: &mut Conn, tenant: TenantId, target: Key, kind: &str, id: &str) -> Result<Key> {
    if let Some(key) = Key::parse(id)
        && (links::get(conn, tenant, target, key)?.is_some_and(|link| link.kind == kind)
            || objects::get(conn, tenant, kind, key)?.is_some())
    {
        return Ok(key);
    }
    objects::key_of(conn, tenant, kind, id)?.ok_or_else(|| missing().into())
}

impl Engine {
    /// One page of a target's links, in the order of keys.
    ///
    /// # Errors
    /// [`Kind::NotFound`] of the target.
    pub async fn links(
        &self,
        actor: &Actor,
        target: Key,
        wish: Selection,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<Link>> {
        let tenant = actor.tenant;
        self.store()
            .read(move |conn| {
                find(conn, tenant, target)?;
                Ok(links::list(conn, tenant, target, wish.filter(), after, i64::try_from(limit).unwrap_or(PAGE))?)
            })
            .await
    }

    /// Calls to a target, the last first.
    ///
    /// # Errors
    /// [`Kind::NotFound`] of the target.
    pub async fn attempts(&self, actor: &Actor, target: Key, wish: AttemptWish) -> Result<Vec<Attempt>> {
        let tenant = actor.tenant;
        self.store()
            .read(move |conn| {
                find(conn, tenant, target)?;
                let filter = AttemptFilter { target: Some(target), key: wish.key, outcome: wish.outcome.as_deref() };
                Ok(attempts::list(conn, tenant, filter, wish.before, i64::try_from(wish.limit).unwrap_or(PAGE))?)
            })
            .await
    }

    /// Makes one object due now, whether there is a link or not.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn retry_link(&self, actor: &Actor, target: Key, kind: &str, id: &str) -> Result<()> {
        let (tenant, now, kind, id) = (actor.tenant, self.now(), kind.to_owned(), id.to_owned());
        let done = self.0.service.write(actor, move |_, tx| {
            find(tx, tenant, target)?;
            let key = object_key(tx, tenant, target, &kind, &id)?;
            want(tx, tenant, target, &[(key, kind.clone())], now)
        });
        done.await?;
        self.listen_to(actor);
        Ok(())
    }

    /// Makes links due now; how many.
    ///
    /// # Errors
    /// [`Kind::NotFound`] of the target.
    pub async fn retry_links(&self, actor: &Actor, target: Key, which: Selection) -> Result<usize> {
        let (tenant, now) = (actor.tenant, self.now());
        let due = move |tx: &mut Conn, page: &[Link]| {
            let keys: Vec<(Key, String)> = page.iter().map(|link| (link.key, link.kind.clone())).collect();
            want(tx, tenant, target, &keys, now)
        };
        let count = self.each(actor, target, which, None, due).await?;
        self.listen_to(actor);
        Ok(count)
    }

    /// Lets go of an object: the account stays as it is, but in the groups of
    /// ours that it is in. If it is still in scope, it is looked at afresh by the next change.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn unlink(&self, actor: &Actor, target: Key, kind: &str, id: &str) -> Result<()> {
        let (tenant, now, kind, id) = (actor.tenant, self.now(), kind.to_owned(), id.to_owned());
        let done = self.0.service.write(actor, move |_, tx| {
            find(tx, tenant, target)?;
            let key = object_key(tx, tenant, target, &kind, &id)?;
            if !links::delete(tx, tenant, target, key)? {
                return Err(missing().into());
            }
            link_members::delete_all(tx, tenant, target, Some(key))?;
            moved(tx, tenant, target, key, now)?;
            Ok::<_, ServiceError>(())
        });
        done.await?;
        self.listen_to(actor);
        Ok(())
    }

    /// Says which account an object is: the target is read and the account brought in line.
    ///
    /// # Errors
    /// [`Kind::NotFound`], [`Kind::Conflict`] when another object has this account.
    pub async fn adopt(&self, actor: &Actor, target: Key, kind: &str, id: &str, remote_id: &str) -> Result<()> {
        if remote_id.is_empty() {
            return Err(Fault::new(Kind::InvalidValue, "remoteId is the id of an account at the target").into());
        }
        let (tenant, now, kind, id, remote_id) = (actor.tenant, self.now(), kind.to_owned(), id.to_owned(), remote_id.to_owned());
        let done = self.0.service.write(actor, move |_, tx| {
            find(tx, tenant, target)?;
            let key = object_key(tx, tenant, target, &kind, &id)?;
            if !matches!(claim(tx, tenant, target, key, &kind, &remote_id)?, Claim::Free | Claim::Left) {
                return Err(Fault::new(Kind::Conflict, "another object has this account").into());
            }
            want(tx, tenant, target, &[(key, kind.clone())], now)?;
            let link = links::get(tx, tenant, target, key)?.ok_or_else(missing)?;
            let epoch = link.epoch;
            if link.remote_id.as_ref().is_some_and(|before| *before != remote_id) {
                moved(tx, tenant, target, key, now)?;
            }
            let adopted = LinkRow {
                remote_id: Some(remote_id.clone()),
                status: "linked".to_owned(),
                intent: None,
                intent_at: None,
                applied: None,
                assigned: None,
                applied_hash: None,
                ..link
            };
            links::update(tx, tenant, &adopted, epoch)?;
            Ok::<_, ServiceError>(())
        });
        done.await?;
        self.listen_to(actor);
        Ok(())
    }

    /// How many links the mass-change guard holds, by batch.
    ///
    /// # Errors
    /// [`Kind::NotFound`] of the target.
    pub async fn held(&self, actor: &Actor, target: Key) -> Result<BTreeMap<String, i64>> {
        let tenant = actor.tenant;
        self.store()
            .read(move |conn| {
                find(conn, tenant, target)?;
                Ok(links::held(conn, tenant, target)?)
            })
            .await
    }

    /// Lets a batch pass; how many links it had.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn approve(&self, actor: &Actor, target: Key, batch: &str) -> Result<usize> {
        let (tenant, now) = (actor.tenant, self.now());
        let pass = move |tx: &mut Conn, page: &[Link]| {
            for link in page {
                let passed = LinkRow { intent: Some(APPROVED.to_owned()), due: Some(now), priority: 0, ..open(link) };
                links::update(tx, tenant, &passed, link.epoch)?;
            }
            Ok(())
        };
        let count = self.decide_batch(actor, target, batch, pass).await?;
        self.listen_to(actor);
        Ok(count)
    }

    /// Leaves a batch as it is at the target, until its objects change again; how many links it had.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn reject(&self, actor: &Actor, target: Key, batch: &str) -> Result<usize> {
        let tenant = actor.tenant;
        let stay = move |tx: &mut Conn, page: &[Link]| {
            for link in page {
                let stays = LinkRow { intent: None, intent_at: None, due: None, done: link.wanted, ..open(link) };
                links::update(tx, tenant, &stays, link.epoch)?;
            }
            Ok(())
        };
        self.decide_batch(actor, target, batch, stay).await
    }

    async fn decide_batch(
        &self,
        actor: &Actor,
        target: Key,
        batch: &str,
        change: impl Fn(&mut Conn, &[Link]) -> Result<()> + Clone + Send + Sync + 'static,
    ) -> Result<usize> {
        let which = Selection { status: Some("held".to_owned()), ..Selection::default() };
        match self.each(actor, target, which, Some(batch.to_owned()), change).await? {
            0 => Err(Fault::new(Kind::NotFound, "no such batch").into()),
            count => Ok(count),
        }
    }

    // Page by page, so that others pass between.
    async fn each(
        &self,
        actor: &Actor,
        target: Key,
        which: Selection,
        batch: Option<String>,
        change: impl Fn(&mut Conn, &[Link]) -> Result<()> + Clone + Send + Sync + 'static,
    ) -> Result<usize> {
        let tenant = actor.tenant;
        let (mut after, mut count) = (None, 0);
        loop {
            let (which, batch, change) = (which.clone(), batch.clone(), change.clone());
            let page = self.0.service.write(actor, move |_, tx| {
                find(tx, tenant, target)?;
                let filter = LinkFilter { intent: batch.as_deref(), ..which.filter() };
                let page = links::list(tx, tenant, target, filter, after, PAGE)?;
                change(tx, &page)?;
                Ok::<_, ServiceError>((page.len(), page.last().map(|link| link.key)))
            });
            let (found, last) = page.await?;
            count += found;
            after = last;
            if i64::try_from(found) != Ok(PAGE) {
                return Ok(count);
            }
        }
    }

    /// The batch that what is held now belongs to.
    pub(super) async fn batch_of(&self, session: &Session) -> Result<String> {
        let (tenant, target) = (session.tenant, session.target);
        let open = self.store().read_short(move |conn| links::held(conn, tenant, target)).await?;
        Ok(open.into_keys().next().unwrap_or_else(|| random::key().to_string()))
    }
}

impl Selection {
    fn filter(&self) -> LinkFilter<'_> {
        LinkFilter {
            kind: self.kind.as_deref(),
            status: self.status.as_deref(),
            error_class: self.class.as_deref(),
            intent: None,
            failed_since: self.since,
        }
    }
}

// A held link without its hold.
fn open(link: &Link) -> Link {
    Link { status: "linked".to_owned(), error_class: None, error: None, failed_since: None, ..link.clone() }
}

fn want(conn: &mut Conn, tenant: TenantId, target: Key, keys: &[(Key, String)], now: Timestamp) -> Result<()> {
    let wants: Vec<Want> = keys.iter().map(|(key, kind)| Want { key: *key, kind: kind.clone(), priority: 1, due: now }).collect();
    links::want(conn, tenant, target, &wants)?;
    Ok(())
}
