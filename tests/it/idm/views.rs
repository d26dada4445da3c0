//! Users as conditions see them, put together from whole lists of objects and edges.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use provost::domain::condition::View;
use provost::domain::schema::Side;
use provost::service::load::Needs;

use super::world::World;

/// How far what conditions read is followed.
const STEPS: usize = 3;

type Ends = BTreeMap<String, BTreeSet<String>>;

struct Everything {
    alone: BTreeMap<String, View>,
    // By relation: from, to.
    edges: BTreeMap<&'static str, BTreeSet<(String, String)>>,
}

/// Every user with all that its edges lead to. Wire ids are told apart by their type's letter.
pub async fn of_users(world: &World) -> BTreeMap<String, View> {
    let mut all = Everything { alone: BTreeMap::new(), edges: BTreeMap::new() };
    for kind in ["user", "group", "organization"] {
        if world.actor.types.by_name(kind).is_none() {
            continue;
        }
        for object in world.all(kind, Needs::nothing()).await {
            let (id, of) = (object.wire_id.clone(), object.kind.clone());
            all.alone.insert(id, View::alone(of, object.into_scim("")));
        }
    }
    for relation in ["membership", "manager", "organization_membership", "organization_parent"] {
        let edges = world.edges(relation).await.into_keys().map(|(from, to, _)| (from, to)).collect();
        all.edges.insert(relation, edges);
    }
    let users = all.alone.iter().filter(|(_, view)| view.kind.name == "user").map(|(id, _)| id.clone());
    users.collect::<Vec<_>>().into_iter().map(|id| (id.clone(), all.whole(&id, STEPS))).collect()
}

impl Everything {
    fn whole(&self, id: &str, steps: usize) -> View {
        let mut view = self.alone[id].clone();
        if steps == 0 {
            return view;
        }
        for relationship in &view.kind.clone().relationships {
            let Some(edges) = self.edges.get(relationship.relation.as_str()) else { continue };
            let mut ends = Ends::new();
            for (from, to) in edges {
                let (near, far) = if relationship.side == Side::From { (from, to) } else { (to, from) };
                ends.entry(near.clone()).or_default().insert(far.clone());
            }
            let mut reached = ends.get(id).cloned().unwrap_or_default();
            // Groups count through groups.
            if relationship.relation == "membership" && relationship.side == Side::To {
                let mut open: Vec<String> = reached.iter().cloned().collect();
                while let Some(group) = open.pop() {
                    let further = ends.get(&group).into_iter().flatten();
                    open.extend(further.filter(|above| reached.insert((*above).clone())).cloned());
                }
            }
            let far = reached.iter().map(|far| Arc::new(self.whole(far, steps - 1))).collect();
            view.led.insert(relationship.name.clone(), far);
        }
        view
    }
}
