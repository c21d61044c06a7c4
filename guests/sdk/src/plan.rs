//! Plans, put together output by output.

use crate::types::*;

/// Apple's recommendation for HLS: segments of six seconds, and a keyframe every two seconds to switch at.
const SEGMENT_MS: u32 = 6000;
const KEYFRAME_MS: u32 = 2000;

/// 10 % into the media: past most titles and before most endings.
const PAST_THE_TITLES: Moment = Moment::AtPermille(100);

/// What most players of speech and music expect: -16 LUFS, -1.5 dBTP, 11 LU.
pub const LOUDNESS: LoudnessTarget = LoudnessTarget { integrated: -1600, true_peak: -150, range: 1100 };

/// A picture from the video.
#[derive(Clone, Copy, Debug)]
pub struct Thumbnail {
    /// The still's name, as in [`Asset::Still`].
    pub name: &'static str,
    /// The widest that it may be, in pixels.
    pub max_width: u32,
    /// How it is coded.
    pub format: StillFormat,
    /// From 1 (worst) to 100.
    pub quality: u8,
}

/// A plan in the making. Each output goes where the policy's layout puts it. An output that needs a picture is left out
/// for a source without one, and one that needs sound for a silent source.
pub struct PlanBuilder<'a> {
    job: &'a Job,
    key_for: fn(&Job, &Asset) -> Destination,
    has_video: bool,
    has_sound: bool,
    plan: Plan,
}

impl<'a> PlanBuilder<'a> {
    /// A plan without outputs for this source. `key_for` is the policy's layout.
    pub fn new(job: &'a Job, info: &MediaInfo, key_for: fn(&Job, &Asset) -> Destination) -> Self {
        let plan = Plan { outputs: Vec::new(), loudness: None, trim: None, prefer: Preference::Auto };
        Self { job, key_for, has_video: info.video.is_some(), has_sound: info.audio.is_some(), plan }
    }

    /// Adds a ladder. Its master playlist has the renditions in this order. Its segments are MPEG transport streams, or
    /// fragmented MP4 if a rendition is in a codec that needs it.
    pub fn ladder(&mut self, renditions: Vec<Rendition>, layout: SegmentLayout) {
        let is_modern = |video: &VideoRendition| video.encoding.codec != VideoCodec::H264;
        let needs_mp4 = renditions.iter().any(|rendition| rendition.video.as_ref().is_some_and(is_modern));
        let container = if needs_mp4 { SegmentContainer::Fmp4 } else { SegmentContainer::Ts };
        let master = self.destination(Asset::MasterPlaylist);
        let rung = |rendition: Rendition| {
            let playlist = self.destination(Asset::RungPlaylist(rendition.name.clone())).key;
            HlsRung { rendition, playlist }
        };
        let ladder = HlsOutput {
            store: master.store,
            master: master.key,
            rungs: renditions.into_iter().map(rung).collect(),
            segment_ms: SEGMENT_MS,
            keyframe_ms: KEYFRAME_MS,
            container,
            layout,
            attributes: Vec::new(),
        };
        self.plan.outputs.push(ladder.into());
    }

    /// Adds a file for the archive, good enough to make every later ladder from. Needs a picture.
    pub fn mezzanine(&mut self, effort: Effort) {
        let video = VideoEncoding {
            codec: VideoCodec::H264,
            quality: 18,
            max_kbps: None,
            effort,
            samples: None,
            attributes: Vec::new(),
        };
        let file = FileOutput {
            destination: self.destination(Asset::Mezzanine),
            video: Some(video),
            audio_kbps: self.has_sound.then_some(256),
            attributes: Vec::new(),
        };
        self.push_if(self.has_video, file);
    }

    /// Adds a preview of 30 seconds, cut from the rung of 720p or the next smaller one. Needs a picture.
    pub fn preview(&mut self) {
        let playlist = self.destination(Asset::PreviewPlaylist);
        let clip = ClipOutput {
            store: playlist.store,
            playlist: playlist.key,
            start: PAST_THE_TITLES,
            length_ms: 30_000,
            short_side: 720,
            attributes: Vec::new(),
        };
        self.push_if(self.has_video, clip);
    }

    /// Adds a still from where most titles are over. Needs a picture.
    pub fn thumbnail(&mut self, thumbnail: Thumbnail) {
        self.thumbnail_at(thumbnail, PAST_THE_TITLES);
    }

    /// Adds a still of a moment. Needs a picture.
    pub fn thumbnail_at(&mut self, thumbnail: Thumbnail, at: Moment) {
        let still = StillOutput {
            destination: self.destination(Asset::Still(thumbnail.name.into())),
            at,
            max_width: thumbnail.max_width,
            format: thumbnail.format,
            quality: thumbnail.quality,
            attributes: Vec::new(),
        };
        self.push_if(self.has_video, still);
    }

    /// Adds a storyboard: JPEG sheets of 5x5 pictures of 160 pixels, one every `interval_ms`. Needs a picture.
    pub fn storyboard(&mut self, interval_ms: u32) {
        let storyboard = StoryboardOutput {
            index: self.destination(Asset::Storyboard),
            interval_ms,
            width: 160,
            columns: 5,
            rows: 5,
            format: StillFormat::Jpeg,
            quality: 75,
            attributes: Vec::new(),
        };
        self.push_if(self.has_video, storyboard);
    }

    /// Adds the rung of this name as one MP4 file. Needs a ladder that has it.
    pub fn download(&mut self, rung: &str) {
        let destination = self.destination(Asset::Download(rung.into()));
        let download = DownloadOutput { destination, rung: rung.into(), attributes: Vec::new() };
        self.plan.outputs.push(download.into());
    }

    /// Adds three seconds that move without a player, 320 pixels wide, from where most titles are over. Needs a picture and
    /// a ladder.
    pub fn animation(&mut self, name: &str, format: AnimationFormat) {
        let animation = AnimationOutput {
            destination: self.destination(Asset::Animation(name.into())),
            start: PAST_THE_TITLES,
            length_ms: 3_000,
            width: 320,
            frame_rate: 12,
            format,
            quality: 60,
            attributes: Vec::new(),
        };
        self.push_if(self.has_video, animation);
    }

    /// Adds a playlist of the keyframes of the rung of this name. Needs a ladder that has it, with a picture.
    pub fn iframes(&mut self, rung: &str) {
        let playlist = self.destination(Asset::IframePlaylist(rung.into()));
        let iframes = IframeOutput { rung: rung.into(), playlist, attributes: Vec::new() };
        self.push_if(self.has_video, iframes);
    }

    /// Adds the waveform's data, and on demand its image. Needs sound.
    pub fn waveform(&mut self, with_image: bool) {
        let waveform = WaveformOutput {
            data: Some(self.destination(Asset::WaveformData)),
            image: with_image.then(|| self.destination(Asset::WaveformImage)),
            pixels_per_second: 10,
            bits: 8,
            image_width: 1800,
            image_height: 140,
            attributes: Vec::new(),
        };
        self.push_if(self.has_sound, waveform);
    }

    /// Measures the source's loudness and brings the ladder's sound to [`LOUDNESS`]. Needs sound.
    pub fn loudness(&mut self) {
        self.push_if(self.has_sound, Planned::loudness());
        self.plan.loudness = self.has_sound.then_some(LOUDNESS);
    }

    /// The plan, to be encoded on this processor.
    pub fn finish(self, prefer: Preference) -> Plan {
        Plan { prefer, ..self.plan }
    }

    fn destination(&self, asset: Asset) -> Destination {
        (self.key_for)(self.job, &asset)
    }

    fn push_if(&mut self, possible: bool, output: impl Into<Planned>) {
        if possible {
            self.plan.outputs.push(output.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{audio_info, job, media_info, video_info};
    use crate::types::MediaKind;

    fn key_for(job: &Job, asset: &Asset) -> Destination {
        Destination::of_job(job, "media", "x", &[&format!("{asset:?}")])
    }

    /// The outputs of a plan that asks for everything.
    fn everything(info: &MediaInfo) -> Plan {
        let job = job(MediaKind::Video);
        let mut plan = PlanBuilder::new(&job, info, key_for);
        plan.ladder(Vec::new(), SegmentLayout::Separate);
        plan.mezzanine(Effort::Slow);
        plan.preview();
        plan.thumbnail(Thumbnail { name: "a", max_width: 1280, format: StillFormat::Jpeg, quality: 85 });
        plan.waveform(true);
        plan.loudness();
        plan.finish(Preference::Cpu)
    }

    fn names(plan: &Plan) -> Vec<String> {
        let name = |output: &Planned| format!("{output:?}").split(['(', ' ']).next().unwrap_or_default().to_owned();
        plan.outputs.iter().map(name).collect()
    }

    #[test]
    fn an_output_that_the_source_cannot_give_is_left_out() {
        let (video, sound) = (Some(video_info(1280, 720)), Some(audio_info()));
        let with_both = everything(&media_info(video.clone(), sound.clone()));
        let silent = everything(&media_info(video, None));
        let sound_alone = everything(&media_info(None, sound));
        assert_eq!(with_both.outputs.len(), 6);
        assert_eq!(with_both.loudness, Some(LOUDNESS));
        assert_eq!(silent.outputs.len(), 4);
        assert_eq!(silent.loudness, None);
        assert_eq!(sound_alone.outputs.len(), 3, "{:?}", names(&sound_alone));
    }

    #[test]
    fn a_silent_video_has_a_mezzanine_without_sound() {
        let plan = everything(&media_info(Some(video_info(640, 360)), None));
        let Output::File(file) = &*plan.outputs[1] else { panic!("no mezzanine") };
        assert_eq!(file.audio_kbps, None);
    }

    #[test]
    fn segments_are_a_whole_number_of_keyframe_distances() {
        assert_eq!(SEGMENT_MS % KEYFRAME_MS, 0);
    }
}
