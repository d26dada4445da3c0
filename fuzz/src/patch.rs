//! Bodies of PATCH in both forms, applied to a document of each type.

use provost::domain::document::json;
use provost::domain::patch;

use super::{PROFILES, SAMPLES};

/// A body.
pub fn check(data: &[u8]) {
    let Ok(body) = json::parse(data, json::Limits::DEFAULT) else { return };
    for sample in SAMPLES.iter() {
        for profile in PROFILES {
            let Ok(operations) = patch::scim::parse(profile, patch::Limits::DEFAULT, body.clone()) else { continue };
            let (mut doc, mut external_id) = (sample.doc.clone(), Some("e1".to_owned()));
            let applied = patch::apply(&sample.kind, profile, &mut doc, &mut external_id, operations.clone());
            if applied.is_ok() {
                sample.assert_canonical(&doc);
            }
            let (mut again, mut external_id) = (sample.doc.clone(), Some("e1".to_owned()));
            let repeated = patch::apply(&sample.kind, profile, &mut again, &mut external_id, operations);
            assert_eq!(repeated.is_ok(), applied.is_ok());
            assert!(applied.is_err() || again == doc);
        }
        let Ok(operations) = patch::idm::parse(patch::Limits::DEFAULT, body.clone()) else { continue };
        let mut doc = sample.doc.clone();
        if patch::idm::apply(&sample.kind, &mut doc, operations).is_ok() {
            sample.assert_canonical(&doc);
        }
    }
}
