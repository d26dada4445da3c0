//! Reading a connector's configuration: every message names the key, none repeats a value, and unknown keys are refused.

use serde_json::{Map, Value};

use crate::domain::error::{Fault, Kind};
use crate::domain::secret::{HIDDEN, Secret};

/// The members of one object of a configuration, taken out one by one.
#[derive(Debug)]
pub struct Settings {
    prefix: String,
    members: Map<String, Value>,
}

impl Settings {
    /// Starts reading; `prefix` is the key under which the object stands, empty at the top.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] when it is no object.
    pub fn new(prefix: &str, value: &Value) -> Result<Self, Fault> {
        let dot = if prefix.is_empty() { "" } else { "." };
        match value {
            Value::Object(members) => Ok(Self { prefix: format!("{prefix}{dot}"), members: members.clone() }),
            _ => Err(Fault::new(Kind::InvalidValue, format!("config{dot}{prefix} is an object"))),
        }
    }

    /// A fault about one key.
    pub fn fault(&self, key: &str, rule: &str) -> Fault {
        Fault::new(Kind::InvalidValue, format!("config.{}{key} {rule}", self.prefix))
    }

    /// Takes a value; null is absent.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.members.shift_remove(key).filter(|value| !value.is_null())
    }

    /// Takes a text that is not empty.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] when it is something else.
    pub fn text(&mut self, key: &str) -> Result<Option<String>, Fault> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(self.fault(key, "is a text that is not empty")),
        }
    }

    /// Takes a text that must be there.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] when it is not.
    pub fn required(&mut self, key: &str) -> Result<String, Fault> {
        self.text(key)?.ok_or_else(|| self.fault(key, "is required"))
    }

    /// Takes a boolean, false when absent.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] when it is something else.
    pub fn flag(&mut self, key: &str) -> Result<bool, Fault> {
        match self.take(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(self.fault(key, "is true or false")),
        }
    }

    /// Takes a whole number between two bounds.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] when it is something else.
    pub fn number(&mut self, key: &str, least: u64, most: u64) -> Result<Option<u64>, Fault> {
        match self.take(key) {
            None => Ok(None),
            Some(value) => match value.as_u64().filter(|n| (least..=most).contains(n)) {
                Some(number) => Ok(Some(number)),
                None => Err(self.fault(key, &format!("is a whole number from {least} to {most}"))),
            },
        }
    }

    /// Ends reading.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] that names a key nobody took.
    pub fn finish(self) -> Result<(), Fault> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(key) => Err(self.fault(key, "is not known")),
        }
    }
}

/// Takes the secrets out of a configuration: what can be shown and stored in the clear, and the secrets by their keys.
pub fn split_secrets(config: &Value, keys: &[&str]) -> (Value, Vec<(String, Secret)>) {
    let mut shown = config.clone();
    let mut secrets = Vec::new();
    for key in keys {
        if let Some(slot) = slot(&mut shown, key)
            && let Value::String(text) = slot
            && text != HIDDEN
        {
            secrets.push(((*key).to_owned(), Secret::new(std::mem::replace(text, HIDDEN.to_owned()))));
        }
    }
    (shown, secrets)
}

/// Puts secrets back where [`HIDDEN`] stands; a configuration that was read and sent back keeps them so.
pub fn join_secrets(config: &Value, secrets: &[(String, Secret)]) -> Value {
    let mut out = config.clone();
    for (key, secret) in secrets {
        if let Some(slot) = slot(&mut out, key)
            && slot.as_str() == Some(HIDDEN)
        {
            *slot = Value::from(secret.expose());
        }
    }
    out
}

fn slot<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    key.split('.').try_fold(value, |value, name| value.get_mut(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_go_out_and_come_back() {
        let config = json!({"baseUrl": "https://x", "auth": {"type": "bearer", "token": "hunter2"}});
        let (shown, secrets) = split_secrets(&config, &["auth.token", "auth.password"]);
        assert_eq!(shown, json!({"baseUrl": "https://x", "auth": {"type": "bearer", "token": HIDDEN}}));
        assert_eq!(secrets, [("auth.token".to_owned(), Secret::new("hunter2"))]);
        assert_eq!(join_secrets(&shown, &secrets), config);
        assert_eq!(split_secrets(&shown, &["auth.token"]).1, []);
        let changed = json!({"auth": {"token": "new"}});
        assert_eq!(join_secrets(&changed, &secrets), changed);
        assert_eq!(join_secrets(&json!({"auth": "odd"}), &secrets), json!({"auth": "odd"}));
    }

    #[test]
    fn messages_name_the_key_and_repeat_nothing() {
        let mut settings = Settings::new("auth", &json!({"a": "", "b": 3, "c": "hunter2", "d": 700, "e": null, "f": 1})).unwrap();
        assert_eq!(settings.text("a").unwrap_err().detail, "config.auth.a is a text that is not empty");
        assert_eq!(settings.required("b").unwrap_err().detail, "config.auth.b is a text that is not empty");
        assert_eq!(settings.flag("c").unwrap_err().detail, "config.auth.c is true or false");
        assert_eq!(settings.number("d", 1, 600).unwrap_err().detail, "config.auth.d is a whole number from 1 to 600");
        assert_eq!(settings.required("e").unwrap_err().detail, "config.auth.e is required");
        assert_eq!(settings.finish().unwrap_err().detail, "config.auth.f is not known");
        assert_eq!(Settings::new("", &json!("hunter2")).unwrap_err().detail, "config is an object");
    }
}
