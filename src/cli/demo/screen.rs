//! What the demo shows: in colour where standard output is a terminal and NO_COLOR (no-color.org) is not set.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

use crate::cli::CliError;

/// Standard output.
pub struct Screen {
    colour: bool,
    step: u32,
}

impl Screen {
    /// Standard output as it is.
    pub fn new() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colour: std::io::stdout().is_terminal() && !refused, step: 0 }
    }

    /// Begins a step.
    pub fn step(&mut self, what: impl Display) -> Result<(), CliError> {
        self.step += 1;
        let title = self.paint("1", &format!("{}. {what}", self.step));
        self.line(format_args!("\n{title}"))
    }

    /// Something that came in from HR, or was asked by hand.
    pub fn came_in(&self, what: impl Display) -> Result<(), CliError> {
        self.told("in", "36", what)
    }

    /// A role that followed, and why.
    pub fn followed(&self, what: impl Display) -> Result<(), CliError> {
        self.told("role", "33", what)
    }

    /// Something that arrived at an application.
    pub fn arrived(&self, what: impl Display) -> Result<(), CliError> {
        self.told("out", "32", what)
    }

    /// Something that should have arrived and did not.
    pub fn missing(&self, what: impl Display) -> Result<(), CliError> {
        self.told("MISSING", "31", what)
    }

    /// Any line.
    pub fn line(&self, text: impl Display) -> Result<(), CliError> {
        Ok(writeln!(std::io::stdout(), "{text}")?)
    }

    fn told(&self, label: &str, colour: &str, what: impl Display) -> Result<(), CliError> {
        let label = self.paint(colour, &format!("{label:>7}"));
        self.line(format_args!("{label}  {what}"))
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
