//! POST, PUT and PATCH.

use serde_json::{Value, json};

use super::values::{self, other_case};
use super::{Place, Walk};
use crate::harness::gateway::Answer;

impl Walk<'_> {
    /// What a client may not write is left out of a POST and a PUT, and refused where a PATCH names it.
    pub(super) async fn read_only(&self, place: &Place<'_>) {
        let kind = place.kind;
        let sent = values::whole(place.attribute, self.fresh());
        let nothing = sent.as_object().is_some_and(|parts| parts.is_empty());
        let ignored =
            |answer: &Answer| nothing || !place.of(&answer.body).is_some_and(|back| values::says(place.attribute, &sent, back));
        let made = self.post(kind, &self.with(place, &sent)).await;
        if !self.see(place, "POST leaves it out", &made, made.status == 201 && ignored(&made)) {
            return;
        }
        let id = made.id().to_owned();
        let whole = format!("{}/{id}", kind.endpoint);
        let put = self.client.put(&whole, &self.with(place, &sent)).await;
        self.see(place, "PUT leaves it out", &put, put.status == 200 && ignored(&put));
        let places = place.attribute.sub_attributes.iter().map(|sub| place.part(sub));
        for place in std::iter::once(*place).chain(places) {
            let value = if place.sub.is_some() { values::simple(place.leaf(), self.fresh()) } else { sent.clone() };
            for op in ["add", "replace", "remove"] {
                let value = (op != "remove").then_some(&value);
                let refused = self.operate(kind, &id, op, Some(&place.path()), value).await;
                self.refuses(&place, &format!("PATCH {op}"), &refused, "mutability");
            }
        }
        let mut object = json!({});
        values::put(&mut object, place.urn, &place.attribute.name, sent.clone());
        let patched = self.operate(kind, &id, "replace", None, Some(&object)).await;
        self.see(place, "PATCH without path leaves it out", &patched, patched.status == 200 && ignored(&patched));
        self.delete(kind, &id).await;
    }

    /// POST: what is sent comes back, under the canonical name, whatever the case it was sent in.
    pub(super) async fn created(&self, place: &Place<'_>) {
        let (kind, attribute) = (place.kind, place.attribute);
        let value = self.value(place).await;
        let made = self.post(kind, &self.with(place, &value)).await;
        self.shows(place, "POST", &made, Some(&value)).await;

        let value = self.value(place).await;
        let mut body = self.least(kind);
        body.as_object_mut().unwrap().remove(&attribute.name);
        let urn = place.urn.map(other_case);
        values::put(&mut body, urn.as_deref(), &other_case(&attribute.name), value.clone());
        let made = self.post(kind, &body).await;
        self.shows(place, "POST in the other case", &made, Some(&value)).await;

        if attribute.multi_valued {
            let value = self.value(place).await;
            let made = self.post(kind, &self.with(place, &value[0])).await;
            self.shows(place, "POST of one for a list", &made, Some(&json!([value[0]]))).await;
        }
        let parts = attribute.sub_attributes.iter().filter(|sub| !sub.read_only() && place.leads_to().is_none());
        for place in parts.map(|sub| place.part(sub)).chain((!attribute.complex()).then_some(*place)) {
            // Suggestions, not a limit: the values of all other cells are none of them (spec/scim.md §1.9).
            for known in &place.leaf().canonical_values {
                let mut value = values::whole(attribute, self.fresh());
                let slot = if attribute.multi_valued { &mut value[0] } else { &mut value };
                match place.sub {
                    Some(sub) => slot[&sub.name] = json!(known),
                    None => *slot = json!(known),
                }
                let made = self.post(kind, &self.with(&place, &value)).await;
                self.shows(&place, known, &made, Some(&value)).await;
            }
        }
    }

    /// POST: a value of the wrong type, a required one that is missing, a unique one twice.
    pub(super) async fn refused(&self, place: &Place<'_>) {
        let (kind, attribute) = (place.kind, place.attribute);
        let wrong = self.post(kind, &self.with(place, &values::wrong(attribute))).await;
        self.refuses(place, "POST of the wrong type", &wrong, "invalidValue");

        let nothing = self.post(kind, &self.with(place, &Value::Null)).await;
        if attribute.required {
            self.refuses(place, "POST of null", &nothing, "invalidValue");
            let mut body = self.least(kind);
            let home = match place.urn {
                Some(urn) => &mut body[urn],
                None => &mut body,
            };
            home.as_object_mut().unwrap().remove(&attribute.name);
            let lacking = self.post(kind, &body).await;
            self.refuses(place, "POST without it", &lacking, "invalidValue");
        } else if place.kept() && place.leads_to().is_none() {
            self.see(place, "POST of null takes the default", &nothing, nothing.status == 201);
        } else {
            self.shows(place, "POST of null", &nothing, None).await;
        }

        if attribute.complex() || attribute.multi_valued {
            return;
        }
        let value = self.value(place).await;
        let first = self.post(kind, &self.with(place, &value)).await;
        let second = self.post(kind, &self.with(place, &value)).await;
        let swapped = value.as_str().filter(|_| attribute.kind == "string").map(other_case);
        let third = match &swapped {
            Some(text) => Some(self.post(kind, &self.with(place, &json!(text))).await),
            None => None,
        };
        if attribute.uniqueness == "none" {
            self.see(place, "POST of a value that another has", &second, second.status == 201);
        } else {
            self.refuses(place, "POST of a unique value again", &second, "uniqueness");
            match third {
                Some(third) if attribute.exact() => {
                    _ = self.see(place, "POST in the other case is another", &third, third.status == 201)
                }
                Some(third) => self.refuses(place, "POST of a unique value in the other case", &third, "uniqueness"),
                None => {}
            }
            let other = self.post(kind, &self.least(kind)).await;
            let path = format!("{}/{}", kind.endpoint, other.id());
            let put = self.client.put(&path, &self.with(place, &value)).await;
            self.refuses(place, "PUT of a unique value that another has", &put, "uniqueness");
            let patch = self.operate(kind, other.id(), "replace", Some(&place.path()), Some(&value)).await;
            self.refuses(place, "PATCH to a unique value that another has", &patch, "uniqueness");
            let same = self.client.put(&format!("{}/{}", kind.endpoint, first.id()), &self.with(place, &value)).await;
            self.see(place, "PUT of its own unique value", &same, same.status == 200);
        }
    }

    /// PUT: what is given stands, what is not given goes.
    pub(super) async fn replaced(&self, place: &Place<'_>) {
        let (kind, attribute) = (place.kind, place.attribute);
        let first = self.value(place).await;
        let made = self.post(kind, &self.with(place, &first)).await;
        if !self.see(place, "POST before a PUT", &made, made.status == 201) {
            return;
        }
        let path = format!("{}/{}", kind.endpoint, made.id());
        let second = self.value(place).await;
        let put = self.client.put(&path, &self.with(place, &second)).await;
        if attribute.mutability == "immutable" {
            self.refuses(place, "PUT of another value", &put, "mutability");
            let same = self.client.put(&path, &self.with(place, &first)).await;
            self.shows(place, "PUT of the same value", &same, Some(&first)).await;
            return;
        }
        self.shows(place, "PUT", &put, Some(&second)).await;
        let again = self.read_back(kind, made.id(), None).await;
        let same = self.client.put(&path, &again.body).await;
        self.see(
            place,
            "PUT of what was read changes nothing",
            &same,
            same.body["meta"]["version"] == again.body["meta"]["version"],
        );

        let mut body = self.least(kind);
        if attribute.required {
            values::put(&mut body, place.urn, &attribute.name, Value::Null);
            let lacking = self.client.put(&path, &body).await;
            self.refuses(place, "PUT of null", &lacking, "invalidValue");
            return;
        }
        let without = self.client.put(&path, &body).await;
        self.shows(place, "PUT without it", &without, place.kept().then_some(&second)).await;
    }

    /// PATCH: add, replace and remove, by path and without.
    pub(super) async fn patched(&self, place: &Place<'_>) {
        let (kind, attribute) = (place.kind, place.attribute);
        let made = self.post(kind, &self.least(kind)).await;
        let id = made.id().to_owned();
        let path = place.path();
        let path = Some(path.as_str());
        let first = self.value(place).await;
        let added = self.operate(kind, &id, "add", path, Some(&first)).await;
        self.shows(place, "PATCH add", &added, Some(&first)).await;
        let again = self.operate(kind, &id, "add", path, Some(&first)).await;
        self.see(place, "PATCH add of what is there changes nothing", &again, version(&again) == version(&added));

        if attribute.mutability == "immutable" {
            let other = self.value(place).await;
            for op in ["add", "replace", "remove"] {
                let refused = self.operate(kind, &id, op, path, (op != "remove").then_some(&other)).await;
                self.refuses(place, &format!("PATCH {op} of what is set"), &refused, "mutability");
            }
            self.delete(kind, &id).await;
            return;
        }
        if attribute.multi_valued && attribute.kind != "boolean" {
            let more = self.value(place).await;
            let both = self.operate(kind, &id, "add", path, Some(&json!([more[1]]))).await;
            let list = json!([first[0], first[1], more[1]]);
            self.shows(place, "PATCH add of one more", &both, Some(&list)).await;
            let fewer = self.operate(kind, &id, "remove", path, Some(&json!([more[1]]))).await;
            self.shows(place, "PATCH remove of the listed", &fewer, Some(&first)).await;
        }
        let second = self.value(place).await;
        let replaced = self.operate(kind, &id, "replace", path, Some(&second)).await;
        self.shows(place, "PATCH replace", &replaced, Some(&second)).await;

        let mut object = json!({});
        let third = self.value(place).await;
        values::put(&mut object, place.urn, &attribute.name, third.clone());
        let replaced = self.operate(kind, &id, "replace", None, Some(&object)).await;
        self.shows(place, "PATCH replace without path", &replaced, Some(&third)).await;

        let wrong = self.operate(kind, &id, "replace", path, Some(&values::wrong(attribute))).await;
        self.refuses(place, "PATCH of the wrong type", &wrong, "invalidValue");

        let removed = self.operate(kind, &id, "remove", path, None).await;
        if attribute.required {
            self.refuses(place, "PATCH remove", &removed, "mutability");
            let null = self.operate(kind, &id, "replace", path, Some(&Value::Null)).await;
            self.see(place, "PATCH replace with null", &null, null.status == 400);
        } else {
            self.shows(place, "PATCH remove", &removed, None).await;
            let again = self.operate(kind, &id, "remove", path, None).await;
            self.see(place, "PATCH remove of nothing", &again, again.status == 200 && version(&again) == version(&removed));
        }
        self.delete(kind, &id).await;
    }

    /// A part of a complex attribute, on its own.
    pub(super) async fn part_written(&self, place: &Place<'_>) {
        let (kind, attribute, sub) = (place.kind, place.attribute, place.leaf());
        let value = self.value(place).await;
        let made = self.post(kind, &self.with(place, &value)).await;
        if !self.see(place, "POST before a part", &made, made.status == 201) {
            return;
        }
        let id = made.id().to_owned();
        let path = place.path();
        if sub.read_only() {
            for op in ["add", "replace", "remove"] {
                let value = values::simple(sub, self.fresh());
                let refused = self.operate(kind, &id, op, Some(&path), (op != "remove").then_some(&value)).await;
                self.refuses(place, &format!("PATCH {op}"), &refused, "mutability");
            }
        }
        // The other parts of what leads elsewhere are the server's.
        if sub.read_only() || place.leads_to().is_some() {
            self.delete(kind, &id).await;
            return;
        }
        let mut wrong = values::whole(attribute, self.fresh());
        let slot = if attribute.multi_valued { &mut wrong[0] } else { &mut wrong };
        slot[&sub.name] = values::wrong(sub);
        let refused = self.post(kind, &self.with(place, &wrong)).await;
        self.refuses(place, "POST of the wrong type", &refused, "invalidValue");

        let fresh = if sub.name == "primary" { json!(true) } else { values::simple(sub, self.fresh()) };
        let (target, expected) = if attribute.multi_valued {
            // One element is told by another part of it.
            let Some((other, literal)) = attribute.sub_attributes.iter().find_map(|other| {
                let known = value[0].get(&other.name).filter(|_| other.name != sub.name && other.kind == "string")?;
                Some((other, known.clone()))
            }) else {
                self.delete(kind, &id).await;
                return;
            };
            let urn = place.urn.map(|urn| format!("{urn}:")).unwrap_or_default();
            let mut expected = value.clone();
            expected[0][&sub.name] = fresh.clone();
            (format!("{urn}{}[{} eq {literal}].{}", attribute.name, other.name, sub.name), expected)
        } else {
            let mut expected = value.clone();
            expected[&sub.name] = fresh.clone();
            (path.clone(), expected)
        };
        for op in ["add", "replace"] {
            let changed = self.operate(kind, &id, op, Some(&target), Some(&fresh)).await;
            self.shows(place, &format!("PATCH {op} of {target}"), &changed, Some(&expected)).await;
        }
        let removed = self.operate(kind, &id, "remove", Some(&target), None).await;
        if sub.required {
            self.refuses(place, "PATCH remove of the part", &removed, "mutability");
        } else {
            let mut left = expected.clone();
            let slot = if attribute.multi_valued { &mut left[0] } else { &mut left };
            let parts = slot.as_object_mut().unwrap();
            parts.remove(&sub.name);
            // Without a value there is nothing to be of some type.
            if attribute.multi_valued && parts.keys().all(|name| name == "type" || name == "primary") {
                left.as_array_mut().unwrap().remove(0);
            }
            self.shows(place, "PATCH remove of the part", &removed, Some(&left)).await;
            let gone = place.values(&removed.body).len();
            let before = place.values(&made.body).len();
            self.see(place, "PATCH remove of the part alone", &removed, gone + 1 == before || before == 0);
        }
        self.delete(kind, &id).await;
    }
}

fn version(answer: &Answer) -> &Value {
    &answer.body["meta"]["version"]
}
