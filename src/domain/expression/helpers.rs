//! Functions that expressions may call (spec/sync.md §4). In mappings they take a missing value as nothing; none reaches out.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};
use regex::RegexBuilder;
use rhai::{Array, Dynamic, Engine, EvalAltResult, INT, ImmutableString, Map};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::engine::raise;
use super::strict::{self, type_name};
use crate::domain::time::Timestamp;

type Answer<T = Dynamic> = Result<T, Box<EvalAltResult>>;

/// What both modes have.
pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("get", |object: Dynamic, name: ImmutableString, default: Dynamic| -> Answer {
        Ok(member(&object, &name)?.unwrap_or(default))
    });
    engine.register_fn("has", |object: Dynamic, name: ImmutableString| -> Answer<bool> { Ok(member(&object, &name)?.is_some()) });
    engine.register_fn("hour", |at: Dynamic| Ok::<_, Box<EvalAltResult>>(INT::from(instant(&at)?.hour())));
    engine.register_fn("minute", |at: Dynamic| Ok::<_, Box<EvalAltResult>>(INT::from(instant(&at)?.minute())));
    engine.register_fn("date", |at: Dynamic| Ok::<_, Box<EvalAltResult>>(instant(&at)?.date().to_string()));
    engine.register_fn("weekday", |at: Dynamic| {
        Ok::<_, Box<EvalAltResult>>(INT::from(instant(&at)?.weekday().to_monday_one_offset()))
    });
    text_function(engine, "lower", str::to_lowercase);
    text_function(engine, "upper", str::to_uppercase);
    text_function(engine, "trim", |s| s.trim().to_owned());
}

/// What mappings have besides.
pub(super) fn register_lenient(engine: &mut Engine) {
    text_function(engine, "ascii", ascii);
    text_function(engine, "slug", slug);
    text_function(engine, "dn_escape", dn_escape);
    text_function(engine, "hash_short", hash_short);
    register_text(engine);
    register_lists(engine);
    register_dates(engine);
    engine.register_fn(
        "req",
        |value: Dynamic| {
            if is_empty(&value) { Err(raise("a required value is missing")) } else { Ok(value) }
        },
    );
    engine.register_fn("coalesce", |values: Array| first_filled(values));
    engine.register_fn("coalesce", |a: Dynamic, b: Dynamic| first_filled([a, b]));
    engine.register_fn("coalesce", |a: Dynamic, b: Dynamic, c: Dynamic| first_filled([a, b, c]));
    engine.register_fn("coalesce", |a: Dynamic, b: Dynamic, c: Dynamic, d: Dynamic| first_filled([a, b, c, d]));
    engine.register_fn("lookup", |table: Map, key: Dynamic| lookup(&table, &key, Dynamic::UNIT));
    engine.register_fn("lookup", |table: Map, key: Dynamic, default: Dynamic| lookup(&table, &key, default));
}

fn register_text(engine: &mut Engine) {
    engine.register_fn("join", |separator: ImmutableString, values: Array| join(&separator, &values));
    engine.register_fn("join", |values: Array, separator: ImmutableString| join(&separator, &values));
    engine.register_fn("join", |separator: ImmutableString, a: Dynamic, b: Dynamic| join(&separator, &[a, b]));
    engine.register_fn("join", |separator: ImmutableString, a: Dynamic, b: Dynamic, c: Dynamic| join(&separator, &[a, b, c]));
    engine.register_fn("split", |value: Dynamic, separator: ImmutableString| -> Answer<Array> {
        let Some(value) = text(&value, "split")? else { return Ok(Array::new()) };
        Ok(value.split(separator.as_str()).map(|part| part.to_owned().into()).collect())
    });
    // The package's replace of a text changes its variable; this one gives the result.
    engine.register_fn("replace", |value: ImmutableString, from: ImmutableString, to: ImmutableString| {
        value.replace(from.as_str(), to.as_str())
    });
    engine.register_fn("replace", |value: Dynamic, from: ImmutableString, to: ImmutableString| -> Answer {
        Ok(text(&value, "replace")?.map_or(Dynamic::UNIT, |value| value.replace(from.as_str(), to.as_str()).into()))
    });
    engine.register_fn("regex_replace", |value: Dynamic, pattern: ImmutableString, to: ImmutableString| -> Answer {
        let Some(value) = text(&value, "regex_replace")? else { return Ok(Dynamic::UNIT) };
        let regex = RegexBuilder::new(&pattern)
            .size_limit(1 << 18)
            .build()
            .map_err(|_| raise("the pattern of regex_replace is not valid, or too large"))?;
        Ok(regex.replace_all(&value, to.as_str()).into_owned().into())
    });
    engine.register_fn("substr", |value: Dynamic, start: INT| substr(&value, start, INT::MAX));
    engine.register_fn("substr", |value: Dynamic, start: INT, length: INT| substr(&value, start, length));
}

fn register_lists(engine: &mut Engine) {
    engine.register_fn("first", |list: Dynamic| elements(list).into_iter().next().unwrap_or(Dynamic::UNIT));
    engine.register_fn("pluck", |list: Dynamic, name: ImmutableString| -> Answer<Array> {
        elements(list).iter().filter_map(|element| member(element, &name).transpose()).collect()
    });
    engine.register_fn("where_eq", |list: Dynamic, name: ImmutableString, wanted: Dynamic| -> Answer<Array> {
        let mut out = Array::new();
        for element in elements(list) {
            // A value of another type is not the wanted one.
            if member(&element, &name)?.is_some_and(|value| strict::equal(&value, &wanted).unwrap_or(false)) {
                out.push(element);
            }
        }
        Ok(out)
    });
    engine.register_fn("by_type", |list: Dynamic, kind: ImmutableString| {
        elements(list).into_iter().find(|element| is_of_type(element, &kind)).unwrap_or(Dynamic::UNIT)
    });
    engine.register_fn("pick_primary", |list: Dynamic| {
        let list = elements(list);
        let primary = |element: &Dynamic| matches!(member(element, "primary"), Ok(Some(flag)) if flag.as_bool() == Ok(true));
        let pick = list.iter().position(primary).or_else(|| list.iter().position(|element| is_of_type(element, "work")));
        list.into_iter().nth(pick.unwrap_or(0)).unwrap_or(Dynamic::UNIT)
    });
}

fn register_dates(engine: &mut Engine) {
    engine.register_fn("date_fmt", |at: Dynamic, format: ImmutableString| -> Answer {
        if at.is_unit() {
            return Ok(at);
        }
        let text = jiff::fmt::strtime::format(format.as_str(), &instant(&at)?);
        text.map(Dynamic::from).map_err(|_| raise("the format of date_fmt is not valid"))
    });
    engine.register_fn("date_add", |at: Dynamic, amount: INT, unit: ImmutableString| -> Answer {
        if at.is_unit() {
            return Ok(at);
        }
        let span = match unit.as_str() {
            "seconds" => Span::new().try_seconds(amount),
            "minutes" => Span::new().try_minutes(amount),
            "hours" => Span::new().try_hours(amount),
            "days" => Span::new().try_days(amount),
            "weeks" => Span::new().try_weeks(amount),
            "months" => Span::new().try_months(amount),
            "years" => Span::new().try_years(amount),
            _ => return Err(raise("date_add takes seconds, minutes, hours, days, weeks, months or years")),
        };
        let at = instant(&at)?;
        let moved = span.and_then(|span| at.checked_add(span)).map_err(|_| raise("date_add leaves the calendar"))?;
        Ok(Timestamp::from_micros(moved.timestamp().as_microsecond()).to_string().into())
    });
}

// The package has in-place functions of the same name for texts; an exact signature goes before it.
fn text_function(engine: &mut Engine, name: &'static str, apply: fn(&str) -> String) {
    engine.register_fn(name, move |value: ImmutableString| apply(&value));
    engine.register_fn(name, move |value: Dynamic| -> Answer {
        Ok(text(&value, name)?.map_or(Dynamic::UNIT, |value| apply(&value).into()))
    });
}

// None for nothing; numbers and booleans as they print.
fn text(value: &Dynamic, function: &str) -> Answer<Option<String>> {
    if value.is_unit() {
        return Ok(None);
    }
    if value.is_array() || value.is_map() || value.is_fnptr() {
        return Err(raise(format!("{function} takes text, not {}", type_name(value.type_name()))));
    }
    Ok(Some(value.to_string()))
}

fn member(object: &Dynamic, name: &str) -> Answer<Option<Dynamic>> {
    if object.is_unit() {
        return Ok(None);
    }
    match object.as_map_ref() {
        Ok(map) => Ok(map.get(name).filter(|value| !value.is_unit()).cloned()),
        Err(kind) => Err(raise(format!("'{name}' is asked of {}, which has no attributes", type_name(kind)))),
    }
}

fn elements(list: Dynamic) -> Array {
    list.into_array().unwrap_or_default()
}

fn is_of_type(element: &Dynamic, kind: &str) -> bool {
    matches!(member(element, "type"), Ok(Some(found)) if found.to_string().eq_ignore_ascii_case(kind))
}

fn is_empty(value: &Dynamic) -> bool {
    value.is_unit()
        || value.as_immutable_string_ref().is_ok_and(|s| s.is_empty())
        || value.as_array_ref().is_ok_and(|list| list.is_empty())
}

fn first_filled(values: impl IntoIterator<Item = Dynamic>) -> Dynamic {
    values.into_iter().find(|value| !is_empty(value)).unwrap_or(Dynamic::UNIT)
}

fn lookup(table: &Map, key: &Dynamic, default: Dynamic) -> Answer {
    let Some(key) = text(key, "lookup")? else { return Ok(default) };
    Ok(table.get(key.as_str()).cloned().unwrap_or(default))
}

fn join(separator: &str, values: &[Dynamic]) -> Answer<String> {
    let mut parts = Vec::with_capacity(values.len());
    for value in values.iter().filter(|value| !is_empty(value)) {
        parts.extend(text(value, "join")?);
    }
    Ok(parts.join(separator))
}

// By characters; a negative start counts from the end.
fn substr(value: &Dynamic, start: INT, length: INT) -> Answer {
    let Some(value) = text(value, "substr")? else { return Ok(Dynamic::UNIT) };
    let count = value.chars().count();
    let size = |n: INT| usize::try_from(n).unwrap_or(0);
    let start =
        if start < 0 { count.saturating_sub(usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX)) } else { size(start) };
    Ok(value.chars().skip(start).take(size(length)).collect::<String>().into())
}

fn instant(value: &Dynamic) -> Answer<Zoned> {
    let text = value.as_immutable_string_ref().map_err(|kind| raise(format!("a date is text, not {}", type_name(kind))))?;
    let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(TimeZone::UTC).ok();
    Timestamp::parse(&text)
        .and_then(|at| jiff::Timestamp::from_microsecond(at.micros()).ok())
        .map(|at| at.to_zoned(TimeZone::UTC))
        .or_else(day)
        .ok_or_else(|| raise("the text is no date"))
}

// Letters that do not decompose to a base letter and a mark.
const LETTERS: [(char, &str); 20] = [
    ('ß', "ss"),
    ('ẞ', "SS"),
    ('æ', "ae"),
    ('Æ', "AE"),
    ('œ', "oe"),
    ('Œ', "OE"),
    ('ø', "o"),
    ('Ø', "O"),
    ('đ', "d"),
    ('Đ', "D"),
    ('ð', "d"),
    ('Ð', "D"),
    ('þ', "th"),
    ('Þ', "Th"),
    ('ł', "l"),
    ('Ł', "L"),
    ('ħ', "h"),
    ('Ħ', "H"),
    ('ı', "i"),
    ('ŋ', "n"),
];

// Folds diacritics; what has no ASCII form is dropped.
fn ascii(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.nfkd().filter(|c| !is_combining_mark(*c)) {
        match LETTERS.iter().find(|(letter, _)| *letter == c) {
            Some((_, plain)) => out.push_str(plain),
            None if c.is_ascii() => out.push(c),
            None => {}
        }
    }
    out
}

// ASCII letters and digits in lower case, everything else as single hyphens between them.
fn slug(value: &str) -> String {
    let plain = ascii(value).to_ascii_lowercase();
    plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

// RFC 4514 §2.4.
fn dn_escape(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut out = String::with_capacity(value.len());
    for (at, c) in value.chars().enumerate() {
        let edge = (c == ' ' && (at == 0 || at == last)) || (c == '#' && at == 0);
        match c {
            '\0' => out.push_str("\\00"),
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => out.extend(['\\', c]),
            _ if edge => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

// Eight hex digits that stay the same for the same text.
fn hash_short(value: &str) -> String {
    digest(&SHA256, value.as_bytes()).as_ref().iter().take(4).fold(String::new(), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}
