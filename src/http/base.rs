//! Addresses of the SCIM root as clients put them together: with `/v2` once more, or without it (spec/scim.md §2.2).

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Uri;
use actix_web::http::uri::PathAndQuery;
use actix_web::middleware::Next;

/// Leads `/scim/v2/v2/…` and `/scim/…` to `/scim/v2/…`.
///
/// # Errors
/// Those of the handlers; they are answers already.
pub async fn straighten(
    mut req: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if let Some(uri) = straight(req.uri()) {
        req.match_info_mut().get_mut().update(&uri);
        req.head_mut().uri = uri;
    }
    next.call(req).await
}

fn straight(uri: &Uri) -> Option<Uri> {
    let below = uri.path().strip_prefix("/scim").filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
    let within = |rest: &str, segment: &str| {
        let inner = rest.strip_prefix(segment)?;
        (inner.is_empty() || inner.starts_with('/')).then(|| inner.to_owned())
    };
    let rest = match within(below, "/v2") {
        None => below.to_owned(),
        Some(inner) => within(&inner, "/v2")?,
    };
    if is_version(&rest) {
        return None;
    }
    let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("/scim/v2{rest}{query}")).ok()?);
    Uri::from_parts(parts).ok()
}

// Another version of the protocol, to be refused by its name.
fn is_version(rest: &str) -> bool {
    let segment = rest.trim_start_matches('/').split('/').next().unwrap_or_default();
    segment.strip_prefix('v').is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_has_several_names() {
        for (given, expected) in [
            ("/scim/v2/Users?a=b", None),
            ("/scim/v2", None),
            ("/scim/v2/v2/Users?a=b", Some("/scim/v2/Users?a=b")),
            ("/scim/v2/v2", Some("/scim/v2")),
            ("/scim/v2/v2x", None),
            ("/scim/v2x", Some("/scim/v2/v2x")),
            ("/scim/v1/Users", None),
            ("/scim/v1.1", None),
            ("/scim/Users/a%2Fb", Some("/scim/v2/Users/a%2Fb")),
            ("/scim", Some("/scim/v2")),
            ("/scim/", Some("/scim/v2/")),
            ("/scimitar", None),
            ("/openidm/managed/user", None),
        ] {
            let uri: Uri = given.parse().unwrap();
            assert_eq!(straight(&uri).map(|u| u.to_string()).as_deref(), expected, "{given}");
        }
    }
}
