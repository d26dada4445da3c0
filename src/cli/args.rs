//! The commands and their flags. Flags that are keys of the configuration are handed on as [`Flag`]s, so that their
//! environment forms and the precedence are the configuration's alone.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use serde_json::Value;

use crate::config::Flag;
use crate::domain::duration;
use crate::domain::key::Key;
use crate::domain::profile::{Overrides, Profile};
use crate::domain::scope::Scope;
use crate::domain::secret::Secret;
use crate::domain::source::SourceName;

/// An identity provisioning gateway: SCIM 2.0 and managed roles in, converged applications out.
#[derive(Debug, Parser)]
#[command(
    name = "provost",
    version,
    arg_required_else_help = true,
    after_help = "Exit status: 0 done, 1 it failed, 2 wrong usage."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway.
    Serve(ServeArgs),
    /// Push a small company through the real APIs, with two downstream applications, on throwaway data.
    Demo(DemoArgs),
    /// Make, list and revoke bearer tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Bring the database to the form that this version needs.
    Migrate(StoreArgs),
    /// Check the database: objects, index, edges and what belongs together.
    Doctor(StoreArgs),
    /// Write a consistent copy of the data folder's database to a file.
    Backup(BackupArgs),
    /// Make a data folder from a backup. The folder must hold no database.
    Restore(RestoreArgs),
}

/// Where the data is.
#[derive(Debug, Clone, Default, Args)]
pub struct StoreArgs {
    /// The data folder, with SQLite [default: ./provost-data] [env: PROVOST_DATA].
    #[arg(long, value_name = "FOLDER", conflicts_with = "database")]
    pub data: Option<String>,
    /// A PostgreSQL database, as postgres://user@host/name [env: PROVOST_DATABASE_URL].
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// The configuration file [default: provost.toml, if there is one] [env: PROVOST_CONFIG].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl StoreArgs {
    /// The flags given.
    pub fn flags(&self) -> Vec<Flag> {
        let data = flag("store.data", "--data", self.data.as_ref());
        data.into_iter().chain(flag("store.database_url", "--database", self.database.as_ref())).collect()
    }
}

/// `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Address and port to listen on [default: 127.0.0.1:8080] [env: PROVOST_LISTEN].
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
    /// Where the data is.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Print every key of the configuration, its value and where that came from, secrets hidden; then end.
    #[arg(long)]
    pub print_config: bool,
}

impl ServeArgs {
    /// The flags given.
    pub fn flags(&self) -> Vec<Flag> {
        flag("server.listen", "--listen", self.listen.as_ref()).into_iter().chain(self.store.flags()).collect()
    }
}

/// `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Address and port to listen on [default: 127.0.0.1:8080] [env: PROVOST_LISTEN].
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
    /// End when all is shown, instead of staying up.
    #[arg(long)]
    pub once: bool,
}

impl DemoArgs {
    /// The flags given.
    pub fn flags(&self) -> Vec<Flag> {
        flag("server.listen", "--listen", self.listen.as_ref()).into_iter().collect()
    }
}

/// `token`.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, and nothing else, on standard output. It is shown this once.
    Create(TokenCreateArgs),
    /// List the tokens of a tenant; the tokens themselves are not kept.
    List(TokenListArgs),
    /// Revoke a token. It holds at once.
    Revoke(TokenRevokeArgs),
}

/// Through what the tokens are reached: the data itself, or a running server.
#[derive(Debug, Args)]
pub struct ReachArgs {
    /// Where the data is, when no server runs on it.
    #[command(flatten)]
    pub store: StoreArgs,
    /// A running server to ask instead.
    #[arg(long, value_name = "URL", requires = "token", conflicts_with_all = ["data", "database"])]
    pub server: Option<String>,
    /// An admin token for --server; better given by the environment, where other users of the machine do not see it.
    #[arg(long, value_name = "TOKEN", env = "PROVOST_TOKEN", hide_env_values = true, value_parser = secret)]
    pub token: Option<Secret>,
}

/// `token create`.
#[derive(Debug, Args)]
pub struct TokenCreateArgs {
    /// What to call it.
    #[arg(long)]
    pub name: String,
    /// The tenant that it belongs to [default: default]. With --server it is that of --token.
    #[arg(long, conflicts_with = "server")]
    pub tenant: Option<String>,
    /// What it may do; may be given several times, or with commas.
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', value_parser = Scope::parse, default_values = ["scim.read", "scim.write"])]
    pub scopes: Vec<Scope>,
    /// The upstream that it stands for; rotated tokens share it.
    #[arg(long, default_value = "default", value_parser = SourceName::parse)]
    pub source: SourceName,
    /// How far its client's habits are met: generic, strict, entra, okta or auto.
    #[arg(long, default_value = "generic", value_parser = profile)]
    pub profile: &'static Profile,
    /// A key of the profile that shall be otherwise for this token, as in reviveOnPost=false; may be given several times.
    #[arg(long = "profile-override", value_name = "KEY=VALUE", value_parser = profile_override)]
    pub overrides: Vec<(String, Value)>,
    /// How long it holds, as in 90d or 12h. Without it, until it is revoked.
    #[arg(long, value_name = "LENGTH", value_parser = duration::parse)]
    pub expires: Option<Duration>,
    /// Through what.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// `token list`.
#[derive(Debug, Args)]
pub struct TokenListArgs {
    /// The tenant [default: default]. With --server it is that of --token.
    #[arg(long, conflicts_with = "server")]
    pub tenant: Option<String>,
    /// Through what.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// `token revoke`.
#[derive(Debug, Args)]
pub struct TokenRevokeArgs {
    /// The id that `token list` shows.
    #[arg(value_parser = id)]
    pub id: Key,
    /// The tenant [default: default]. With --server it is that of --token.
    #[arg(long, conflicts_with = "server")]
    pub tenant: Option<String>,
    /// Through what.
    #[command(flatten)]
    pub reach: ReachArgs,
}

/// `backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to write; it must not be there.
    pub file: PathBuf,
    /// Where the data is.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// `restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The backup.
    pub file: PathBuf,
    /// Where the data shall be.
    #[command(flatten)]
    pub store: StoreArgs,
}

fn flag(key: &'static str, flag: &'static str, value: Option<&String>) -> Option<Flag> {
    value.map(|value| Flag { key, flag, value: value.clone() })
}

fn profile(name: &str) -> Result<&'static Profile, String> {
    Profile::by_name(name).ok_or_else(|| format!("one of {}", Profile::names().collect::<Vec<_>>().join(", ")))
}

fn profile_override(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    let pair = (key.to_owned(), value);
    Overrides::parse(&std::iter::once(pair.clone()).collect()).map(|_| pair).map_err(|fault| fault.to_string())
}

fn id(text: &str) -> Result<Key, &'static str> {
    Key::parse(text).ok_or("an id as `provost token list` shows it")
}

#[expect(clippy::unnecessary_wraps, reason = "the form that clap asks of a value parser")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::error::ErrorKind;
    use clap::{CommandFactory as _, Parser as _};

    use super::{Cli, Command, TokenCommand};
    use crate::config::{Config, Sources};
    use crate::domain::scope::Scopes;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_hands_its_flags_to_the_configuration() {
        let Command::Serve(args) = parse("provost serve --listen 127.0.0.1:0 --data here --print-config").unwrap().command else {
            panic!("not serve");
        };
        assert!(args.print_config);
        let config = Config::load(Sources { flags: args.flags(), ..Sources::default() }).unwrap();
        assert_eq!(config.server.listen.as_str(), "127.0.0.1:0");
        assert_eq!(config.store.data.to_str(), Some("here"));
    }

    #[test]
    fn token_create_reads_its_values() {
        let line = "provost token create --name hr --scope scim.read,scim.write --scope scim.roles --source hr --expires 90d";
        let Command::Token(TokenCommand::Create(args)) = parse(line).unwrap().command else { panic!("not create") };
        assert_eq!(args.scopes.iter().copied().collect::<Scopes>().to_string(), "scim.read scim.write scim.roles");
        assert_eq!(args.expires, Some(Duration::from_secs(90 * 86_400)));
        assert_eq!((args.tenant, args.source.as_str(), args.profile.name), (None, "hr", "generic"));
        let line = "provost token create --name o --profile okta --profile-override reviveOnPost=false --profile-override groupPatchReply=noContent";
        let Command::Token(TokenCommand::Create(args)) = parse(line).unwrap().command else { panic!("not create") };
        let given = [("reviveOnPost".to_owned(), false.into()), ("groupPatchReply".to_owned(), "noContent".into())];
        assert_eq!((args.profile.name, args.overrides), ("okta", given.to_vec()));
        let Command::Token(TokenCommand::Create(args)) = parse("provost token create --name x").unwrap().command else {
            panic!("not create")
        };
        assert_eq!(args.scopes.into_iter().collect::<Scopes>().to_string(), "scim.read scim.write");
    }

    #[test]
    fn wrong_usage_is_2() {
        for line in [
            "provost",
            "provost fly",
            "provost serve --data a --database postgres://h/d",
            "provost serve --port 1",
            "provost token create",
            "provost token create --name x --scope scim.reed",
            "provost token create --name x --expires soon",
            "provost token create --name x --source HR",
            "provost token list --server http://h",
            "provost token list --server http://h --token t --data d",
            "provost token list --server http://h --token t --tenant acme",
            "provost token create --name x --profile azure",
            "provost token create --name x --profile-override reviveOnPost",
            "provost token create --name x --profile-override reviveOnPost=perhaps",
            "provost token revoke id",
            "provost token revoke",
            "provost backup",
            "provost restore",
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}: {error}");
        }
        assert_eq!(parse("provost --help").unwrap_err().kind(), ErrorKind::DisplayHelp);
        assert_eq!(parse("provost --version").unwrap_err().exit_code(), 0);
        for line in ["migrate", "doctor --data d", "backup f --data d", "restore f", "demo --once"] {
            assert!(parse(&format!("provost {line}")).is_ok(), "{line}");
        }
    }
}
