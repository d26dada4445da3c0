//! Paths of PATCH operations, and the lists of names that say what is shown.

use provost::domain::filter::scim::{PathExpr, parse_path};
use provost::domain::filter::{Limits, matches_element, resolve_element};
use provost::domain::projection::Projection;
use serde_json::Value;

use super::{SAMPLES, Sample};

/// A path, or names with commas between them, as text.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parsed = parse_path(text, Limits::DEFAULT).ok();
    if let Some(path) = &parsed {
        let printed = print(path);
        if printed.chars().count() <= Limits::DEFAULT.chars {
            assert_eq!(parse_path(&printed, Limits::DEFAULT).as_ref(), Ok(path), "{printed}");
        }
    }
    for sample in SAMPLES.iter() {
        if let Some(path) = sample.kind.resolve_attribute(text) {
            let canonical = sample.kind.path_text(path);
            assert_eq!(sample.kind.resolve_attribute(&canonical), Some(path), "{canonical}");
        }
        if let Some(path) = &parsed {
            elements(sample, path);
        }
        projections(sample, text);
    }
}

fn print(path: &PathExpr) -> String {
    let filter = path.filter.as_ref().map(|filter| format!("[{filter}]")).unwrap_or_default();
    let sub = path.sub.as_ref().map(|sub| format!(".{sub}")).unwrap_or_default();
    format!("{}{filter}{sub}", path.attribute)
}

fn elements(sample: &Sample, path: &PathExpr) {
    let (Some(expr), Some(attribute)) = (&path.filter, sample.kind.resolve_attribute(&path.attribute)) else { return };
    let Ok(filter) = resolve_element(expr, &sample.kind, attribute) else { return };
    let opposite = filter.clone().negated();
    let Some(Value::Array(list)) = sample.doc.get(&sample.kind.attribute(attribute).name) else { return };
    for element in list {
        let holds = matches_element(&filter, &sample.kind, attribute, element);
        assert_ne!(holds, matches_element(&opposite, &sample.kind, attribute, element), "{filter:?}");
    }
}

fn projections(sample: &Sample, text: &str) {
    for (attributes, excluded) in [(Some(text), None), (None, Some(text))] {
        let Ok(projection) = Projection::parse(&sample.kind, attributes, excluded) else { continue };
        let mut once = sample.resource();
        projection.apply(&sample.kind, &mut once);
        let mut twice = once.clone();
        projection.apply(&sample.kind, &mut twice);
        assert_eq!(twice, once);
        assert_eq!((once.get("id"), once.contains_key("schemas")), (sample.resource().get("id"), true));
        assert!(!once.contains_key("password"));
    }
}
