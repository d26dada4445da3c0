//! Every row of the tables of spec/idm.md §1.1 and §1.6 has a case: the names of cases begin with the row.

use std::collections::BTreeSet;

use serde::Deserialize;

/// §1.1, by method and preconditions; then what is said around the table.
const METHODS: [&str; 19] = [
    "read",
    "query",
    "collection",
    "descriptor",
    "create",
    "create-implied",
    "action",
    "put-absent",
    "put-other",
    "put-revision",
    "put-any",
    "put-upsert",
    "put-both",
    "patch",
    "delete",
    "put-replaces",
    "override",
    "version",
    "no-cache",
];

/// §1.6, the operations; then the rules below them.
const PATCHES: [&str; 14] = [
    "add",
    "remove",
    "replace",
    "increment",
    "copy",
    "move",
    "transform",
    "form",
    "index",
    "unchanged",
    "collection",
    "by-query",
    "by-post",
    "sync-check",
];

#[derive(Deserialize)]
struct Case {
    name: String,
}

fn rows(file: &str, section: &str) -> BTreeSet<String> {
    let cases: Vec<Case> = serde_yaml_ng::from_str(file).unwrap();
    let row = |case: Case| Some(case.name.strip_prefix(section)?.split(' ').next()?.to_owned());
    cases.into_iter().filter_map(row).collect()
}

#[test]
fn every_row_has_a_case() {
    let methods = rows(include_str!("../../cases/idm/methods.yaml"), "§1.1/");
    assert_eq!(methods, METHODS.map(str::to_owned).into());
    let patches = rows(include_str!("../../cases/idm/patch.yaml"), "§1.6/");
    assert_eq!(patches, PATCHES.map(str::to_owned).into());
}
