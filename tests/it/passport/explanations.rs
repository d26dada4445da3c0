//! Near misses and remedies against a world in which grants, roles and conditions are in and out of force in every way.

use provost::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::harness::gateway::{Client, Gateway, START};

const WINDOWS: [Option<&str>; 4] = [
    None,
    Some("2026-01-01T00:00:00Z/2026-02-01T00:00:00Z"),
    Some("2026-02-01T00:00:00Z/2026-06-01T00:00:00Z"),
    Some("2026-04-01T00:00:00Z/2026-05-01T00:00:00Z"),
];

/// None, and such as miss in no, one and two parts.
const CONDITIONS: [Option<&str>; 4] = [
    None,
    Some("/title eq \"clerk\" and /userName eq \"u\""),
    Some("/title eq \"clerk\" and /userName eq \"v\""),
    Some("/title eq \"boss\" and /userName eq \"v\""),
];

/// One role of the world: its window, its condition, and by a grant with which window the user has it, if by any.
struct Role {
    name: String,
    window: usize,
    condition: usize,
    grant: Option<usize>,
}

impl Role {
    fn open(window: usize) -> bool {
        [0, 2].contains(&window)
    }

    fn allows(&self) -> bool {
        Self::open(self.window) && (self.condition == 1 || self.grant.is_some_and(Self::open))
    }

    /// Whether something is there that only time is in the way of, or a condition only one part of.
    fn nearly(&self) -> bool {
        !self.allows() && (self.grant.is_some() || self.condition == 1 || self.condition == 2 && Self::open(self.window))
    }
}

fn constraint(window: usize) -> Value {
    WINDOWS[window].map_or(Value::Null, |duration| json!([{ "duration": duration }]))
}

async fn world(admin: &Client) -> Vec<Role> {
    let mut roles = Vec::new();
    for window in 0..4 {
        for condition in 0..4 {
            for grant in [None, Some(0), Some(1), Some(2), Some(3)] {
                roles.push(Role { name: format!("r{}", roles.len()), window, condition, grant });
            }
        }
    }
    let made = admin.put("/openidm/managed/user/u", &json!({ "userName": "u", "title": "clerk" })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    for role in &roles {
        let mut body = json!({ "name": role.name, "permissions": [format!("p.{}", role.name)] });
        if role.window > 0 {
            body["temporalConstraints"] = constraint(role.window);
        }
        if let Some(condition) = CONDITIONS[role.condition] {
            body["condition"] = condition.into();
        }
        let made = admin.put(&format!("/openidm/managed/role/{}", role.name), &body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        if let Some(window) = role.grant {
            let mut grant = json!({ "_ref": format!("managed/role/{}", role.name) });
            if window > 0 {
                grant["_refProperties"] = json!({ "temporalConstraints": constraint(window) });
            }
            let made = admin.post("/openidm/managed/user/u/roles?_action=create", &grant).await;
            assert_eq!(made.status, 201, "{}", made.text);
        }
    }
    roles
}

async fn asked(admin: &Client, role: &Role) -> Value {
    let told =
        admin.post("/passport/check-permission", &json!({ "caller": "u", "permission": format!("p.{}", role.name) })).await;
    assert_eq!(told.status, 200, "{}", told.text);
    told.body
}

/// What is nearly held is never held, every remedy helps when it is applied, and where nothing is told nothing would.
#[tokio::test]
async fn near_misses_never_allow_and_remedies_help() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let roles = world(&admin).await;
        let (mut helped, mut waited) = (0, 0);
        for role in &roles {
            let what = format!("window {} condition {} grant {:?}", role.window, role.condition, role.grant);
            let told = asked(&admin, role).await;
            let explanation = &told["explanation"];
            assert_eq!(told["allowed"], role.allows(), "{what}: {told}");
            let near = explanation["nearMisses"].as_array().unwrap();
            assert_eq!(near.iter().any(|miss| miss["role"] == role.name.as_str()), role.nearly(), "{what}: {told}");
            let remedies: Vec<&str> = explanation["remedies"].as_array().unwrap().iter().map(|r| r.as_str().unwrap()).collect();
            let grants = remedies.contains(&format!("grant role {}", role.name).as_str());
            assert_eq!(grants, !role.allows() && Role::open(role.window), "{what}: {told}");
            for remedy in &remedies {
                if let Some(instant) = remedy.strip_prefix("wait until ") {
                    gateway.clock.set(Timestamp::parse(instant).unwrap());
                    assert_eq!(asked(&admin, role).await["allowed"], true, "{what}: {remedy}");
                    gateway.clock.set(Timestamp::parse(START).unwrap());
                    waited += 1;
                }
            }
            if grants {
                let grant = json!({ "_ref": format!("managed/role/{}", role.name) });
                let made = admin.post("/openidm/managed/user/u/roles?_action=create", &grant).await;
                assert_eq!(made.status, 201, "{what}: {}", made.text);
                assert_eq!(asked(&admin, role).await["allowed"], true, "{what}");
                helped += 1;
            }
        }
        assert!(helped > 10 && waited > 10, "{helped} {waited}");
    }
}
