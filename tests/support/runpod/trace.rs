//! Requests without what differs from one run to the next, so that two clients can be compared.

use serde_json::{Map, Value, json};

use super::WORKER;
use super::http::Raw;

/// Headers that say how bytes are carried, and nothing about the protocol.
const TRANSPORT: [&str; 8] =
    ["accept", "accept-encoding", "authorization", "connection", "content-length", "host", "keep-alive", "user-agent"];

/// A request, normalised.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The HTTP method.
    pub method: String,
    /// The path from the endpoint's on, with `{worker}` and `{job}` for their ids.
    pub path: String,
    /// The parameters in their order, with `{jobs}` and `{version}` for what differs.
    pub query: Vec<(String, String)>,
    /// The headers that are about the protocol, without the key, in the order of their names; `{job}` for an id.
    pub headers: Vec<(String, String)>,
    /// What kind of JSON the body is: objects with the kinds of their members. Null where there is no body.
    pub body: Value,
    /// Whether it carried the key as it is.
    pub authorised: bool,
}

impl Request {
    pub(super) fn of(raw: &Raw, authorised: bool) -> Self {
        let path = raw.path.trim_start_matches("/v2/endpoint-1").replace(WORKER, "{worker}");
        let job = path.strip_prefix("/job-done/{worker}/").map(str::to_owned);
        let path = if job.is_some() { "/job-done/{worker}/{job}".to_owned() } else { path };
        let value = |(name, value): &(String, String)| {
            let value = match name.as_str() {
                "job_id" => "{jobs}",
                "runpod_version" => "{version}",
                _ => value,
            };
            (name.clone(), value.to_owned())
        };
        let header = |(name, value): &(String, String)| {
            let is_this_job = name == "x-request-id" && job.as_deref() == Some(value.as_str());
            (name.clone(), if is_this_job { "{job}".to_owned() } else { value.clone() })
        };
        let mut headers: Vec<_> =
            raw.headers.iter().filter(|(name, _)| !TRANSPORT.contains(&name.as_str())).map(header).collect();
        headers.sort();
        let body = if raw.body.is_empty() { Value::Null } else { body_kind(&raw.body) };
        Self {
            method: raw.method.clone(),
            path,
            query: raw.query.iter().map(value).collect(),
            headers,
            body,
            authorised,
        }
    }

    /// Whether its path begins like this.
    pub fn is(&self, path: &str) -> bool {
        self.path.starts_with(path)
    }

    /// A parameter by its name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let object = |pairs: &[(String, String)]| {
            Value::Object(pairs.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect())
        };
        json!({
            "method": self.method,
            "path": self.path,
            "query": object(&self.query),
            "headers": object(&self.headers),
            "body": self.body,
            "authorised": self.authorised,
        })
    }
}

fn body_kind(text: &str) -> Value {
    serde_json::from_str(text).map_or_else(|_| "text".into(), |value| kind(&value))
}

/// What kind of value it is. A text that is a JSON object is distinguished from other text; the status is protocol, and kept.
fn kind(value: &Value) -> Value {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Number(_) => "number".into(),
        Value::Array(_) => "array".into(),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner) if inner.is_object() => json!({ "JSON as text": kind(&inner) }),
            _ => "text".into(),
        },
        Value::Object(members) => Value::Object(members.iter().map(member).collect::<Map<_, _>>()),
    }
}

fn member((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), if name == "status" { value.clone() } else { kind(value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_of_a_client_look_alike() {
        let request = |worker_free_path: &str, id: &str, at: u32| {
            let body = json!({ "error": json!({ "message": "no", "at": at }).to_string() }).to_string();
            let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            Request::of(
                &Raw {
                    method: "POST".to_owned(),
                    path: format!("/v2/endpoint-1/{worker_free_path}/{WORKER}/{id}"),
                    query: vec![pair("isStream", "false")],
                    headers: vec![pair("x-request-id", id), pair("user-agent", "x"), pair("content-type", "y")],
                    body,
                },
                true,
            )
        };
        let one = request("job-done", "a", 1);
        assert_eq!(one, request("job-done", "b", 2));
        assert_eq!(one.path, "/job-done/{worker}/{job}");
        assert_eq!(one.body, json!({ "error": { "JSON as text": { "message": "text", "at": "number" } } }));
        assert_eq!(one.to_json()["headers"], json!({ "x-request-id": "{job}", "content-type": "y" }));
    }
}
