//! The layers of configuration, and where each value came from.

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::ConfigError;
use crate::config::keys::{KEYS, Key};
use crate::config::value::Value;

/// What configuration is made of.
#[derive(Debug, Default)]
pub struct Sources {
    /// Name and text of the file.
    pub file: Option<(String, String)>,
    /// Variables of the environment; only those that begin with `PROVOST_` are looked at, and an empty one is not set.
    pub environment: Vec<(String, String)>,
    /// Flags of the command line.
    pub flags: Vec<Flag>,
}

/// A flag that gives a key its value.
#[derive(Debug)]
pub struct Flag {
    /// `section.name`.
    pub key: &'static str,
    /// As the user writes it.
    pub flag: &'static str,
    /// The text of the value.
    pub value: String,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nothing gave one.
    Default,
    /// The file.
    File {
        /// Its name.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// A variable of the environment.
    Environment(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl Origin {
    /// The layer; a higher one wins.
    pub(super) const fn layer(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File { .. } => 1,
            Self::Environment(_) => 2,
            Self::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line } => write!(f, "{file} line {line}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// A key, the text of its value, and where that came from.
#[derive(Clone)]
pub struct Setting {
    /// The key.
    pub key: &'static Key,
    /// Where the value came from.
    pub origin: Origin,
    /// The text to show, once it was read; secrets hidden.
    pub shown: String,
    text: String,
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {:?} ({})", self.key.path(), self.shown, self.origin)
    }
}

impl Setting {
    /// Reads the value. What is left in the setting is the text to show.
    pub(super) fn take<T: Value>(setting: Option<&mut Self>) -> Result<T, ConfigError> {
        // There is one setting for each key, so the caller's iterator does not run out.
        let setting = setting.ok_or_else(|| ConfigError::Together("a key is without a setting".to_owned()))?;
        let text = std::mem::take(&mut setting.text);
        setting.shown = T::show(&text);
        T::read(&text).map_err(|rule| ConfigError::Value { origin: setting.origin.clone(), key: setting.key.path(), rule })
    }
}

/// One setting for each key, in the order of [`KEYS`].
pub(super) fn merge(sources: Sources) -> Result<Vec<Setting>, ConfigError> {
    let mut settings: Vec<Setting> = KEYS
        .iter()
        .map(|key| Setting { key, origin: Origin::Default, shown: String::new(), text: key.default.to_owned() })
        .collect();
    if let Some((name, text)) = sources.file {
        read_file(&mut settings, &name, &text)?;
    }
    read_environment(&mut settings, sources.environment)?;
    for Flag { key, flag, value } in sources.flags {
        set(&mut settings, key, value, Origin::Flag(flag))?;
    }
    Ok(settings)
}

fn set(settings: &mut [Setting], path: &str, text: String, origin: Origin) -> Result<(), ConfigError> {
    match settings.iter_mut().find(|setting| setting.key.path() == path) {
        Some(setting) => {
            (setting.text, setting.origin) = (text, origin);
            Ok(())
        }
        None => Err(ConfigError::Unknown { origin, key: path.to_owned() }),
    }
}

fn read_file(settings: &mut [Setting], name: &str, text: &str) -> Result<(), ConfigError> {
    let line = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    let origin = |at: usize| Origin::File { file: name.to_owned(), line: line(at) };
    let document = DeTable::parse(text).map_err(|cause| ConfigError::Syntax {
        file: name.to_owned(),
        line: line(cause.span().map_or(0, |span| span.start)),
        message: cause.message().to_owned(),
    })?;
    for (section, content) in document.get_ref() {
        let known = KEYS.iter().any(|key| key.section == section.get_ref());
        let (true, DeValue::Table(keys)) = (known, content.get_ref()) else {
            return Err(ConfigError::Unknown { origin: origin(section.span().start), key: section.get_ref().to_string() });
        };
        for (key, value) in keys {
            let (path, origin) = (format!("{}.{}", section.get_ref(), key.get_ref()), origin(key.span().start));
            match plain(value) {
                Some(value) => set(settings, &path, value, origin)?,
                None => {
                    let rule = "write a text, a whole number, true or false".to_owned();
                    return Err(ConfigError::Value { origin, key: path, rule });
                }
            }
        }
    }
    Ok(())
}

fn plain(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Boolean(value) => Some(value.to_string()),
        _ => None,
    }
}

fn read_environment(settings: &mut [Setting], environment: Vec<(String, String)>) -> Result<(), ConfigError> {
    for (name, text) in environment {
        let Some(rest) = name.strip_prefix("PROVOST_").filter(|_| !text.is_empty()) else { continue };
        let short = KEYS.iter().find(|key| key.short == name).map(Key::path);
        // Without the double underscore it may be another program's, such as Kubernetes' PROVOST_PORT.
        let Some(path) = short.or_else(|| Some(rest.split_once("__")?).map(|(section, key)| long(section, key))) else {
            continue;
        };
        let held = settings.iter().find(|setting| setting.key.path() == path);
        if let Some(Setting { origin: Origin::Environment(other), text: held, .. }) = held
            && *held != text
        {
            let text = format!("{other} and {name} give {path} two values: set one of them");
            return Err(ConfigError::Together(text));
        }
        set(settings, &path, text, Origin::Environment(name))?;
    }
    Ok(())
}

fn long(section: &str, key: &str) -> String {
    format!("{}.{}", section.to_ascii_lowercase(), key.to_ascii_lowercase())
}
