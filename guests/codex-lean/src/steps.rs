//! The steps of a job, as contract 2 names and counts them.
//!
//! The host makes everything in one pass, so a job is never in one step alone. A step is reported at the earliest
//! moment that its part of the pass can begin: first the host analyses the sound, then it encodes, and then it cuts
//! previews and pictures from what it has encoded.

use policy_sdk::types::{Output, Plan};

/// A step of contract 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The step's name in messages.
    pub name: &'static str,
    /// The percent of the job at which the step begins.
    pub percent: u32,
}

const fn step(name: &'static str, percent: u32) -> Step {
    Step { name, percent }
}

/// The original is downloaded.
pub const DOWNLOADING: Step = step("downloading", 0);
/// The original is probed and the plan made.
pub const PROBING: Step = step("probing", 5);
const MEZZANINE: Step = step("mezzanine", 6);
const LOUDNESS: Step = step("loudness", 15);
/// The ladder is encoded.
pub const ENCODING: Step = step("encoding_variants", 17);
const PREVIEW: Step = step("preview", 72);
const THUMBNAILS: Step = step("thumbnails", 77);
const WAVEFORM: Step = step("waveform", 80);
/// The outputs are uploaded to their stores.
pub const UPLOADING: Step = step("uploading_outputs", 80);
/// The webhook is sent.
pub const FINALIZING: Step = step("finalizing", 95);

/// The steps of a transcode in order, each with the percent of the transcode at which it is reached. During the
/// analysis of the sound that is 0.
const ORDER: [(Step, u32); 6] =
    [(MEZZANINE, 0), (LOUDNESS, 0), (ENCODING, 1), (PREVIEW, 100), (THUMBNAILS, 100), (WAVEFORM, 100)];

/// The steps that make an output of this plan.
pub fn of(plan: &Plan) -> Vec<(Step, u32)> {
    let makes = |step: Step| plan.outputs.iter().any(|output| step_of(output) == step);
    ORDER.into_iter().filter(|(step, _)| makes(*step)).collect()
}

fn step_of(output: &Output) -> Step {
    match output {
        Output::Hls(_) | Output::Audio(_) | Output::Subtitles(_) | Output::Dash(_) => ENCODING,
        Output::File(_) | Output::KeptFile(_) => MEZZANINE,
        Output::Clip(_) => PREVIEW,
        Output::Download(_) | Output::Iframes(_) => UPLOADING,
        Output::Still(_) | Output::Storyboard(_) | Output::Animation(_) => THUMBNAILS,
        Output::Waveform(_) => WAVEFORM,
        Output::Loudness => LOUDNESS,
    }
}

#[cfg(test)]
mod tests {
    use policy_sdk::fake::{audio_info, job, media_info, video_info};
    use policy_sdk::types::{AudioInfo, MediaKind, VideoInfo};

    use super::*;
    use crate::settings::Settings;
    use crate::{ladder, plan};

    fn steps(video: Option<VideoInfo>, audio: Option<AudioInfo>, json: &str) -> Vec<(&'static str, u32, u32)> {
        let (info, settings) = (media_info(video, audio), Settings::parse(json).unwrap());
        let renditions = ladder::select(&info, &settings).unwrap();
        let plan = plan::build(&job(MediaKind::Video), &info, renditions, &settings);
        of(&plan).into_iter().map(|(step, at)| (step.name, step.percent, at)).collect()
    }

    #[test]
    fn a_video_has_a_step_for_each_of_its_outputs() {
        let expected = [
            ("mezzanine", 6, 0),
            ("loudness", 15, 0),
            ("encoding_variants", 17, 1),
            ("preview", 72, 100),
            ("thumbnails", 77, 100),
        ];
        let json = r#"{"mezzanine": true}"#;
        assert_eq!(steps(Some(video_info(1280, 720)), Some(audio_info()), json), expected);
        assert_eq!(steps(Some(video_info(1280, 720)), Some(audio_info()), "{}"), expected[1..]);
    }

    #[test]
    fn sound_alone_has_a_waveform_and_no_pictures() {
        let expected = [("loudness", 15, 0), ("encoding_variants", 17, 1), ("waveform", 80, 100)];
        assert_eq!(steps(None, Some(audio_info()), "{}"), expected);
    }

    #[test]
    fn an_output_that_is_turned_off_has_no_step() {
        let json = r#"{"preview": false, "loudness": false}"#;
        let expected = [("encoding_variants", 17, 1), ("thumbnails", 77, 100)];
        assert_eq!(steps(Some(video_info(640, 360)), Some(audio_info()), json), expected);
    }
}
