//! The edges of a large role, page by page: whatever the store answers itself, the pages are those of a plain sort.

use std::cmp::Ordering;

use provost::domain::edge_filter::{EdgeFilter, Part};
use provost::domain::error::Kind;
use provost::domain::filter::idm;
use provost::domain::key::Key;
use provost::domain::relation::Reference;
use provost::service::ServiceError;
use provost::service::edge_bulk::Bulk;
use provost::service::edge_query::{EdgeQuery, SortBy, SortKey, Start};
use provost::service::relationships::{Linked, Property};
use provost::service::search::Most;
use serde_json::{Value, json};

use super::world::World;

/// More than what is read rather than asked for in the order of an index.
const MEMBERS: usize = 1_100;

struct Role {
    world: World,
    property: Property,
    all: Vec<Linked>,
}

impl Role {
    /// Users and groups with a role; some twice, with other properties.
    async fn fill(world: World) -> Self {
        let users = (0..MEMBERS).map(|n| {
            // Few departments, so that many are equal; some have none.
            let department = (n % 5 != 0).then(|| format!("D{}", n * 7 % 4));
            let name = format!("u{:04}", n * 613 % MEMBERS);
            (format!("w{n}"), json!({ "userName": name, "department": department, "title": format!("t{}", n % 3) }))
        });
        world.create_all("user", users).await;
        world.create_all("group", (0..9).map(|n| (format!("g{n}"), json!({ "name": format!("group {n}") })))).await;
        world.create("role", "r", json!({ "name": "r" })).await.unwrap();
        let property = Property { kind: world.kind("role"), wire_id: "r".to_owned(), name: "members".to_owned() };
        let reference = |kind: &str, id: String, properties: Value| Reference::Exact {
            kind: kind.to_owned(),
            id,
            edge: None,
            grant_type: String::new(),
            properties: serde_json::from_value(properties).ok(),
        };
        let mut add: Vec<Reference> = (0..MEMBERS).map(|n| reference("user", format!("w{n}"), json!({ "n": n % 10 }))).collect();
        add.extend((0..MEMBERS).step_by(50).map(|n| reference("user", format!("w{n}"), json!({}))));
        add.extend((0..9).map(|n| reference("group", format!("g{n}"), json!({}))));
        let made = world.service.bulk_edges(&world.actor, property.clone(), Bulk { add, remove: Vec::new() }).await.unwrap();
        let all = world.service.edges(&world.actor, EdgeQuery::all(property.clone())).await.unwrap().linked;
        assert_eq!((made.added, made.already, all.len()), (MEMBERS + 22 + 9, 0, MEMBERS + 22 + 9));
        Self { world, property, all }
    }

    fn query(&self, filter: Option<&str>, sort: &[(&str, bool)], keys_descending: bool) -> EdgeQuery {
        let members = self.property.kind.relationship("members").unwrap();
        let filter = filter.map(|text| EdgeFilter::new(&self.world.actor.types, members, &idm::parse(text).unwrap()).unwrap());
        let by = |name: &str| Part::parse(name).map_or_else(|| SortBy::Property(name.to_owned()), SortBy::Part);
        let sort = sort.iter().map(|(name, descending)| SortKey { by: by(name), descending: *descending }).collect();
        EdgeQuery { filter, sort, keys_descending, ..EdgeQuery::all(self.property.clone()) }
    }

    /// The same, worked out from nothing but what the edges and their targets hold.
    fn expected(&self, passes: impl Fn(&Linked) -> bool, sort: &[(&str, bool)], keys_descending: bool) -> Vec<Key> {
        let mut found: Vec<&Linked> = self.all.iter().filter(|linked| passes(linked)).collect();
        found.sort_by(|a, b| {
            for (name, descending) in sort {
                let order = match (field(a, name), field(b, name)) {
                    (Some(a), Some(b)) if *descending => b.cmp(&a),
                    (Some(a), Some(b)) => a.cmp(&b),
                    (a, b) => a.is_none().cmp(&b.is_none()),
                };
                if order != Ordering::Equal {
                    return order;
                }
            }
            let keys = a.related.key.cmp(&b.related.key);
            let keys = if keys_descending { keys.reverse() } else { keys };
            keys.then_with(|| a.related.edge.as_ref().unwrap().variant.cmp(&b.related.edge.as_ref().unwrap().variant))
        });
        found.into_iter().map(id).collect()
    }

    async fn pages(&self, mut query: EdgeQuery, size: usize) -> Vec<Key> {
        let (mut out, total) = (Vec::new(), self.total(&query).await);
        query.count = size;
        loop {
            let page = self.world.service.edges(&self.world.actor, query.clone()).await.unwrap();
            assert!(page.linked.len() == size || page.next.is_none());
            out.extend(page.linked.iter().map(id));
            match page.next {
                Some(mark) => query.start = Start::After(mark),
                None => break,
            }
        }
        assert_eq!(out.len(), total);
        out
    }

    async fn total(&self, query: &EdgeQuery) -> usize {
        let query = EdgeQuery { total: true, count: 0, ..query.clone() };
        let page = self.world.service.edges(&self.world.actor, query.clone()).await;
        let page = page.unwrap_or_else(|e| panic!("{e}: {query:?}"));
        assert!(page.linked.is_empty() && page.next.is_none());
        page.total.unwrap()
    }

    async fn from(&self, query: &EdgeQuery, offset: usize, count: usize) -> Vec<Key> {
        let query = EdgeQuery { start: Start::Offset(offset), count, ..query.clone() };
        self.world.service.edges(&self.world.actor, query).await.unwrap().linked.iter().map(id).collect()
    }
}

fn id(linked: &Linked) -> Key {
    linked.related.edge.as_ref().unwrap().id
}

// Names in lower case, as they compare.
fn field(linked: &Linked, name: &str) -> Option<String> {
    let shown = provost::domain::document::idm::to_idm(&linked.target.kind, &linked.target.doc);
    match name.strip_prefix("_refProperties/") {
        Some(name) => Some(linked.related.edge.as_ref()?.properties.get(name)?.to_string()),
        None => shown.get(name)?.as_str().map(str::to_lowercase),
    }
}

type Passes = fn(&Linked) -> bool;

async fn pages_are_those_of_a_plain_sort(world: World) {
    let role = Role::fill(world).await;
    let all: (Option<&str>, Passes) = (None, |_| true);
    let filters: [(Option<&str>, Passes); 7] = [
        all,
        // Few hits lead, many are asked of each target.
        (Some("userName sw \"u001\""), |l| field(l, "userName").is_some_and(|name| name.starts_with("u001"))),
        (Some("userName sw \"u\""), |l| field(l, "userName").is_some()),
        (Some("title eq \"t1\" and ! (department eq \"d3\")"), |l| {
            field(l, "title").as_deref() == Some("t1") && field(l, "department").as_deref() != Some("d3")
        }),
        (Some("_refProperties/n eq 4 or department eq \"d1\""), |l| {
            l.target.kind.name == "user"
                && (field(l, "_refProperties/n").as_deref() == Some("4") || field(l, "department").as_deref() == Some("d1"))
        }),
        (Some("_refProperties/_grantType eq \"\" and _refResourceCollection eq \"managed/group\""), |l| {
            l.target.kind.name == "group"
        }),
        (Some("false"), |_| false),
    ];
    let sorts: [(&[(&str, bool)], bool); 9] = [
        (&[], false),
        (&[], true),
        (&[("userName", false)], false),
        (&[("userName", true)], true),
        (&[("department", false)], false),
        (&[("department", true)], true),
        (&[("department", true)], false),
        (&[("department", false), ("userName", true)], false),
        (&[("_refProperties/n", true)], false),
    ];
    for (text, passes) in filters {
        for (sort, keys_descending) in sorts {
            let query = role.query(text, sort, keys_descending);
            let expected = role.expected(passes, sort, keys_descending);
            let what = format!("{text:?} by {sort:?}, {keys_descending}");
            assert_eq!(role.pages(query.clone(), 600).await, expected, "{what}");
            for offset in [3, expected.len() / 2, expected.len() + 5] {
                let from = expected.iter().skip(offset).take(4).copied().collect::<Vec<_>>();
                assert_eq!(role.from(&query, offset, 4).await, from, "{what} from {offset}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_those_of_a_plain_sort_on_sqlite() {
    pages_are_those_of_a_plain_sort(World::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_those_of_a_plain_sort_on_postgres() {
    pages_are_those_of_a_plain_sort(World::on_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_cost_too_much_is_refused() {
    let world = World::on_sqlite().await;
    world.create_all("user", (0..30).map(|n| (format!("w{n}"), json!({ "userName": format!("u{n}") })))).await;
    world.create("role", "r", json!({ "name": "r" })).await.unwrap();
    let property = Property { kind: world.kind("role"), wire_id: "r".to_owned(), name: "members".to_owned() };
    for n in 0..30 {
        world.link(("role", "r"), "members", ("user", &format!("w{n}"))).await.unwrap();
    }
    let sort = vec![SortKey { by: SortBy::Property("title".to_owned()), descending: false }];
    let query = |most, count, offset| EdgeQuery {
        sort: sort.clone(),
        most,
        count,
        start: Start::Offset(offset),
        ..EdgeQuery::all(property.clone())
    };
    for (most, count, offset, passes) in [
        (Most::ANY, usize::MAX, 0, true),
        (Most { scan: 30, sort: 10 }, 5, 0, true),
        (Most { scan: 29, sort: 10 }, 5, 0, false),
        (Most { scan: 30, sort: 10 }, 5, 25, false),
    ] {
        let found = world.service.edges(&world.actor, query(most, count, offset)).await;
        let refused = matches!(&found, Err(ServiceError::Fault(fault)) if fault.kind == Kind::TooMany);
        assert_eq!((found.is_ok(), refused), (passes, !passes), "{most:?} {count} {offset}");
    }
}
