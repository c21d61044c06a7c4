//! What an environment can set about this policy.

use policy_sdk::settings::{effort, flag, processor};
use policy_sdk::types::{Effort, Preference};

policy_sdk::settings! {
    /// The settings of this policy.
    pub struct Settings {
        /// Whether a video gets a file for the archive.
        pub mezzanine: bool = false, "mezzanine" => flag;
        /// Whether a video gets a preview.
        pub preview: bool = true, "preview" => flag;
        /// Whether a video gets all of its thumbnails and not only the largest.
        pub thumbnail_variants: bool = true, "thumbnailVariants" => flag;
        /// Whether a waveform also gets an image.
        pub waveform_image: bool = true, "waveformImage" => flag;
        /// Whether the sound is measured and brought to the target loudness.
        pub loudness: bool = true, "loudness" => flag;
        /// The effort of every encode. `None`: `fast` for the ladder, `slow` for the mezzanine.
        pub effort: Option<Effort> = None, "effort" => |value: &_| effort(value).map(Some);
        /// Which processor to encode on.
        pub processor: Preference = Preference::Auto, "processor" => processor;
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
    fn a_setting_that_only_the_default_policy_has_is_unknown() {
        let problems = Settings::parse(r#"{"rungs": ["720p"]}"#).unwrap_err();
        assert_eq!(problems.len(), 1);
        let known = "mezzanine, preview, thumbnailVariants, waveformImage, loudness, effort, processor";
        let expected = format!("is not a setting of this policy; known are {known}");
        assert_eq!((problems[0].field.as_str(), &problems[0].message), ("rungs", &expected));
    }
}
