//! Log lines on standard error, as text or JSON, each with its key-values and the request's id. What is logged, and where:
//! docs/logging.md.

use std::fmt::{Display, Write as _};
use std::io::Write as _;

use env_logger::Builder;
use log::Record;
use log::kv::{Error, Key, Value, VisitSource};
use serde_json::{Map, json};

use crate::telemetry::request;

/// Starts logging. `filter` is that of env_logger, such as `info,provost::sync=debug`.
///
/// # Errors
/// The filter's or the logger's own text: it does not parse, or logging was started before.
pub fn init(filter: &str, json: bool) -> Result<(), String> {
    let mut builder = Builder::new();
    // parse_filters skips what it cannot read, which would silence the module of a mistyped directive.
    env_filter::Builder::new().try_parse(filter).map_err(|cause| cause.to_string())?;
    builder.parse_filters(filter);
    builder.format(move |out, record| {
        let (time, id) = (out.timestamp_millis(), request::current());
        let id = id.as_ref().map(request::RequestId::as_str);
        let line = if json {
            json_line(record, &time, id)
        } else {
            let style = out.default_level_style(record.level());
            text_line(record, &time, &format_args!("{style}{:<5}{style:#}", record.level()), id)
        };
        writeln!(out, "{line}")
    });
    builder.try_init().map_err(|cause| cause.to_string())
}

fn text_line(record: &Record<'_>, time: &dyn Display, level: &dyn Display, id: Option<&str>) -> String {
    struct Text(String);
    impl<'kvs> VisitSource<'kvs> for Text {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
            let value = value.to_string();
            let bare = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"=".contains(&byte));
            // Writing to a String does not fail.
            let _ = if bare { write!(self.0, " {key}={value}") } else { write!(self.0, " {key}={value:?}") };
            Ok(())
        }
    }
    let mut fields = Text(String::new());
    // The visitor never fails.
    let _ = record.key_values().visit(&mut fields);
    let request = id.map(|id| format!(" request={id}")).unwrap_or_default();
    // A line break in a message must not begin a line of its own.
    let message = record.args().to_string().replace(char::is_control, " ");
    format!("{time} {level} {}: {message}{request}{}", record.target(), fields.0)
}

fn json_line(record: &Record<'_>, time: &dyn Display, id: Option<&str>) -> String {
    struct Fields(Map<String, serde_json::Value>);
    impl<'kvs> VisitSource<'kvs> for Fields {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
            let value = serde_json::to_value(&value).unwrap_or_else(|_| json!(value.to_string()));
            self.0.insert(key.as_str().to_owned(), value);
            Ok(())
        }
    }
    let mut line = json!({
        "time": time.to_string(),
        "level": record.level().as_str(),
        "target": record.target(),
        "message": record.args().to_string(),
    });
    if let Some(id) = id {
        line["request_id"] = json!(id);
    }
    let mut fields = Fields(Map::new());
    // The visitor never fails.
    let _ = record.key_values().visit(&mut fields);
    if !fields.0.is_empty() {
        line["fields"] = json!(fields.0);
    }
    line.to_string()
}

#[cfg(test)]
mod tests {
    use log::{Level, Record};

    use super::{json_line, text_line};
    use crate::domain::secret::Secret;

    #[test]
    fn one_line_with_its_values() {
        let secret = Secret::new("hunter2");
        let values: [(&str, log::kv::Value<'_>); 4] = [
            ("target", "crm".into()),
            ("count", 3.into()),
            ("why", "a \"b\"\nc".into()),
            ("token", log::kv::Value::from_display(&secret)),
        ];
        let source: &dyn log::kv::Source = &values.as_slice();
        let mut builder = Record::builder();
        builder.level(Level::Warn).target("provost::sync").key_values(source);
        let time = "2026-11-21T10:00:00.000Z";
        assert_eq!(
            text_line(&builder.args(format_args!("paused\nnow")).build(), &time, &"WARN ", Some("r1")),
            "2026-11-21T10:00:00.000Z WARN  provost::sync: paused now request=r1 target=crm count=3 why=\"a \\\"b\\\"\\nc\" token=\"•••\""
        );
        assert_eq!(
            json_line(&builder.args(format_args!("paused\nnow")).build(), &time, Some("r1")),
            "{\"time\":\"2026-11-21T10:00:00.000Z\",\"level\":\"WARN\",\"target\":\"provost::sync\",\"message\":\"paused\\nnow\",\
             \"request_id\":\"r1\",\"fields\":{\"target\":\"crm\",\"count\":3,\"why\":\"a \\\"b\\\"\\nc\",\"token\":\"•••\"}}"
        );
    }

    #[test]
    fn refuses_a_mistyped_filter() {
        for filter in ["provost=loud", "provost=debug=info"] {
            assert!(super::init(filter, false).is_err(), "{filter}");
        }
    }
}
