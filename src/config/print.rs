//! The configuration as text: a valid file, with documentation, values and origins.

use std::fmt::Write as _;

use crate::config::layer::Setting;

/// Prints the settings, which stand in the order of the sections.
pub(super) fn print(settings: &[Setting]) -> String {
    let mut out =
        String::from("# Flags win over environment, environment over file, file over default. Empty text is no value.\n");
    let mut section = "";
    for setting in settings {
        let key = setting.key;
        if key.section != section {
            section = key.section;
            let _ = write!(out, "\n[{section}]\n");
        }
        for line in key.about.lines() {
            let _ = writeln!(out, "# {}", line.trim());
        }
        let short = if key.short.is_empty() { String::new() } else { format!("{}, ", key.short) };
        let _ = writeln!(out, "# Environment: {short}{}", key.environment());
        let number = !setting.shown.is_empty() && setting.shown.bytes().all(|byte| byte.is_ascii_digit());
        let bare = number || matches!(setting.shown.as_str(), "true" | "false");
        let value = if bare { setting.shown.clone() } else { toml::Value::from(setting.shown.as_str()).to_string() };
        let _ = writeln!(out, "{} = {value}  # {}", key.name, setting.origin);
    }
    out
}
