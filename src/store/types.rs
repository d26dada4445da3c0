//! How domain values stand in columns: keys as sixteen bytes, instants as microseconds.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow, Queryable};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::is_nullable::NotNull;
use diesel::sql_types::{BigInt, Binary, Nullable, SingleValue, SqlType};
use diesel::sqlite::{Sqlite, SqliteValue};

use crate::domain::key::Key;
use crate::domain::time::Timestamp;

/// A [`Key`] in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Binary)]
pub struct DbKey(pub Key);

impl<DB: Backend> ToSql<Binary, DB> for DbKey
where
    [u8]: ToSql<Binary, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.as_bytes().as_slice().to_sql(out)
    }
}

impl FromSql<Binary, Sqlite> for DbKey {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        key(value.read_blob())
    }
}

impl FromSql<Binary, Pg> for DbKey {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        key(value.as_bytes())
    }
}

fn key(bytes: &[u8]) -> deserialize::Result<DbKey> {
    Key::from_slice(bytes).map(DbKey).ok_or_else(|| format!("a key of {} bytes", bytes.len()).into())
}

impl From<DbKey> for Key {
    fn from(value: DbKey) -> Self {
        value.0
    }
}

/// A [`Timestamp`] in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = BigInt)]
pub struct DbTime(pub Timestamp);

impl ToSql<BigInt, Sqlite> for DbTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.micros());
        Ok(serialize::IsNull::No)
    }
}

impl ToSql<BigInt, Pg> for DbTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <i64 as ToSql<BigInt, Pg>>::to_sql(&self.0.micros(), &mut out.reborrow())
    }
}

impl<DB: Backend> FromSql<BigInt, DB> for DbTime
where
    i64: FromSql<BigInt, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        i64::from_sql(value).map(|micros| Self(Timestamp::from_micros(micros)))
    }
}

impl From<DbTime> for Timestamp {
    fn from(value: DbTime) -> Self {
        value.0
    }
}

/// A nullable column read as an `Option` of the domain type behind `D`.
#[derive(Debug)]
pub struct Maybe<D>(Option<D>);

impl<D, ST, DB> Queryable<Nullable<ST>, DB> for Maybe<D>
where
    DB: Backend,
    ST: SqlType<IsNull = NotNull> + SingleValue,
    D: FromSql<ST, DB>,
{
    type Row = Option<D>;

    fn build(row: Self::Row) -> deserialize::Result<Self> {
        Ok(Self(row))
    }
}

impl From<Maybe<DbKey>> for Option<Key> {
    fn from(value: Maybe<DbKey>) -> Self {
        value.0.map(Key::from)
    }
}

impl From<Maybe<DbTime>> for Option<Timestamp> {
    fn from(value: Maybe<DbTime>) -> Self {
        value.0.map(Timestamp::from)
    }
}
