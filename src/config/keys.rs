//! Every key of the configuration: name, type, default, short environment name and documentation, once.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::ConfigError;
use crate::config::layer::Setting;
use crate::config::value::{AdminToken, ByteSize, DatabaseUrl, HostPort, LogFormat, PublicUrl};
use crate::domain::secret::Secret;
use crate::domain::signing::Algorithm;

/// One key. Its environment form is `PROVOST_SECTION__NAME`.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// The section, a table of the file.
    pub section: &'static str,
    /// The name in its section.
    pub name: &'static str,
    /// The value when nothing gives one; empty text is none.
    pub default: &'static str,
    /// A shorter environment name, or empty text.
    pub short: &'static str,
    /// What it means.
    pub about: &'static str,
}

impl Key {
    /// `section.name`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// `PROVOST_SECTION__NAME`.
    pub fn environment(&self) -> String {
        format!("PROVOST_{}__{}", self.section.to_ascii_uppercase(), self.name.to_ascii_uppercase())
    }
}

macro_rules! sections {
    ($( $(#[doc = $what:literal])+ $section:ident: $Section:ident {
        $( $(#[doc = $about:literal])+ $name:ident: $type:ty = $default:literal $(, $short:literal)?; )+
    } )+) => {
        $(
            $(#[doc = $what])+
            #[derive(Debug, Clone)]
            pub struct $Section { $( $(#[doc = $about])+ pub $name: $type, )+ }
        )+

        /// All of it, each value of its type and checked.
        #[derive(Debug, Clone)]
        pub struct Config {
            $( $(#[doc = $what])+ pub $section: $Section, )+
            /// Each key with the text of its value, secrets hidden, and its origin.
            pub settings: Vec<Setting>,
        }

        /// Every key, in the order of the file.
        pub static KEYS: &[Key] = &[$($( Key {
            section: stringify!($section),
            name: stringify!($name),
            default: $default,
            short: concat!($($short)?),
            about: concat!($($about, "\n"),+),
        }, )+)+];

        impl Config {
            /// Types the settings, which stand in the order of [`KEYS`].
            pub(super) fn from_settings(mut settings: Vec<Setting>) -> Result<Self, ConfigError> {
                let mut rest = settings.iter_mut();
                Ok(Self {
                    $( $section: $Section { $( $name: Setting::take(rest.next())?, )+ }, )+
                    settings,
                })
            }
        }
    };
}

sections! {
    /// The HTTP server.
    server: Server {
        /// Address and port to listen on. Port 0 takes a free one.
        listen: HostPort = "127.0.0.1:8080", "PROVOST_LISTEN";
        /// How clients reach this server: base of `Location` and `meta.location`. Without it, http:// and the address bound.
        public_url: Option<PublicUrl> = "", "PROVOST_PUBLIC_URL";
        /// Threads that serve requests. Without it, one for each core.
        workers: Option<usize> = "";
        /// How long an idle connection is kept.
        keep_alive: Duration = "75s";
        /// How long a client may take to send the head of a request.
        head_timeout: Duration = "10s";
        /// How long requests in flight may take after a stop is asked for; the process is gone within 10 seconds.
        stop_timeout: Duration = "8s";
    }
    /// Where the data is: a folder with SQLite, or PostgreSQL. Of the two, the one given in the higher layer counts.
    store: Store {
        /// The data folder, with the SQLite database and the master key. One process at a time may use it.
        data: PathBuf = "./provost-data", "PROVOST_DATA";
        /// A PostgreSQL database, as postgres://user:password@host:port/name.
        database_url: Option<DatabaseUrl> = "", "PROVOST_DATABASE_URL";
        /// SQLite: connections for reads that may take long; each thread that serves has one more for look-ups.
        readers: u32 = "4";
        /// SQLite: page cache of each reader; the writer has four times as much.
        cache: ByteSize = "2MiB";
        /// SQLite: most writes that share one commit.
        batch_jobs: usize = "100";
        /// SQLite: longest time for which a commit waits for further writes.
        batch_time: Duration = "5ms";
        /// Writes that may wait, on PostgreSQL with those that run; one more is answered with 503.
        queue: usize = "4096";
        /// PostgreSQL: connections.
        connections: u32 = "16";
        /// How long a request may wait for a connection before it is answered with 503.
        acquire_timeout: Duration = "5s";
        /// PostgreSQL: how long a new connection may take to open; whole seconds.
        connect_timeout: Duration = "5s";
        /// PostgreSQL: how long one statement may run.
        statement_timeout: Duration = "30s";
        /// PostgreSQL: how often a transaction that lost to a concurrent one is run again.
        retries: u32 = "12";
    }
    /// What a caller may ask for at most.
    limits: Limits {
        /// Bytes of a request's body.
        body: ByteSize = "8MiB";
        /// Bytes of the body of a bulk.
        bulk_body: ByteSize = "8MiB";
        /// Operations of a bulk.
        bulk_operations: usize = "1000";
        /// References of one bulk on a relationship of IDM.
        bulk_references: usize = "10000";
        /// Depth of nested JSON, up to 100.
        depth: usize = "32";
        /// Elements of all arrays of one body together: members of a group, operations, values.
        elements: usize = "100000";
        /// Operations of one PATCH.
        patch_operations: usize = "1000";
        /// Comparisons and operators of one filter, up to 500.
        filter_terms: usize = "200";
        /// Depth of nested parentheses and brackets in a filter, up to 100.
        filter_depth: usize = "32";
        /// Characters of a filter, or of the path of a PATCH operation.
        filter_length: usize = "10000";
        /// Objects on a page when the caller names no number.
        page_default: usize = "100";
        /// Objects on a page.
        page_max: usize = "1000";
        /// Conditional grants that a write changes by itself; what is beyond is done by a job.
        grants: usize = "10000";
        /// How long the cursor of a page can be used; SCIM tells it in seconds.
        cursor_timeout: Duration = "1h";
        /// Objects that a SCIM list reads one by one for a filter that no index answers; beyond, it is refused with 400 tooMany.
        scan: usize = "500000";
        /// Objects that a list sorts in memory, by an attribute without an index; beyond, it is refused with 400 tooMany.
        sort: usize = "50000";
    }
    /// The IDM dialect.
    idm: Idm {
        /// Whether clients may choose ids: by PUT to an address that nothing answers at, or `_id` in the body of a create. Off, that
        /// is refused with 403, and every id is a UUID that never changes.
        client_ids: bool = "true";
    }
    /// Keeping the targets converged.
    sync: Sync {
        /// Whether this process works on targets. Off, it leaves them to others on the same database.
        enabled: bool = "true";
        /// How often due work is looked for when nothing announces it.
        poll: Duration = "2s";
        /// How long a lease on a target holds without being renewed. At least twice call_timeout.
        lease_term: Duration = "30s";
        /// How long a connection to a target may take to open.
        connect_timeout: Duration = "3s";
        /// How long one call to a target may take.
        call_timeout: Duration = "10s";
        /// Calls to one target at a time.
        concurrency: usize = "4";
        /// Delay before the second attempt; it doubles with each further one, with jitter.
        backoff_first: Duration = "2s";
        /// Longest delay between attempts.
        backoff_longest: Duration = "1h";
    }
    /// Work over much data in batches: making an index of what is stored.
    jobs: Jobs {
        /// Whether this process works on jobs. Off, it leaves them to others on the same database.
        enabled: bool = "true";
        /// How often open jobs are looked for when nothing announces them.
        poll: Duration = "2s";
    }
    /// A ceiling on what a source may deactivate and delete, counted by type of object.
    inbound_guard: InboundGuard {
        /// Whether the ceiling holds. What would pass it is answered with 429 and held until an administrator approves it.
        enabled: bool = "false";
        /// Most objects of a type that one source may deactivate or delete within the window.
        removals: u32 = "50";
        /// The same as a part of all objects of the type, in percent.
        percent: u32 = "20";
        /// Fewest objects of a type for which the percentage counts.
        population: u32 = "100";
        /// Length of the window, which slides.
        window: Duration = "1h";
        /// How long an approval lasts that does not say.
        approval: Duration = "1h";
    }
    /// Tokens of service accounts.
    oauth: OAuth {
        /// What the tokens name as their issuer, and clients in their assertions as the audience. Without it, server.public_url.
        issuer: Option<PublicUrl> = "";
        /// The audience of a token for which the client names no resource.
        audience: String = "bizfirstgo-api";
        /// Further audiences, separated by spaces, that a client may name as its resource.
        resources: String = "";
        /// What tokens are signed with: EdDSA, ES256 or RS256. After a change the new key is published before it signs.
        algorithm: Algorithm = "EdDSA";
        /// How long a token lasts.
        token_lifetime: Duration = "1h";
        /// How long a key signs until the next one does.
        key_lifetime: Duration = "90d";
        /// Whether a client may send its secret in the body (client_secret_post).
        secret_in_body: bool = "false";
        /// How long a client's assertion may last at most; up to 10 minutes.
        assertion_lifetime: Duration = "5m";
        /// Requests a minute of one client at the token endpoint and those beside it.
        client_rate: u32 = "120";
        /// Requests a minute from one address, whoever is named there; an IPv6 network of 64 bits is one address.
        address_rate: u32 = "1200";
        /// How long the keys of an issuer that a tenant trusts are kept until they are fetched again.
        issuer_keys: Duration = "10m";
        /// How long they are used while the issuer does not answer.
        issuer_keys_stale: Duration = "1d";
        /// How long a call to such an issuer may take.
        issuer_timeout: Duration = "5s";
    }
    /// Secrets. Better given by the environment than in the file.
    secrets: Secrets {
        /// The key that encrypts stored secrets: 32 bytes as 64 hex digits or base64. PostgreSQL needs it or master_key_file;
        /// with a data folder one is made there.
        master_key: Option<Secret> = "", "PROVOST_MASTER_KEY";
        /// A file that holds the master key.
        master_key_file: Option<PathBuf> = "", "PROVOST_MASTER_KEY_FILE";
        /// The admin token of a database that is being created, at least 32 characters. Without it one is made and printed
        /// once.
        admin_token: Option<AdminToken> = "", "PROVOST_ADMIN_TOKEN";
    }
    /// Log lines, on standard error.
    log: Log {
        /// What is logged: off, error, warn, info, debug, trace, or by module, as in `info,provost::sync=debug`.
        filter: String = "info", "PROVOST_LOG";
        /// Form of the lines: text or json.
        format: LogFormat = "text", "PROVOST_LOG_FORMAT";
    }
}
