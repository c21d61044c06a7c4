//! A muxer with its options, and a check that its files hold what the encoders gave it.
//!
//! Decoders pass over half of all flipped bits without a complaint. So a sum of all packets is taken between encoder and
//! muxer, and again from the files.

use std::fmt::Display;

use storage::read_at_most;

use crate::budget::Budget;
use crate::command::Arguments;
use crate::containment::quiet_ffmpeg;
use crate::context::{TranscodeContext, blocking};
use crate::encoding::Codec;
use crate::error::MediaError;
use crate::process::ProcessError;

/// Leaves the pictures only: muxers move parameter sets and information about, and add or remove delimiters.
fn slices(codec: Codec) -> &'static str {
    match codec {
        // Information 6, parameter sets 7 and 8, delimiters 9.
        Codec::H264 => "filter_units=remove_types=6-9",
        // Parameter sets 32 to 34, delimiters 35, information 39 and 40.
        Codec::Hevc => "filter_units=remove_types=32-40",
        // Delimiters.
        Codec::Av1 => "filter_units=remove_types=2",
    }
}

/// Of ffmpeg's sums the fastest that isn't easily fooled.
const SUM: &str = "murmur3";

/// Most bytes of a list of sums: a line for each track.
const MAX_SUMS: u64 = 4096;

/// A muxer of ffmpeg, the options that are its own, and the file it writes.
pub(crate) struct Muxer {
    name: &'static str,
    options: Vec<(&'static str, String)>,
    file: String,
}

impl Muxer {
    /// `file` is a path below the work directory.
    pub fn new(name: &'static str, file: String) -> Self {
        Self { name, options: Vec::new(), file }
    }

    pub fn option(mut self, name: &'static str, value: impl Display) -> Self {
        self.options.push((name, value.to_string()));
        self
    }

    /// The last arguments of an output.
    pub fn arguments(self) -> Arguments {
        let output = Arguments::new().pair("-f", self.name);
        let options = self.options.iter();
        options.fold(output, |output, (name, value)| output.pair(&format!("-{name}"), value)).flag(self.file)
    }

    /// The same for an output whose packets are summed up too.
    pub fn with_sums(self, packets: &Packets) -> Arguments {
        let (Self { name, options, file }, sums) = (self, &packets.sums);
        let options: String = options.iter().map(|(name, value)| format!(":{name}={value}")).collect();
        let slices = packets.codec.map_or(String::new(), |codec| format!(":bsfs/v={}", slices(codec)));
        Arguments::new()
            // A tee doesn't tell encoders what its muxers want.
            .pair("-flags", "+global_header")
            .pair("-f", "tee")
            // Nor does it hand on what ffmpeg sets for every muxer (`-muxdelay`), which is the room that TS packs sound in.
            .flag(format!(
                "[f={name}:max_interleave_delta=0:max_delay=700000{options}]{file}|[f=streamhash:hash={SUM}{slices}]{sums}"
            ))
    }
}

/// The last arguments of an output that only sums up copied packets. AAC may be in a transport stream, where it has a header
/// before each frame; without one it is let through.
pub(crate) fn only_sums(packets: &Packets, is_aac: bool) -> Arguments {
    Arguments::new()
        .pair_opt("-bsf:v", packets.codec.map(slices))
        .pair_opt("-bsf:a", is_aac.then_some("aac_adtstoasc"))
        .pair("-f", "streamhash")
        .pair("-hash", SUM)
        .flag(format!("file:{}", packets.sums))
}

/// What is to be summed up.
#[derive(Clone, Debug)]
pub(crate) struct Packets {
    /// Of its picture, if it has one.
    pub codec: Option<Codec>,
    pub is_transport_stream: bool,
    /// The file of the sums that were taken before the muxer.
    pub sums: String,
}

/// A file, or the files of a rendition, and what they have to hold.
pub(crate) struct Written {
    pub packets: Packets,
    /// Lists of what other encoders put into it, behind that.
    pub further_sums: Vec<String>,
    /// ffmpeg's input: options, and `-i` with a file at the end.
    pub input: Arguments,
    /// For error messages.
    pub what: String,
}

/// Checks that files of one container hold the packets that were summed up.
///
/// One process reads all of them: to start ffmpeg takes as long as to read a minute of film. Where something is wrong, one
/// process for each tells where.
pub(crate) async fn check_all(context: &TranscodeContext<'_>, files: &[Written]) -> Result<(), MediaError> {
    if files.len() > 1 && check(context, files, "the ladder").await.is_ok() {
        return Ok(());
    }
    for file in files {
        check(context, std::slice::from_ref(file), &file.what).await?;
    }
    Ok(())
}

async fn check(context: &TranscodeContext<'_>, files: &[Written], what: &str) -> Result<(), MediaError> {
    let bad = |detail: &str| MediaError::BadFile { detail: format!("{what} {detail}") };
    let ffmpeg = context.tools.ffmpeg.within(Budget::of_encode(context.plan, context.info));
    let limit = MAX_SUMS as usize * files.len();
    let found = match ffmpeg.capture(&summing(files), context.work, context.cancel, limit).await {
        Ok((found, _)) => sums(&found),
        Err(ProcessError::Failed { .. }) => return Err(bad("can't be read")),
        Err(error) => return Err(MediaError::process("checking an output", error)),
    };
    let lists = files.iter().flat_map(|file| std::iter::once(&file.packets.sums).chain(&file.further_sums));
    let lists: Vec<_> = lists.map(|list| context.work.join(list)).collect();
    let read = move || lists.iter().map(|list| read_at_most(list, MAX_SUMS)).collect::<std::io::Result<Vec<_>>>();
    let lists = blocking(read).await?.map_err(MediaError::work("reading the sums of packets"))?;
    let made: Vec<String> = lists.iter().flat_map(|list| sums(list)).collect();
    if found.is_empty() || found != made {
        return Err(bad("does not hold what the encoders made"));
    }
    Ok(())
}

/// Kind and sum of each track. Its number in front is another one where several files are read.
fn sums(list: &[u8]) -> Vec<String> {
    let list = String::from_utf8_lossy(list);
    list.lines().filter_map(|line| Some(line.split_once(',')?.1.to_owned())).collect()
}

/// The command that prints the sums of files of one container.
fn summing(files: &[Written]) -> Arguments {
    let inputs = files.iter().fold(quiet_ffmpeg().pair("-v", "error"), |inputs, file| inputs.all(file.input.clone()));
    let maps = (0..files.len()).fold(inputs, |maps, number| {
        maps.pair("-map", format_args!("{number}:v?")).pair("-map", format_args!("{number}:a?"))
    });
    let pictures = files.iter().filter_map(|file| file.packets.codec).enumerate();
    let maps = pictures.fold(maps, |maps, (number, codec)| maps.pair(&format!("-bsf:v:{number}"), slices(codec)));
    let is_transport_stream = files.iter().any(|file| file.packets.is_transport_stream);
    maps.pair("-c", "copy")
        // A transport stream puts a header before each frame of sound.
        .pair_opt("-bsf:a", is_transport_stream.then_some("aac_adtstoasc"))
        .pair("-f", "streamhash")
        .pair("-hash", SUM)
        .flag("-")
}
