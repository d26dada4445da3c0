//! The `provost` binary: everything is in the library.

use std::process::ExitCode;

use clap::Parser;
use provost::cli::{args::Cli, exit, run};

// Documents are many small strings, and the system's allocator takes a fifth of the time of a write.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    exit(run(&Cli::parse()))
}
