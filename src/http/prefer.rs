//! What a client would like of an answer: `Prefer` (RFC 7240).

use actix_web::HttpRequest;

/// The header that asks.
const PREFER: &str = "Prefer";

/// How much of a written resource a client wants back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// No more than that it was done.
    Minimal,
    /// The resource.
    Representation,
}

impl Return {
    /// What `Preference-Applied` says of it.
    pub const fn applied(self) -> &'static str {
        match self {
            Self::Minimal => "return=minimal",
            Self::Representation => "return=representation",
        }
    }
}

/// The first `return` preference that is known; names compare without case (RFC 7240 §2, §4.2).
pub fn returns(req: &HttpRequest) -> Option<Return> {
    let lines = req.headers().get_all(PREFER).filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).find_map(|preference| {
        let (name, value) = preference.split(';').next().unwrap_or_default().split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("return") {
            return None;
        }
        match value.trim().trim_matches('"').to_ascii_lowercase().as_str() {
            "minimal" => Some(Return::Minimal),
            "representation" => Some(Return::Representation),
            _ => None,
        }
    })
}
