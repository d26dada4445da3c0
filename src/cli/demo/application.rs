//! A downstream application: what is pushed to it, and what it holds when it is asked.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::cli::CliError;
use crate::cli::client::Client;
use crate::domain::secret::Secret;

/// An application, reached over SCIM with a token of its own.
pub struct Application {
    /// What it is called.
    pub name: &'static str,
    /// Its admin token, for the reader to look inside.
    pub token: Secret,
    own: Client,
    target: String,
}

/// What an application should hold.
pub enum Holds {
    /// So many people, and so many of them active.
    People(usize, usize),
    /// A group of this name, with so many members.
    Group(String, usize),
    /// So many groups.
    Groups(usize),
    /// This person, active or not, or not at all.
    Person(String, Option<bool>),
}

impl Application {
    /// Sets it up as a tenant of its own, and makes it a target of the gateway.
    ///
    /// # Errors
    /// What the gateway answers.
    pub async fn start(name: &'static str, url: &str, admin: &Client, mappings: Option<Value>) -> Result<Self, CliError> {
        let tenant = admin.post("/admin/v1/tenants", &json!({ "name": name })).await?;
        let token = Secret::new(text(&tenant, "token")?);
        let own = Client::new(url, token.clone())?;
        let body = json!({ "name": "provost", "scopes": ["scim.read", "scim.write"] });
        let pushed_with = own.post("/admin/v1/tokens", &body).await?;
        let mut target = json!({
            "name": name,
            "kind": "scim",
            "config": {
                "baseUrl": format!("{url}/scim/v2"),
                "auth": { "type": "bearer", "token": text(&pushed_with, "token")? },
                "allowPrivateNetwork": true,
            },
            "deprovision": "disable",
        });
        if let Some(mappings) = mappings {
            target["mappings"] = mappings;
        }
        let target = admin.post("/admin/v1/targets", &target).await?;
        Ok(Self { name, token, own, target: text(&target, "id")?.to_owned() })
    }

    /// How many objects wait to be sent to it.
    ///
    /// # Errors
    /// What the gateway answers.
    pub async fn pending(&self, admin: &Client) -> Result<u64, CliError> {
        let target = admin.get(&format!("/admin/v1/targets/{}", self.target)).await?;
        Ok(target["counts"]["pending"].as_u64().unwrap_or(0))
    }

    /// Why an object is there or not, as the gateway explains it.
    ///
    /// # Errors
    /// What the gateway answers.
    pub async fn explain(&self, admin: &Client, user: &str) -> Result<Value, CliError> {
        admin.get(&format!("/admin/v1/targets/{}/links/user/{user}", self.target)).await
    }

    /// Asks the application itself: what it holds, in words, and whether that is what it should hold.
    ///
    /// # Errors
    /// What the application answers.
    pub async fn has(&self, wanted: &Holds) -> Result<(bool, String), CliError> {
        match wanted {
            Holds::People(people, active) => {
                let found = (self.count("Users", None).await?, self.count("Users", Some("active eq true")).await?);
                let inactive = found.0 - found.1.min(found.0);
                let inactive = if inactive > 0 { format!(", {inactive} of them disabled") } else { String::new() };
                Ok((found == (*people, *active), format!("{} people{inactive}", found.0)))
            }
            Holds::Groups(groups) => {
                let found = self.count("Groups", None).await?;
                Ok((found == *groups, format!("{found} group{}", if found == 1 { "" } else { "s" })))
            }
            Holds::Group(name, members) => {
                let found = self.find("Groups", &format!("displayName eq \"{name}\"")).await?;
                let there = found.first().map(|group| group["members"].as_array().map_or(0, Vec::len));
                let said = there.map_or_else(|| format!("no group {name}"), |n| format!("group {name} with {n} members"));
                Ok((there == Some(*members), said))
            }
            Holds::Person(user_name, state) => {
                let found = self.find("Users", &format!("userName eq \"{user_name}\"")).await?;
                let there = found.first().map(|user| user["active"] == true);
                let said = match there {
                    None => format!("no {user_name}"),
                    Some(true) => format!("{user_name}, active"),
                    Some(false) => format!("{user_name}, disabled"),
                };
                Ok((there == *state, said))
            }
        }
    }

    async fn count(&self, endpoint: &str, filter: Option<&str>) -> Result<usize, CliError> {
        count(&self.own, endpoint, filter).await
    }

    async fn find(&self, endpoint: &str, filter: &str) -> Result<Vec<Value>, CliError> {
        let found = self.own.get(&format!("/scim/v2/{endpoint}?filter={}", encode(filter))).await?;
        Ok(found["Resources"].as_array().cloned().unwrap_or_default())
    }
}

/// How many resources meet a filter.
///
/// # Errors
/// What is answered.
pub async fn count(client: &Client, endpoint: &str, filter: Option<&str>) -> Result<usize, CliError> {
    let filter = filter.map_or_else(String::new, |filter| format!("&filter={}", encode(filter)));
    let found = client.get(&format!("/scim/v2/{endpoint}?count=0{filter}")).await?;
    let total = found["totalResults"].as_u64().and_then(|n| usize::try_from(n).ok());
    total.ok_or_else(|| CliError::new("a list without totalResults"))
}

/// A text of an answer.
///
/// # Errors
/// When it is not there.
pub fn text<'a>(answer: &'a Value, name: &str) -> Result<&'a str, CliError> {
    answer[name].as_str().ok_or_else(|| CliError::new(format!("an answer without '{name}'")))
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
