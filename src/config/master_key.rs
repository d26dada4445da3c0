//! Finding the master key, and making one for a new data folder.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::config::{Config, ConfigError, Database};
use crate::domain::secret::{KEY_BYTES, MasterKey};

/// Name of the key's file in a data folder.
pub const FILE: &str = "master.key";

/// The master key that the configuration names, or the data folder's. `None`: it is a data folder without one yet.
///
/// # Errors
/// A key that has not the right form, a file that cannot be read, PostgreSQL without a key.
pub fn find(config: &Config) -> Result<Option<MasterKey>, ConfigError> {
    let parse = |origin: &str, text: &str| {
        MasterKey::parse(text).map_err(|cause| ConfigError::MasterKey { origin: origin.to_owned(), cause })
    };
    if let Some(key) = &config.secrets.master_key {
        return parse("secrets.master_key", key.expose()).map(Some);
    }
    if let Some(path) = &config.secrets.master_key_file {
        let text = std::fs::read_to_string(path).map_err(|cause| failed(path, cause))?;
        return parse(&path.display().to_string(), &text).map(Some);
    }
    let Database::Folder(folder) = config.database() else {
        let text = "with PostgreSQL the master key is required: set PROVOST_MASTER_KEY or PROVOST_MASTER_KEY_FILE";
        return Err(ConfigError::Together(text.to_owned()));
    };
    let path = folder.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&path.display().to_string(), &text).map(Some),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(failed(&path, cause)),
    }
}

/// Makes the key of a new data folder of random bytes, in a file that only its owner can read; makes the folder if need be.
/// A key that is there is never overwritten. It is on disk when this returns.
///
/// # Errors
/// [`ConfigError::File`].
pub fn create(folder: &Path, random: [u8; KEY_BYTES]) -> Result<MasterKey, ConfigError> {
    let path: PathBuf = folder.join(FILE);
    let key = MasterKey::from_bytes(random);
    let write = || {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        writeln!(file, "{}", key.to_text().expose())?;
        file.sync_all()?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|cause| failed(&path, cause))?;
    Ok(key)
}

fn failed(path: &Path, cause: std::io::Error) -> ConfigError {
    ConfigError::File { file: path.display().to_string(), cause }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::{FILE, create, find};
    use crate::config::{Config, Flag, Sources};

    fn config(folder: &Path, environment: &[(&str, &str)]) -> Config {
        let flags = vec![Flag { key: "store.data", flag: "--data", value: folder.display().to_string() }];
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::load(Sources { file: None, environment, flags }).unwrap()
    }

    #[test]
    fn a_folders_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), &[]);
        assert!(find(&config).unwrap().is_none());
        let made = create(folder.path(), [5; 32]).unwrap();
        assert_eq!(find(&config).unwrap().unwrap().to_text(), made.to_text());
        let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(create(folder.path(), [6; 32]).is_err());
        assert_eq!(find(&config).unwrap().unwrap().to_text(), made.to_text());
    }

    #[test]
    fn the_named_key_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        create(folder.path(), [5; 32]).unwrap();
        let file = folder.path().join("other");
        std::fs::write(&file, "07".repeat(32)).unwrap();
        let key = |environment: &[(&str, &str)]| find(&config(folder.path(), environment)).map(|key| key.unwrap().to_text());
        let named = key(&[("PROVOST_MASTER_KEY", &"07".repeat(32))]).unwrap();
        assert_eq!(key(&[("PROVOST_MASTER_KEY_FILE", file.to_str().unwrap())]).unwrap(), named);
        assert_ne!(key(&[]).unwrap(), named);
        let text = key(&[("PROVOST_MASTER_KEY", "hunter2")]).unwrap_err().to_string();
        assert!(text.contains("32 bytes") && !text.contains("hunter2"), "{text}");
        assert!(key(&[("PROVOST_MASTER_KEY_FILE", "/nowhere")]).is_err());
    }

    #[test]
    fn postgres_needs_one() {
        let environment = vec![("PROVOST_DATABASE_URL".to_owned(), "postgres://h/d".to_owned())];
        let config = Config::load(Sources { environment, ..Sources::default() }).unwrap();
        assert!(find(&config).unwrap_err().to_string().contains("PROVOST_MASTER_KEY"));
    }
}
