//! SCIM 2.0 targets (RFC 7644; request shapes: spec/sync.md §2.8).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MATCH};
use reqwest::{Method, StatusCode, Url};
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::http::{HttpClient, Request, Response};
use super::scim_config::{Flavour, ScimConfig};
use super::{Answer, Capabilities, Connector, Failure, FailureClass, Lookup, Page, Remote, Update, Written};
use crate::domain::mapping::DocumentPath;
use crate::domain::plan::operations;
use crate::runtime::Clock;

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const JSON: HeaderValue = HeaderValue::from_static("application/scim+json");
const ACCEPTED: HeaderValue = HeaderValue::from_static("application/scim+json, application/json;q=0.9");
// RFC 3986 unreserved stays.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PAGE: u32 = 200;
const AWS_MEMBERS: usize = 100;

/// A SCIM target.
#[derive(Debug, Clone)]
pub struct ScimConnector {
    config: ScimConfig,
    http: HttpClient,
    headers: HeaderMap,
}

/// Names of our object types that SCIM targets hold.
pub const KINDS: [&str; 2] = ["user", "group"];

struct Resource {
    endpoint: &'static str,
    schema: &'static str,
}

fn resource(kind: &str) -> Result<Resource, Failure> {
    match kind {
        "user" => Ok(Resource { endpoint: "Users", schema: "urn:ietf:params:scim:schemas:core:2.0:User" }),
        "group" => Ok(Resource { endpoint: "Groups", schema: "urn:ietf:params:scim:schemas:core:2.0:Group" }),
        _ => Err(Failure::new(FailureClass::Capability, format!("SCIM targets hold no objects of type '{kind}'"))),
    }
}

impl ScimConnector {
    /// Makes a connector; nothing is sent.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(config: ScimConfig, clock: Clock) -> Result<Self, Failure> {
        let http = HttpClient::new(&config.options, clock)?;
        let mut headers = HeaderMap::from_iter([(ACCEPT, ACCEPTED)]);
        let header = config.auth.header().map_err(|_| Failure::new(FailureClass::Credentials, "no header holds the token"))?;
        headers.extend(header.map(|value| (AUTHORIZATION, value)));
        Ok(Self { config, http, headers })
    }

    fn url(&self, endpoint: &str, id: Option<&str>) -> Result<Url, Failure> {
        // Percent-encoding leaves dots, and these two would climb.
        if matches!(id, Some("" | "." | "..")) {
            return Err(Failure::new(FailureClass::Permanent, "the id at the target is no id"));
        }
        let path = match id {
            Some(id) => format!("{endpoint}/{}", utf8_percent_encode(id, ENCODED)),
            None => endpoint.to_owned(),
        };
        self.config.base.join(&path).map_err(|_| Failure::new(FailureClass::Permanent, "no address can be made of the id"))
    }

    async fn call(&self, method: Method, url: Url, body: Option<Value>, etag: Option<&str>) -> Result<Response, Failure> {
        let mut headers = self.headers.clone();
        if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            headers.insert(IF_MATCH, etag);
        }
        let body = body.map(|body| {
            headers.insert(CONTENT_TYPE, JSON);
            body.to_string().into_bytes()
        });
        let lost = if method.is_safe() { FailureClass::Transient } else { FailureClass::Uncertain };
        let response = self.http.send(Request { method, url, headers, body }).await?;
        if !response.status.is_success() {
            return Err(self.refused(&response));
        }
        // A page of a proxy or of a sign-in is a success to HTTP alone.
        if !response.body.is_empty() && serde_json::from_slice::<IgnoredAny>(&response.body).is_err() {
            return Err(Failure { class: lost, ..odd(&response, "the answer is not JSON") });
        }
        Ok(response)
    }

    fn refused(&self, response: &Response) -> Failure {
        let error = serde_json::from_slice::<Value>(&response.body).unwrap_or_default();
        let of = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
        let text = match (of("scimType"), of("detail")) {
            ("", "") => String::from_utf8_lossy(&response.body).into_owned(),
            ("", detail) => detail.to_owned(),
            (kind, detail) => format!("{kind}: {detail}"),
        };
        let mut failure = self.http.failure(response, &self.config.auth.redact(&text));
        match (response.status.as_u16(), of("scimType")) {
            // Not what was asked but how: another way may work.
            (400, "invalidFilter" | "noTarget") => failure.class = FailureClass::Capability,
            (400, "uniqueness") => failure.class = FailureClass::Conflict,
            _ => {}
        }
        failure
    }

    async fn create_in(&self, kind: &str, document: &Map<String, Value>) -> Result<Written, Failure> {
        let resource = resource(kind)?;
        let body = with_schemas(resource.schema, document);
        let response = self.call(Method::POST, self.url(resource.endpoint, None)?, Some(body), None).await?;
        // Whatever it says, something was made; without its id only a look-up finds it.
        match object(&response).and_then(|body| remote(body, &response)) {
            Some(remote) => Ok(Written { remote_id: remote.id, etag: remote.etag }),
            None => Err(Failure { class: FailureClass::Uncertain, ..odd(&response, "the answer to a create holds no id") }),
        }
    }

    async fn update_in(&self, kind: &str, id: &str, update: Update<'_>, etag: Option<&str>) -> Result<Written, Failure> {
        let resource = resource(kind)?;
        let url = self.url(resource.endpoint, Some(id))?;
        let (method, body) = match update {
            Update::Changes(changes) => (Method::PATCH, json!({"schemas": [PATCH], "Operations": operations(changes)})),
            Update::Document(document) => {
                let mut body = with_schemas(resource.schema, document);
                body["id"] = id.into();
                (Method::PUT, body)
            }
        };
        let response = self.call(method, url, Some(body), etag).await?;
        Ok(Written { remote_id: id.to_owned(), etag: version(object(&response).as_ref(), &response) })
    }

    async fn find_in(&self, kind: &str, lookup: &Lookup) -> Result<Vec<Remote>, Failure> {
        let path = DocumentPath::parse(&lookup.path).map_err(|why| Failure::new(FailureClass::Permanent, why))?;
        if !matches!(lookup.value, Value::String(_) | Value::Bool(_) | Value::Number(_)) {
            return Err(Failure::new(FailureClass::Permanent, format!("no filter can be made of the value of '{path}'")));
        }
        let mut url = self.url(resource(kind)?.endpoint, None)?;
        // A filter's values are JSON (RFC 7644 §3.4.2.2), so JSON's escapes are right. Two hits are enough.
        url.query_pairs_mut().append_pair("filter", &format!("{path} eq {}", lookup.value)).append_pair("count", "2");
        let (hits, _) = self.page(url).await?;
        // A target that ignores filters answers strangers; they must never be taken for the object.
        if hits.iter().any(|hit| !holds(&hit.document, &path, &lookup.value)) {
            return Err(Failure::new(FailureClass::Capability, format!("the target answered a filter on '{path}' with others")));
        }
        Ok(hits)
    }

    async fn list_in(&self, kind: &str, cursor: Option<&str>) -> Result<Page, Failure> {
        let start: u64 = match cursor {
            None => 1,
            Some(cursor) => {
                cursor.parse().map_err(|_| Failure::new(FailureClass::Permanent, "the cursor is not of this target"))?
            }
        };
        let mut url = self.url(resource(kind)?.endpoint, None)?;
        url.query_pairs_mut().append_pair("startIndex", &start.to_string()).append_pair("count", &PAGE.to_string());
        let (items, total) = self.page(url).await?;
        let next = start + items.len() as u64;
        let more = !items.is_empty() && total.is_some_and(|total| next <= total);
        Ok(Page { items, next: more.then(|| next.to_string()), total })
    }

    async fn page(&self, url: Url) -> Result<(Vec<Remote>, Option<u64>), Failure> {
        let response = self.call(Method::GET, url, None, None).await?;
        let odd = || odd(&response, "the answer is no ListResponse");
        let body = object(&response).ok_or_else(odd)?;
        let total = member(&body, "totalResults").and_then(Value::as_u64);
        let items = match member(&body, "Resources") {
            Some(Value::Array(items)) => items.clone(),
            // Left out when there is nothing (RFC 7644 §3.4.2).
            None | Some(Value::Null) if total == Some(0) => Vec::new(),
            _ => return Err(odd()),
        };
        let items = items.into_iter().map(|item| item_of(item).ok_or_else(odd)).collect::<Result<_, _>>()?;
        Ok((items, total))
    }

    async fn get_in(&self, kind: &str, id: &str) -> Result<Remote, Failure> {
        let response = self.call(Method::GET, self.url(resource(kind)?.endpoint, Some(id))?, None, None).await?;
        let found = object(&response).and_then(|body| remote(body, &response));
        found.ok_or_else(|| odd(&response, "the answer is no resource"))
    }

    async fn members_in(&self, group: &str, add: &[String], remove: &[String]) -> Result<Written, Failure> {
        let values = |ids: &[String]| ids.iter().map(|id| json!({"value": id})).collect::<Vec<_>>();
        let mut operations = Vec::new();
        match self.config.flavour {
            Flavour::RemoveByValue if !remove.is_empty() => {
                operations.push(json!({"op": "remove", "path": "members", "value": values(remove)}));
            }
            _ => operations.extend(
                remove
                    .iter()
                    .map(|id| json!({"op": "remove", "path": format!("members[value eq {}]", Value::from(id.as_str()))})),
            ),
        }
        if !add.is_empty() {
            operations.push(json!({"op": "add", "path": "members", "value": values(add)}));
        }
        let url = self.url("Groups", Some(group))?;
        let body = json!({"schemas": [PATCH], "Operations": operations});
        let response = self.call(Method::PATCH, url, Some(body), None).await?;
        Ok(Written { remote_id: group.to_owned(), etag: version(object(&response).as_ref(), &response) })
    }

    async fn probe_in(&self) -> Result<Capabilities, Failure> {
        let capabilities = self.announced().await?;
        // Discovery is often open to all, so the credentials are tried on something that is not.
        let mut url = self.url("Users", None)?;
        url.query_pairs_mut().append_pair("count", "1");
        match self.call(Method::GET, url, None, None).await {
            Err(failure)
                if matches!(
                    failure.class,
                    FailureClass::Credentials | FailureClass::Throttle | FailureClass::Transient | FailureClass::Missing
                ) =>
            {
                Err(failure)
            }
            _ => Ok(capabilities),
        }
    }

    async fn announced(&self) -> Result<Capabilities, Failure> {
        let mut out = Capabilities::default();
        if self.config.flavour == Flavour::Aws {
            out.max_members = AWS_MEMBERS;
        }
        out.max_members = self.config.max_members.unwrap_or(out.max_members);
        let response = match self.call(Method::GET, self.url("ServiceProviderConfig", None)?, None, None).await {
            Ok(response) => response,
            // It tells nothing of itself; that it answers is enough.
            Err(failure) if matches!(failure.class, FailureClass::Missing | FailureClass::Capability) => return Ok(out),
            Err(failure) => return Err(failure),
        };
        let body =
            object(&response).ok_or_else(|| odd(&response, "the answer is no ServiceProviderConfig; is baseUrl right?"))?;
        let supported = |name: &str| member(&body, name).and_then(|part| part.get("supported")).and_then(Value::as_bool);
        let number = |name: &str, key: &str| {
            let number = member(&body, name).and_then(|part| part.get(key)).and_then(Value::as_u64);
            number.map(|number| u32::try_from(number).unwrap_or(u32::MAX))
        };
        out.patch = supported("patch").unwrap_or(out.patch);
        out.filter = supported("filter").unwrap_or(out.filter);
        out.etag = supported("etag").unwrap_or(out.etag);
        out.max_results = number("filter", "maxResults");
        out.bulk_operations = supported("bulk").unwrap_or(false).then(|| number("bulk", "maxOperations")).flatten();
        Ok(out)
    }
}

impl Connector for ScimConnector {
    fn probe(&self) -> Answer<'_, Capabilities> {
        Box::pin(self.probe_in())
    }

    fn create<'a>(&'a self, kind: &'a str, document: &'a Map<String, Value>) -> Answer<'a, Written> {
        Box::pin(self.create_in(kind, document))
    }

    fn update<'a>(&'a self, kind: &'a str, remote_id: &'a str, update: Update<'a>, etag: Option<&'a str>) -> Answer<'a, Written> {
        Box::pin(self.update_in(kind, remote_id, update, etag))
    }

    fn delete<'a>(&'a self, kind: &'a str, remote_id: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let url = self.url(resource(kind)?.endpoint, Some(remote_id))?;
            self.call(Method::DELETE, url, None, None).await.map(|_| ())
        })
    }

    fn find<'a>(&'a self, kind: &'a str, lookup: &'a Lookup) -> Answer<'a, Vec<Remote>> {
        Box::pin(self.find_in(kind, lookup))
    }

    fn get<'a>(&'a self, kind: &'a str, remote_id: &'a str) -> Answer<'a, Remote> {
        Box::pin(self.get_in(kind, remote_id))
    }

    fn list<'a>(&'a self, kind: &'a str, cursor: Option<&'a str>) -> Answer<'a, Page> {
        Box::pin(self.list_in(kind, cursor))
    }

    fn change_members<'a>(&'a self, group: &'a str, add: &'a [String], remove: &'a [String]) -> Answer<'a, Written> {
        Box::pin(self.members_in(group, add, remove))
    }
}

// A success that makes no sense: another service answers there.
fn odd(response: &Response, text: &str) -> Failure {
    Failure { status: Some(response.status.as_u16()), ..Failure::new(FailureClass::Transient, text) }
}

fn with_schemas(core: &str, document: &Map<String, Value>) -> Value {
    let extensions = document.keys().filter(|name| name.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("urn:")));
    let schemas: Vec<&str> = std::iter::once(core).chain(extensions.map(String::as_str)).collect();
    let mut body = document.clone();
    body.insert("schemas".to_owned(), json!(schemas));
    Value::Object(body)
}

fn object(response: &Response) -> Option<Map<String, Value>> {
    if response.status == StatusCode::NO_CONTENT {
        return None;
    }
    serde_json::from_slice(&response.body).ok()
}

fn member<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    body.get(name).or_else(|| body.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn version(body: Option<&Map<String, Value>>, response: &Response) -> Option<String> {
    let header = response.headers.get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    header.or_else(|| meta_version(body?))
}

fn meta_version(body: &Map<String, Value>) -> Option<String> {
    member(body, "meta")?.get("version")?.as_str().map(str::to_owned)
}

fn remote(document: Map<String, Value>, response: &Response) -> Option<Remote> {
    let etag = version(Some(&document), response);
    let id = member(&document, "id")?.as_str().filter(|id| !id.is_empty())?.to_owned();
    Some(Remote { id, etag, document })
}

fn item_of(item: Value) -> Option<Remote> {
    let Value::Object(document) = item else { return None };
    let id = member(&document, "id")?.as_str().filter(|id| !id.is_empty())?.to_owned();
    Some(Remote { id, etag: meta_version(&document), document })
}

fn holds(document: &Map<String, Value>, path: &DocumentPath, wanted: &Value) -> bool {
    match (path.whole().read(document), &path.filter, &path.sub) {
        (Some(Value::Array(elements)), None, Some(sub)) => {
            elements.iter().filter_map(|element| member(element.as_object()?, sub)).any(|found| alike(found, wanted))
        }
        _ => path.read(document).is_some_and(|found| alike(found, wanted)),
    }
}

// Targets decide whether case counts; a stranger differs in more than case.
fn alike(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::String(found), Value::String(wanted)) => found.to_lowercase() == wanted.to_lowercase(),
        (Value::Array(found), wanted) => found.iter().any(|found| alike(found.get("value").unwrap_or(found), wanted)),
        (found, wanted) => found == wanted,
    }
}
