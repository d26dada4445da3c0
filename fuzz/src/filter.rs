//! Filters of both grammars: read, resolved against each type, evaluated and planned.

use std::collections::HashMap;

use provost::domain::document::Map;
use provost::domain::filter::ast::Expr;
use provost::domain::filter::{Dialect, Filter, Limits, idm, matches, resolve, scim};
use provost::store::plan::plan;
use provost::store::query::Predicate;

use super::SAMPLES;

/// A filter as text.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(expr) = scim::parse(text) {
        let printed = expr.to_string();
        if printed.chars().count() <= Limits::DEFAULT.chars {
            assert_eq!(scim::parse(&printed).as_ref(), Ok(&expr), "{printed}");
        }
        weigh(&expr, Dialect::Scim);
    }
    if let Ok(expr) = idm::parse(text) {
        weigh(&expr, Dialect::Idm);
    }
}

fn weigh(expr: &Expr, dialect: Dialect) {
    for sample in SAMPLES.iter() {
        let Ok(filter) = resolve(expr, &sample.kind, dialect) else { continue };
        assert_eq!(resolve(expr, &sample.kind, dialect).as_ref(), Ok(&filter));
        let opposite = filter.clone().negated();
        let paths: HashMap<_, _> = sample.kind.indexed().map(|(path, _)| path).zip(1..).collect();
        let plan = plan(&filter, &sample.kind, &paths, "hr");
        for resource in [Map::new(), sample.resource()] {
            let holds = matches(&filter, &sample.kind, &resource);
            assert_ne!(holds, matches(&opposite, &sample.kind, &resource), "{filter:?}");
            match plan.predicate {
                Predicate::None => assert!(!holds, "{filter:?} is planned as none"),
                Predicate::All if plan.exact => assert!(holds, "{filter:?} is planned as all"),
                _ => {}
            }
        }
        for path in filter.attributes() {
            let text = sample.kind.path_text(path);
            assert_eq!(sample.kind.resolve_attribute(&text), Some(path), "{text}");
        }
        assert_eq!(Filter::all(vec![filter.clone()]), Filter::any(vec![filter]));
    }
}
