//! What an environment can set about this policy.

use policy_sdk::joined;
use policy_sdk::json::Value;
use policy_sdk::settings::{choice, effort, flag, kind, processor};
use policy_sdk::types::{Effort, Preference};

use crate::ladder::{RUNGS, Rung};

policy_sdk::settings! {
    /// The settings of this policy.
    pub struct Settings {
        /// Whether a video gets a file for the archive.
        pub mezzanine: bool = true, "mezzanine" => flag;
        /// Whether the upload's own tracks are that file where they will do: the costliest encode is spared.
        pub keep_mezzanine: bool = false, "keepMezzanine" => flag;
        /// Whether a video gets a preview.
        pub preview: bool = true, "preview" => flag;
        /// Whether a video gets a thumbnail.
        pub thumbnail: bool = true, "thumbnail" => flag;
        /// When a waveform is made.
        pub waveform: WaveformWhen = WaveformWhen::Auto, "waveform" => waveform;
        /// Whether a waveform also gets an image.
        pub waveform_image: bool = true, "waveformImage" => flag;
        /// Whether the sound is measured and brought to the target loudness.
        pub loudness: bool = true, "loudness" => flag;
        /// The effort of every encode. `None`: `fast` for the ladder, `slow` for the mezzanine.
        pub effort: Option<Effort> = None, "effort" => |value: &_| effort(value).map(Some);
        /// The rungs to choose from, the largest first. Never empty.
        pub rungs: Vec<Rung> = RUNGS.to_vec(), "rungs" => rungs;
        /// Which processor to encode on.
        pub processor: Preference = Preference::Auto, "processor" => processor;
        /// Whether the message has the report's notes about the source. It is off because a receiver may refuse a key
        /// that it doesn't know.
        pub notes: bool = false, "notes" => flag;
    }
}

/// When a waveform is made. A source without sound never gets one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaveformWhen {
    /// If the source has no picture.
    Auto,
    /// For every source.
    Always,
    /// For no source.
    Never,
}

fn waveform(value: &Value<'_>) -> Result<WaveformWhen, String> {
    let choices = [("auto", WaveformWhen::Auto), ("always", WaveformWhen::Always), ("never", WaveformWhen::Never)];
    choice(value, &choices)
}

fn rungs(value: &Value<'_>) -> Result<Vec<Rung>, String> {
    let Value::List(items) = value else {
        return Err(joined(&["must be a list of names such as [\"720p\", \"480p\"], not ", &kind(value)]));
    };
    if items.is_empty() {
        return Err("must name at least one rung; leave it out for all of them".into());
    }
    let names = RUNGS.map(|rung| (rung.name, rung.name));
    let mut chosen = Vec::new();
    for item in items {
        chosen.push(choice(item, &names).map_err(|message| joined(&["every name ", &message]))?);
    }
    Ok(RUNGS.into_iter().filter(|rung| chosen.contains(&rung.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &str = "mezzanine, keepMezzanine, preview, thumbnail, waveform, waveformImage, loudness, effort, rungs, processor, notes";

    fn problems(json: &str) -> Vec<(String, String)> {
        Settings::parse(json).unwrap_err().into_iter().map(|problem| (problem.field, problem.message)).collect()
    }

    #[test]
    fn an_empty_object_means_the_defaults() {
        assert_eq!(Settings::parse("{}"), Ok(Settings::default()));
    }

    #[test]
    fn every_setting_can_be_set() {
        let json = r#"{"mezzanine": false, "keepMezzanine": true, "preview": false, "thumbnail": false, "waveform": "always",
            "waveformImage": false, "loudness": false, "effort": "fastest", "rungs": ["360p", "720p"],
            "processor": "cpu", "notes": true}"#;
        let expected = Settings {
            mezzanine: false,
            keep_mezzanine: true,
            preview: false,
            thumbnail: false,
            waveform: WaveformWhen::Always,
            waveform_image: false,
            loudness: false,
            effort: Some(Effort::Fastest),
            rungs: vec![RUNGS[1], RUNGS[3]],
            processor: Preference::Cpu,
            notes: true,
        };
        assert_eq!(Settings::parse(json), Ok(expected));
    }

    #[test]
    fn an_unknown_name_is_reported_with_the_known_ones() {
        let problems = problems(r#"{"mezanine": true}"#);
        assert_eq!(problems[0].0, "mezanine");
        assert_eq!(problems[0].1, format!("is not a setting of this policy; known are {KNOWN}"));
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let fields: Vec<String> =
            problems(r#"{"mezzanine": 1, "waveform": "yes", "x": 1}"#).into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["mezzanine", "waveform", "x"]);
    }

    #[test]
    fn a_problem_says_what_was_found_and_what_would_be_right() {
        let table = [
            (r#"{"preview": "yes"}"#, "preview", r#"must be true or false, not "yes""#),
            (r#"{"loudness": null}"#, "loudness", "must be true or false, not null"),
            (r#"{"waveform": true}"#, "waveform", "must be one of auto, always, never, not true or false"),
            (r#"{"effort": "slowest"}"#, "effort", r#"must be one of fastest, fast, medium, slow, not "slowest""#),
            (r#"{"processor": {}}"#, "processor", "must be one of auto, gpu, cpu, not an object"),
            (r#"{"rungs": "720p"}"#, "rungs", r#"must be a list of names such as ["720p", "480p"], not "720p""#),
            (r#"{"rungs": []}"#, "rungs", "must name at least one rung; leave it out for all of them"),
            (r#"{"rungs": ["4k"]}"#, "rungs", r#"every name must be one of 1080p, 720p, 480p, 360p, not "4k""#),
            ("[]", "", "must be an object, not a list"),
        ];
        for (json, field, message) in table {
            assert_eq!(problems(json), [(field.to_string(), message.to_string())], "{json}");
        }
    }

    #[test]
    fn a_text_that_is_not_json_is_one_problem_without_a_name() {
        let problems = problems("{");
        assert_eq!(problems[0].0, "");
        assert!(problems[0].1.starts_with("is not JSON: "), "{}", problems[0].1);
    }
}
