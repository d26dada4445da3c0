//! Configuration: defaults < file < environment < flags, in one typed [`Config`].
//!
//! Every key stands once, with its documentation and default, in [`keys`]. Loading is a function of its inputs, so tests
//! bring their own environment. For each key the origin of its value is kept, for `serve --print-config`.

pub mod file;
pub mod keys;
mod layer;
pub mod master_key;
mod print;
mod value;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

pub use keys::{Config, KEYS};
pub use layer::{Flag, Origin, Setting, Sources};
pub use value::{ByteSize, DatabaseUrl, HostPort, LogFormat, PublicUrl};

/// Configuration that cannot be used. The text names the key and where its value came from, never a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No such key.
    #[error("{origin}: there is no key {key}; `provost serve --print-config` lists them all")]
    Unknown {
        /// Where it was found.
        origin: Origin,
        /// Its name, with the section.
        key: String,
    },
    /// The value breaks a rule.
    #[error("{key} ({origin}): {rule}")]
    Value {
        /// Where it came from.
        origin: Origin,
        /// Its name, with the section.
        key: String,
        /// The rule.
        rule: String,
    },
    /// The file is no TOML.
    #[error("{file} line {line}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A file cannot be read or written.
    #[error("{file}: {cause}")]
    File {
        /// The file.
        file: String,
        /// Why not.
        cause: std::io::Error,
    },
    /// Values that do not go together.
    #[error("{0}")]
    Together(String),
    /// A master key that cannot be used.
    #[error("master key ({origin}): {cause}")]
    MasterKey {
        /// Where it came from.
        origin: String,
        /// Why not.
        cause: crate::domain::secret::SecretError,
    },
}

/// The engine that the configuration names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database<'a> {
    /// SQLite in this data folder.
    Folder(&'a Path),
    /// PostgreSQL.
    Postgres(&'a DatabaseUrl),
}

impl Config {
    /// Puts the layers together.
    ///
    /// # Errors
    /// Unknown keys, values that break their rule, values that do not go together.
    pub fn load(sources: Sources) -> Result<Self, ConfigError> {
        let config = Self::from_settings(layer::merge(sources)?)?;
        config.check()?;
        Ok(config)
    }

    /// Where the data is. Of a data folder and a database, the one from the higher layer counts.
    pub fn database(&self) -> Database<'_> {
        match &self.store.database_url {
            Some(url) if self.origin("store", "database_url").layer() >= self.origin("store", "data").layer() => {
                Database::Postgres(url)
            }
            _ => Database::Folder(&self.store.data),
        }
    }

    /// Base of `meta.location` and `Location`, without a slash at its end: the public URL, or `http://` and the address bound.
    pub fn base_url(&self, bound: SocketAddr) -> String {
        match &self.server.public_url {
            Some(url) => url.as_str().to_owned(),
            None => format!("http://{bound}"),
        }
    }

    /// Every key with its value and origin, in the form of a configuration file, secrets hidden.
    pub fn print(&self) -> String {
        print::print(&self.settings)
    }

    fn origin(&self, section: &str, name: &str) -> &Origin {
        let found = self.settings.iter().find(|setting| setting.key.section == section && setting.key.name == name);
        found.map_or(&Origin::Default, |setting| &setting.origin)
    }

    /// Rules that span several keys.
    fn check(&self) -> Result<(), ConfigError> {
        let together = |text: &str| Err(ConfigError::Together(text.to_owned()));
        if self.store.database_url.is_some() {
            let (data, url) = (self.origin("store", "data"), self.origin("store", "database_url"));
            if data.layer() == url.layer() {
                return together(&format!("store.data ({data}) and store.database_url ({url}): give one of them"));
            }
        }
        if self.secrets.master_key.is_some() && self.secrets.master_key_file.is_some() {
            return together("secrets.master_key and secrets.master_key_file: give one of them");
        }
        if self.limits.page_default > self.limits.page_max {
            return together("limits.page_default must not be above limits.page_max");
        }
        // What is nested is read by functions that call themselves; SQLite takes expressions of 1,000 levels.
        for (key, value, most) in [
            ("depth", self.limits.depth, 100),
            ("filter_depth", self.limits.filter_depth, 100),
            ("filter_terms", self.limits.filter_terms, 500),
        ] {
            if value > most {
                let (origin, key) = (self.origin("limits", key).clone(), format!("limits.{key}"));
                return Err(ConfigError::Value { origin, key, rule: format!("write a whole number from 1 to {most}") });
            }
        }
        if self.oauth.assertion_lifetime > Duration::from_secs(600) {
            return together("oauth.assertion_lifetime is at most 10m");
        }
        if self.oauth.key_lifetime < Duration::from_secs(3_600) {
            return together("oauth.key_lifetime is at least 1h");
        }
        if self.oauth.audience.is_empty() || self.oauth.audience.contains(char::is_whitespace) {
            return together("oauth.audience is one word");
        }
        if self.inbound_guard.percent > 100 {
            return together("inbound_guard.percent is at most 100");
        }
        // A worker starts no call that could outlast its lease, which it renews every quarter of its term.
        if self.sync.lease_term < self.sync.call_timeout * 2 {
            return together("sync.lease_term must be at least twice sync.call_timeout");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::{Config, ConfigError, Database, Flag, KEYS, Origin, Sources};

    fn load(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Result<Config, ConfigError> {
        Config::load(Sources {
            file: Some(("provost.toml".to_owned(), file.to_owned())),
            environment: environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            flags: flags.iter().map(|(key, value)| Flag { key, flag: "--flag", value: (*value).to_owned() }).collect(),
        })
    }

    #[test]
    fn defaults_are_valid() {
        let config = load("", &[], &[]).unwrap();
        assert_eq!(config.server.listen.as_str(), "127.0.0.1:8080");
        assert_eq!(config.limits.body.bytes(), 8 << 20);
        assert_eq!(config.database(), Database::Folder(Path::new("./provost-data")));
        assert_eq!(config.base_url("127.0.0.1:9".parse().unwrap()), "http://127.0.0.1:9");
    }

    #[test]
    fn higher_layers_win() {
        let file = "[limits]\npage_max = 11\n";
        let long = ("PROVOST_LIMITS__PAGE_MAX", "12");
        let base = ("PROVOST_LIMITS__PAGE_DEFAULT", "1");
        for (environment, flags, expected) in [
            (vec![base], vec![], 11),
            (vec![base, long], vec![], 12),
            (vec![base, long], vec![("limits.page_max", "13")], 13),
            (vec![base, ("PROVOST_LIMITS__PAGE_MAX", "")], vec![], 11),
        ] {
            assert_eq!(load(file, &environment, &flags).unwrap().limits.page_max, expected);
        }
        let config = load("", &[("PROVOST_LISTEN", "[::1]:80"), ("PROVOST_SYNC__POLL", "5s")], &[]).unwrap();
        assert_eq!(config.server.listen.as_str(), "[::1]:80");
        assert_eq!(config.sync.poll, Duration::from_secs(5));
    }

    #[test]
    fn the_higher_of_folder_and_database_counts() {
        let url = ("PROVOST_DATABASE_URL", "postgres://provost@db/provost");
        assert!(matches!(load("", &[url], &[]).unwrap().database(), Database::Postgres(_)));
        let config = load("", &[url], &[("store.data", "here")]).unwrap();
        assert_eq!(config.database(), Database::Folder(Path::new("here")));
        let config = load("", &[("PROVOST_DATA", "here")], &[("store.database_url", url.1)]).unwrap();
        assert!(matches!(config.database(), Database::Postgres(_)));
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (file, environment, expected) in [
            ("[server]\n\nlisten = \"127.0.0.1:1\"\nlistn = 2", vec![], "provost.toml line 4: there is no key server.listn"),
            ("[srv]\nlisten = 2", vec![], "provost.toml line 1: there is no key srv"),
            ("listen = 2", vec![], "provost.toml line 1: there is no key listen"),
            (
                "[server]\nlisten = [1]",
                vec![],
                "server.listen (provost.toml line 2): write a text, a whole number, true or false",
            ),
            ("[server]\nlisten = ", vec![], "provost.toml line 2: "),
            ("[limits]\ndepth = 0", vec![], "limits.depth (provost.toml line 2): "),
            ("[sync]\npoll = 3", vec![], "sync.poll (provost.toml line 2): \"3\" is no length of time"),
            ("[sync]\npoll = \"0s\"", vec![], "sync.poll (provost.toml line 2): "),
            ("[limits]\nbody = \"8 MB\"", vec![], "limits.body (provost.toml line 2): "),
            ("", vec![("PROVOST_SERVER__LISTN", "x")], "environment PROVOST_SERVER__LISTN: there is no key server.listn"),
            ("", vec![("PROVOST_LISTEN", "8080")], "server.listen (environment PROVOST_LISTEN): "),
            ("", vec![("PROVOST_LISTEN", "h:1"), ("PROVOST_SERVER__LISTEN", "h:2")], "PROVOST_LISTEN and PROVOST_SERVER__LISTEN"),
            ("", vec![("PROVOST_LOG_FORMAT", "xml")], "log.format (environment PROVOST_LOG_FORMAT): "),
            ("", vec![("PROVOST_PUBLIC_URL", "example.com")], "server.public_url (environment PROVOST_PUBLIC_URL): "),
            ("", vec![("PROVOST_ADMIN_TOKEN", "short")], "secrets.admin_token (environment PROVOST_ADMIN_TOKEN): "),
            ("", vec![("PROVOST_DATA", "d"), ("PROVOST_DATABASE_URL", "postgres://h/d")], "give one of them"),
            ("[limits]\npage_default = 5000", vec![], "limits.page_default must not be above"),
            ("[sync]\nlease_term = \"19s\"", vec![], "sync.lease_term must be at least twice"),
        ] {
            let text = load(file, &environment, &[]).unwrap_err().to_string();
            assert!(text.contains(expected), "{file:?} {environment:?}: {text}");
        }
        // What other programs call their variables is none of ours.
        assert!(load("", &[("PROVOST_PORT_8080_TCP", "x")], &[]).is_ok());
    }

    #[test]
    fn printing_hides_secrets_and_shows_origins() {
        let environment = [
            ("PROVOST_ADMIN_TOKEN", "an-admin-token-of-thirty-two-characters"),
            ("PROVOST_MASTER_KEY", "a-key"),
            ("PROVOST_DATABASE_URL", "postgres://provost:hunter2@db:5432/provost?password=hunter2"),
        ];
        let config = load("[limits]\ndepth = 9\n", &environment, &[("server.listen", "127.0.0.1:0")]).unwrap();
        let printed = config.print();
        for line in [
            "listen = \"127.0.0.1:0\"  # flag --flag",
            "depth = 9  # provost.toml line 2",
            "page_max = 1000  # default",
            "admin_token = \"•••\"  # environment PROVOST_ADMIN_TOKEN",
            "database_url = \"postgres://provost:•••@db:5432/provost?•••\"  # environment PROVOST_DATABASE_URL",
            "public_url = \"\"  # default",
        ] {
            assert!(printed.lines().any(|printed| printed == line), "{line}\n{printed}");
        }
        for secret in ["hunter2", "an-admin", "a-key"] {
            assert!(!printed.contains(secret) && !format!("{config:?}").contains(secret), "{secret}");
        }
    }

    #[test]
    fn what_is_printed_can_be_loaded() {
        let printed = load("", &[], &[]).unwrap().print();
        let again = load(&printed, &[], &[]).unwrap();
        assert_eq!(again.print().replace(char::is_numeric, ""), {
            let lines = printed.lines().map(|line| line.replace("  # default", "  # provost.toml line ") + "\n");
            lines.collect::<String>().replace(char::is_numeric, "")
        });
        assert_eq!(again.settings.len(), KEYS.len());
        assert!(again.settings.iter().all(|setting| matches!(setting.origin, Origin::File { .. })));
    }

    #[test]
    fn the_reference_in_docs_is_current() {
        let printed = load("", &[], &[]).unwrap().print();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/provost.toml");
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), printed, "run: provost serve --print-config > {path:?}");
    }
}
