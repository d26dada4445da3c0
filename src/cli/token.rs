//! `provost token`: on the data itself while no server runs, or through a server.

use std::io::Write as _;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, json};

use super::args::{ReachArgs, TokenCommand, TokenCreateArgs};
use super::client::Client;
use super::gateway::{Core, open_existing};
use super::{CliError, block_on, configure};
use crate::auth::tokens::{NewToken, Token};
use crate::config::master_key;
use crate::domain::duration;
use crate::domain::key::TenantId;
use crate::domain::profile::Overrides;
use crate::domain::time::Timestamp;
use crate::runtime::Clock;
use crate::service::tenants;
use crate::store::{Conn, StoreError, tokens};

/// Makes, lists or revokes tokens.
///
/// # Errors
/// Configuration, store, server; what is wrong with the wish.
pub fn run(command: &TokenCommand) -> Result<(), CliError> {
    let (reach, tenant) = match command {
        TokenCommand::Create(args) => (&args.reach, &args.tenant),
        TokenCommand::List(args) => (&args.reach, &args.tenant),
        TokenCommand::Revoke(args) => (&args.reach, &args.tenant),
    };
    let tenant = tenant.as_deref().unwrap_or(tenants::DEFAULT);
    block_on(async {
        match &reach.server {
            Some(server) => remote(command, &client(server, reach)?).await,
            None => local(command, reach, tenant).await,
        }
    })
}

fn client(server: &str, reach: &ReachArgs) -> Result<Client, CliError> {
    let token = reach.token.clone().ok_or_else(|| CliError::new("--server needs --token or PROVOST_TOKEN"))?;
    Client::new(server, token)
}

async fn local(command: &TokenCommand, reach: &ReachArgs, tenant: &str) -> Result<(), CliError> {
    let config = configure(reach.store.config.as_deref(), reach.store.flags())?;
    let key = master_key::find(&config)?;
    let store = open_existing(&config)?;
    // The first token is shown by `serve` alone.
    let known = |conn: &mut Conn| match crate::store::tenants::by_name(conn, tenants::DEFAULT)? {
        Some(row) => Ok::<_, StoreError>(!tokens::list(conn, row.id)?.is_empty()),
        None => Ok(false),
    };
    if !store.read(known).await? {
        return Err(CliError::new("the database is new and has no token yet; start `provost serve` once"));
    }
    let core = Core::over(store, key, &config, Clock::system(), Arc::default()).await?;
    let tenant = core.service.tenant(tenant).await?.id;
    let done = on_data(command, &core, tenant).await;
    core.store.close().await;
    done
}

async fn on_data(command: &TokenCommand, core: &Core, tenant: TenantId) -> Result<(), CliError> {
    match command {
        TokenCommand::Create(args) => {
            let (_, text) = core.auth.create(tenant, wish(args, core.service.clock())?, false).await?;
            print(text.expose())
        }
        TokenCommand::List(_) => {
            let tokens = core.auth.list(tenant).await?;
            table(&tokens.iter().map(Listed::from).collect::<Vec<_>>())
        }
        TokenCommand::Revoke(args) => Ok(core.auth.revoke(tenant, args.id, false).await?),
    }
}

fn wish(args: &TokenCreateArgs, clock: &Clock) -> Result<NewToken, CliError> {
    let until = |length: std::time::Duration| clock.now().plus_seconds(i64::try_from(length.as_secs()).unwrap_or(i64::MAX));
    Ok(NewToken {
        name: args.name.clone(),
        source: args.source.as_str().to_owned(),
        profile: args.profile,
        overrides: Overrides::parse(&args.overrides.iter().cloned().collect())?,
        scopes: args.scopes.iter().copied().collect(),
        expires: args.expires.map(until),
    })
}

async fn remote(command: &TokenCommand, client: &Client) -> Result<(), CliError> {
    match command {
        TokenCommand::Create(args) => {
            let body = json!({
                "name": args.name,
                "source": args.source.as_str(),
                "profile": args.profile.name,
                "profileOverrides": args.overrides.iter().cloned().collect::<Map<_, _>>(),
                "scopes": args.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>(),
                "expires": args.expires.map(duration::print),
            });
            let made = client.post("/admin/v1/tokens", &body).await?;
            let text = made["token"].as_str().ok_or_else(|| CliError::new("the server made a token and did not show it"))?;
            print(text)
        }
        TokenCommand::List(_) => {
            let mut answer = client.get("/admin/v1/tokens").await?;
            let read = serde_json::from_value::<Vec<Listed>>(answer["tokens"].take());
            table(&read.map_err(|e| CliError::new(format!("the server's list of tokens cannot be read: {e}")))?)
        }
        TokenCommand::Revoke(args) => client.delete(&format!("/admin/v1/tokens/{}", args.id)).await.map(drop),
    }
}

/// A token as the table shows it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    name: String,
    source: String,
    profile: String,
    scopes: Vec<String>,
    created: String,
    expires: Option<String>,
    revoked: Option<String>,
    last_used: Option<String>,
}

impl From<&Token> for Listed {
    fn from(row: &Token) -> Self {
        let at = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            id: row.id.to_string(),
            name: row.name.clone(),
            source: row.source.clone(),
            profile: row.profile.clone(),
            scopes: row.scopes.split(' ').map(str::to_owned).collect(),
            created: row.created.to_string(),
            expires: at(row.expires),
            revoked: at(row.revoked),
            last_used: at(row.last_used),
        }
    }
}

fn table(tokens: &[Listed]) -> Result<(), CliError> {
    let day = |at: &Option<String>| at.as_deref().map_or_else(|| "-".to_owned(), seconds);
    let head = ["ID", "NAME", "SOURCE", "PROFILE", "SCOPES", "CREATED", "EXPIRES", "REVOKED", "LAST USED"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(tokens.iter().map(|t| {
        let (scopes, created) = (t.scopes.join(","), seconds(&t.created));
        let (expires, revoked, used) = (day(&t.expires), day(&t.revoked), day(&t.last_used));
        [t.id.clone(), t.name.clone(), t.source.clone(), t.profile.clone(), scopes, created, expires, revoked, used]
    }));
    let widths: Vec<usize> =
        (0..head.len()).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect();
    print(&lines.join("\n"))
}

/// An instant without its fraction.
fn seconds(at: &str) -> String {
    at.split_once('.').map_or_else(|| at.to_owned(), |(whole, _)| format!("{whole}Z"))
}

fn print(text: &str) -> Result<(), CliError> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
