//! Attribute paths, resolved against an object type (RFC 7644 §3.10).

use super::attribute::Attribute;
use super::object_type::ObjectType;

/// Where an attribute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Home {
    /// The attributes every resource has: id, externalId, schemas, meta (RFC 7643 §3.1).
    Common,
    /// The schema at this index of [`ObjectType::schemas`]; 0 is the core schema, others are extensions.
    Schema(usize),
}

/// A resolved attribute path: positions in the object type it was resolved against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttrPath {
    /// Where the attribute stands.
    pub home: Home,
    /// Index of the attribute there.
    pub attribute: usize,
    /// Index of the sub-attribute, if the path names one.
    pub sub: Option<usize>,
}

impl AttrPath {
    /// The same path without its sub-attribute.
    #[must_use]
    pub const fn parent(self) -> Self {
        Self { sub: None, ..self }
    }
}

/// What the head of a path can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// An attribute or sub-attribute.
    Attribute(AttrPath),
    /// A whole extension, named by its bare URN: index into [`ObjectType::schemas`].
    Extension(usize),
}

impl ObjectType {
    /// Resolves `name`, `name.sub`, `URN:name`, `URN:name.sub` or a bare extension URN; names and URNs compare without case.
    /// An attribute of an extension needs its URN. `None` when nothing is named so.
    pub fn resolve(&self, text: &str) -> Option<Resolved> {
        if text.len() >= 4 && text.as_bytes()[..4].eq_ignore_ascii_case(b"urn:") {
            return self.resolve_urn(text);
        }
        self.resolve_within(Home::Schema(0), text).or_else(|| self.resolve_within(Home::Common, text)).map(Resolved::Attribute)
    }

    /// Like [`ObjectType::resolve`], for an attribute alone.
    pub fn resolve_attribute(&self, text: &str) -> Option<AttrPath> {
        match self.resolve(text)? {
            Resolved::Attribute(path) => Some(path),
            Resolved::Extension(_) => None,
        }
    }

    // URNs hold dots and colons, so the longest schema URN that fits is taken (spec/scim.md §1.15).
    fn resolve_urn(&self, text: &str) -> Option<Resolved> {
        let (index, schema) = self
            .schemas
            .iter()
            .enumerate()
            .filter(|(_, s)| text.get(..s.id.len()).is_some_and(|head| head.eq_ignore_ascii_case(&s.id)))
            .max_by_key(|(_, s)| s.id.len())?;
        let rest = &text[schema.id.len()..];
        if rest.is_empty() {
            return (index > 0).then_some(Resolved::Extension(index));
        }
        let name = rest.strip_prefix(':')?;
        let found = self.resolve_within(Home::Schema(index), name);
        let found = if index == 0 { found.or_else(|| self.resolve_within(Home::Common, name)) } else { found };
        found.map(Resolved::Attribute)
    }

    fn resolve_within(&self, home: Home, text: &str) -> Option<AttrPath> {
        let (name, sub) = match text.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (text, None),
        };
        let (attribute, definition) =
            self.attributes_of(home).iter().enumerate().find(|(_, a)| a.name.eq_ignore_ascii_case(name))?;
        let sub = match sub {
            Some(sub) => Some(definition.sub(sub)?.0),
            None => None,
        };
        Some(AttrPath { home, attribute, sub })
    }

    /// The attributes that stand at `home`.
    pub fn attributes_of(&self, home: Home) -> &[Attribute] {
        match home {
            Home::Common => &self.common,
            Home::Schema(index) => &self.schemas[index].attributes,
        }
    }

    /// The attribute a path leads to, without its sub-attribute.
    pub fn attribute(&self, path: AttrPath) -> &Attribute {
        &self.attributes_of(path.home)[path.attribute]
    }

    /// The attribute or sub-attribute a path leads to.
    pub fn leaf(&self, path: AttrPath) -> &Attribute {
        let attribute = self.attribute(path);
        path.sub.map_or(attribute, |sub| &attribute.sub_attributes[sub])
    }

    pub(super) fn leaf_mut(&mut self, path: AttrPath) -> &mut Attribute {
        let attribute = match path.home {
            Home::Common => &mut self.common[path.attribute],
            Home::Schema(index) => &mut self.schemas[index].attributes[path.attribute],
        };
        match path.sub {
            Some(sub) => &mut attribute.sub_attributes[sub],
            None => attribute,
        }
    }

    /// The canonical text of a path: URN in front for extensions.
    pub fn path_text(&self, path: AttrPath) -> String {
        let mut out = String::new();
        if let Home::Schema(index @ 1..) = path.home {
            out.push_str(&self.schemas[index].id);
            out.push(':');
        }
        out.push_str(&self.attribute(path).name);
        if path.sub.is_some() {
            out.push('.');
            out.push_str(&self.leaf(path).name);
        }
        out
    }
}
