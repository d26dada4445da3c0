//! What happens: the company is pushed, somebody moves, somebody leaves, a group is made.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::application::{Application, Holds, count, text};
use super::company::{Company, ENTERPRISE, Person};
use super::screen::Screen;
use crate::cli::CliError;
use crate::cli::client::Client;
use crate::domain::secret::Secret;
use crate::runtime::wait::pause;

/// How long things may take to arrive.
const DEADLINE: Duration = Duration::from_secs(90);

/// The condition of the role that lets people into the CRM.
const SALES: &str = "/department eq \"Sales\"";

/// The story as far as it was told.
pub struct Story {
    screen: Screen,
    url: String,
    admin: Client,
    hr: Client,
    company: Company,
    people: Vec<Person>,
    groups: Vec<String>,
    crm_user: String,
    crm: Application,
    wiki: Application,
    // People in the CRM, and how many of them are active.
    in_crm: (usize, usize),
    lost: usize,
}

impl Story {
    /// Sets everything up: roles, applications, and a token for HR.
    ///
    /// # Errors
    /// What the gateway answers.
    pub async fn begin(mut screen: Screen, url: &str, admin: Client) -> Result<Self, CliError> {
        screen.step("Roles and applications")?;
        let role = json!({ "name": "crm-user", "description": "May use the CRM", "condition": SALES });
        let role = admin.post("/openidm/managed/role?_action=create", &role).await?;
        let crm_user = text(&role, "_id")?.to_owned();
        screen.came_in(format_args!("role crm-user, for whoever meets  {SALES}"))?;
        let mappings = json!({
            "user": { "scope": format!("active eq true and roles.value eq \"{crm_user}\"") },
            "group": { "scope": "displayName sw \"crm-\"" },
        });
        let crm = Application::start("crm", url, &admin, Some(mappings)).await?;
        screen.came_in("application crm: active people with the role crm-user, and groups named crm-…")?;
        let wiki = Application::start("wiki", url, &admin, None).await?;
        screen.came_in("application wiki: everybody, and all groups")?;
        let body = json!({ "name": "hr", "source": "hr", "scopes": ["scim.read", "scim.write"], "expires": "1d" });
        let token = admin.post("/admin/v1/tokens", &body).await?;
        let hr = Client::new(url, Secret::new(text(&token, "token")?))?;
        screen.came_in("a token for HR that may write people and groups, and no roles")?;
        let company = Company::load()?;
        let people = company.people();
        let (url, groups) = (url.to_owned(), Vec::new());
        Ok(Self { screen, url, admin, hr, company, people, groups, crm_user, crm, wiki, in_crm: (0, 0), lost: 0 })
    }

    /// HR pushes everybody, and the groups.
    ///
    /// # Errors
    /// What the gateway answers.
    pub async fn push(&mut self) -> Result<(), CliError> {
        self.screen.step("HR pushes the company")?;
        let began = Instant::now();
        for index in 0..self.people.len() {
            let person = &self.people[index];
            let head = self.people.iter().find(|p| p.head && p.department == person.department && !person.head);
            let body = self.company.to_scim(person, head.map(|p| p.id.as_str()));
            let made = self.hr.post("/scim/v2/Users", &body).await?;
            self.people[index].id = text(&made, "id")?.to_owned();
        }
        for index in 0..self.company.departments.len() {
            let name = format!("team-{}", self.company.departments[index].name.to_lowercase());
            let members = self.members(|p| p.department == index);
            self.group(&name, &members).await?;
        }
        let sales = self.members(|p| p.department == 0);
        self.group("crm-sales", &sales).await?;
        let (people, groups) = (self.people.len(), self.groups.len());
        let took = began.elapsed().as_secs_f64();
        self.screen.came_in(format_args!("{people} people with managers and {groups} groups over SCIM, in {took:.1} s"))?;
        let holders = count(&self.admin, "Users", Some(&format!("roles.value eq \"{}\"", self.crm_user))).await?;
        self.screen.followed(format_args!("crm-user for {holders} people, because they meet  {SALES}"))?;
        self.in_crm = (sales.len(), sales.len());
        let crm = [Holds::People(sales.len(), sales.len()), Holds::Groups(1), Holds::Group("crm-sales".to_owned(), sales.len())];
        self.arrives(true, &crm).await?;
        let engineering = self.members(|p| self.company.departments[p.department].name == "Engineering").len();
        let team = Holds::Group("team-engineering".to_owned(), engineering);
        self.arrives(false, &[Holds::People(people, people), Holds::Groups(groups), team]).await
    }

    /// Somebody moves from Engineering to Sales.
    ///
    /// # Errors
    /// What the gateway answers.
    pub async fn moves(&mut self) -> Result<(), CliError> {
        let (id, name, user_name) = self.somebody("Engineering")?;
        self.screen.step(format_args!("{name} moves from Engineering to Sales"))?;
        self.shows_roles(&id, "before").await?;
        self.patch(&id, json!([{ "op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "Sales" }])).await?;
        self.screen.came_in(format_args!("HR changes the department of {user_name}"))?;
        for (group, op) in [("team-engineering", "remove"), ("team-sales", "add"), ("crm-sales", "add")] {
            self.member(group, op, &id).await?;
        }
        self.screen.came_in("HR changes the groups")?;
        self.shows_roles(&id, "now").await?;
        let sales = self.in_crm.0 + 1;
        self.in_crm = (sales, self.in_crm.1 + 1);
        let crm = [Holds::Person(user_name.clone(), Some(true)), Holds::Group("crm-sales".to_owned(), sales)];
        self.arrives(true, &crm).await?;
        self.explains(&id, &name).await?;
        self.arrives(false, &[Holds::Person(user_name, Some(true)), Holds::Group("team-sales".to_owned(), sales)]).await
    }

    /// Somebody leaves.
    ///
    /// # Errors
    /// What the gateway answers.
    pub async fn leaves(&mut self) -> Result<(), CliError> {
        let (id, name, user_name) = self.somebody("Sales")?;
        self.screen.step(format_args!("{name} of Sales leaves"))?;
        self.patch(&id, json!([{ "op": "replace", "path": "active", "value": false }])).await?;
        self.screen.came_in(format_args!("HR deactivates {user_name}"))?;
        self.in_crm.1 -= 1;
        let crm = [Holds::Person(user_name.clone(), Some(false)), Holds::People(self.in_crm.0, self.in_crm.1)];
        self.arrives(true, &crm).await?;
        self.explains(&id, &name).await?;
        self.arrives(false, &[Holds::Person(user_name, Some(false))]).await
    }

    /// A new group.
    ///
    /// # Errors
    /// What the gateway answers.
    pub async fn new_group(&mut self) -> Result<(), CliError> {
        self.screen.step("A new group: crm-champions")?;
        let champions: Vec<String> = self.members(|p| p.department == 0).into_iter().take(3).collect();
        self.group("crm-champions", &champions).await?;
        self.screen.came_in("HR makes the group crm-champions with 3 members")?;
        let holds = || Holds::Group("crm-champions".to_owned(), 3);
        self.arrives(true, &[holds(), Holds::Groups(2)]).await?;
        self.arrives(false, &[holds(), Holds::Groups(self.groups.len())]).await
    }

    /// Whether everything arrived.
    ///
    /// # Errors
    /// When something did not.
    pub fn end(&self) -> Result<(), CliError> {
        match self.lost {
            0 => self.screen.line("\nEverything arrived."),
            lost => Err(CliError::new(format!("{lost} things did not arrive within {} s", DEADLINE.as_secs()))),
        }
    }

    /// What the reader may do next.
    ///
    /// # Errors
    /// When standard output is gone.
    pub fn invite(&self, token: &Secret) -> Result<(), CliError> {
        let (url, token, crm) = (&self.url, token.expose(), self.crm.token.expose());
        let person = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
            "userName": "new.hire@acme.example", "active": true, ENTERPRISE: { "department": "Sales" },
        });
        self.screen.line(format_args!(
            "\nThe gateway stays up until Ctrl-C.\n\n  SCIM   {url}/scim/v2\n  IDM    {url}/openidm/managed\n  \
             admin  {url}/admin/v1\n  token  {token}\n\nHire somebody into Sales, see the role, and see the account in the CRM:\n\n\
             curl -s -H 'Authorization: Bearer {token}' -H 'Content-Type: application/scim+json' {url}/scim/v2/Users -d '{person}'\n\n\
             curl -s -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' -G {url}/openidm/managed/user \
             --data-urlencode '_queryFilter=userName eq \"new.hire@acme.example\"' --data-urlencode '_fields=userName,roles'\n\n\
             curl -s -H 'Authorization: Bearer {crm}' -H 'Accept: application/scim+json' -G {url}/scim/v2/Users \
             --data-urlencode 'filter=userName eq \"new.hire@acme.example\"'\n"
        ))
    }

    fn members(&self, belongs: impl Fn(&Person) -> bool) -> Vec<String> {
        self.people.iter().filter(|p| belongs(p)).map(|p| p.id.clone()).collect()
    }

    fn somebody(&self, department: &str) -> Result<(String, String, String), CliError> {
        let found = self.people.iter().filter(|p| self.company.departments[p.department].name == department && !p.head).nth(4);
        let person = found.ok_or_else(|| CliError::new("company.json: a department is too small"))?;
        Ok((person.id.clone(), person.name.clone(), person.user_name.clone()))
    }

    async fn group(&mut self, name: &str, members: &[String]) -> Result<(), CliError> {
        let members: Vec<Value> = members.iter().map(|id| json!({ "value": id, "type": "User" })).collect();
        let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name, "members": members });
        self.hr.post("/scim/v2/Groups", &body).await?;
        self.groups.push(name.to_owned());
        Ok(())
    }

    async fn patch(&self, user: &str, operations: Value) -> Result<(), CliError> {
        self.patch_at(&format!("/scim/v2/Users/{user}"), operations).await
    }

    async fn member(&self, group: &str, op: &str, user: &str) -> Result<(), CliError> {
        let found = self.hr.get(&format!("/scim/v2/Groups?filter=displayName%20eq%20%22{group}%22")).await?;
        let id = text(&found["Resources"][0], "id")?;
        let operation = match op {
            "add" => json!([{ "op": "add", "path": "members", "value": [{ "value": user }] }]),
            _ => json!([{ "op": "remove", "path": format!("members[value eq \"{user}\"]") }]),
        };
        self.patch_at(&format!("/scim/v2/Groups/{id}"), operation).await
    }

    async fn patch_at(&self, path: &str, operations: Value) -> Result<(), CliError> {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
        self.hr.patch(path, &body).await.map(drop)
    }

    async fn shows_roles(&self, user: &str, when: &str) -> Result<(), CliError> {
        let answer = self.admin.get(&format!("/scim/v2/Users/{user}?attributes=roles")).await?;
        let name = |role: &Value| role["display"].as_str().unwrap_or_default().to_owned();
        let why = |role: &Value| match role["type"].as_str() {
            Some("conditional") => format!(", because it meets  {SALES}"),
            _ => String::new(),
        };
        let roles: Vec<String> =
            answer["roles"].as_array().into_iter().flatten().map(|role| format!("{}{}", name(role), why(role))).collect();
        let roles = if roles.is_empty() { "none".to_owned() } else { roles.join("; ") };
        self.screen.followed(format_args!("roles {when}: {roles}"))
    }

    async fn explains(&self, user: &str, name: &str) -> Result<(), CliError> {
        let link = self.crm.explain(&self.admin, user).await?;
        let why = link["why"].as_str().or(link["reason"].as_str());
        match why {
            Some(why) => self.screen.arrived(format_args!("crm    {name}: {why}")),
            None => Ok(()),
        }
    }

    /// Waits until nothing is pending and the application itself says that it holds all of it.
    async fn arrives(&mut self, crm: bool, wanted: &[Holds]) -> Result<(), CliError> {
        let application = if crm { &self.crm } else { &self.wiki };
        let began = Instant::now();
        loop {
            let mut said = Vec::with_capacity(wanted.len());
            for holds in wanted {
                said.push(application.has(holds).await?);
            }
            let settled = application.pending(&self.admin).await? == 0;
            if settled && said.iter().all(|(there, _)| *there) {
                let said: Vec<String> = said.into_iter().map(|(_, words)| words).collect();
                let took = began.elapsed().as_secs_f64();
                return self.screen.arrived(format_args!("{:<5}  {}  ({took:.1} s)", application.name, said.join("; ")));
            }
            if began.elapsed() > DEADLINE {
                for (_, words) in said.iter().filter(|(there, _)| !there) {
                    self.lost += 1;
                    self.screen.missing(format_args!("{} holds {words}", application.name))?;
                }
                if !settled {
                    self.lost += 1;
                    self.screen.missing(format_args!("{} has work that waits", application.name))?;
                }
                return Ok(());
            }
            pause(Duration::from_millis(100)).await;
        }
    }
}
