//! One ffmpeg command for everything that a plan makes: picture and sound are each decoded once, in a graph
//! of their own, and every encoder is an output.
//!
//! Outputs add their branches to it. File names are the host's own and relative to the work directory.

use std::collections::BTreeSet;

use crate::branching::{Branch, Level, PICTURE, SOUND, Scaled, branch, in_line, mapped, split, split_levels};
use crate::captions;
use crate::card;
use crate::command::Arguments;
use crate::containment::{guarded_input, quiet_ffmpeg};
use crate::encoder::{Keyframes, Processor, VideoEncode, with_colour};
use crate::encoding::{Codec, Encoding, Samples};
use crate::info::{Audio, DynamicRange, LATE, Matrix, MediaInfo, Ratio, Video, may_start_over};
use crate::muxer::Muxer;
use crate::outputs::{Container, takes_captions};
use crate::part::{Part, Shown};
use crate::plan::Plan;
use crate::proof::Proof;
use crate::sound::{self, Levels, as_it_is, common_form};
use crate::threads;
use crate::tier::Tier;
use crate::watermark::Watermark;

/// The folder below the work directory that everything is made in.
pub const MADE: &str = "made";

/// The media playlist that ffmpeg writes for a rung.
pub const PLAYLIST: &str = "index.m3u8";

/// The name of a file that holds all segments of a rung, without its ending.
pub const STREAM: &str = "stream";

/// Everything that the command depends on.
#[derive(Debug)]
pub struct Graph<'a> {
    pub info: &'a MediaInfo,
    pub plan: &'a Plan,
    /// The places of outputs that are made without an encode.
    pub ready: &'a BTreeSet<usize>,
    /// An encoder that its processor doesn't have is the CPU's.
    pub tier: Tier,
    pub proof: &'a Proof,
    /// Bring the sound to its target loudness.
    pub levels: &'a Levels,
    /// Of this machine.
    pub cores: usize,
    /// Whether room may be reserved for an index in front of a file.
    pub may_reserve: bool,
}

impl Graph<'_> {
    /// The whole command. `None` if the plan needs no encode, such as a plan of only a waveform.
    pub fn arguments(&self) -> Option<Arguments> {
        let mut branches = Branches {
            info: self.info,
            tier: self.tier,
            proof: self.proof,
            sessions_left: self.proof.sessions().unwrap_or(usize::MAX),
            threads: threads::of_encoder(self.cores, self.plan.picture_encodes(self.info).len()),
            levels: self.levels,
            may_reserve: self.may_reserve,
            has_watermark: self.plan.watermark.is_some(),
            takes_captions: takes_captions(self.plan, self.info),
            decoded_picture: Vec::new(),
            deep_picture: Vec::new(),
            picture: Vec::new(),
            marked_picture: Vec::new(),
            sound_before_levelling: Vec::new(),
            original_sound: Vec::new(),
            levelled_sound: Vec::new(),
            tracks: Vec::new(),
            outputs: Vec::new(),
        };
        let outputs = self.plan.outputs.iter().enumerate();
        for (index, output) in outputs.filter(|(index, _)| !self.ready.contains(index)) {
            output.kind().add_to_graph(index, self.plan, &mut branches);
        }
        if branches.outputs.is_empty() {
            return None;
        }
        let picture = self.info.video.as_ref().zip(self.info.shown());
        let picture = picture.map(|(source, shown)| self.picture(source, shown, &branches));
        let sound = self.info.audio.as_ref().map(|source| self.sound(source, &branches));
        // Each has a graph and a demuxer of its own. In a graph of both, pictures pile up in memory until the first sound
        // arrives; with one demuxer, everything between them does. Each demuxer drops what it isn't asked for.
        let inputs = branches.inputs();
        let mut arguments = quiet_ffmpeg()
            .all(if self.tier == Tier::Gpu { card::input() } else { Arguments::new().pair("-reinit_filter:v", 0) })
            .pair("-threads", threads::of_decoder(self.cores))
            .all(guarded_input(self.info.depth));
        for _ in 1..inputs {
            arguments = arguments.all(guarded_input(self.info.depth));
        }
        if self.plan.watermark.is_some() {
            arguments = arguments.all(Watermark::input());
        }
        arguments = arguments.pair("-filter_complex_threads", threads::of_decoder(self.cores));
        let graphs = [picture, sound].into_iter().flatten().chain(branches.tracks);
        for chains in graphs.filter(|chains| !chains.is_empty()) {
            arguments = arguments.pair("-filter_complex", chains.join(";"));
        }
        let arguments = branches.outputs.into_iter().fold(arguments, Arguments::all);
        Some(
            (0..inputs).fold(arguments, |arguments, input| arguments.all(all_tracks_seen(&self.info.container, input))),
        )
    }

    /// The picture's part of the graph. Some branches leave before the trunk, or before it is brought to standard dynamic
    /// range, most behind it.
    fn picture(&self, source: &Video, shown: Shown, branches: &Branches<'_>) -> Vec<String> {
        let part = self.info.part.map_or(String::new(), |part| only_part(source.frame_rate, part));
        let steady = if self.tier == Tier::Gpu { String::new() } else { of_one_size(source) };
        let part = in_line(&[&steady, &part]);
        // Its input is behind all others.
        let marked = self.plan.watermark.as_ref().map(|watermark| watermark.filters(source, branches.inputs()));
        let levels = [
            Level { name: "", filters: part, branches: &branches.decoded_picture },
            Level { name: "shown", filters: self.trunk(source, shown), branches: &branches.deep_picture },
            Level { name: "sdr", filters: to_standard_range(source).unwrap_or_default(), branches: &branches.picture },
            Level { name: "marked", filters: marked.unwrap_or_default(), branches: &branches.marked_picture },
        ];
        split_levels(PICTURE, &format!("[0:{}]", source.index), levels)
    }

    /// What happens to the picture before it is split: fields to frames, a constant rate from the source's zero, and the last
    /// frame held for sound that goes on.
    fn trunk(&self, source: &Video, shown: Shown) -> String {
        let mut filters = match (self.tier, interlacing(source)) {
            (Tier::Gpu, Some(is_always)) => vec![card::fields_to_frames(is_always)],
            (Tier::Gpu, None) => Vec::new(),
            (Tier::GpuEncode | Tier::Cpu, _) => fields_to_frames(source),
        };
        filters.push(constant_rate(source.frame_rate, shown));
        filters.join(",")
    }

    /// The sound's part of the graph. The archive takes it as it is; the ladder takes it levelled, once for all rungs.
    fn sound(&self, audio: &Audio, branches: &Branches<'_>) -> Vec<String> {
        let (original, levelled) = (&branches.original_sound, &branches.levelled_sound);
        if original.is_empty() && levelled.is_empty() {
            return Vec::new();
        }
        let form = common_form(audio);
        let input = usize::from(self.info.video.is_some());
        let (mut chains, source) = sound::source(audio, input, self.info.part, "part");
        let (mut as_is, mut to_level) = (source.as_str(), source.as_str());
        if !original.is_empty() && !levelled.is_empty() {
            (as_is, to_level) = ("[as_is]", "[to_level]");
            chains.push(format!("{source}asplit=2{as_is}{to_level}"));
        }
        chains.extend(split(SOUND, (as_is, ""), original));
        let before = &branches.sound_before_levelling;
        chains.extend(match &self.levels.usual {
            Some(filter) => {
                let levelling = Level { name: "formed", filters: filter.clone(), branches: levelled };
                split_levels(SOUND, to_level, [Level { name: "", filters: form, branches: before }, levelling])
            }
            None => split(SOUND, (to_level, &form), levelled),
        });
        chains
    }
}

/// The branches of all outputs, and the outputs of the command that take them.
#[derive(Debug)]
pub struct Branches<'a> {
    pub(crate) info: &'a MediaInfo,
    tier: Tier,
    proof: &'a Proof,
    /// How many more encodes the GPU can have.
    sessions_left: usize,
    /// Of each encoder.
    threads: usize,
    levels: &'a Levels,
    pub(crate) may_reserve: bool,
    has_watermark: bool,
    takes_captions: bool,
    decoded_picture: Vec<Branch>,
    /// In the source's own dynamic range.
    deep_picture: Vec<Branch>,
    picture: Vec<Branch>,
    /// With what is drawn over the ladder.
    marked_picture: Vec<Branch>,
    original_sound: Vec<Branch>,
    sound_before_levelling: Vec<Branch>,
    levelled_sound: Vec<Branch>,
    /// Further graphs: each of a track of sound, on a demuxer of its own.
    tracks: Vec<Vec<String>>,
    outputs: Vec<Arguments>,
}

impl Branches<'_> {
    /// Adds an output of the command: maps, encoder, muxer and file.
    pub(crate) fn output(&mut self, arguments: Arguments) {
        self.outputs.push(arguments);
    }

    /// A branch of the picture with these filters. Returns the options that map it.
    pub(crate) fn raw_picture(&mut self, pad: &str, filters: String) -> Arguments {
        branch(&mut self.picture, pad, filters).pair("-fps_mode", "passthrough")
    }

    /// A branch of the picture as it comes from the decoder. Returns the option that maps it.
    pub(crate) fn decoded_picture(&mut self, pad: &str, filters: String) -> Arguments {
        branch(&mut self.decoded_picture, pad, filters)
    }

    /// A branch of the picture at this size. Returns the options that map and encode it. Without `keyframes` the encoder
    /// puts them where it likes. With them it is a rung, which has the watermark.
    pub(crate) fn encoded_picture(
        &mut self,
        pad: &str,
        size: (u32, u32),
        encoding: &Encoding,
        keyframes: Option<Keyframes>,
    ) -> Arguments {
        let processor = self.encoder_for(encoding.codec);
        let range = self.info.video.as_ref().map_or(DynamicRange::Sdr, |video| video.range);
        let light = self.info.video.as_ref().and_then(|video| video.light);
        let is_on_card = self.tier == Tier::Gpu;
        let encode = VideoEncode { processor, encoding, range, light, threads: self.threads, keyframes, is_on_card };
        let options = encode.options();
        let kept_range = encoding.samples.range(range);
        let samples = encoding.samples;
        let scaled = if is_on_card { card::scaled(size, samples) } else { scaled(self.info, size, samples) };
        let filters = in_line(&[&scaled, &with_colour(kept_range)]);
        let again =
            if is_on_card { card::scaled(size, samples) } else { format!("scale={}:{},setsar=1", size.0, size.1) };
        let last = if self.takes_captions && keyframes.is_some() { captions::REMOVED } else { "" };
        let branches = match (kept_range != DynamicRange::Sdr, self.has_watermark && keyframes.is_some()) {
            (true, _) => &mut self.deep_picture,
            (false, true) => &mut self.marked_picture,
            (false, false) => &mut self.picture,
        };
        branches.push(Branch::scaled(pad, filters, Scaled { size, samples, again }, last));
        mapped(pad).pair("-fps_mode", "passthrough").all(options)
    }

    /// The sound at its target loudness, as AAC. Returns the options that map and encode it: none without
    /// sound or a rate.
    pub(crate) fn levelled_sound(&mut self, pad: &str, kbps: Option<u32>) -> Arguments {
        let Some(kbps) = self.info.audio.as_ref().and(kbps) else { return Arguments::new() };
        self.raw_levelled_sound(pad, String::new()).all(aac(kbps))
    }

    /// A branch of the sound at its target loudness. Returns the option that maps it.
    pub(crate) fn raw_levelled_sound(&mut self, pad: &str, filters: String) -> Arguments {
        branch(&mut self.levelled_sound, pad, filters)
    }

    /// A branch of the same sound before a filter levels it; `None` if none does.
    pub(crate) fn sound_before_levelling(&mut self, pad: &str, filters: String) -> Option<Arguments> {
        self.levels.usual.is_some().then(|| branch(&mut self.sound_before_levelling, pad, filters))
    }

    /// The sound at its target loudness, and a branch of it with these filters. Returns the options that map each.
    pub(crate) fn usual_sound(&mut self, pad: &str, heard: String) -> [Arguments; 2] {
        let sound = self.raw_levelled_sound(pad, String::new()).pair("-bsf:a", ONLY_FORWARD);
        [sound, self.raw_levelled_sound(&format!("{pad}_heard"), heard)]
    }

    /// How many demuxers of the source there are.
    fn inputs(&self) -> usize {
        usize::from(self.info.video.is_some()) + usize::from(self.info.audio.is_some()) + self.tracks.len()
    }

    /// The same of a track, brought to a form and to the level that was found for the output with this place in the plan.
    pub(crate) fn track_of_sound(
        &mut self,
        pad: &str,
        track: &Audio,
        (index, form): (usize, String),
        heard: &str,
    ) -> [Arguments; 2] {
        let (mut chains, source) = sound::source(track, self.inputs(), self.info.part, &format!("{pad}_part"));
        let level = self.levels.tracks.get(&index).map_or(String::new(), |level| format!(",{level}"));
        chains.push(format!("{source}{form}{level},asplit=2[{pad}][{pad}_in]"));
        chains.push(format!("[{pad}_in]{heard}[{pad}_heard]"));
        self.tracks.push(chains);
        let map = |pad: String| Arguments::new().pair("-map", format_args!("[{pad}]"));
        [map(pad.to_owned()).pair("-bsf:a", ONLY_FORWARD), map(format!("{pad}_heard"))]
    }

    /// The sound as it is in the source, as AAC. Returns the options that map and encode it: none without
    /// sound or a rate.
    pub(crate) fn original_sound(&mut self, pad: &str, kbps: Option<u32>) -> Arguments {
        let (Some(audio), Some(kbps)) = (&self.info.audio, kbps) else { return Arguments::new() };
        let form = "aformat=sample_fmts=fltp:sample_rates=48000|44100:channel_layouts=mono|stereo|5.1";
        let filters = format!("{},{form}", as_it_is(audio));
        branch(&mut self.original_sound, pad, filters).all(aac(kbps))
    }

    /// The filters of a raw picture in standard dynamic range.
    pub(crate) fn scale(&self, size: (u32, u32)) -> String {
        in_line(&[&self.downloaded(), &scaled(self.info, size, Samples::Sdr8)])
    }

    /// The filter that brings a frame into system memory; none where all of them are there.
    pub(crate) fn downloaded(&self) -> String {
        let video = self.info.video.as_ref().filter(|_| self.tier == Tier::Gpu);
        video.map_or(String::new(), card::downloaded)
    }

    /// The processor of the next encode.
    fn encoder_for(&mut self, codec: Codec) -> Processor {
        let processor = self.proof.encoder_for(codec, self.tier.processor());
        match (processor, self.sessions_left.checked_sub(1)) {
            (Processor::Gpu, Some(left)) => {
                self.sessions_left = left;
                Processor::Gpu
            }
            (Processor::Gpu, None) | (Processor::Cpu, _) => Processor::Cpu,
        }
    }
}

/// The filters to a size, to square pixels, and to the colours that players expect.
pub(crate) fn scaled(info: &MediaInfo, (width, height): (u32, u32), samples: Samples) -> String {
    let (range, matrix) = match &info.video {
        // Kept as it is, apart from black at 0.
        Some(Video { range, full_range, .. }) if samples.range(*range) != DynamicRange::Sdr => {
            (if *full_range { ":out_range=tv" } else { "" }, None)
        }
        // Tone mapping has converted it to BT.709.
        Some(video) if video.range != DynamicRange::Sdr => ("", None),
        Some(Video { matrix: Matrix::Bt709, full_range: false, .. }) | None => ("", None),
        Some(Video { matrix: Matrix::Bt709, .. }) => (":out_range=tv", None),
        Some(Video { matrix: Matrix::Rgb, .. }) => (":out_color_matrix=bt709:out_range=tv", None),
        Some(Video { matrix: Matrix::Bt601, .. }) => (":out_range=tv", Some("bt601")),
        Some(Video { matrix: Matrix::Bt2020, .. }) => (":out_range=tv", Some("bt2020")),
    };
    let (scaled, converted) = match (matrix, samples.bits()) {
        (None, _) => (String::new(), String::new()),
        // The scaler could do this too: it takes four times as long, and makes everything darker by 2 of 255.
        (Some(matrix), 8) => (String::new(), format!(",colormatrix={matrix}:bt709")),
        // The filter knows only 8 bits.
        (Some(matrix), _) => (format!(":in_color_matrix={matrix}:out_color_matrix=bt709"), String::new()),
    };
    let pixels = if samples.bits() == 8 { "yuv420p" } else { "yuv420p10le" };
    format!("scale={width}:{height}{range}{scaled},setsar=1,format={pixels}{converted}")
}

/// Has a demuxer read every track, and drops them. Where times may start over, ffmpeg works out zero and shifts from the tracks
/// that it reads: so each demuxer comes to the same.
pub(crate) fn all_tracks_seen(container: &str, input: usize) -> Arguments {
    if !may_start_over(container) {
        return Arguments::new();
    }
    let maps = Arguments::new().pair("-map", format_args!("{input}:V?")).pair("-map", format_args!("{input}:a?"));
    maps.pair("-c", "copy").pair("-f", "null").flag("-")
}

/// Codecs of cameras and broadcasts that mark interlaced frames as such. H.264 says so in the header too.
const MAY_BE_INTERLACED: [&str; 7] = ["mpeg2video", "dvvideo", "mpeg4", "vc1", "prores", "dnxhd", "ffv1"];

/// The filter that stretches grey with black at 16, which ffmpeg takes for black at 0.
pub(crate) fn limited_grey(source: &Video) -> Option<String> {
    let unit = 1_u32 << source.bit_depth.saturating_sub(8).min(8);
    let most = 256 * unit - 1;
    let filter = || format!("lut=c0='clip((val-{})*{most}/{},0,{most})'", 16 * unit, 219 * unit);
    source.limited_grey.then(filter)
}

/// The filters that leave only a part of the picture, at a constant rate: a frame that stays may have begun before it.
fn only_part(rate: Ratio, part: Part) -> String {
    let held = part.picture.into_iter().map(|picture| constant_rate(rate, picture));
    held.chain([part.filters("trim", "setpts", 0.5 / rate.value())]).collect::<Vec<_>>().join(",")
}

/// The filters to a constant rate from the source's zero, with the last frame held for sound that goes on.
fn constant_rate(rate: Ratio, Shown { start, length, held }: Shown) -> String {
    // A start isn't forced where there is nothing to fill: filters start again where the size changes on the way.
    let from_zero = if start > LATE { ":start_time=0" } else { "" };
    // Less than a frame would be rounded to none.
    let end = if length.as_secs_f64() * rate.value() < 1.0 { ":eof_action=pass" } else { "" };
    let held =
        held.map_or(String::new(), |held| format!(",tpad=stop_mode=clone:stop_duration={:.3}", held.as_secs_f64()));
    format!("fps=fps={rate}{from_zero}{end}{held}")
}

/// The filter that brings a picture whose size or form changes on the way back to what it began with, and lets all others
/// pass. Without it filters would start again at a change, which loses a frame, and three with version 7.1 of ffmpeg.
fn of_one_size(source: &Video) -> String {
    let (width, height) = source.decoded_size();
    format!("scale={width}:{height}")
}

/// Whether all frames of a source consist of fields, or only those that say so; `None` if none does.
fn interlacing(source: &Video) -> Option<bool> {
    // Where the header doesn't say so, frames may.
    (source.interlaced || MAY_BE_INTERLACED.contains(&source.codec.as_str())).then_some(source.interlaced)
}

/// The filters to whole frames in the right grey.
pub(crate) fn fields_to_frames(source: &Video) -> Vec<String> {
    let mut filters = Vec::new();
    if let Some(is_always) = interlacing(source) {
        filters.push(format!("bwdif=mode=send_frame{}", if is_always { "" } else { ":deint=interlaced" }));
    }
    filters.extend(limited_grey(source));
    filters
}

/// The filters from high dynamic range to standard; `None` for a source that has no other.
pub(crate) fn to_standard_range(source: &Video) -> Option<String> {
    let transfer = match source.range {
        DynamicRange::Sdr => return None,
        DynamicRange::Pq => "smpte2084",
        DynamicRange::Hlg => "arib-std-b67",
    };
    // In linear light, 100 nits as white, as BT.2408 relates the two; "mobius" keeps skin and sky as they are and bends only
    // the highlights. All properties of the input are given, because uploads often signal only half of them.
    Some(format!(
        "zscale=tin={transfer}:min=bt2020nc:pin=bt2020:rin=tv:t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,\
tonemap=tonemap=mobius:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
    ))
}

/// Drops a packet of sound that begins before the middle of the one that was kept last: where rate or channels change on
/// the way, filters start again, and what they had left overlaps what follows.
const ONLY_FORWARD: &str = "noise=drop='if(gt(n,0)*lt(pts,ld(0)),1,0*st(0,pts+d/2))'";

fn aac(kbps: u32) -> Arguments {
    Arguments::new().pair("-c:a", "aac").pair("-b:a", format_args!("{kbps}k")).pair("-bsf:a", ONLY_FORWARD)
}

/// Keeps out everything of the original that was not asked for: titles, chapters, subtitles and data.
pub(crate) fn nothing_else() -> Arguments {
    Arguments::new()
        .flag("-sn")
        .flag("-dn")
        .pair("-map_metadata", -1)
        .pair("-map_chapters", -1)
        // A track that begins late must not fail the others; packets wait here for it.
        .pair("-max_muxing_queue_size", 4096)
        // However long one track pauses, the other one waits, so that each segment holds both tracks of its time.
        .pair("-max_interleave_delta", 0)
}

/// The HLS muxer, for ladders and previews.
pub(crate) fn hls_muxer(segment_ms: u32, container: Container, single_file: bool, folder: &str) -> Muxer {
    let (kind, ending) = match container {
        Container::Ts => ("mpegts", "ts"),
        Container::Fmp4 => ("fmp4", "m4s"),
    };
    let (flags, name) = if single_file { ("+single_file", STREAM) } else { ("+temp_file", "%05d") };
    let muxer = Muxer::new("hls", format!("{folder}/{PLAYLIST}"))
        .option("hls_time", f64::from(segment_ms) / 1000.0)
        .option("hls_list_size", 0)
        .option("hls_playlist_type", "vod")
        .option("hls_segment_type", kind)
        .option("hls_flags", flags)
        .option("hls_segment_filename", format_args!("{folder}/{name}.{ending}"));
    // Encoders begin below zero: with frames that need later ones, and with the silence that sound starts with. ffmpeg
    // would move each rendition up by its own delay, and say so to players, so that none is with the others. MP4 has a
    // place for the delay instead.
    let muxer = match container {
        Container::Ts => muxer,
        Container::Fmp4 => muxer.option("avoid_negative_ts", "disabled"),
    };
    if container == Container::Fmp4 && !single_file {
        muxer.option("hls_fmp4_init_filename", "init.mp4")
    } else {
        muxer
    }
}

#[cfg(test)]
#[path = "graph_tests.rs"]
mod tests;
