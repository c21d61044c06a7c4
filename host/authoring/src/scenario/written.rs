//! Reads the file format of scenarios.

use std::collections::BTreeMap;
use std::path::Path;

use contract::json::{JsonError, from_value};
use contract::v0_1::gpu::Device as WitDevice;
use contract::v0_1::media::LoudnessMeasure;
use fault::Blame;
use media::encoder::{Device, Processor};
use media::loudness::Measure;
use policy::limits::IMPORTS;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use storage::Destination;
use storage::Key;

use super::{Expectation, ExpectedCall, Scenario};
use crate::rehearsal::{
    Answer, RehearsalSetup, SCRIPTABLE, check_answer, described_job, described_media, parse_asset, source_info,
};

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Written {
    about: String,
    job: Value,
    media: Value,
    loudness: Option<LoudnessMeasure>,
    encoders: Option<Vec<WrittenEncoder>>,
    devices: Option<Vec<WitDevice>>,
    stores: Option<Vec<String>>,
    objects: Vec<WrittenObject>,
    settings: Value,
    answers: Vec<WrittenAnswer>,
    expect: WrittenExpectation,
}

#[derive(Clone, Copy, Deserialize)]
enum WrittenEncoder {
    Gpu,
    Cpu,
}

#[derive(Deserialize)]
struct WrittenObject {
    store: String,
    key: String,
    #[serde(default)]
    size: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WrittenAnswer {
    call: String,
    with: Value,
    answer: Value,
    fails: Value,
    times: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WrittenExpectation {
    ladder: Option<Vec<Value>>,
    refused: Value,
    keys: BTreeMap<String, String>,
    plan: Value,
    calls: Vec<Value>,
    never: Vec<String>,
    payload: Value,
    output: Value,
    fails: Value,
    problems: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WrittenCall {
    call: String,
    with: Value,
    answer: Value,
}

fn error(reason: impl std::fmt::Display) -> JsonError {
    serde::de::Error::custom(reason)
}

/// Reads a scenario. `beside` reads another file of its folder.
pub(super) fn scenario(
    name: String,
    file: &Path,
    value: Value,
    beside: impl Fn(&str) -> Result<Value, JsonError>,
) -> Result<Scenario, JsonError> {
    let written: Written = from_value("", if value.is_null() { json!({}) } else { value })?;
    let settings = match written.settings {
        Value::Null => Map::new(),
        Value::Object(settings) => settings,
        other => return Err(error(format!("{other} is not an object of settings")).below("settings")),
    };
    let media = match written.media {
        Value::String(name) => beside(&name).map_err(|error| error.below("media"))?,
        media => media,
    };
    let media = described_media(media)?;
    let source = source_info(&media).map_err(|wrong| error(wrong).below("media"))?;
    let mut setup = RehearsalSetup::of(described_job(written.job, Some(&media))?, Some(source));
    if let Some(LoudnessMeasure { integrated, true_peak, range }) = written.loudness {
        let [integrated, true_peak, range] = [integrated, true_peak, range].map(|value| f64::from(value) / 100.0);
        // BS.1770 ignores blocks 10 LU below the integrated loudness (the relative gate).
        setup.loudness = Measure { integrated, true_peak, range, threshold: integrated - 10.0 };
    }
    if let Some(encoders) = written.encoders {
        let processor = |encoder: &WrittenEncoder| match encoder {
            WrittenEncoder::Gpu => Processor::Gpu,
            WrittenEncoder::Cpu => Processor::Cpu,
        };
        setup.processors = encoders.iter().map(processor).collect();
    }
    setup.devices = match written.devices {
        Some(devices) => {
            devices.into_iter().map(|device| Device { name: device.name, memory_mib: device.memory_mib }).collect()
        }
        None if setup.processors.contains(&Processor::Gpu) => {
            vec![Device { name: "a GPU".to_owned(), memory_mib: 16 * 1024 }]
        }
        None => Vec::new(),
    };
    if let Some(stores) = written.stores {
        setup.stores = stores;
    }
    setup.objects = numbered(written.objects, "objects", |object| {
        let key = Key::parse(&object.key).map_err(|wrong| error(wrong).below("key"))?;
        Ok((Destination { store: object.store, key }, object.size))
    })?;
    setup.answers = numbered(written.answers, "answers", answer)?;
    let about = written.about;
    let expect = expectation(written.expect).map_err(|error| error.below("expect"))?;
    Ok(Scenario { name, file: file.to_owned(), about, settings, setup, expect })
}

/// Reads every item of a list. Errors name the item's position.
fn numbered<T, U>(items: Vec<T>, list: &str, read: impl Fn(T) -> Result<U, JsonError>) -> Result<Vec<U>, JsonError> {
    let read = |(at, item)| read(item).map_err(|error| error.below(&format!("{list}[{at}]")));
    items.into_iter().enumerate().map(read).collect()
}

fn answer(written: WrittenAnswer) -> Result<Answer, JsonError> {
    let WrittenAnswer { call, with, answer, fails, times } = written;
    if !SCRIPTABLE.contains(&call.as_str()) {
        let known = SCRIPTABLE.join(", ");
        return Err(error(format!("`{call}` can't be answered by a scenario; these calls can: {known}")).below("call"));
    }
    let (answer, place) = match fails {
        Value::Null => (answer, "answer"),
        fails => (json!({ "err": failure(fails).map_err(|error| error.below("fails"))? }), "fails"),
    };
    check_answer(&call, &answer).map_err(|error| error.below(place))?;
    Ok(Answer { call, with, answer, times })
}

/// A failure, written as its code alone or as an object.
fn failure(written: Value) -> Result<Value, JsonError> {
    let mut failure = match written {
        Value::String(code) => json!({ "code": code }),
        other => other,
    };
    let code = failure.get("code").and_then(Value::as_str).unwrap_or_default().to_owned();
    let blame = match code.split('.').next().unwrap_or_default() {
        "upload" => Blame::Upload,
        "policy" | "plan" => Blame::Policy,
        "storage" => Blame::Storage,
        "webhook" => Blame::Receiver,
        _ => Blame::Host,
    };
    let Some(fields) = failure.as_object_mut() else {
        return Err(error(format!("{failure} is neither a code nor a failure object")));
    };
    fields.entry("blame").or_insert_with(|| blame.to_string().into());
    fields.entry("message").or_insert_with(|| format!("the scenario asks for {code}").into());
    fields.entry("retryable").or_insert(false.into());
    Ok(failure)
}

fn expectation(written: WrittenExpectation) -> Result<Expectation, JsonError> {
    let asset = |(asset, to): (String, String)| {
        Ok((parse_asset(&asset).map_err(|error| error.below(&asset).below("keys"))?, to))
    };
    let by_code = |value: Value| match value {
        Value::String(code) => json!({ "code": code }),
        other => other,
    };
    for call in &written.never {
        known_call(call).map_err(|error| error.below("never"))?;
    }
    Ok(Expectation {
        ladder: written.ladder,
        refused: by_code(written.refused),
        keys: written.keys.into_iter().map(asset).collect::<Result<_, JsonError>>()?,
        plan: written.plan,
        calls: numbered(written.calls, "calls", expected_call)?,
        never: written.never,
        payload: written.payload,
        output: written.output,
        fails: by_code(written.fails),
        problems: written.problems,
    })
}

fn expected_call(written: Value) -> Result<ExpectedCall, JsonError> {
    let WrittenCall { call, with, answer } = match written {
        Value::String(call) => WrittenCall { call, ..WrittenCall::default() },
        other => from_value("", other)?,
    };
    known_call(&call)?;
    Ok(ExpectedCall { call, with, answer })
}

fn known_call(call: &str) -> Result<(), JsonError> {
    let known = IMPORTS.map(|import| import.name);
    if known.contains(&call) {
        return Ok(());
    }
    Err(error(format!("`{call}` is not a host call; expected one of {}", known.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<Scenario, JsonError> {
        scenario("s".into(), Path::new("s.yaml"), value, |_| Ok(json!({ "video": { "width": 320, "height": 180 } })))
    }

    #[track_caller]
    fn error_of(value: Value) -> String {
        read(value).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_scenario_is_a_default_job() {
        let scenario = read(Value::Null).unwrap();
        assert_eq!((scenario.settings.len(), scenario.setup.job.id.as_str()), (0, "job-1"));
        assert_eq!(scenario.setup.source.unwrap().video.unwrap().height, 1080);
    }

    #[test]
    fn a_source_can_be_a_file_beside_the_scenario() {
        assert_eq!(read(json!({ "media": "small.json" })).unwrap().setup.source.unwrap().video.unwrap().width, 320);
    }

    #[test]
    fn a_failure_can_be_written_as_its_code() {
        let scenario = read(json!({ "answers": [{ "call": "storage.put", "fails": "storage.full" }] })).unwrap();
        assert_eq!(scenario.setup.answers[0].answer["err"]["blame"], "storage");
    }

    #[test]
    fn errors_name_the_place_and_the_accepted_values() {
        let said = error_of(json!({ "expect": { "lader": [] } }));
        assert!(said.starts_with("expect.lader: unknown field; expected one of ladder, refused, keys,"), "{said}");
        let said = error_of(json!({ "answers": [{ "call": "log.write" }] }));
        assert!(said.starts_with("answers[0].call: `log.write` can't be answered"), "{said}");
        let said =
            error_of(json!({ "answers": [{ "call": "webhook.deliver", "answer": { "ok": { "delivered": 1 } } }] }));
        assert!(said.starts_with("answers[0].answer.ok.delivered: "), "{said}");
        let said = error_of(json!({ "expect": { "calls": ["storage.put", { "call": "storage.get" }] } }));
        assert!(said.starts_with("expect.calls[1]: `storage.get` is not a host call"), "{said}");
        let said = error_of(json!({ "expect": { "keys": { "poster": "media:a" } } }));
        assert!(said.starts_with("expect.keys.poster: `poster` is unknown"), "{said}");
        assert!(
            error_of(json!({ "encoders": ["tpu"] }))
                .starts_with("encoders[0]: `tpu` is unknown; expected one of gpu, cpu")
        );
        assert!(
            error_of(json!({ "media": { "video": { "width": 1, "height": 1 } } })).starts_with("media: video.width")
        );
    }
}
