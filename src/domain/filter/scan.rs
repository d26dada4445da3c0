//! Walking through a text under limits, for both grammars.

use std::fmt;

use super::ast::Limits;
use crate::domain::error::excerpt;

/// Why a text is no filter: what was expected where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syntax {
    /// Byte at which reading stopped: of two readings, the one that came further has more to say.
    pub at: usize,
    /// Whether it may well be one, but is larger than the limits.
    pub beyond: bool,
    text: String,
}

impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    nodes: usize,
    limits: Limits,
}

impl<'a> Scan<'a> {
    pub fn new(text: &'a str, limits: Limits) -> Result<Self, Syntax> {
        let scan = Self { text, at: 0, depth: 0, nodes: 0, limits };
        // Bytes are never fewer than characters.
        if text.len() > limits.chars && text.chars().nth(limits.chars).is_some() {
            return Err(scan.beyond(format!("longer than {} characters", limits.chars)));
        }
        Ok(scan)
    }

    fn beyond(&self, text: String) -> Syntax {
        Syntax { at: self.at, beyond: true, text }
    }

    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn next(&mut self) -> Option<char> {
        let found = self.peek()?;
        self.at += found.len_utf8();
        Some(found)
    }

    pub fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    pub fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn expect(&mut self, wanted: char) -> Result<(), Syntax> {
        if self.eat(wanted) { Ok(()) } else { Err(self.expected(&format!("'{wanted}'"))) }
    }

    pub fn position(&self) -> usize {
        self.at
    }

    pub fn back_to(&mut self, position: usize) {
        self.at = position;
    }

    /// Counts one node of the tree.
    pub fn node(&mut self) -> Result<(), Syntax> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(self.beyond(format!("more than {} terms", self.limits.nodes)));
        }
        Ok(())
    }

    /// Takes an opening sign and goes one level deeper; the parsers recurse nowhere else.
    pub fn open(&mut self, sign: char) -> Result<(), Syntax> {
        self.expect(sign)?;
        if self.depth == self.limits.depth {
            return Err(self.beyond(format!("nested deeper than {} levels", self.limits.depth)));
        }
        self.depth += 1;
        Ok(())
    }

    /// Takes a closing sign.
    pub fn close(&mut self, sign: char) -> Result<(), Syntax> {
        self.depth -= 1;
        self.expect(sign)
    }

    /// What was expected here instead of what follows.
    pub fn expected(&self, what: &str) -> Syntax {
        let position = self.text[..self.at].chars().count() + 1;
        let rest: String = self.rest().chars().take(20).collect();
        let found = if rest.is_empty() { "the end".to_owned() } else { format!("'{}'", excerpt(&rest)) };
        Syntax { at: self.at, beyond: false, text: format!("expected {what} at character {position}, found {found}") }
    }
}
