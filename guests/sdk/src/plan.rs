//! Plans, put together output by output.

use crate::joined;
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
        let plan = Plan::new(Vec::new());
        Self { job, key_for, has_video: info.video.is_some(), has_sound: info.audio.is_some(), plan }
    }

    /// Adds a ladder whose sound is in renditions of its own: a rendition for each of `tracks`, in AAC stereo, named by its
    /// title or language, the main track first and the default. To be used for [`PlanBuilder::dash`] and for several languages.
    /// Its segments are fragmented MP4.
    pub fn ladder_with_languages(&mut self, mut renditions: Vec<Rendition>, tracks: &TrackList) {
        for rendition in &mut renditions {
            rendition.audio_kbps = None;
        }
        self.ladder_in(renditions, SegmentContainer::Fmp4, SegmentLayout::Separate);
        let main = tracks.audio.iter().filter(|track| track.is_main);
        for track in main.chain(tracks.audio.iter().filter(|track| !track.is_main)) {
            let name = self.unique_name(track.title.as_deref().or(track.language.as_deref()).unwrap_or("Sound"));
            let audio = AudioOutput {
                playlist: self.destination(Asset::AudioPlaylist(name.clone())),
                track: Some(track.index),
                language: track.language.clone(),
                is_default: track.is_main,
                codec: AudioCodec::Aac,
                kbps: 128,
                channels: Channels::Stereo,
                name,
                attributes: Vec::new(),
            };
            self.plan.outputs.push(audio.into());
        }
    }

    /// Adds the main track of sound once more with its 5.1 channels, in E-AC-3, if it has more than two. Needs a ladder whose
    /// sound is in renditions of its own. Players that know E-AC-3 take this group, others the one in AAC.
    pub fn surround(&mut self, tracks: &TrackList) {
        let main = tracks.audio.iter().find(|track| track.is_main && track.channels > 2);
        if let Some(track) = main {
            let name = self.unique_name("5.1");
            let audio = AudioOutput {
                playlist: self.destination(Asset::AudioPlaylist(name.clone())),
                track: Some(track.index),
                language: track.language.clone(),
                is_default: true,
                codec: AudioCodec::Eac3,
                kbps: 384,
                channels: Channels::Source,
                name,
                attributes: Vec::new(),
            };
            self.plan.outputs.push(audio.into());
        }
    }

    /// Adds subtitles for each track of text. Tracks of pictures can't be made into text and are left out.
    pub fn subtitles(&mut self, tracks: &TrackList) {
        for track in tracks.text.iter().filter(|track| !track.is_picture) {
            let usual = if track.codec == "eia_608" { "Captions" } else { "Subtitles" };
            let name = self.unique_name(track.title.as_deref().or(track.language.as_deref()).unwrap_or(usual));
            self.subtitles_from(SubtitleSource::Track(track.index), &name, track.language.as_deref(), track.is_forced);
        }
    }

    /// Adds subtitles of a track or of a file that was uploaded beside the original.
    pub fn subtitles_from(&mut self, source: SubtitleSource, name: &str, language: Option<&str>, is_forced: bool) {
        let subtitles = SubtitleOutput {
            name: name.into(),
            source,
            language: language.map(String::from),
            is_default: false,
            is_forced,
            playlist: self.destination(Asset::SubtitlePlaylist(name.into())),
            attributes: Vec::new(),
        };
        self.plan.outputs.push(subtitles.into());
    }

    /// Adds a DASH manifest. Needs a ladder whose sound is in renditions of its own.
    pub fn dash(&mut self) {
        let dash = DashOutput { manifest: self.destination(Asset::DashManifest), attributes: Vec::new() };
        self.plan.outputs.push(dash.into());
    }

    /// A name that no other rendition of sound and no subtitles have, of what can be part of a key and of a playlist. Stores
    /// may take keys for the same that differ only in case.
    fn unique_name(&self, name: &str) -> String {
        let is_plain = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '.' | '(' | ')');
        let name: String = name.chars().filter(is_plain).take(40).collect();
        let name = if name.trim().is_empty() { "Track" } else { name.trim() };
        let is_same = |other: &str, name: &str| other.to_lowercase() == name.to_lowercase();
        let is_taken = |name: &str| {
            self.plan.outputs.iter().any(|output| match &**output {
                Output::Audio(audio) => is_same(&audio.name, name),
                Output::Subtitles(subtitles) => is_same(&subtitles.name, name),
                _ => false,
            })
        };
        let numbered = (2_u32..).map(|number| joined(&[name, " ", &number.to_string()]));
        core::iter::once(String::from(name)).chain(numbered).find(|name| !is_taken(name)).unwrap_or_default()
    }

    /// Adds a ladder. Its master playlist has the renditions in this order. Its segments are MPEG transport streams, or
    /// fragmented MP4 if a rendition is in a codec that needs it.
    pub fn ladder(&mut self, renditions: Vec<Rendition>, layout: SegmentLayout) {
        let is_modern = |video: &VideoRendition| video.encoding.codec != VideoCodec::H264;
        let needs_mp4 = renditions.iter().any(|rendition| rendition.video.as_ref().is_some_and(is_modern));
        let container = if needs_mp4 { SegmentContainer::Fmp4 } else { SegmentContainer::Ts };
        self.ladder_in(renditions, container, layout);
    }

    fn ladder_in(&mut self, renditions: Vec<Rendition>, container: SegmentContainer, layout: SegmentLayout) {
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
        self.push_if(self.has_video, self.archive(effort));
    }

    /// Adds the same without an encode where the upload's own tracks will do. Needs a picture.
    pub fn kept_mezzanine(&mut self, effort: Effort) {
        self.push_if(self.has_video, Planned::kept(self.archive(effort)));
    }

    fn archive(&self, effort: Effort) -> FileOutput {
        let video = VideoEncoding {
            codec: VideoCodec::H264,
            quality: 18,
            max_kbps: None,
            effort,
            samples: None,
            attributes: Vec::new(),
        };
        FileOutput {
            destination: self.destination(Asset::Mezzanine),
            video: Some(video),
            audio_kbps: self.has_sound.then_some(256),
            attributes: Vec::new(),
        }
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
    fn every_language_and_text_gets_a_rendition_of_its_own_name() {
        let sound = |index, title: Option<&str>, is_main| AudioTrack {
            index,
            codec: "aac".into(),
            channels: 2,
            sample_rate: 48_000,
            language: Some("eng".into()),
            title: title.map(String::from),
            is_default: false,
            is_main,
        };
        let text = |index, is_picture| TextTrack {
            index,
            codec: "subrip".into(),
            language: Some("eng".into()),
            title: None,
            is_default: false,
            is_forced: false,
            is_picture,
        };
        let tracks = TrackList {
            audio: vec![sound(1, Some("Director's \"cut\"/x"), false), sound(2, None, true), sound(3, None, false)],
            text: vec![text(4, false), text(5, true)],
        };
        let job = job(MediaKind::Video);
        let mut plan = PlanBuilder::new(&job, &media_info(Some(video_info(640, 360)), Some(audio_info())), key_for);
        plan.ladder_with_languages(vec![crate::ladder::sound("a", 64)], &tracks);
        plan.subtitles(&tracks);
        let plan = plan.finish(Preference::Auto);
        let named: Vec<(&str, bool)> = plan
            .outputs
            .iter()
            .filter_map(|output| match &**output {
                Output::Audio(audio) => Some((audio.name.as_str(), audio.is_default)),
                Output::Subtitles(subtitles) => Some((subtitles.name.as_str(), false)),
                _ => None,
            })
            .collect();
        assert_eq!(named, [("eng", true), ("Directors cutx", false), ("eng 2", false), ("eng 3", false)]);
        let Output::Hls(hls) = &*plan.outputs[0] else { panic!("no ladder") };
        assert!(hls.rungs.iter().all(|rung| rung.rendition.audio_kbps.is_none()));
        assert_eq!(hls.container, SegmentContainer::Fmp4);
    }

    #[test]
    fn names_that_differ_in_case_or_are_the_surrounds_do_not_share_a_key() {
        let sound = |index, title: &str, is_main| AudioTrack {
            index,
            codec: "ac3".into(),
            channels: 6,
            sample_rate: 48_000,
            language: None,
            title: Some(title.into()),
            is_default: false,
            is_main,
        };
        let audio = vec![sound(1, "5.1", true), sound(2, "Film", false), sound(3, "film", false)];
        let tracks = TrackList { audio, text: Vec::new() };
        let job = job(MediaKind::Video);
        let mut plan = PlanBuilder::new(&job, &media_info(Some(video_info(640, 360)), Some(audio_info())), key_for);
        plan.ladder_with_languages(Vec::new(), &tracks);
        plan.surround(&tracks);
        let plan = plan.finish(Preference::Auto);
        let name = |output: &Planned| match &**output {
            Output::Audio(audio) => Some(audio.name.clone()),
            _ => None,
        };
        let names: Vec<String> = plan.outputs.iter().filter_map(name).collect();
        assert_eq!(names, ["5.1", "Film", "film 2", "5.1 2"]);
    }

    #[test]
    fn segments_are_a_whole_number_of_keyframe_distances() {
        assert_eq!(SEGMENT_MS % KEYFRAME_MS, 0);
    }
}
