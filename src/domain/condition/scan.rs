//! What an expression reads of `user`, told from its text without running it.

/// Something that a text reads of `user`, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read {
    /// A property, and of a property that leads on a part, if one alone is named.
    Property { name: String, part: Option<String>, line: usize, column: usize },
    /// More than can be told.
    Everything,
    /// A call of a function that is not offered.
    Call { name: String, line: usize, column: usize },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Name(String),
    Text(String),
    Mark(char),
}

/// Functions that answer otherwise at another time.
const CLOCK: [&str; 2] = ["now", "timestamp"];

/// Every read of a text that compiles.
pub(super) fn reads(text: &str) -> Vec<Read> {
    let (tokens, mut out) = tokens(text);
    let at = |index: usize| tokens.get(index).map(|(token, ..)| token);
    let mark = |index: usize, mark: char| at(index) == Some(&Token::Mark(mark));
    let name = |index: usize| match at(index) {
        Some(Token::Name(name)) => Some(name.as_str()),
        _ => None,
    };
    let string = |index: usize| match at(index) {
        Some(Token::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    // The index after `.` or `?.`.
    let dot = |index: usize| match (mark(index, '.'), mark(index, '?') && mark(index + 1, '.')) {
        (true, _) => Some(index + 1),
        (_, true) => Some(index + 2),
        _ => None,
    };
    for (index, (token, line, column)) in tokens.iter().enumerate() {
        let Token::Name(word) = token else { continue };
        let member = index > 0 && mark(index - 1, '.');
        if CLOCK.contains(&word.as_str()) && !member && mark(index + 1, '(') {
            out.push(Read::Call { name: word.clone(), line: *line, column: *column });
        }
        if word != "user" || member {
            continue;
        }
        let property = |name: &str, part: Option<&str>| Read::Property {
            name: name.to_owned(),
            part: part.map(str::to_owned),
            line: *line,
            column: *column,
        };
        let asks = |index: usize| name(index).is_some_and(|name| name == "get" || name == "has");
        out.push(if let Some(next) = dot(index + 1) {
            match name(next) {
                // user.get("x", …)
                Some(_) if mark(next + 1, '(') => match string(next + 2).filter(|_| asks(next)) {
                    Some(text) => property(text, None),
                    None => Read::Everything,
                },
                Some(found) => {
                    let part = dot(next + 1).filter(|after| !mark(after + 1, '(')).and_then(name);
                    property(found, part)
                }
                None => Read::Everything,
            }
        } else if mark(index + 1, '[') && mark(index + 3, ']') {
            string(index + 2).map_or(Read::Everything, |text| property(text, None))
        } else if index > 1 && mark(index - 1, '(') && asks(index - 2) && mark(index + 1, ',') {
            match string(index + 2).filter(|_| mark(index + 3, ',') || mark(index + 3, ')')) {
                Some(text) => property(text, None),
                None => Read::Everything,
            }
        } else {
            Read::Everything
        });
    }
    out
}

// Names, texts and marks with their places; comments and white space are left out. A text with expressions inside reads
// everything.
fn tokens(text: &str) -> (Vec<(Token, usize, usize)>, Vec<Read>) {
    let chars: Vec<char> = text.chars().collect();
    let (mut out, mut reads) = (Vec::new(), Vec::new());
    let (mut at, mut line, mut column) = (0, 1, 1);
    while let Some(&c) = chars.get(at) {
        let (start, place) = (at, (line, column));
        let next = chars.get(at + 1).copied();
        let mut token = None;
        if c == '_' || c.is_alphabetic() {
            while chars.get(at).is_some_and(|c| *c == '_' || c.is_alphanumeric()) {
                at += 1;
            }
            token = Some(Token::Name(chars[start..at].iter().collect()));
        } else if c.is_ascii_digit() {
            while chars.get(at).is_some_and(|c| *c == '_' || c.is_alphanumeric()) {
                at += 1;
            }
        } else if let Some((content, end)) = raw_text(&chars, at) {
            at = end.unwrap_or_else(|| {
                reads.push(Read::Everything);
                chars.len()
            });
            token = Some(Token::Text(content));
        } else if c == '"' || c == '\'' || c == '`' {
            let mut content = String::new();
            at += 1;
            while let Some(&inner) = chars.get(at).filter(|inner| **inner != c) {
                // An escape of another kind than these makes another text, which no property has.
                if inner == '\\' && c != '`' {
                    at += 1;
                    content.push('\\');
                }
                if c == '`' && inner == '$' && chars.get(at + 1) == Some(&'{') {
                    reads.push(Read::Everything);
                }
                content.extend(chars.get(at));
                at += 1;
            }
            // What never ends was read otherwise than it is compiled.
            if at >= chars.len() {
                reads.push(Read::Everything);
            }
            at += 1;
            token = Some(Token::Text(content));
        } else if c == '/' && next == Some('/') {
            while chars.get(at).is_some_and(|c| *c != '\n' && *c != '\r') {
                at += 1;
            }
        } else if c == '/' && next == Some('*') {
            let mut depth = 0;
            while at < chars.len() {
                match (chars[at], chars.get(at + 1)) {
                    ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
                    ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
                    _ => at += 1,
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            at += 1;
            if !c.is_whitespace() {
                token = Some(Token::Mark(c));
            }
        }
        for passed in &chars[start..at.min(chars.len())] {
            (line, column) = if *passed == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        out.extend(token.map(|token| (token, place.0, place.1)));
    }
    (out, reads)
}

// `#"…"#` with any number of hashes, in which nothing is escaped: what it holds, and where it ends.
fn raw_text(chars: &[char], at: usize) -> Option<(String, Option<usize>)> {
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    let begin = at + hashes + 1;
    if hashes == 0 || chars.get(begin - 1) != Some(&'"') {
        return None;
    }
    let closes = |end: &usize| chars[*end] == '"' && chars[end + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    let end = (begin..chars.len()).find(closes);
    Some((chars[begin..end.unwrap_or(chars.len())].iter().collect(), end.map(|end| end + 1 + hashes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let tell = |read: Read| match read {
            Read::Property { name, part: None, .. } => name,
            Read::Property { name, part: Some(part), .. } => format!("{name}.{part}"),
            Read::Everything => "*".to_owned(),
            Read::Call { name, line, column } => format!("{name}()@{line}:{column}"),
        };
        reads(text).into_iter().map(tell).collect()
    }

    #[test]
    fn reads_are_told_from_the_text() {
        for (text, expected) in [
            ("user.country == \"FR\"", vec!["country"]),
            ("user.manager.title == \"x\" && user?.sn != ()", vec!["manager.title", "sn"]),
            ("user.sn.to_upper() == \"X\"", vec!["sn"]),
            ("get(user, \"country\", \"\") == 'F' || has(user, \"sn\")", vec!["country", "sn"]),
            ("user.get(\"country\", \"\") == \"FR\"", vec!["country"]),
            ("user[\"country\"] == \"FR\"", vec!["country"]),
            ("user[\"cou\" + \"ntry\"] == \"FR\"", vec!["*"]),
            ("user.keys().len() > 3", vec!["*"]),
            ("user == user", vec!["*", "*"]),
            ("\"user.sn\" == \"x\" /* user.sn /* user.mail */ */ // user.sn", vec![]),
            ("`${user.sn}` == \"x\"", vec!["*"]),
            ("pluck(user.groups, \"name\").contains(\"g\")", vec!["groups"]),
            ("user.sn == \"a\" &&\n  now() > 3", vec!["sn", "now()@2:3"]),
            ("user.now == 3 || x.user", vec!["now"]),
            ("has(user, \"a\\u0062\")", vec!["a\\u0062"]),
            ("user.title == #\"15\" monitor\"# || user.country == \"FR\"", vec!["title", "country"]),
            ("get(user, ##\"a\"#b\"##, 1) == user.sn", vec!["a\"#b", "sn"]),
            ("#{a: user.sn}.a == #\"open || user.country", vec!["sn", "*"]),
            ("// x\ruser.country == \"FR\"", vec!["country"]),
            ("user.sn == \"open || user.country", vec!["sn", "*"]),
        ] {
            let (mut told, mut expected) = (told(text), expected);
            told.sort_unstable();
            expected.sort_unstable();
            assert_eq!(told, expected, "{text}");
        }
    }
}
