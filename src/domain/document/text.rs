//! A stored document as text: its members, without building its values.

/// The members of a JSON object as they stand in compact text: key without its quotes, and value. None for text of any other
/// form, which has to be parsed. It does not check what lies inside the values.
pub fn members(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut rest = text.strip_prefix('{')?;
    let mut out = Vec::with_capacity(16);
    if rest == "}" {
        return Some(out);
    }
    loop {
        let end = string(rest)?;
        let key = &rest[1..end - 1];
        rest = rest[end..].strip_prefix(':')?;
        let end = value(rest).filter(|end| *end > 0)?;
        out.push((key, &rest[..end]));
        match &rest[end..] {
            "}" => return Some(out),
            more => rest = more.strip_prefix(',')?,
        }
    }
}

// The length of the string at the beginning, with its quotes.
fn string(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    if bytes.first() != Some(&b'"') {
        return None;
    }
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

// The length of the value at the beginning: up to the comma or brace that ends it.
fn value(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        match bytes.get(at)? {
            b'"' => {
                at += string(&text[at..])?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => return Some(at),
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
}

/// Appends a text as a JSON string.
pub fn push_string(out: &mut String, text: &str) {
    let plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

    fn value() -> BoxedStrategy<Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            Just(json!("a\"},{\"b\\")),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                proptest::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
        .boxed()
    }

    proptest! {
        #[test]
        fn members_are_those_that_parsing_finds(object in proptest::collection::vec((any::<String>(), value()), 0..6)) {
            let object: Map<String, Value> = object.into_iter().collect();
            let text = Value::Object(object.clone()).to_string();
            let found = members(&text).unwrap();
            prop_assert_eq!(found.len(), object.len());
            for ((key, value), (known, expected)) in found.into_iter().zip(&object) {
                prop_assert_eq!(&serde_json::from_str::<String>(&format!("\"{key}\"")).unwrap(), known);
                prop_assert_eq!(&serde_json::from_str::<Value>(value).unwrap(), expected);
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>(), pieces in proptest::collection::vec(
            proptest::sample::select(&["{", "}", "[", "]", "\"", "\\", ":", ",", "a", "é", "1"][..]), 0..12)) {
            drop(members(&text));
            drop(members(&pieces.concat()));
        }

        #[test]
        fn strings_are_json(text in any::<String>()) {
            let mut out = String::new();
            push_string(&mut out, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn other_forms_are_left_to_the_parser() {
        for text in ["", "[]", "{", "{}x", "{ \"a\":1}", "{\"a\" :1}", "{\"a\":1,}", "{\"a\":}", "{\"a\":1", "{\"a", "{a:1}"] {
            assert_eq!(members(text), None, "{text}");
        }
    }
}
