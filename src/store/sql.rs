//! Statements whose shape depends on the data: static pieces of SQL and bound values, in order, for both engines.
//!
//! A piece of text is always `&'static str`, so a value from outside can only be bound. diesel writes the placeholders,
//! `?` for SQLite and `$n` for PostgreSQL, so their order cannot go wrong.

use std::borrow::Cow;
use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Binary, Integer, Text};
use diesel::{QueryResult, RunQueryDsl};

use crate::domain::key::Key;

enum Part<'a> {
    Sql(&'static str),
    Integer(i32),
    BigInt(i64),
    Text(Cow<'a, str>),
    Key(Key),
}

/// A statement that answers rows of the SQL type `ST`.
pub(super) struct Sql<'a, ST = ()> {
    parts: Vec<Part<'a>>,
    cacheable: bool,
    answer: PhantomData<fn() -> ST>,
}

impl<'a, ST> Sql<'a, ST> {
    /// Starts a statement of one of few shapes, whose prepared form is worth keeping.
    pub(super) fn new(text: &'static str) -> Self {
        Self { parts: vec![Part::Sql(text)], cacheable: true, answer: PhantomData }
    }

    /// Says that the shape depends on what a caller asked, so that prepared forms would pile up.
    pub(super) fn varying(&mut self) -> &mut Self {
        self.cacheable = false;
        self
    }

    pub(super) fn push(&mut self, text: &'static str) -> &mut Self {
        self.parts.push(Part::Sql(text));
        self
    }

    pub(super) fn integer(&mut self, value: i32) -> &mut Self {
        self.parts.push(Part::Integer(value));
        self
    }

    pub(super) fn big(&mut self, value: i64) -> &mut Self {
        self.parts.push(Part::BigInt(value));
        self
    }

    pub(super) fn text(&mut self, value: impl Into<Cow<'a, str>>) -> &mut Self {
        self.parts.push(Part::Text(value.into()));
        self
    }

    pub(super) fn key(&mut self, value: Key) -> &mut Self {
        self.parts.push(Part::Key(value));
        self
    }
}

impl<DB, ST> QueryFragment<DB> for Sql<'_, ST>
where
    DB: Backend,
    i32: ToSql<Integer, DB>,
    i64: ToSql<BigInt, DB>,
    str: ToSql<Text, DB>,
    [u8]: ToSql<Binary, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if !self.cacheable {
            out.unsafe_to_cache_prepared();
        }
        for part in &self.parts {
            match part {
                Part::Sql(text) => out.push_sql(text),
                Part::Integer(value) => out.push_bind_param::<Integer, _>(value)?,
                Part::BigInt(value) => out.push_bind_param::<BigInt, _>(value)?,
                Part::Text(value) => out.push_bind_param::<Text, str>(value.as_ref())?,
                Part::Key(value) => out.push_bind_param::<Binary, [u8]>(value.as_bytes().as_slice())?,
            }
        }
        Ok(())
    }
}

impl<ST: 'static> QueryId for Sql<'_, ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> Query for Sql<'_, ST> {
    type SqlType = ST;
}

impl<ST, C> RunQueryDsl<C> for Sql<'_, ST> {}
