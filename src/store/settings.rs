//! Named values of the installation.

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::tables::settings;

/// The value of a setting.
pub fn get(conn: &mut Conn, name: &str) -> Result<Option<String>> {
    Ok(on!(conn, |c| settings::table.find(name).select(settings::value).first(c).optional())?)
}

/// Sets a value.
pub fn set(conn: &mut Conn, name: &str, value: &str) -> Result<()> {
    let values = (settings::name.eq(name), settings::value.eq(value));
    on!(conn, |c| diesel::insert_into(settings::table)
        .values(values)
        .on_conflict(settings::name)
        .do_update()
        .set(settings::value.eq(value))
        .execute(c))?;
    Ok(())
}
