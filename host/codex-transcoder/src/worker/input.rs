//! Parses the untrusted input of a job.

use fault::text::printable;
use fault::{Failure, codes};
use job::{Request, Subject, is_plain_id};
use media::probe::DeclaredKind;
use serde_json::{Map, Value};
use storage::{Destination, Key, ORIGINALS};

use crate::choice::Choice as _;

/// What is wrong with a job's input, a sentence for each problem.
pub fn bad_input(problems: &[String]) -> Failure {
    Failure::new(&codes::job::BAD_INPUT, format!("the job's input can't be used: {}", problems.join("; ")))
}

/// The input of a job. A bad input keeps what its `failed` webhook needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// `webhookUrl`, not checked yet.
    pub webhook: Option<String>,
    pub media_id: Option<String>,
    pub creator_id: Option<String>,
    pub request: Result<Request, Failure>,
}

/// The fields that the host reads itself.
const KNOWN: [&str; 5] = ["mediaId", "creatorId", "type", "inputKey", "webhookUrl"];

/// Reads fields and collects the problems.
struct FieldReader<'a> {
    object: &'a Map<String, Value>,
    problems: Vec<String>,
}

impl<'a> FieldReader<'a> {
    /// Reads a text. The error of `read` is what is wrong with it.
    fn text<T>(&mut self, name: &str, expected: &str, read: impl FnOnce(&'a str) -> Result<T, String>) -> Option<T> {
        let value = match self.object.get(name) {
            Some(Value::String(text)) => read(text),
            Some(other) => Err(format!("`{name}` is {}: {expected} is expected", kind(other))),
            None => Err(format!("`{name}` is missing: {expected} is expected")),
        };
        value.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn id(&mut self, name: &str) -> Option<&'a str> {
        let expected = "a text of 1 to 128 letters, digits, `_` and `-`";
        let problem = |text| format!("`{name}` is `{}`: {expected} is expected", printable(text, 128));
        self.text(name, expected, |text| if is_plain_id(text) { Ok(text) } else { Err(problem(text)) })
    }
}

impl Input {
    /// Unknown fields become the job's attributes.
    pub fn read(id: &str, input: &Value) -> Self {
        let Value::Object(object) = input else {
            let problem = format!("it is {}: an object is expected", kind(input));
            return Self { webhook: None, media_id: None, creator_id: None, request: Err(bad_input(&[problem])) };
        };
        let mut fields = FieldReader { object, problems: Vec::new() };
        if !is_plain_id(id) {
            let shown = printable(id, 128);
            fields.problems.push(format!("the job's id is `{shown}`: letters, digits, `_` and `-` are allowed"));
        }
        let media_id = fields.id("mediaId");
        let creator_id = fields.id("creatorId");
        let declared = fields.text("type", "`video` or `audio`", |text| {
            let problem = || format!("`type` is `{}`: `video` or `audio` is expected", printable(text, 64));
            DeclaredKind::parse(text).ok_or_else(problem)
        });
        let original_key = "`{creatorId}/originals/{mediaId}/{filename}`";
        let key = fields.text("inputKey", original_key, |key| original(key, creator_id, media_id));
        let webhook = match object.get("webhookUrl") {
            None | Some(Value::Null) => None,
            Some(_) => fields.text("webhookUrl", "a URL", |url| Ok(url.to_owned())),
        };
        let unknown = object.iter().filter(|(name, _)| !KNOWN.contains(&name.as_str()));
        let attributes = job::attributes(unknown).map_err(|problem| fields.problems.push(problem)).unwrap_or_default();
        let request = match (media_id, creator_id, declared, key) {
            (Some(media_id), Some(creator_id), Some(declared), Some(key)) if fields.problems.is_empty() => {
                Ok(Request {
                    id: id.to_owned(),
                    media_id: media_id.to_owned(),
                    creator_id: creator_id.to_owned(),
                    declared,
                    source: Destination { store: ORIGINALS.to_owned(), key },
                    attributes,
                })
            }
            _ => Err(bad_input(&fields.problems)),
        };
        Self { webhook, media_id: media_id.map(str::to_owned), creator_id: creator_id.map(str::to_owned), request }
    }

    /// What the job is about, if the input says so.
    pub fn subject(&self) -> Option<Subject> {
        let (creator, media) = self.creator_id.clone().zip(self.media_id.clone())?;
        Some(Subject { creator, media })
    }

    /// The input as a record may keep it: the fields that the host reads, and those that a policy may learn.
    pub fn kept(&self, input: &Value) -> Value {
        let attributes = self.request.as_ref().map(|request| request.attributes.as_slice()).unwrap_or_default();
        let is_kept = |name: &str| KNOWN.contains(&name) || attributes.iter().any(|(known, _)| known == name);
        let fields = input.as_object().into_iter().flatten().filter(|(name, _)| is_kept(name));
        fields.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>().into()
    }
}

/// Parses the key of the original and checks that it belongs to this creator and media item.
fn original(text: &str, creator: Option<&str>, media: Option<&str>) -> Result<Key, String> {
    let shown = printable(text, 200);
    let wrong = |why: &str| format!("`inputKey` is `{shown}`: {why}");
    let key = Key::parse(text).map_err(|bad| wrong(bad.reason))?;
    let segments: Vec<&str> = text.split('/').collect();
    let [owner, folder, item, _, ..] = segments.as_slice() else {
        return Err(wrong("`{creatorId}/originals/{mediaId}/{filename}` is expected, with four segments or more"));
    };
    if creator.is_some_and(|creator| creator != *owner) {
        return Err(wrong("it is not under the creator's own prefix"));
    }
    if *folder != "originals" || media.is_some_and(|media| media != *item) {
        return Err(wrong("`{creatorId}/originals/{mediaId}/{filename}` is expected"));
    }
    Ok(key)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Value {
        json!({
            "mediaId": "m-1", "creatorId": "c_1", "type": "video",
            "inputKey": "c_1/originals/m-1/My film.mov", "webhookUrl": "https://hooks.example.com/x",
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut input = good();
        input[field] = value;
        input
    }

    fn problems(input: &Value) -> String {
        Input::read("job-1", input).request.unwrap_err().to_string()
    }

    #[test]
    fn a_good_input_becomes_a_request_with_unknown_fields_as_attributes() {
        let input = Input::read("job-1", &with("priority", json!({"a": 1})));
        let request = input.request.unwrap();
        assert_eq!(request.source.key.as_str(), "c_1/originals/m-1/My film.mov");
        assert_eq!(request.attributes, [("priority".to_owned(), r#"{"a":1}"#.to_owned())]);
        assert_eq!(
            (request.declared, input.webhook.as_deref()),
            (DeclaredKind::Video, Some("https://hooks.example.com/x"))
        );
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let text = problems(&json!({"mediaId": 7, "type": "film", "webhookUrl": [], "more": "x".repeat(20_000)}));
        for expected in [
            "`mediaId` is a number",
            "`creatorId` is missing",
            "`type` is `film`",
            "`inputKey` is missing",
            "`webhookUrl` is a list",
            "have 20006 bytes",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }

    #[test]
    fn a_key_that_is_not_the_creators_own_original_is_refused() {
        for (key, expected) in [
            ("c_2/originals/m-1/a.mov", "creator's own prefix"),
            ("c_1/originals/m-2/a.mov", "is expected"),
            ("c_1/hls/m-1/a.mov", "is expected"),
            ("c_1/originals/a.mov", "four segments"),
            ("c_1/originals/m-1/../../c_2/x", "`.` or `..`"),
            ("c_1/originals//m-1/a", "empty segment"),
            ("c_1/originals/m-1/a\\b", r"it has a \"),
            ("c_1/originals/m-1/a\0b", "control character"),
        ] {
            assert!(problems(&with("inputKey", json!(key))).contains(expected), "{key}");
        }
    }

    #[test]
    fn an_original_may_have_any_name_that_a_person_gives_it() {
        for name in ["Take #3.mp4", "100%.mov", "%2e%2e", "what?.mp4", "Übung 1 (final) & more.mov"] {
            let key = format!("c_1/originals/m-1/{name}");
            let request = Input::read("job-1", &with("inputKey", json!(key))).request.unwrap();
            assert_eq!(request.source.key.as_str(), key);
        }
    }

    #[test]
    fn ids_with_anything_special_are_refused() {
        for id in ["", "a/b", "..", "a b", "ä"] {
            assert!(Input::read("job-1", &with("mediaId", json!(id))).request.is_err(), "{id}");
            assert!(Input::read(id, &good()).request.is_err(), "{id}");
        }
    }

    #[test]
    fn a_record_keeps_what_a_policy_may_learn_and_no_secret() {
        let input = with("plan", json!("free"));
        let kept = Input::read("job-1", &input).kept(&input);
        assert_eq!((&kept["mediaId"], &kept["plan"]), (&json!("m-1"), &json!("free")));
        let input = with("apiKey", json!("geheim"));
        let read = Input::read("job-1", &input);
        assert!(read.kept(&input).get("apiKey").is_none());
        assert_eq!(read.subject(), Some(Subject { creator: "c_1".into(), media: "m-1".into() }));
    }

    #[test]
    fn a_bad_input_keeps_what_the_failed_webhook_needs() {
        let input = Input::read("job-1", &with("type", json!(null)));
        assert_eq!((input.media_id.as_deref(), input.webhook.is_some()), (Some("m-1"), true));
        assert!(
            Input::read("job-1", &json!("text")).request.unwrap_err().to_string().contains("an object is expected")
        );
    }
}
