//! What an environment can set about this policy.

use policy_sdk::joined;
use policy_sdk::json::Value;
use policy_sdk::settings::{self, choice, effort, flag, kind, processor};
use policy_sdk::types::{Effort, Preference, Problem};

use crate::ladder::{RUNGS, Rung};

/// The names of all settings, as a problem lists them.
const KNOWN: &str = "mezzanine, preview, thumbnail, waveform, waveformImage, loudness, effort, rungs, processor";

/// When a waveform is made. Never without sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaveformWhen {
    /// For uploads without pictures.
    Auto,
    /// For every upload.
    Always,
    /// For none.
    Never,
}

/// The settings, read. The default is what an environment gets that sets nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether a video is archived.
    pub mezzanine: bool,
    /// Whether a video gets a preview.
    pub preview: bool,
    /// Whether a video gets a thumbnail.
    pub thumbnail: bool,
    /// When a waveform is made.
    pub waveform: WaveformWhen,
    /// Whether a waveform is also drawn.
    pub waveform_image: bool,
    /// Whether the sound is measured and brought to the target; otherwise it stays as loud as it is.
    pub loudness: bool,
    /// The effort of every encode; absent for each one's own.
    pub effort: Option<Effort>,
    /// The rungs to choose from, the largest first. Never empty.
    pub rungs: Vec<Rung>,
    /// What to encode on.
    pub processor: Preference,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mezzanine: true,
            preview: true,
            thumbnail: true,
            waveform: WaveformWhen::Auto,
            waveform_image: true,
            loudness: true,
            effort: None,
            rungs: RUNGS.to_vec(),
            processor: Preference::Auto,
        }
    }
}

impl Settings {
    /// Reads a JSON object, or tells everything that is wrong with it.
    pub fn parse(json: &str) -> Result<Self, Vec<Problem>> {
        let mut settings = Self::default();
        settings::read(json, &mut |name, value| settings.set(name, value))?;
        Ok(settings)
    }

    /// For the pure decisions, which have no way to complain: the host has had the settings validated, and a tool that
    /// asks without settings means the default ones.
    #[must_use]
    pub fn parse_or_default(json: &str) -> Self {
        Self::parse(json).unwrap_or_default()
    }

    fn set(&mut self, name: &str, value: &Value<'_>) -> Result<(), String> {
        match name {
            "mezzanine" => self.mezzanine = flag(value)?,
            "preview" => self.preview = flag(value)?,
            "thumbnail" => self.thumbnail = flag(value)?,
            "waveform" => {
                self.waveform = match choice(value, &["auto", "always", "never"])? {
                    "always" => WaveformWhen::Always,
                    "never" => WaveformWhen::Never,
                    _ => WaveformWhen::Auto,
                }
            }
            "waveformImage" => self.waveform_image = flag(value)?,
            "loudness" => self.loudness = flag(value)?,
            "effort" => self.effort = Some(effort(value)?),
            "rungs" => self.rungs = rungs(value)?,
            "processor" => self.processor = processor(value)?,
            _ => return Err(settings::unknown(KNOWN)),
        }
        Ok(())
    }
}

fn rungs(value: &Value<'_>) -> Result<Vec<Rung>, String> {
    let Value::List(items) = value else {
        return Err(joined(&["must be a list of names such as [\"720p\", \"480p\"], not ", &kind(value)]));
    };
    let mut chosen = [false; RUNGS.len()];
    for item in items {
        let name = choice(item, &RUNGS.map(|rung| rung.name)).map_err(|message| joined(&["every name ", &message]))?;
        for (rung, chosen) in RUNGS.iter().zip(&mut chosen) {
            *chosen |= rung.name == name;
        }
    }
    if items.is_empty() {
        return Err("must name at least one rung; leave it out for all of them".into());
    }
    Ok(RUNGS.into_iter().zip(chosen).filter_map(|(rung, chosen)| chosen.then_some(rung)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(json: &str) -> Vec<(String, String)> {
        Settings::parse(json).unwrap_err().into_iter().map(|problem| (problem.field, problem.message)).collect()
    }

    #[test]
    fn an_empty_object_means_the_defaults() {
        assert_eq!(Settings::parse("{}"), Ok(Settings::default()));
    }

    #[test]
    fn every_setting_can_be_set() {
        let json = r#"{"mezzanine": false, "preview": false, "thumbnail": false, "waveform": "always",
            "waveformImage": false, "loudness": false, "effort": "fastest", "rungs": ["360p", "720p"],
            "processor": "cpu"}"#;
        let expected = Settings {
            mezzanine: false,
            preview: false,
            thumbnail: false,
            waveform: WaveformWhen::Always,
            waveform_image: false,
            loudness: false,
            effort: Some(Effort::Fastest),
            rungs: vec![RUNGS[1], RUNGS[3]],
            processor: Preference::Cpu,
        };
        assert_eq!(Settings::parse(json), Ok(expected));
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let problems = problems(r#"{"mezanine": true}"#);
        assert_eq!(problems[0].0, "mezanine");
        assert_eq!(problems[0].1, format!("is not a setting of this policy; known are {KNOWN}"));
    }

    #[test]
    fn every_problem_is_told_at_once() {
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
    fn what_is_not_json_is_a_problem_of_the_whole() {
        let problems = problems("{");
        assert_eq!(problems[0].0, "");
        assert!(problems[0].1.starts_with("is not JSON: "), "{}", problems[0].1);
    }

    #[test]
    fn every_known_name_is_one_that_can_be_set() {
        for name in KNOWN.split(", ") {
            let message = Settings::default().set(name, &Value::Null).unwrap_err();
            assert!(message.starts_with("must be"), "{name} {message}");
        }
    }
}
