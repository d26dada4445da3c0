//! Copies of the embedded database: taken while it runs, put back into an empty folder.

use std::fs::{self, File};
use std::path::Path;

use super::conn::{Conn, on};
use super::error::{Result, StoreError};
use super::pool::Manager;
use super::sql::Sql;
use super::{Engine, Store, migrate, sqlite};
use diesel::RunQueryDsl;
use diesel::sql_types::Text;

impl Store {
    /// Writes a copy of the database to a new file, while readers and writers go on. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Refused`] on PostgreSQL, and when the file exists.
    pub fn backup(&self, to: &Path) -> Result<()> {
        let Engine::Sqlite(engine) = &*self.0 else {
            return Err(StoreError::Refused("PostgreSQL is backed up by its own tools: pg_dump, or a base backup".to_owned()));
        };
        // VACUUM would fill a file that is already a database of no tables.
        if to.exists() {
            return Err(StoreError::Refused(format!("the file '{}' exists", to.display())));
        }
        let name = to.to_str().ok_or_else(|| StoreError::Refused("the name of the file is not UTF-8".to_owned()))?;
        let mut conn = open(&engine.file)?;
        let mut sql: Sql<'_> = Sql::new("VACUUM INTO ");
        sql.text(name);
        on!(&mut conn, |c| sql.execute(c))?;
        File::open(to).and_then(|file| file.sync_all()).map_err(|e| failed(to, &e))
    }
}

/// Puts a copy back: `folder` must be empty or absent. The copy is checked first and brought up to date when it is opened.
///
/// # Errors
/// [`StoreError::Refused`] when the folder holds anything, [`StoreError::Corrupt`] when the copy is no sound database,
/// [`StoreError::NewerDatabase`] when a newer binary wrote it.
pub fn restore(from: &Path, folder: &Path) -> Result<()> {
    sqlite::create_folder(folder).map_err(|e| failed(folder, &e))?;
    if fs::read_dir(folder).map_err(|e| failed(folder, &e))?.next().is_some() {
        return Err(StoreError::Refused(format!("the folder '{}' is not empty", folder.display())));
    }
    // Under another name until it is whole, so that what a crash leaves behind is never opened.
    let part = folder.join("restore.part");
    let copied = fs::copy(from, &part).and_then(|_| File::open(&part)?.sync_all());
    let checked = copied.map_err(|e| failed(from, &e)).and_then(|()| check(&part));
    if let Err(error) = checked {
        // The first error is the one to tell.
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    fs::rename(&part, folder.join(sqlite::FILE)).and_then(|()| File::open(folder)?.sync_all()).map_err(|e| failed(folder, &e))
}

fn check(file: &Path) -> Result<()> {
    let mut conn = open(file)?;
    let found: Vec<String> = on!(&mut conn, |c| Sql::<Text>::new("PRAGMA quick_check").load(c))?;
    if found != ["ok"] {
        return Err(StoreError::Corrupt(found.join("; ")));
    }
    migrate::check(&mut conn)
}

fn open(file: &Path) -> Result<Conn> {
    sqlite::connect(&Manager::Sqlite { file: file.to_owned(), pragmas: "PRAGMA busy_timeout = 5000".to_owned() })
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Unavailable(format!("'{}': {error}", path.display()))
}
