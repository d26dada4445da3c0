//! The members that a target's group should have, and those it was last told to have.
//!
//! A row exists as long as a member is wanted or was applied; work is open where the two differ.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::upsert::excluded;

use super::conn::{Conn, on};
use super::error::Result;
use super::insert::insert_all;
use super::tables::link_members as members;
use super::types::DbKey;
use crate::domain::key::{Key, TenantId};

/// One member of one group at one target.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = members)]
pub struct LinkMemberRow {
    /// The target.
    #[diesel(deserialize_as = DbKey)]
    pub target: Key,
    /// The group.
    #[diesel(deserialize_as = DbKey)]
    pub group_key: Key,
    /// The member, or what stands for an account that one was before.
    #[diesel(deserialize_as = DbKey)]
    pub member_key: Key,
    /// Whether it should be a member.
    pub wanted: bool,
    /// Its id at the target under which it was made a member; none when it is none there.
    pub applied: Option<String>,
}

/// Says who should be a member and who should not.
pub fn want(conn: &mut Conn, tenant: TenantId, target: Key, group: Key, wants: &[(Key, bool)]) -> Result<()> {
    // One statement may not touch a row twice; the last word counts.
    let wants: BTreeMap<Key, bool> = wants.iter().copied().collect();
    let rows: Vec<_> = wants
        .into_iter()
        .map(|(member, wanted)| {
            (
                members::tenant.eq(tenant.0),
                members::target.eq(DbKey(target)),
                members::group_key.eq(DbKey(group)),
                members::member_key.eq(DbKey(member)),
                members::wanted.eq(wanted),
            )
        })
        .collect();
    insert_all!(conn, rows, |values| diesel::insert_into(members::table)
        .values(values)
        .on_conflict((members::tenant, members::target, members::group_key, members::member_key))
        .do_update()
        .set(members::wanted.eq(excluded(members::wanted))));
    Ok(())
}

/// Members of a group that are to be removed or added at the target, after one of them: the removals first, since an account
/// may leave under one key and come under another; then in the order of keys.
pub fn open(
    conn: &mut Conn,
    tenant: TenantId,
    target: Key,
    group: Key,
    after: Option<(bool, Key)>,
    limit: i64,
) -> Result<Vec<LinkMemberRow>> {
    let (wanted, after) = after.unwrap_or((false, Key::new(uuid::Uuid::nil())));
    let here = members::tenant
        .eq(tenant.0)
        .and(members::target.eq(DbKey(target)))
        .and(members::group_key.eq(DbKey(group)))
        .and(members::wanted.ne(members::applied.is_not_null()))
        .and(members::wanted.gt(wanted).or(members::wanted.eq(wanted).and(members::member_key.gt(DbKey(after)))));
    Ok(on!(conn, |c| members::table
        .filter(here)
        .select(LinkMemberRow::as_select())
        .order((members::wanted, members::member_key))
        .limit(limit)
        .load(c))?)
}

/// All rows of a group at a target, in the order of keys, after a key.
pub fn of(
    conn: &mut Conn,
    tenant: TenantId,
    target: Key,
    group: Key,
    after: Option<Key>,
    limit: i64,
) -> Result<Vec<LinkMemberRow>> {
    let here = members::tenant
        .eq(tenant.0)
        .and(members::target.eq(DbKey(target)))
        .and(members::group_key.eq(DbKey(group)))
        .and(members::member_key.gt(DbKey(after.unwrap_or(Key::new(uuid::Uuid::nil())))));
    Ok(on!(conn, |c| members::table
        .filter(here)
        .select(LinkMemberRow::as_select())
        .order(members::member_key)
        .limit(limit)
        .load(c))?)
}

/// Notes what the target was told: the id under which each is now a member, or none. Rows that are neither wanted nor
/// applied go.
pub fn applied(conn: &mut Conn, tenant: TenantId, target: Key, group: Key, told: &[(Key, Option<String>)]) -> Result<()> {
    for (member, remote_id) in told {
        let same = members::tenant
            .eq(tenant.0)
            .and(members::target.eq(DbKey(target)))
            .and(members::group_key.eq(DbKey(group)))
            .and(members::member_key.eq(DbKey(*member)));
        if remote_id.is_none() {
            let unwanted = same.and(members::wanted.eq(false));
            if on!(conn, |c| diesel::delete(members::table.filter(unwanted)).execute(c))? == 1 {
                continue;
            }
        }
        on!(conn, |c| diesel::update(members::table.filter(same)).set(members::applied.eq(remote_id)).execute(c))?;
    }
    Ok(())
}

/// Notes that an account is no more, and so no member at the target.
pub fn depart(conn: &mut Conn, tenant: TenantId, target: Key, group: Key, member: Key) -> Result<()> {
    let same = members::tenant
        .eq(tenant.0)
        .and(members::target.eq(DbKey(target)))
        .and(members::group_key.eq(DbKey(group)))
        .and(members::member_key.eq(DbKey(member)));
    let nothing: Option<String> = None;
    on!(conn, |c| diesel::update(members::table.filter(same)).set(members::applied.eq(nothing)).execute(c))?;
    Ok(())
}

/// Notes that a member is another account from now on, or none: the one it was is to be removed, kept under the key `former`
/// that nothing else has. Whether it was a member.
pub fn part(conn: &mut Conn, tenant: TenantId, target: Key, group: Key, member: Key, former: Key) -> Result<bool> {
    let same = members::tenant
        .eq(tenant.0)
        .and(members::target.eq(DbKey(target)))
        .and(members::group_key.eq(DbKey(group)))
        .and(members::member_key.eq(DbKey(member)))
        .and(members::applied.is_not_null());
    let known: Option<LinkMemberRow> =
        on!(conn, |c| members::table.filter(same).select(LinkMemberRow::as_select()).first(c).optional())?;
    let Some(known) = known else { return Ok(false) };
    let values = (
        members::tenant.eq(tenant.0),
        members::target.eq(DbKey(target)),
        members::group_key.eq(DbKey(group)),
        members::member_key.eq(DbKey(former)),
        members::wanted.eq(false),
        members::applied.eq(known.applied),
    );
    on!(conn, |c| diesel::insert_into(members::table).values(values).execute(c))?;
    depart(conn, tenant, target, group, member)?;
    Ok(true)
}

/// Forgets all rows of a group at a target, or of the whole target; how many there were.
pub fn delete_all(conn: &mut Conn, tenant: TenantId, target: Key, group: Option<Key>) -> Result<usize> {
    let here = members::tenant.eq(tenant.0).and(members::target.eq(DbKey(target)));
    Ok(match group {
        Some(group) => {
            let here = here.and(members::group_key.eq(DbKey(group)));
            on!(conn, |c| diesel::delete(members::table.filter(here)).execute(c))
        }
        None => on!(conn, |c| diesel::delete(members::table.filter(here)).execute(c)),
    }?)
}
