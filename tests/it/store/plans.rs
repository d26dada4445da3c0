//! How SQLite goes about what lists ask for most: by an index, in its order, and without reading what is not wanted.

use std::sync::{Arc, Mutex};

use diesel::connection::InstrumentationEvent;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};
use provost::domain::schema::Side;
use provost::store::ordered::{self, By, Place, Stretch};
use provost::store::query::{self, Bounds, Predicate, Test};
use provost::store::{changes, edges, findings, objects, policies};

use super::*;

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Integer)]
    #[expect(dead_code, reason = "a row of the plan begins with its number")]
    id: i32,
    #[diesel(sql_type = Text)]
    detail: String,
}

/// The plans of all statements that `job` runs, a step a line.
fn plans(store: &Store, job: impl FnOnce(&mut Conn)) -> Vec<String> {
    read(store, |conn| {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = seen.clone();
        let Conn::Sqlite(c) = conn else { panic!("not SQLite") };
        c.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                let text = query.to_string();
                let text = text.split(" -- binds").next().unwrap_or_default();
                log.lock().unwrap().push(text.to_owned());
            }
        });
        job(conn);
        let Conn::Sqlite(c) = conn else { panic!("not SQLite") };
        c.set_instrumentation(|_: InstrumentationEvent<'_>| {});
        let statements = seen.lock().unwrap().clone();
        assert!(!statements.is_empty());
        let explain = |text: String| {
            #[expect(clippy::disallowed_methods, reason = "asks SQLite for its plan")]
            let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {text}")).load(c).unwrap();
            steps.into_iter().map(|step| step.detail).collect::<Vec<_>>().join("\n")
        };
        Ok(statements.into_iter().map(explain).collect())
    })
}

#[test]
fn hot_lists_go_by_an_index() {
    on_sqlite(|store| {
        let place = Place { value: "a".to_owned(), key: key() };
        let stretch = |by, descending, after, offset| Stretch { by, descending, after, offset, limit: 101 };
        let equal = Predicate::Indexed { path: 1, test: Test::Eq("a".to_owned()) };
        let since = Predicate::Modified(Bounds { lower: Some((at(5), false)), upper: None });
        let external = Predicate::External { source: "hr".to_owned(), value: "e".to_owned() };
        let member = Predicate::EdgeToId {
            relation: "membership".to_owned(),
            side: Side::From,
            kinds: vec!["user".to_owned(), "group".to_owned()],
            wire_id: "x".to_owned(),
            through: false,
        };
        let ask = |predicate: &Predicate, wish: Stretch<'_>| {
            plans(store, |c| drop(ordered::stretch(c, TENANT, "user", predicate, &wish).unwrap())).join("\n")
        };
        let objects_key = "USING COVERING INDEX sqlite_autoindex_objects_1 (tenant=? AND type=?";
        for (predicate, wish, index) in [
            // A page by index, from either end, and by cursor.
            (&Predicate::All, stretch(By::Key, false, None, 900), objects_key),
            (&Predicate::All, stretch(By::Key, true, None, 900), objects_key),
            (&Predicate::All, stretch(By::Key, false, Some(&place), 0), objects_key),
            (&Predicate::All, stretch(By::Key, true, Some(&place), 0), objects_key),
            // Filters.
            (&equal, stretch(By::Key, false, None, 0), "USING PRIMARY KEY (tenant=? AND path=? AND value=?"),
            (&equal, stretch(By::Key, false, Some(&place), 0), "USING PRIMARY KEY (tenant=? AND path=? AND value=? AND key>?"),
            (&external, stretch(By::Key, false, None, 0), "USING PRIMARY KEY (tenant=? AND type=? AND source=? AND value=?"),
            (&member, stretch(By::Key, false, None, 0), "edges_by_target (tenant=? AND relation=? AND to_key=?"),
            // Sorted.
            (&Predicate::All, stretch(By::Indexed(1), false, None, 900), "USING PRIMARY KEY (tenant=? AND path=?"),
            (&Predicate::All, stretch(By::Indexed(1), true, Some(&place), 0), "(tenant=? AND path=? AND (value,key)<(?,?)"),
            (&Predicate::All, stretch(By::WireId, false, Some(&place), 0), "sqlite_autoindex_objects_2 (tenant=? AND type=?"),
            (&Predicate::All, stretch(By::Modified, true, Some(&place), 0), "objects_by_modified (tenant=? AND type=?"),
            (&since, stretch(By::Modified, false, None, 0), "objects_by_modified (tenant=? AND type=? AND modified>?"),
        ] {
            let plan = ask(predicate, wish);
            assert!(plan.contains(index), "{predicate:?} {wish:?}\n{plan}");
            assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{predicate:?} {wish:?}\n{plan}");
        }
        let count = plans(store, |c| drop(query::count(c, TENANT, "user", &Predicate::All))).join("\n");
        assert!(count.contains("USING COVERING INDEX") && count.contains("(tenant=? AND type=?)"), "{count}");
    });
}

#[test]
fn what_a_page_shows_is_found_by_key() {
    on_sqlite(|store| {
        let keys: Vec<Key> = (0..100).map(|_| key()).collect();
        let found = plans(store, |c| {
            objects::many(c, TENANT, "user", &keys).unwrap();
            edges::of_many(c, TENANT, "membership", Side::To, &keys).unwrap();
            edges::of_many(c, TENANT, "grant", Side::From, &keys).unwrap();
            changes::last_seq(c, TENANT).unwrap();
            changes::growth(c, TENANT, "user", 5).unwrap();
        });
        assert_eq!(found.len(), 5);
        for plan in found {
            assert!(plan.contains("SEARCH") && !plan.contains("SCAN objects") && !plan.contains("SCAN edges"), "{plan}");
        }
    });
}

#[test]
fn what_a_decision_asks_is_found_by_index() {
    on_sqlite(|store| {
        let keys: Vec<Key> = (0..20).map(|_| key()).collect();
        let found = plans(store, |c| {
            policies::at(c, TENANT, &[("workflow", "w")]).unwrap();
            policies::many(c, TENANT, &keys).unwrap();
            findings::reached_from(c, TENANT, "grant", &keys, "user").unwrap();
            findings::leading_to(c, TENANT, "membership", &keys, "user").unwrap();
            findings::pairs_from(c, TENANT, "grant", &keys, "group").unwrap();
        });
        assert_eq!(found.len(), 5);
        assert!(found[0].contains("policies_by_resource (tenant=? AND resource_type=? AND resource_id=?"), "{}", found[0]);
        for plan in found {
            assert!(plan.contains("SEARCH") && !plan.contains("SCAN"), "{plan}");
        }
    });
}
