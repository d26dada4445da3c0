//! Walking through a text under limits, for both grammars.

use std::fmt;

use super::ast::{MAX_CHARS, MAX_DEPTH, MAX_NODES};
use crate::domain::error::excerpt;

/// Why a text is no filter: what was expected where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syntax {
    /// Byte at which reading stopped: of two readings, the one that came further has more to say.
    pub at: usize,
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
}

impl<'a> Scan<'a> {
    pub fn new(text: &'a str) -> Result<Self, Syntax> {
        // Bytes are never fewer than characters.
        if text.len() > MAX_CHARS && text.chars().nth(MAX_CHARS).is_some() {
            return Err(Syntax { at: 0, text: format!("longer than {MAX_CHARS} characters") });
        }
        Ok(Self { text, at: 0, depth: 0, nodes: 0 })
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
        if self.nodes > MAX_NODES {
            return Err(Syntax { at: self.at, text: format!("more than {MAX_NODES} terms") });
        }
        Ok(())
    }

    /// Takes an opening sign and goes one level deeper; the parsers recurse nowhere else.
    pub fn open(&mut self, sign: char) -> Result<(), Syntax> {
        self.expect(sign)?;
        if self.depth == MAX_DEPTH {
            return Err(Syntax { at: self.at, text: format!("nested deeper than {MAX_DEPTH} levels") });
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
        Syntax { at: self.at, text: format!("expected {what} at character {position}, found {found}") }
    }
}
