//! What an environment can set.

use policy_sdk::json::Value;
use policy_sdk::prelude::*;
use policy_sdk::settings::{choice, effort, flag};

policy_sdk::settings! {
    /// The settings of this policy.
    pub struct Settings {
        /// The effort of the encodes.
        pub effort: Effort = Effort::Fast, "effort" => effort;
        /// A codec besides H.264 for the larger rungs; `none` for H.264 alone.
        pub codec: Option<VideoCodec> = None, "codec" => codec;
        /// The SSIM in thousandths that every rung in standard dynamic range is to have, so that each title gets the bits that it
        /// needs; none for one quality for all titles.
        pub ssim: Option<u32> = None, "ssim" => ssim;
        /// The name of the key that the ladder is encrypted with; none for no encryption.
        pub key: Option<String> = None, "key" => key;
        /// What is encrypted: whole segments, whose key changes every ten of them, or the samples in them, which needs
        /// `languages` and is in the DASH manifest too.
        pub encrypt: EncryptionMethod = EncryptionMethod::Segments, "encrypt" => encrypt;
        /// Whether to keep the upload for the archive.
        pub archive: bool = false, "archive" => flag;
        /// Whether every language of the sound is published, and a DASH manifest beside the HLS playlists.
        pub languages: bool = false, "languages" => flag;
        /// Whether to publish the subtitles of the upload.
        pub subtitles: bool = true, "subtitles" => flag;
        /// Whether every rung has a playlist of its keyframes, for scrubbing. Not with a key.
        pub iframes: bool = true, "iframes" => flag;
        /// Whether to offer the smallest rung for download.
        pub download: bool = true, "download" => flag;
        /// The format of the animation; `none` for no animation.
        pub animation: Option<AnimationFormat> = Some(AnimationFormat::Webp), "animation" => animation;
        /// Whether to make a storyboard.
        pub storyboard: bool = true, "storyboard" => flag;
    }
}

/// Reads the name of a key.
fn key(value: &Value<'_>) -> Result<Option<String>, String> {
    match value {
        Value::Text(name) if !name.is_empty() => Ok(Some(name.to_string())),
        _ => Err("must be the name of a key".into()),
    }
}

/// Reads a score.
fn ssim(value: &Value<'_>) -> Result<Option<u32>, String> {
    match value {
        Value::Number(number) => match number.parse() {
            Ok(score @ 500..=999) => Ok(Some(score)),
            _ => Err("must be 500 to 999 thousandths".into()),
        },
        _ => Err("must be a number".into()),
    }
}

/// Reads what is encrypted.
fn encrypt(value: &Value<'_>) -> Result<EncryptionMethod, String> {
    choice(value, &[("segments", EncryptionMethod::Segments), ("samples", EncryptionMethod::Samples)])
}

/// Reads a codec.
fn codec(value: &Value<'_>) -> Result<Option<VideoCodec>, String> {
    choice(value, &[("hevc", Some(VideoCodec::Hevc)), ("av1", Some(VideoCodec::Av1)), ("none", None)])
}

/// Reads the format of an animation.
fn animation(value: &Value<'_>) -> Result<Option<AnimationFormat>, String> {
    choice(value, &[("webp", Some(AnimationFormat::Webp)), ("mp4", Some(AnimationFormat::Mp4)), ("none", None)])
}
