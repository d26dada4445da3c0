//! What the embedded store does with the rows of new users and nothing else, 100 users a transaction, and with the edges and
//! change rows of as many conditional grants in one transaction: the yardsticks for creates and for new conditional roles in
//! docs/benchmarks.md.
//!
//! `cargo run --release --example raw_writes -- 20000`

use std::collections::HashMap;
use std::time::Instant;

use provost::domain::key::{Key, TenantId};
use provost::domain::normal;
use provost::domain::schema::{AttrPath, ObjectType, Registry};
use provost::runtime::{Clock, random};
use provost::store::changes::ChangeRow;
use provost::store::edges::EdgeRow;
use provost::store::index::IndexRow;
use provost::store::objects::ObjectRow;
use provost::store::{Options, Store, StoreError, Tx, changes, edges, index, objects, plan, tenants};
use serde_json::{Map, Value, json};

type Paths = HashMap<AttrPath, i32>;

const BATCH: usize = 100;
const GRANTS: usize = 500;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let users: usize = std::env::args().nth(1).map_or(Ok(20_000), |n| n.parse())?;
    let folder = std::env::temp_dir().join(format!("provost-raw-{}", std::process::id()));
    let store = Store::open_sqlite(&folder, &Options::default())?;
    let registry = Registry::shipped()?;
    let user = registry.by_name("user").ok_or("no user type")?.clone();
    let now = Clock::system().now();
    let of = user.clone();
    let (tenant, paths) = store.write_blocking(TenantId(0), move |tx| -> Result<(TenantId, Paths), StoreError> {
        let tenant = tenants::insert(tx, "raw", now)?;
        let wanted: Vec<AttrPath> = of.indexed().map(|(path, _)| path).collect();
        let texts: Vec<String> = wanted.iter().map(|p| of.path_text(*p)).collect();
        let ids = index::ensure_paths(tx, tenant, "user", &texts)?;
        Ok((tenant, wanted.into_iter().zip(texts).filter_map(|(p, t)| Some((p, *ids.get(&t)?))).collect()))
    })?;
    let began = Instant::now();
    for first in (0..users).step_by(BATCH) {
        let (of, paths) = (user.clone(), paths.clone());
        store.write_blocking(tenant, move |tx| -> Result<(), StoreError> {
            (first..users.min(first + BATCH)).try_for_each(|n| insert(tx, tenant, &of, &paths, n))
        })?;
    }
    let took = began.elapsed();
    #[expect(clippy::print_stdout, reason = "an example tells its result")]
    {
        println!("{users} users in {took:?}: {:.0} users/s, {BATCH} a transaction", users as f64 / took.as_secs_f64());
    }
    let role = Key::new(random::key());
    let began = Instant::now();
    store.write_blocking(tenant, move |tx| -> Result<(), StoreError> {
        (0..users).step_by(GRANTS).try_for_each(|first| grant(tx, tenant, role, users.min(first + GRANTS) - first))
    })?;
    let took = began.elapsed();
    #[expect(clippy::print_stdout, reason = "an example tells its result")]
    {
        println!("{users} conditional grants in {took:?}: {:.0} grants/s, one transaction", users as f64 / took.as_secs_f64());
    }
    drop(store);
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

fn insert(tx: &mut Tx<'_>, tenant: TenantId, kind: &ObjectType, paths: &Paths, n: usize) -> Result<(), StoreError> {
    let now = Clock::system().now();
    let key = Key::new(random::key());
    let doc = document(n);
    let text = Value::Object(doc.clone()).to_string();
    let rows: Vec<IndexRow> =
        plan::index_rows(kind, &doc, paths).into_iter().map(|(path, value)| IndexRow { path, value, key }).collect();
    index::apply(tx, tenant, &[], &rows)?;
    if let Some(id) = kind.resolve_attribute("userName").and_then(|p| paths.get(&p)) {
        index::claim_unique(tx, tenant, *id, &normal::hash(&format!("user{n}@example.org")), key)?;
    }
    let external = format!("hr-{n}");
    index::add_external_id(tx, tenant, "user", "default", &external, key)?;
    let row = ObjectRow {
        kind: "user".to_owned(),
        key,
        wire_id: key.to_string(),
        rev: 1,
        created: now,
        modified: now,
        external_ids: Some(json!({ "default": external }).to_string()),
        label: None,
        doc: text.clone(),
    };
    objects::insert(tx, tenant, &row)?;
    let change = ChangeRow {
        id: Key::new(random::key()),
        seq: None,
        at: now,
        kind: "user".to_owned(),
        key,
        op: "create".to_owned(),
        rev: 1,
        other_key: None,
        actor: "raw".to_owned(),
        token: None,
        source: "default".to_owned(),
        dialect: "scim".to_owned(),
        request_id: "raw".to_owned(),
        detail: text,
    };
    changes::append(tx, tenant, &[change])
}

fn grant(tx: &mut Tx<'_>, tenant: TenantId, role: Key, count: usize) -> Result<(), StoreError> {
    let now = Clock::system().now();
    let edge = |_| EdgeRow {
        relation: "grant".to_owned(),
        from_key: Key::new(random::key()),
        to_key: role,
        variant: "conditional".to_owned(),
        id: Key::new(random::key()),
        from_type: "user".to_owned(),
        to_type: "role".to_owned(),
        rev: 1,
        created: now,
        properties: None,
    };
    let rows: Vec<EdgeRow> = (0..count).map(edge).collect();
    let change = |row: &EdgeRow| ChangeRow {
        id: Key::new(random::key()),
        seq: None,
        at: now,
        kind: "user".to_owned(),
        key: row.from_key,
        op: "edge_add".to_owned(),
        rev: 1,
        other_key: Some(role),
        actor: "raw".to_owned(),
        token: None,
        source: "default".to_owned(),
        dialect: "idm".to_owned(),
        request_id: "raw".to_owned(),
        detail: json!({
            "relation": "grant", "variant": "conditional", "toType": "role", "edge": row.id.to_string(),
            "from": { "type": "user", "id": row.from_key.to_string(), "name": "Anna Andersson" },
            "to": { "type": "role", "id": role.to_string(), "name": "role" },
        })
        .to_string(),
    };
    let changed: Vec<ChangeRow> = rows.iter().map(change).collect();
    edges::insert_many(tx, tenant, &rows)?;
    changes::append(tx, tenant, &changed)
}

fn document(n: usize) -> Map<String, Value> {
    let value = json!({
        "userName": format!("user{n}@example.org"),
        "name": { "formatted": format!("Anna Andersson {n}"), "familyName": "Andersson", "givenName": "Anna" },
        "displayName": format!("Anna Andersson {n}"),
        "title": "Engineer",
        "userType": "Employee",
        "preferredLanguage": "sv-SE",
        "active": true,
        "emails": [{ "value": format!("user{n}@example.org"), "type": "work", "primary": true }],
        "phoneNumbers": [{ "value": "+46 8 123 456", "type": "work" }],
        "addresses": [{ "streetAddress": "Storgatan 1", "locality": "Stockholm", "postalCode": "111 22", "country": "SE", "type": "work" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": format!("{n:06}"), "costCenter": "4130", "organization": "Example", "department": format!("D{}", n % 50)
        }
    });
    match value {
        Value::Object(doc) => doc,
        _ => Map::new(),
    }
}
