//! Whole documents: bodies of POST and PUT in both forms.

use provost::domain::document::{self, idm, json};
use serde_json::Value;

use super::{PROFILES, SAMPLES, whole};

/// A body.
pub fn check(data: &[u8]) {
    let Ok(body) = json::parse(data, json::Limits::DEFAULT) else { return };
    for sample in SAMPLES.iter() {
        for profile in PROFILES {
            if let Ok(made) = document::create(&sample.kind, profile, body.clone()) {
                sample.assert_canonical(&made.doc);
                // A PUT of what was read changes nothing.
                let read = Value::Object(whole(&sample.kind, made.doc.clone()));
                let put = document::replace(&sample.kind, profile, &made.doc, read).map(|put| put.doc);
                assert_eq!(put.as_ref(), Ok(&made.doc));
            }
            if let Ok(put) = document::replace(&sample.kind, profile, &sample.doc, body.clone()) {
                sample.assert_canonical(&put.doc);
            }
        }
        if let Ok(made) = idm::create(&sample.kind, body.clone()) {
            sample.assert_canonical(&made.doc);
            let read = Value::Object(idm::to_idm(&sample.kind, &made.doc));
            let put = idm::replace(&sample.kind, &made.doc, read).map(|put| put.doc);
            assert_eq!(put.as_ref(), Ok(&made.doc));
        }
    }
}
