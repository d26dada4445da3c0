//! Filters, order and projections.

use serde_json::{Value, json};

use super::values::other_case;
use super::{Place, Walk};
use crate::harness::gateway::{Answer, query};

/// More than are there at any time.
const ALL: &str = "1000";

impl Walk<'_> {
    /// One object with the attribute and one without, read in every way.
    pub(super) async fn read(&self, place: &Place<'_>) {
        let (kind, attribute) = (place.kind, place.attribute);
        let with = match attribute.read_only() {
            true => self.least(kind),
            false => self.with(place, &self.value(place).await),
        };
        let here = self.post(kind, &with).await;
        let there = self.post(kind, &self.least(kind)).await;
        if !self.see(place, "POST before reading", &here, here.status == 201 && there.status == 201) {
            return;
        }
        let full = self.read_back(kind, here.id(), (attribute.returned == "request").then_some(&*place.path())).await;
        let places = attribute.sub_attributes.iter().map(|sub| place.part(sub));
        for place in std::iter::once(*place).chain(places) {
            self.filtered(&place, &full.body, here.id(), there.id()).await;
            self.projected(&place, &full.body, here.id()).await;
            if self.sorts {
                self.sorted(&place, &full.body, here.id(), there.id()).await;
            }
        }
        self.delete(kind, here.id()).await;
        self.delete(kind, there.id()).await;
    }

    async fn find(&self, place: &Place<'_>, filter: &str) -> Answer {
        self.client.get(&query(&place.kind.endpoint, &[("filter", filter), ("count", ALL)])).await
    }

    async fn filtered(&self, place: &Place<'_>, full: &Value, here: &str, there: &str) {
        let (path, leaf) = (place.path(), place.leaf());
        let hidden = place.attribute.returned == "never" || leaf.returned == "never";
        // A complex attribute compares by its value (spec/scim.md §3.1).
        let compared = if leaf.complex() { leaf.sub("value") } else { Some(leaf) };
        let text = compared.is_some_and(|c| matches!(c.kind.as_str(), "string" | "reference"));
        let known = place.values(full).first().copied().cloned();
        let known = if leaf.complex() { known.and_then(|k| k.get("value").cloned()) } else { known };
        let sample = known.clone().unwrap_or_else(|| compared.map_or(json!("x"), |c| super::values::simple(c, 1)));

        let present = self.find(place, &format!("{path} pr")).await;
        if hidden {
            for filter in [format!("{path} pr"), format!("{path} eq {sample}"), format!("{path} sw \"A\"")] {
                let refused = self.find(place, &filter).await;
                // A secret in an address is told apart from a filter that is not understood (spec/scim.md §2.9).
                let kind = if place.path() == "password" { "sensitive" } else { "invalidFilter" };
                self.refuses(place, &filter, &refused, kind);
            }
            return;
        }
        let has = |answer: &Answer, id: &str| {
            answer.body["Resources"].as_array().is_some_and(|list| list.iter().any(|r| r["id"] == id))
        };
        let set = !place.values(full).is_empty();
        self.see(place, "pr", &present, present.status == 200 && has(&present, here) == set);
        if !place.attribute.required && !place.attribute.read_only() && !place.kept() {
            self.see(place, "pr of nothing", &present, !has(&present, there));
        }
        let Some(compared) = compared else {
            let refused = self.find(place, &format!("{path} eq \"x\"")).await;
            self.refuses(place, "eq of a complex value", &refused, "invalidFilter");
            return;
        };
        for (op, offered) in
            [("eq", true), ("co", text), ("sw", text), ("gt", !matches!(compared.kind.as_str(), "boolean" | "binary"))]
        {
            if !offered {
                let refused = self.find(place, &format!("{path} {op} {sample}")).await;
                self.refuses(place, op, &refused, "invalidFilter");
                continue;
            }
            let Some(known) = &known else {
                let found = self.find(place, &format!("{path} {op} {sample}")).await;
                self.see(place, op, &found, found.status == 200);
                continue;
            };
            let Some(whole) = known.as_str().filter(|_| text) else {
                let found = self.find(place, &format!("{path} {op} {known}")).await;
                let expected = op == "eq" || place.values(full).len() > 1;
                self.see(place, op, &found, found.status == 200 && has(&found, here) == expected);
                continue;
            };
            let cut = match op {
                "co" => &whole[1..whole.len() - 1],
                "sw" => &whole[..whole.len() - 1],
                _ => whole,
            };
            if op == "gt" {
                continue;
            }
            let found = self.find(place, &format!("{path} {op} {}", json!(cut))).await;
            self.see(
                place,
                op,
                &found,
                found.status == 200 && has(&found, here) && (place.attribute.read_only() || !has(&found, there)),
            );
            let swapped = other_case(cut);
            let found = self.find(place, &format!("{path} {op} {}", json!(swapped))).await;
            let meets = swapped == cut || !compared.exact();
            self.see(place, &format!("{op} in the other case"), &found, found.status == 200 && has(&found, here) == meets);
        }
    }

    async fn projected(&self, place: &Place<'_>, full: &Value, id: &str) {
        let (kind, path, leaf) = (place.kind, place.path(), place.leaf());
        let address = format!("{}/{id}", kind.endpoint);
        let always = |name: &str| name == "schemas" || name == "id";
        for name in [path.clone(), other_case(&path)] {
            let only = self.client.get(&query(&address, &[("attributes", &name)])).await;
            let kept = if leaf.returned == "never" { Vec::new() } else { place.values(full) };
            self.see(place, "attributes", &only, only.status == 200 && place.values(&only.body) == kept);
            let head = place.urn.unwrap_or(&place.attribute.name);
            let alone = only.body.as_object().is_some_and(|o| o.keys().all(|key| always(key) || key == head));
            self.see(place, "attributes brings nothing else", &only, alone);
            if let Some(sub) = place.sub {
                let part = Place { sub: None, ..*place };
                let bare = |e: &&Value| e.as_object().is_some_and(|o| o.keys().all(|key| *key == sub.name));
                self.see(place, "attributes brings no other part", &only, part.values(&only.body).iter().all(bare));
            }
        }
        let without = self.client.get(&query(&address, &[("excludedAttributes", &path)])).await;
        let stays = leaf.returned == "always";
        let left = place.values(&without.body);
        self.see(
            place,
            "excludedAttributes",
            &without,
            without.status == 200 && (left.is_empty() != stays || place.values(full).is_empty()),
        );
        let both = self.client.get(&query(&address, &[("attributes", &path), ("excludedAttributes", &path)])).await;
        self.see(place, "both at once", &both, both.status == 400);
    }

    async fn sorted(&self, place: &Place<'_>, full: &Value, here: &str, there: &str) {
        let (kind, path) = (place.kind, place.path());
        let order = |answer: &Answer| -> Vec<String> {
            let all = answer.body["Resources"].as_array().cloned().unwrap_or_default();
            let ids = all.iter().filter_map(|r| r["id"].as_str());
            ids.filter(|id| *id == here || *id == there).map(str::to_owned).collect()
        };
        let ask = async |direction| {
            self.client.get(&query(&kind.endpoint, &[("sortBy", &path), ("sortOrder", direction), ("count", ALL)])).await
        };
        let (up, down) = (ask("ascending").await, ask("descending").await);
        let reads = |a: &Answer| a.status == 200 && order(a).len() == 2;
        // What has nothing to compare may be refused, but in one way.
        let unsortable = place.leaf().complex() && place.leaf().sub("value").is_none()
            || place.leaf().returned == "never"
            || place.attribute.returned == "never";
        if unsortable {
            self.see(place, "sortBy", &up, matches!(up.status, 200 | 400));
            return;
        }
        if !self.see(place, "sortBy", &up, reads(&up)) || !self.see(place, "sortBy descending", &down, reads(&down)) {
            return;
        }
        let lacking = !place.attribute.required && !place.attribute.read_only() && !place.kept();
        if lacking && !place.values(full).is_empty() {
            // What is unassigned comes last when ascending (RFC 7644 §3.4.2.3).
            self.see(place, "unassigned last", &up, order(&up)[0] == here);
            self.see(place, "unassigned first", &down, order(&down)[0] == there);
        }
    }
}
