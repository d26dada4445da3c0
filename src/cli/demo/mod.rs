//! `provost demo`: a throwaway gateway, a company pushed through its real APIs, and two applications downstream.
//!
//! Everything goes over HTTP on the loopback, as it would from outside. The applications are two further tenants of the same
//! gateway, which is a SCIM server as good as any.

mod application;
mod company;
mod screen;
mod story;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use super::args::DemoArgs;
use super::gateway::Gateway;
use super::serve::start_logging;
use super::{CliError, client::Client};
use crate::config::{Config, Flag, Sources, file};
use crate::domain::secret::Secret;
use crate::runtime::{Clock, random};
use screen::Screen;
use story::Story;

/// Of the environment only these count: the demo has its own data and its own secrets.
const HEEDED: [&str; 3] = ["PROVOST_LISTEN", "PROVOST_LOG", "PROVOST_LOG_FORMAT"];

/// Runs the demo; without `--once` it stays up until it is told to stop.
///
/// # Errors
/// When it cannot start, or something did not arrive.
pub fn run(args: &DemoArgs) -> Result<(), CliError> {
    let folder = Throwaway::new()?;
    let screen = Screen::new();
    let config = configure(args, &folder.0, &screen)?;
    start_logging(&config)?;
    actix_web::rt::System::new().block_on(async {
        let gateway = Gateway::start(&config, Clock::system()).await?;
        gateway.stop_on_signals()?;
        let token = gateway.core.first_token.clone().ok_or_else(|| CliError::new("the new database has no admin token"))?;
        let (url, handle) = (reachable(gateway.address), gateway.handle.clone());
        let mut server = actix_web::rt::spawn(gateway.run());
        let told = tokio::select! {
            told = tell(screen, &url, token, args.once) => told,
            ended = &mut server => return ended.map_err(|e| CliError::new(e.to_string()))?,
        };
        if args.once || told.is_err() {
            handle.stop(true).await;
        }
        server.await.map_err(|e| CliError::new(e.to_string()))??;
        told
    })
}

async fn tell(screen: Screen, url: &str, token: Secret, once: bool) -> Result<(), CliError> {
    screen.line(format_args!("Provost at {url}, on throwaway data"))?;
    let admin = Client::new(url, token.clone())?;
    let mut story = Story::begin(screen, url, admin).await?;
    story.push().await?;
    story.moves().await?;
    story.leaves().await?;
    story.new_group().await?;
    story.end()?;
    if !once {
        story.invite(&token)?;
    }
    Ok(())
}

fn configure(args: &DemoArgs, data: &Path, screen: &Screen) -> Result<Config, CliError> {
    let mut environment = file::environment(std::env::vars_os())?;
    environment.retain(|(name, value)| HEEDED.contains(&name.as_str()) && !value.is_empty());
    let given = |wanted: &str| environment.iter().any(|(name, _)| name == wanted);
    let mut flags = args.flags();
    if flags.is_empty() && !given("PROVOST_LISTEN") && is_taken() {
        screen.line("127.0.0.1:8080 is taken, so a free port is used; --listen names another")?;
        flags.push(Flag { key: "server.listen", flag: "--listen", value: "127.0.0.1:0".to_owned() });
    }
    if !given("PROVOST_LOG") {
        environment.push(("PROVOST_LOG".to_owned(), "warn".to_owned()));
    }
    flags.push(Flag { key: "store.data", flag: "--data", value: data.display().to_string() });
    Ok(Config::load(Sources { file: None, environment, flags })?)
}

fn is_taken() -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 8080)).is_err_and(|e| e.kind() == ErrorKind::AddrInUse)
}

/// Where this machine reaches what listens at an address.
fn reachable(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    format!("http://{address}")
}

/// A folder that goes with the demo.
struct Throwaway(PathBuf);

impl Throwaway {
    fn new() -> Result<Self, CliError> {
        let folder = std::env::temp_dir().join(format!("provost-demo-{}", random::key()));
        std::fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        // What stays behind in the system's folder for such things goes with the next clean-up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
