//! One ffmpeg command for everything that a plan makes: one decode, one filter graph, every encoder an output of it.
//!
//! The names of files here are ours and relative to the work directory.

use std::time::Duration;

use super::command::Arguments;
use super::containment::{guarded_input, quiet_ffmpeg};
use super::encoder::{Processor, keyframe_options, video_options};
use super::info::{DynamicRange, Matrix, MediaInfo, Video};
use super::loudness::COMMON_FORM;
use super::plan::{Archive, Container, Ladder, Output, Plan, Rung};
use super::still::CandidateWindow;

/// The folder below the work directory that everything is made in.
pub const MADE: &str = "made";

/// The media playlist that ffmpeg writes for a rung.
pub const PLAYLIST: &str = "index.m3u8";

/// What a file with all segments of a rung is called, without its ending.
pub const STREAM: &str = "stream";

/// What is known before the graph is built.
#[derive(Debug)]
pub struct Graph<'a> {
    /// The source.
    pub info: &'a MediaInfo,
    /// What to make.
    pub plan: &'a Plan,
    /// What encodes.
    pub processor: Processor,
    /// Brings the ladder's sound to its loudness.
    pub loudness_filter: Option<&'a str>,
    /// Where to look for stills.
    pub stills: &'a [CandidateWindow],
    /// Threads of the decoder and of each encoder.
    pub threads: usize,
}

/// The folder of a rung.
pub fn rung_folder(index: usize) -> String {
    format!("{MADE}/rung{index}")
}

/// The file of an archive output.
pub fn archive_file(index: usize) -> String {
    format!("{MADE}/archive{index}.mp4")
}

/// The raw frames of a group of stills.
pub fn candidates_file(index: usize) -> String {
    format!("{MADE}/candidates{index}.yuv")
}

/// A part of the graph that ends in a pad.
struct Branch {
    pad: String,
    filters: String,
}

impl Graph<'_> {
    /// Whether there is anything for this process to do: a plan of only a waveform needs none.
    pub fn is_empty(&self) -> bool {
        self.stills.is_empty()
            && !self.plan.outputs.iter().any(|output| matches!(output, Output::Ladder(_) | Output::Archive(_)))
    }

    /// The whole command.
    pub fn arguments(&self) -> Arguments {
        let mut video = Vec::new();
        let mut original = Vec::new();
        let mut levelled = Vec::new();
        let mut outputs = Arguments::new();

        for (index, output) in self.plan.outputs.iter().enumerate() {
            match output {
                Output::Ladder(ladder) => {
                    for (number, rung) in ladder.rungs.iter().enumerate() {
                        outputs = outputs.all(self.rung(ladder, rung, number, &mut video, &mut levelled));
                    }
                }
                Output::Archive(archive) => {
                    outputs = outputs.all(self.archive(archive, index, &mut video, &mut original));
                }
                _ => {}
            }
        }
        for (number, window) in self.stills.iter().enumerate() {
            let pad = format!("still{number}");
            outputs = outputs
                .pair("-map", format_args!("[{pad}]"))
                .pair("-fps_mode", "passthrough")
                .pair("-c:v", "rawvideo")
                .pair("-f", "rawvideo")
                .flag(format!("file:{}", candidates_file(number)));
            video.push(Branch { pad, filters: format!("{},{}", window.select(), self.scale(window.size)) });
        }

        let mut chains = Vec::new();
        if let Some(source) = &self.info.video {
            chains.extend(split(
                &format!("[0:{}]{}", source.index, trunk(source, self.info.held_picture())),
                "split",
                &video,
            ));
        }
        if let Some(source) = &self.info.audio {
            chains.extend(self.sound(source.index, &original, &levelled));
        }
        quiet_ffmpeg()
            .pair_opt("-hwaccel", (self.processor == Processor::Gpu).then_some("cuda"))
            .pair("-threads", self.threads)
            .all(guarded_input())
            .pair("-filter_complex_threads", self.threads)
            .pair("-filter_complex", chains.join(";"))
            .all(outputs)
    }

    fn rung(
        &self,
        ladder: &Ladder,
        rung: &Rung,
        number: usize,
        video: &mut Vec<Branch>,
        levelled: &mut Vec<Branch>,
    ) -> Arguments {
        let mut arguments = Arguments::new();
        if let (Some((short_side, encoding)), Some(source)) = (&rung.video, &self.info.video) {
            let pad = format!("rung{number}");
            let seconds = f64::from(ladder.keyframe_ms) / 1000.0;
            arguments = arguments
                .pair("-map", format_args!("[{pad}]"))
                .pair("-fps_mode", "passthrough")
                .all(video_options(self.processor, encoding, self.threads))
                .all(keyframe_options(self.processor, seconds, source.frame_rate.value()));
            video.push(Branch { pad, filters: self.scale(source.scaled_to(*short_side)) });
        }
        if let (Some(kbps), true) = (rung.audio_kbps, self.info.audio.is_some()) {
            let pad = format!("sound{number}");
            arguments = arguments.pair("-map", format_args!("[{pad}]")).all(audio_options(kbps));
            levelled.push(Branch { pad, filters: String::new() });
        }
        let folder = rung_folder(number);
        arguments
            .all(nothing_else())
            .all(hls_options(ladder.segment_ms, ladder.container, ladder.single_file, &folder))
            .flag(format!("{folder}/{PLAYLIST}"))
    }

    fn archive(
        &self,
        archive: &Archive,
        index: usize,
        video: &mut Vec<Branch>,
        original: &mut Vec<Branch>,
    ) -> Arguments {
        let mut arguments = Arguments::new();
        if let (Some(encoding), Some(source)) = (&archive.video, &self.info.video) {
            let pad = format!("archive{index}");
            arguments = arguments
                .pair("-map", format_args!("[{pad}]"))
                .pair("-fps_mode", "passthrough")
                .all(video_options(self.processor, encoding, self.threads));
            video.push(Branch { pad, filters: self.scale(source.scaled_to(source.short_side())) });
        }
        if let (Some(kbps), true) = (archive.audio_kbps, self.info.audio.is_some()) {
            let pad = format!("original{index}");
            arguments = arguments.pair("-map", format_args!("[{pad}]")).all(audio_options(kbps));
            let filters = "aresample=async=1:first_pts=0,\
aformat=sample_fmts=fltp:sample_rates=48000|44100:channel_layouts=mono|stereo|5.1";
            original.push(Branch { pad, filters: filters.to_owned() });
        }
        // The index in front, so that a player can start before it has the end.
        arguments
            .all(nothing_else())
            .pair("-movflags", "+faststart")
            .pair("-f", "mp4")
            .flag(format!("file:{}", archive_file(index)))
    }

    /// The sound's part of the graph: the archive takes it as it is, the ladder takes it levelled, once for all rungs.
    fn sound(&self, stream: u32, original: &[Branch], levelled: &[Branch]) -> Vec<String> {
        let form = match self.loudness_filter {
            Some(filter) => format!("{COMMON_FORM},{filter}"),
            None => COMMON_FORM.to_owned(),
        };
        match (original.is_empty(), levelled.is_empty()) {
            (true, true) => Vec::new(),
            (true, false) => split(&format!("[0:{stream}]{form}"), "asplit", levelled),
            (false, true) => split(&format!("[0:{stream}]anull"), "asplit", original),
            (false, false) => {
                let mut chains = vec![format!("[0:{stream}]asplit=2[as_is][to_level]")];
                chains.extend(split("[as_is]anull", "asplit", original));
                chains.extend(split(&format!("[to_level]{form}"), "asplit", levelled));
                chains
            }
        }
    }

    /// To a size, to square pixels, and to what players expect of colour.
    fn scale(&self, (width, height): (u32, u32)) -> String {
        let colour = match &self.info.video {
            // Tone mapping has brought it to BT.709 already.
            Some(video) if video.range != DynamicRange::Sdr => "",
            Some(Video { matrix: Matrix::Bt709, full_range: false, .. }) | None => "",
            Some(Video { matrix: Matrix::Bt709, .. }) => ":out_range=tv",
            Some(Video { matrix: Matrix::Rgb, .. }) => ":out_color_matrix=bt709:out_range=tv",
            Some(Video { matrix: Matrix::Bt601, .. }) => ":in_color_matrix=bt601:out_color_matrix=bt709:out_range=tv",
            Some(Video { matrix: Matrix::Bt2020, .. }) => ":in_color_matrix=bt2020:out_color_matrix=bt709:out_range=tv",
        };
        format!("scale={width}:{height}{colour},setsar=1,format=yuv420p")
    }
}

/// What happens to the picture before it is split: fields to frames, a constant rate from the source's zero, the
/// last frame held for sound that goes on, and high dynamic range to standard.
fn trunk(source: &Video, held: Option<Duration>) -> String {
    let mut filters = Vec::new();
    if source.interlaced {
        filters.push("bwdif=mode=send_frame".to_owned());
    }
    filters.push(format!("fps=fps={}:start_time=0", source.frame_rate));
    if let Some(held) = held {
        filters.push(format!("tpad=stop_mode=clone:stop_duration={:.3}", held.as_secs_f64()));
    }
    let transfer = match source.range {
        DynamicRange::Sdr => None,
        DynamicRange::Pq => Some("smpte2084"),
        DynamicRange::Hlg => Some("arib-std-b67"),
    };
    if let Some(transfer) = transfer {
        // In linear light, 100 nits as white, as BT.2408 relates the two; "mobius" keeps skin and sky as they are and
        // bends only the highlights. Everything said about the input, since uploads often say only half.
        filters.push(format!(
            "zscale=tin={transfer}:min=bt2020nc:pin=bt2020:rin=tv:t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,\
tonemap=tonemap=mobius:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
        ));
    }
    filters.join(",")
}

/// One chain that ends in as many pads as there are branches, and each branch's own filters.
fn split(trunk: &str, filter: &str, branches: &[Branch]) -> Vec<String> {
    match branches {
        [] => Vec::new(),
        [only] => vec![format!("{trunk}{}[{}]", then(&only.filters), only.pad)],
        several => {
            let pads: String = several.iter().map(|branch| format!("[{}_in]", branch.pad)).collect();
            let mut chains = vec![format!("{trunk},{filter}={}{pads}", several.len())];
            chains.extend(several.iter().map(|branch| {
                let filters = if branch.filters.is_empty() { "anull" } else { &branch.filters };
                format!("[{pad}_in]{filters}[{pad}]", pad = branch.pad)
            }));
            chains
        }
    }
}

fn then(filters: &str) -> String {
    if filters.is_empty() { String::new() } else { format!(",{filters}") }
}

fn audio_options(kbps: u32) -> Arguments {
    Arguments::new().pair("-c:a", "aac").pair("-b:a", format_args!("{kbps}k"))
}

/// Nothing of the original that was not asked for: no titles, chapters, subtitles or data.
fn nothing_else() -> Arguments {
    Arguments::new()
        .flag("-sn")
        .flag("-dn")
        .pair("-map_metadata", -1)
        .pair("-map_chapters", -1)
        // A track that begins late must not fail the others; packets wait here for it.
        .pair("-max_muxing_queue_size", 4096)
}

/// The muxer's part of a ladder or a preview.
pub fn hls_options(segment_ms: u32, container: Container, single_file: bool, folder: &str) -> Arguments {
    let (kind, ending) = match container {
        Container::Ts => ("mpegts", "ts"),
        Container::Fmp4 => ("fmp4", "m4s"),
    };
    let (flags, name) = if single_file { ("+single_file", STREAM) } else { ("+temp_file", "%05d") };
    Arguments::new()
        .pair("-f", "hls")
        .pair("-hls_time", f64::from(segment_ms) / 1000.0)
        .pair("-hls_list_size", 0)
        .pair("-hls_playlist_type", "vod")
        .pair("-hls_segment_type", kind)
        .pair_opt("-hls_fmp4_init_filename", (container == Container::Fmp4 && !single_file).then_some("init.mp4"))
        .pair("-hls_flags", flags)
        .pair("-hls_segment_filename", format_args!("{folder}/{name}.{ending}"))
}

#[cfg(test)]
#[path = "graph_tests.rs"]
mod tests;
