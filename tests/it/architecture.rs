//! The walls of the house: which module may use which, and which crate is known where. Reads the sources as text.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module with what it may use of this crate. What `domain` holds are plain values, so each module may use it; the rest
/// is the tree in ARCHITECTURE.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("cli", &["http", "sync", "auth", "connector", "service", "store", "config", "telemetry", "runtime", "domain"]),
    ("http", &["auth", "service", "sync", "config", "telemetry", "runtime", "domain"]),
    ("sync", &["service", "connector", "store", "config", "telemetry", "runtime", "domain"]),
    ("service", &["store", "config", "telemetry", "runtime", "domain"]),
    ("auth", &["store", "config", "telemetry", "runtime", "domain"]),
    ("store", &["config", "telemetry", "runtime", "domain"]),
    ("connector", &["config", "telemetry", "runtime", "domain"]),
    ("config", &["domain"]),
    ("telemetry", &["domain"]),
    ("runtime", &["domain::time"]),
    ("domain", &[]),
];

/// A path, the files that may name it (by the beginning of their path), and why.
const CONFINED: &[(&str, &[&str], &str)] = &[
    ("diesel", &["store/"], "SQL is known to store alone"),
    ("diesel_migrations", &["store/"], "SQL is known to store alone"),
    ("libsqlite3_sys", &["store/"], "SQL is known to store alone"),
    ("pq_sys", &["store/"], "SQL is known to store alone"),
    (
        "actix_web",
        &["http/", "cli/gateway", "cli/serve", "cli/demo"],
        "the server is known to http and put together by cli::gateway",
    ),
    (
        "reqwest",
        &["connector/", "cli/client"],
        "calls to targets go through the guarded client of connector; the command line calls a server of its own",
    ),
];

/// Paths that `domain` may not name outside its tests: it is a function of its inputs.
const IMPURE: &[&str] = &["tokio", "log", "env_logger", "std::fs", "std::net", "std::env", "std::process", "std::thread"];

#[test]
fn arrows_point_downward() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 20, "the sources were not found under {root:?}");
    for file in files {
        let name = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        found.extend(violations(&name, &text));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_module_has_a_row() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    for module in text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')) {
        assert!(ARROWS.iter().any(|row| row.0 == module), "{module} has no row in ARROWS");
    }
}

#[test]
fn forbidden_lines_are_caught() {
    for (file, line) in [
        ("service/users.rs", "use crate::http::scim;"),
        ("service/users.rs", "    let x = crate::sync::wake();"),
        ("http/scim/users.rs", "use crate::store::objects;"),
        ("http/scim/users.rs", "pub(crate) use crate::connector::Client;"),
        ("domain/key.rs", "use crate::runtime::Clock;"),
        ("domain/key.rs", "use crate::{config, store};"),
        ("domain/mod.rs", "use super::store::Conn;"),
        ("domain/patch/scim.rs", "use super::super::super::store::Conn;"),
        ("domain/key.rs", "tokio::spawn(async {});"),
        ("domain/key.rs", "let text = std::fs::read(path);"),
        ("runtime/clock.rs", "use crate::domain::key::Key;"),
        ("connector/scim.rs", "use crate::store::links;"),
        ("service/users.rs", "use diesel::prelude::*;"),
        ("cli/doctor.rs", "use actix_web::web;"),
        ("sync/worker.rs", "let client = reqwest::Client::new();"),
        ("main.rs", "provost::store::open();"),
        ("store/mod.rs", "#[allow(dead_code)]"),
        ("store/mod.rs", "#![allow(missing_docs)]"),
        ("unknown/mod.rs", "use crate::domain::key;"),
        ("connector/scim.rs", "let u = \"http://x\"; crate::store::x();"),
    ] {
        assert!(!violations(file, line).is_empty(), "{file}: {line}");
    }
}

#[test]
fn permitted_lines_pass() {
    for (file, line) in [
        ("service/users.rs", "use crate::store::objects;"),
        ("service/users.rs", "// not crate::http, which comes above"),
        ("http/scim/users.rs", "use super::render; use crate::service::users;"),
        ("domain/patch/scim.rs", "use super::super::filter::Filter;"),
        ("domain/key.rs", "use crate::domain::time::Timestamp;"),
        ("runtime/clock.rs", "use crate::domain::time::Timestamp;"),
        ("store/sqlite.rs", "use diesel::prelude::*;"),
        ("cli/serve.rs", "use actix_web::App;"),
        ("service/catalog.rs", "let catalog = dialog::open();"),
        ("domain/key.rs", "mod tests {\n    let handle = std::thread::spawn(work);"),
        ("main.rs", "provost::cli::main()"),
    ] {
        assert_eq!(violations(file, line), Vec::<String>::new(), "{file}: {line}");
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// What is wrong with a file, one text for each fault.
fn violations(file: &str, text: &str) -> Vec<String> {
    let module = file.split('/').next().unwrap().trim_end_matches(".rs");
    let allowed = match ARROWS.iter().find(|row| row.0 == module) {
        Some(row) => row.1,
        None if file == "lib.rs" => return Vec::new(),
        None => return vec![format!("{file}: module {module} has no row in ARROWS")],
    };
    let depth = file.trim_end_matches("/mod.rs").split('/').count();
    let mut found = Vec::new();
    let mut tests = file.ends_with("/tests.rs");
    for (number, line) in (1..).zip(text.lines()) {
        let code = code(line);
        tests |= line.starts_with("mod tests {");
        let mut fault = |what: String| found.push(format!("src/{file}:{number}: {what}"));
        if code.contains("#[allow") || code.contains("#![allow") {
            fault("write #[expect(…, reason = \"…\")], not allow".to_owned());
        }
        if code.contains("use crate::{") || code.contains("use super::{self as") {
            fault("name one module in each use".to_owned());
        }
        for used in used(code, module, depth) {
            let own = used == module || used.starts_with(&format!("{module}::"));
            let fits = |arrow: &&str| used == **arrow || used.starts_with(&format!("{arrow}::"));
            if !own && !allowed.iter().any(fits) {
                fault(format!("{module} may not use {used}"));
            }
        }
        for (name, folders, why) in CONFINED {
            if names(code, name) && !folders.iter().any(|folder| file.starts_with(folder)) {
                fault(format!("{name} does not belong here: {why}"));
            }
        }
        if module == "domain" && !tests {
            for name in IMPURE.iter().filter(|name| names(code, name)) {
                fault(format!("domain is pure and may not name {name}"));
            }
        }
    }
    found
}

/// The line without its comment. The `//` of an address is none.
fn code(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}

/// The modules of this crate that a line names, as `module` or `module::inner`.
fn used(code: &str, module: &str, depth: usize) -> Vec<String> {
    let root = if module == "main" { "provost::" } else { "crate::" };
    let mut found: Vec<String> = paths(code, root).map(two).collect();
    // A chain of `super::` that is long enough to leave the module.
    for (at, _) in code.match_indices("super::") {
        let rest = code[at..].trim_start_matches("super::");
        let supers = (code[at..].len() - rest.len()) / "super::".len();
        let name = two(rest);
        let top = name.split("::").next().unwrap();
        if supers >= depth && ARROWS.iter().any(|row| row.0 == top) {
            found.push(name);
        }
    }
    found
}

/// What follows each whole-word occurrence of `prefix`.
fn paths<'a>(code: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(prefix).filter(|(at, _)| !code[..*at].ends_with(is_word)).map(|(at, found)| &code[at + found.len()..])
}

/// Whether the code names a path: a whole word, followed by `::`.
fn names(code: &str, path: &str) -> bool {
    paths(code, path).any(|rest| rest.starts_with("::"))
        || paths(code, path).any(|rest| rest.starts_with(';') && code.contains("use "))
}

/// The first two parts of a path.
fn two(path: &str) -> String {
    let end = path.find(|c: char| !is_word(c) && c != ':').unwrap_or(path.len());
    let parts: Vec<_> = path[..end].split("::").filter(|part| !part.is_empty()).take(2).collect();
    parts.join("::")
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
