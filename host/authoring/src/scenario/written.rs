//! Reads the file format of scenarios.

use std::path::Path;

use contract::asset::Asset;
use contract::json::{JsonError, from_value};
use contract::v0_1::gpu::Device;
use contract::v0_1::media::LoudnessMeasure;
use contract::v0_1::types::Processor;
use contract::v0_2::convert::set_tracks;
use contract::v0_2::tracks::TrackList;
use fault::Blame;
use media::encoder;
use media::loudness::Measure;
use media::proof::Proof;
use policy::limits::IMPORTS;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use storage::{Destination, Key};

use super::{Expectation, Scenario};
use crate::rehearsal::{
    Answer, RehearsalSetup, SCRIPTABLE, Scene, assumed_gpu, described_job, described_media, source_info,
};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    about: String,
    job: Value,
    media: Value,
    tracks: Option<TrackList>,
    loudness: Option<LoudnessMeasure>,
    encoders: Option<Vec<Processor>>,
    devices: Option<Vec<Device>>,
    stores: Option<Vec<String>>,
    objects: Vec<WrittenObject>,
    settings: Value,
    answers: Vec<WrittenAnswer>,
    expect: Expectation,
}

#[derive(Deserialize)]
struct WrittenObject {
    store: String,
    key: Key,
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

fn error(reason: impl std::fmt::Display) -> JsonError {
    serde::de::Error::custom(reason)
}

/// Reads a scenario. `beside` reads another file of its folder.
pub(super) fn scenario(
    name: String,
    file: &Path,
    mut value: Value,
    beside: impl Fn(&str) -> Result<Value, String>,
) -> Result<Scenario, JsonError> {
    if value.is_null() {
        value = json!({});
    }
    expand_names(&mut value);
    let written: Written = from_value("", value)?;
    let settings = match written.settings {
        Value::Null => Map::new(),
        Value::Object(settings) => settings,
        other => return Err(error(format!("{other} is not an object of settings")).below("settings")),
    };
    let media = match written.media {
        Value::String(name) => beside(&name).map_err(|reason| error(format!("{name}: {reason}")).below("media"))?,
        media => media,
    };
    let media = described_media(media)?;
    let mut source = source_info(&media).map_err(|wrong| error(wrong).below("media"))?;
    if let Some(tracks) = &written.tracks {
        set_tracks(&mut source, tracks);
    }
    let mut scene = Scene::of(described_job(written.job, Some(&media))?, Some(source));
    if let Some(LoudnessMeasure { integrated, true_peak, range }) = written.loudness {
        let [integrated, true_peak, range] = [integrated, true_peak, range].map(|value| f64::from(value) / 100.0);
        // BS.1770 ignores blocks 10 LU below the integrated loudness (the relative gate).
        scene.loudness = Measure { integrated, true_peak, range, threshold: integrated - 10.0 };
    }
    if let Some(encoders) = written.encoders {
        let processors: Vec<encoder::Processor> = encoders.into_iter().map(Into::into).collect();
        scene.proof = Proof::assumed(&processors);
    }
    let has_gpu = scene.proof.gpu_missing().is_none();
    scene.devices = written.devices.unwrap_or_else(|| has_gpu.then(assumed_gpu).into_iter().collect());
    if let Some(stores) = written.stores {
        scene.stores = stores;
    }
    let objects = written.objects.into_iter();
    scene.objects = objects.map(|WrittenObject { store, key, size }| (Destination { store, key }, size)).collect();
    let mut setup = RehearsalSetup::of(scene);
    for (at, written) in written.answers.into_iter().enumerate() {
        setup.answers.push(answer(written).map_err(|error| error.below(&format!("answers[{at}]")))?);
    }
    let (about, expect) = (written.about, written.expect);
    check_names(&expect).map_err(|error| error.below("expect"))?;
    Ok(Scenario { name, file: file.to_owned(), about, settings, setup, expect })
}

/// Failures may be written as their code alone, and calls as their name alone.
fn expand_names(scenario: &mut Value) {
    let expand = |value: &mut Value, field: &str| {
        if value.is_string() {
            *value = json!({ field: value.take() });
        }
    };
    for failure in ["/expect/refused", "/expect/fails"] {
        if let Some(failure) = scenario.pointer_mut(failure) {
            expand(failure, "code");
        }
    }
    if let Some(calls) = scenario.pointer_mut("/expect/calls").and_then(Value::as_array_mut) {
        calls.iter_mut().for_each(|call| expand(call, "call"));
    }
}

fn answer(written: WrittenAnswer) -> Result<Answer, JsonError> {
    let WrittenAnswer { call, with, answer, fails, times } = written;
    let Some((_, check)) = SCRIPTABLE.iter().find(|(name, _)| *name == call) else {
        let known = SCRIPTABLE.map(|(name, _)| name).join(", ");
        return Err(error(format!("`{call}` can't be answered by a scenario; these calls can: {known}")).below("call"));
    };
    let (answer, place) = match fails {
        Value::Null => (answer, "answer"),
        fails => (json!({ "err": failure(fails).map_err(|error| error.below("fails"))? }), "fails"),
    };
    check(answer.clone()).map_err(|error| error.below(place))?;
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

/// Checks the names of assets and calls.
fn check_names(expect: &Expectation) -> Result<(), JsonError> {
    for asset in expect.keys.keys() {
        let wrong = || error(format!("`{asset}` is not `kind` or `kind(name)`")).below("keys");
        Asset::parse(asset).ok_or_else(wrong)?;
    }
    for (at, expected) in expect.calls.iter().enumerate() {
        known_call(&expected.call).map_err(|error| error.below(&format!("calls[{at}]")))?;
    }
    expect.never.iter().try_for_each(|call| known_call(call).map_err(|error| error.below("never")))
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
        assert_eq!((scenario.settings.len(), scenario.setup.scene.job.id.as_str()), (0, "job-1"));
        assert_eq!(scenario.setup.scene.source.unwrap().video.unwrap().height, 1080);
    }

    #[test]
    fn a_source_can_be_a_file_beside_the_scenario() {
        assert_eq!(
            read(json!({ "media": "small.json" })).unwrap().setup.scene.source.unwrap().video.unwrap().width,
            320
        );
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
        let said = error_of(json!({ "expect": { "keys": { "still(poster": "media:a" } } }));
        assert!(said.starts_with("expect.keys: `still(poster` is not `kind` or `kind(name)`"), "{said}");
        assert!(
            error_of(json!({ "encoders": ["tpu"] }))
                .starts_with("encoders[0]: `tpu` is unknown; expected one of gpu, cpu")
        );
        assert!(
            error_of(json!({ "media": { "video": { "width": 1, "height": 1 } } })).starts_with("media: video.width")
        );
    }
}
