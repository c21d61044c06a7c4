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
        /// The name of the key that the ladder is encrypted with, which changes every ten segments; none for no encryption.
        pub key: Option<String> = None, "key" => key;
        /// Whether to keep the upload for the archive.
        pub archive: bool = false, "archive" => flag;
        /// Whether every language of the sound is published, and a DASH manifest beside the HLS playlists.
        pub languages: bool = false, "languages" => flag;
        /// Whether to publish the subtitles of the upload.
        pub subtitles: bool = true, "subtitles" => flag;
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

/// Reads a codec.
fn codec(value: &Value<'_>) -> Result<Option<VideoCodec>, String> {
    choice(value, &[("hevc", Some(VideoCodec::Hevc)), ("av1", Some(VideoCodec::Av1)), ("none", None)])
}

/// Reads the format of an animation.
fn animation(value: &Value<'_>) -> Result<Option<AnimationFormat>, String> {
    choice(value, &[("webp", Some(AnimationFormat::Webp)), ("mp4", Some(AnimationFormat::Mp4)), ("none", None)])
}
