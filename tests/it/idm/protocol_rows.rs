//! Every row of spec/idm.md §1.1, §1.6, §3.3 and §3.7 has a case, and every section one of what it refuses: the names of cases
//! begin with the row. Each defect B1 to B6 has a test of its name.

use std::collections::{BTreeMap, BTreeSet};

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

/// §3.3, the events; then what is said around the table.
const GRANTS: [&str; 10] =
    ["created", "changed", "added", "removed", "otherwise", "user", "deleted", "related", "by-hand", "static"];

/// §3.7.
const TIMES: [&str; 7] = ["role", "grant", "absent", "forms", "one", "changed", "expiry"];

/// The sections that refuse something.
const REFUSALS: [&str; 11] = ["§1", "§1.1", "§1.2", "§1.4", "§1.5", "§1.6", "§2.3", "§2.4", "§3", "§3.3", "§3.4"];

#[derive(Deserialize)]
struct Case {
    name: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    r#do: String,
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
    let mut grants = rows(include_str!("../../cases/idm/conditional_grants.yaml"), "§3.3/");
    grants.extend(rows(include_str!("../../cases/idm/related_conditions.yaml"), "§3.3/"));
    assert_eq!(grants, GRANTS.map(str::to_owned).into());
    let times = rows(include_str!("../../cases/idm/temporal_constraints.yaml"), "§3.7/");
    assert_eq!(times, TIMES.map(str::to_owned).into());
    let refusals: Vec<Case> = serde_yaml_ng::from_str(include_str!("../../cases/idm/refusals.yaml")).unwrap();
    let refusals = refusals.iter().filter_map(|case| case.name.split(' ').next()).collect::<BTreeSet<_>>();
    assert_eq!(refusals, REFUSALS.into());
}

#[test]
fn every_defect_has_a_test_of_its_name() {
    let code = [include_str!("defects.rs"), include_str!("grants.rs"), include_str!("lists.rs")];
    let cases: Vec<Case> = serde_yaml_ng::from_str(include_str!("../../cases/idm/defects.yaml")).unwrap();
    for n in 1..=6 {
        let tests = code.iter().any(|text| text.contains(&format!("async fn b{n}_")));
        assert!(tests || cases.iter().any(|case| case.name.starts_with(&format!("B{n}:"))), "B{n}");
    }
}

/// What a row did is read back in either dialect.
#[test]
fn each_row_reads_back_in_both_dialects() {
    let files = [
        (include_str!("../../cases/idm/methods.yaml"), "§1.1/"),
        (include_str!("../../cases/idm/patch.yaml"), "§1.6/"),
        (include_str!("../../cases/idm/edge_rules.yaml"), "2.4 "),
        (include_str!("../../cases/idm/conditional_grants.yaml"), "§3.3/"),
        (include_str!("../../cases/idm/related_conditions.yaml"), "§3.3/"),
        (include_str!("../../cases/idm/temporal_constraints.yaml"), "§3.7/"),
    ];
    for (file, section) in files {
        let mut read: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let cases: Vec<Case> = serde_yaml_ng::from_str(file).unwrap();
        for case in cases.into_iter().filter(|case| case.name.starts_with(section)) {
            // Cases of one row are one.
            let row = if section == "2.4 " { case.name } else { case.name.split(' ').next().unwrap().to_owned() };
            read.entry(row).or_default().extend(case.steps.into_iter().map(|step| step.r#do));
        }
        assert!(!read.is_empty());
        for (row, steps) in read {
            for dialect in ["GET /openidm/", "GET /scim/v2/"] {
                assert!(steps.iter().any(|step| step.starts_with(dialect)), "{row}: {dialect}");
            }
        }
    }
}
