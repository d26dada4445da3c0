//! What the database selects by a plan, and the evaluator then keeps, is what the evaluator keeps of everything.

use std::cell::Cell;
use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use provost::domain::filter::ast::{Expr, Literal, Op};
use provost::domain::filter::{self, Dialect};
use provost::domain::schema::{AttrPath, ObjectType, Registry};
use provost::store::index::{self, IndexRow};
use provost::store::objects::ObjectRow;
use provost::store::{plan, query};
use serde_json::{Map, Value, json};

use super::*;
use crate::harness::filters;

conformance!(the_shipped_types, one_attribute_of_each_sort, a_list_of_elements);

fn the_shipped_types(store: &Store) {
    for kind in Registry::shipped().unwrap().types() {
        random(store, kind, 24);
    }
}

fn one_attribute_of_each_sort(store: &Store) {
    let attributes = json!([
        {"name": "text", "indexed": true},
        {"name": "exact", "indexed": true, "caseExact": true},
        {"name": "texts", "indexed": true, "multiValued": true},
        {"name": "flag", "indexed": true, "type": "boolean"},
        {"name": "whole", "indexed": true, "type": "integer"},
        {"name": "part", "indexed": true, "type": "decimal"},
        {"name": "time", "indexed": true, "type": "dateTime"},
        {"name": "bytes", "indexed": true, "type": "binary"},
        {"name": "link", "indexed": true, "type": "reference"},
        {"name": "note"}
    ]);
    random(store, &kind_of(attributes), 96);
}

/// Conditions that must meet in one element, over elements of which each often meets only some.
fn a_list_of_elements(store: &Store) {
    let kind = kind_of(json!([
        {"name": "things", "type": "complex", "multiValued": true, "subAttributes": [
            {"name": "flag", "indexed": true, "type": "boolean"},
            {"name": "size", "indexed": true, "type": "integer"}
        ]}
    ]));
    let things = vec((any::<bool>(), 0..3), 0..4).prop_map(|things| {
        let things: Vec<_> = things.into_iter().map(|(flag, size)| json!({"flag": flag, "size": size})).collect();
        json!({"things": things}).as_object().unwrap().clone()
    });
    let compare = |path: &str, op, value| Expr::Compare { path: path.to_owned(), op, value };
    let leaf = prop_oneof![
        any::<bool>().prop_map(move |flag| compare("flag", Op::Eq, Literal::Boolean(flag))),
        (select(&[Op::Eq, Op::Ne, Op::Gt][..]), 0..3_i64).prop_map(move |(op, n)| compare("size", op, Literal::Integer(n))),
    ];
    let inner = leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            2 => vec(inner.clone(), 2).prop_map(Expr::And),
            1 => vec(inner.clone(), 2).prop_map(Expr::Or),
            1 => inner.prop_map(|e| Expr::Not(Box::new(e))),
        ]
    });
    let element = inner.prop_map(|inner| Expr::Element { path: "things".to_owned(), filter: Box::new(inner) });
    let filter = prop_oneof![element.clone(), element.prop_map(|e| Expr::Not(Box::new(e)))];
    pushdown_changes_nothing(store, &kind, things.boxed(), filter.boxed(), 64);
}

fn kind_of(attributes: Value) -> ObjectType {
    let mut kind = ObjectType::clone(Registry::shipped().unwrap().by_name("user").unwrap());
    kind.properties.clear();
    kind.relationships.clear();
    kind.schemas.truncate(1);
    kind.schemas[0].attributes = serde_json::from_value(attributes).unwrap();
    kind
}

fn random(store: &Store, kind: &ObjectType, cases: u32) {
    pushdown_changes_nothing(store, kind, filters::resource(kind), filters::expression(kind), cases);
}

fn pushdown_changes_nothing(
    store: &Store,
    kind: &ObjectType,
    resource: BoxedStrategy<Map<String, Value>>,
    expression: BoxedStrategy<Expr>,
    cases: u32,
) {
    // Each world is a tenant of its own.
    let tenants = Cell::new(0);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(vec(resource, 1..6), vec(expression, 12)), |(mut resources, expressions)| {
        let tenant = TenantId(tenants.replace(tenants.get() + 1));
        for (n, resource) in resources.iter_mut().enumerate() {
            resource.entry("id").or_insert_with(|| json!(n.to_string()));
        }
        resources.sort_by_key(|r| r["id"].to_string());
        resources.dedup_by_key(|r| r["id"].to_string());
        let (rows, paths) = save(store, tenant, kind, &resources);
        for expression in expressions {
            let Ok(filter) = filter::resolve(&expression, kind, Dialect::Scim) else { continue };
            let holds = |at: usize| filter::matches(&filter, kind, &resources[at]);
            let plan = plan::plan(&filter, kind, &paths, "hr");
            let hits = read(store, |c| query::select(c, tenant, &kind.name, &plan.predicate, None, 100));
            let hits = (0..rows.len()).filter(|at| hits.contains(&rows[*at].key) && (plan.exact || holds(*at)));
            let all = (0..rows.len()).filter(|at| holds(*at));
            prop_assert_eq!(hits.collect::<Vec<_>>(), all.collect::<Vec<_>>(), "{:?} planned as {:?}", filter, plan);
        }
        Ok(())
    });
    outcome.unwrap();
}

fn save(
    store: &Store,
    tenant: TenantId,
    kind: &ObjectType,
    resources: &[Map<String, Value>],
) -> (Vec<ObjectRow>, HashMap<AttrPath, i32>) {
    let (name, texts) = (kind.name.clone(), kind.indexed().map(|(path, _)| kind.path_text(path)).collect::<Vec<_>>());
    let numbers = write(store, move |c| index::ensure_paths(c, tenant, &name, &texts));
    let paths: HashMap<_, _> = kind.indexed().map(|(path, _)| (path, numbers[&kind.path_text(path)])).collect();
    let rows: Vec<_> = resources
        .iter()
        .map(|resource| ObjectRow { wire_id: resource["id"].as_str().unwrap().to_owned(), ..object(&kind.name, key()) })
        .collect();
    let values: Vec<_> = resources
        .iter()
        .zip(&rows)
        .flat_map(|(resource, row)| {
            let values = plan::index_rows(kind, resource, &paths);
            values.into_iter().map(|(path, value)| IndexRow { path, value, key: row.key })
        })
        .collect();
    let added = rows.clone();
    write(store, move |c| {
        added.iter().try_for_each(|row| objects::insert(c, tenant, row))?;
        index::apply(c, tenant, &[], &values)
    });
    (rows, paths)
}
