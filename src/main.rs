//! The `provost` binary: everything is in the library.

use std::process::ExitCode;

use clap::Parser;
use provost::cli::{args::Cli, exit, run};

fn main() -> ExitCode {
    exit(run(&Cli::parse()))
}
