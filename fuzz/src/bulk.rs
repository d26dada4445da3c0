//! Bodies of bulks: read, put in order, and their references resolved.

use std::collections::{BTreeSet, HashMap};

use provost::domain::bulk::{Ids, order, references, request};
use provost::domain::document::json;

use super::PROFILES;

const BASE: &str = "https://id.example/scim/v2";
const MOST: usize = 100;

/// A body.
pub fn check(data: &[u8]) {
    let Ok(body) = json::parse(data, json::Limits::DEFAULT) else { return };
    for profile in PROFILES {
        let Ok(bulk) = request::parse(profile, BASE, MOST, body.clone()) else { continue };
        assert!(bulk.operations.len() <= MOST);
        assert_ne!(bulk.fail_on_errors, Some(0));
        let makers: HashMap<&str, usize> = bulk
            .operations
            .iter()
            .enumerate()
            .filter(|(_, operation)| operation.makes)
            .filter_map(|(at, operation)| Some((operation.bulk_id.as_deref()?, at)))
            .collect();
        assert_eq!(makers.len(), bulk.operations.iter().filter(|operation| operation.makes).count(), "each name has one maker");
        let refers = |at: usize| match &bulk.operations[at].wish {
            Ok(wish) => references::names(&wish.data),
            Err(_) => Vec::new(),
        };
        let names: Vec<Vec<String>> = (0..bulk.operations.len()).map(refers).collect();
        let needs: Vec<Vec<usize>> =
            names.iter().map(|names| names.iter().filter_map(|name| makers.get(name.as_str()).copied()).collect()).collect();
        let units = order::units(&needs);
        let done: Vec<usize> = units.iter().flatten().copied().collect();
        assert_eq!(done.len(), bulk.operations.len());
        assert_eq!(done.iter().copied().collect::<BTreeSet<_>>().len(), done.len(), "each operation is done once");
        resolved(&bulk, &names);
    }
}

// Once every name has its id, none is left in a body.
fn resolved(bulk: &request::Request, names: &[Vec<String>]) {
    let mut ids = Ids::default();
    names.iter().flatten().for_each(|name| ids.settle(name, Some("6a1c0f6e")));
    for operation in &bulk.operations {
        let Ok(wish) = &operation.wish else { continue };
        let body = references::resolve(&wish.data, &ids).expect("every name is known");
        assert_eq!(references::names(&body), Vec::<String>::new());
    }
}
