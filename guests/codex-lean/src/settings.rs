//! What an environment can set about this policy.

use policy_sdk::json::Value;
use policy_sdk::settings::{self, effort, flag, processor};
use policy_sdk::types::{Effort, Preference, Problem};

/// The names of all settings, as a problem lists them.
const KNOWN: &str = "mezzanine, preview, thumbnailVariants, waveformImage, loudness, effort, processor";

/// The settings, read. The default is what an environment gets that sets nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether a video is archived.
    pub mezzanine: bool,
    /// Whether a video gets a preview.
    pub preview: bool,
    /// Whether a video gets all of its thumbnails, and not only the largest.
    pub thumbnail_variants: bool,
    /// Whether a waveform is also drawn.
    pub waveform_image: bool,
    /// Whether the sound is measured and brought to the target; otherwise it stays as loud as it is.
    pub loudness: bool,
    /// The effort of every encode; absent for each one's own.
    pub effort: Option<Effort>,
    /// What to encode on.
    pub processor: Preference,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mezzanine: false,
            preview: true,
            thumbnail_variants: true,
            waveform_image: true,
            loudness: true,
            effort: None,
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
            "thumbnailVariants" => self.thumbnail_variants = flag(value)?,
            "waveformImage" => self.waveform_image = flag(value)?,
            "loudness" => self.loudness = flag(value)?,
            "effort" => self.effort = Some(effort(value)?),
            "processor" => self.processor = processor(value)?,
            _ => return Err(settings::unknown(KNOWN)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_settings_everything_is_made_but_the_mezzanine() {
        let settings = Settings::parse("{}").unwrap();
        assert_eq!(settings, Settings::default());
        assert!(!settings.mezzanine);
        assert!(settings.preview && settings.thumbnail_variants && settings.waveform_image && settings.loudness);
    }

    #[test]
    fn every_setting_can_be_set() {
        let json = r#"{"mezzanine": true, "preview": false, "thumbnailVariants": false, "waveformImage": false,
            "loudness": false, "effort": "fastest", "processor": "cpu"}"#;
        let expected = Settings {
            mezzanine: true,
            preview: false,
            thumbnail_variants: false,
            waveform_image: false,
            loudness: false,
            effort: Some(Effort::Fastest),
            processor: Preference::Cpu,
        };
        assert_eq!(Settings::parse(json), Ok(expected));
    }

    #[test]
    fn a_setting_of_the_default_policy_alone_is_unknown_here() {
        let problems = Settings::parse(r#"{"rungs": ["720p"]}"#).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert_eq!((problems[0].field.as_str(), &problems[0].message), ("rungs", &settings::unknown(KNOWN)));
    }

    #[test]
    fn every_known_name_is_one_that_can_be_set() {
        for name in KNOWN.split(", ") {
            let message = Settings::default().set(name, &Value::Null).unwrap_err();
            assert!(message.starts_with("must be"), "{name} {message}");
        }
    }
}
