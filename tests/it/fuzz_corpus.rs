//! The seeds of the fuzz targets, played through the checks of the targets, whole and cut short at every character.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../fuzz/src/lib.rs"]
mod targets;

/// Fewer seeds than these are no start for a target.
const FEWEST: usize = 12;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_seed_passes_the_checks_of_its_target() {
    for (name, check) in targets::TARGETS {
        let seeds: Vec<PathBuf> =
            fs::read_dir(folder().join("corpus").join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(seeds.len() >= FEWEST, "{name} has {} seeds", seeds.len());
        for seed in seeds {
            let text = fs::read_to_string(&seed).unwrap();
            text.char_indices().for_each(|(end, _)| check(&text.as_bytes()[..end]));
            check(text.as_bytes());
        }
    }
}

#[test]
fn every_target_is_built_and_has_seeds() {
    let known: BTreeSet<String> = targets::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder().join("fuzz_targets")), known);
    assert_eq!(names(&folder().join("corpus")), known);
    let manifest: toml::Table = fs::read_to_string(folder().join("Cargo.toml")).unwrap().parse().unwrap();
    let bins = manifest["bin"].as_array().unwrap().iter().map(|bin| bin["name"].as_str().unwrap().to_owned());
    assert_eq!(bins.collect::<BTreeSet<_>>(), known);
}
