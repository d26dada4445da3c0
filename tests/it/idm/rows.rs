//! The rows of spec/idm.md §2.1 to §2.5: each has a case under tests/cases/idm.

use std::fs;

const ROWS: &[&str] = &[
    "2.1 one side alone",
    "2.1 singletons on both sides",
    "2.2 _ref",
    "2.3 list",
    "2.3 read",
    "2.3 create",
    "2.3 put",
    "2.3 patch",
    "2.3 delete",
    "2.3 singleton",
    "2.3 queryId",
    "2.3 actions",
    "2.3 filter",
    "2.3 sort",
    "2.3 targets of several types",
    "2.3 conditional edges",
    "2.3 bulk",
    "2.4 whole",
    "2.4 read, modify, put",
    "2.4 remove by value",
    "2.4 duplicates in one payload",
    "2.4 adding what is there",
    "2.4 put and create compare within the payload alone",
    "2.4 the same role twice",
    "2.4 a missing _grantType equals the empty one",
    "2.4 a target that does not exist",
    "2.4 an element that is a list",
    "2.4 the other side is a singleton and taken",
    "2.4 a collection that the property does not lead to",
    "2.4 null on a collection in a PATCH",
    "2.5 deleting an object takes its edges along",
    "2.5 a role that is held stays",
];

#[test]
fn each_row_has_a_case_and_each_case_a_row() {
    let mut named: Vec<String> = Vec::new();
    for file in ["edge_endpoints", "edge_rules"] {
        let text = fs::read_to_string(format!("{}/tests/cases/idm/{file}.yaml", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let names = text.lines().filter_map(|line| line.strip_prefix("- name: \"")).map(|name| name.trim_end_matches('"'));
        named.extend(names.map(str::to_owned));
    }
    let of = |row: &str| named.iter().filter(|name| name.split([':', ';']).next() == Some(row)).count();
    for row in ROWS {
        assert_eq!(of(row), 1, "{row}");
    }
    assert_eq!(named.len(), ROWS.len(), "{named:?}");
}
