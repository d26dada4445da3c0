//! A client that is not ours: a Python program that knows only the wire forms of the 7.2 documentation.

use std::path::Path;

use crate::harness::gateway::{ADMIN, Gateway};
use crate::harness::python;

fn walk(gateway: &Gateway) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/idm_walk.py");
    let (well, said) = python::run(script.to_str().unwrap(), &[&gateway.url, ADMIN]);
    assert!(well && said.is_empty(), "{said}");
}

#[test]
fn it_walks_through_managed_roles_on_sqlite() {
    walk(&Gateway::start());
}

#[test]
fn it_walks_through_managed_roles_on_postgres() {
    walk(&Gateway::on_postgres());
}
