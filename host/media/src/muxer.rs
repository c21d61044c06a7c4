//! A muxer with its options, and a check that its files hold what the encoders gave it.
//!
//! Decoders pass over half of all flipped bits without a complaint. So a sum of all packets is taken between encoder and
//! muxer, and again from the files.

use std::fmt::Display;
use std::io::Read as _;
use std::path::Path;

use storage::open_regular;

use crate::budget::Budget;
use crate::command::Arguments;
use crate::containment::quiet_ffmpeg;
use crate::context::{TranscodeContext, blocking};
use crate::error::MediaError;
use crate::process::ProcessError;

/// Leaves the slices of H.264 only: muxers move parameter sets (7, 8) and information (6) about, and add delimiters (9).
const SLICES: &str = "filter_units=remove_types=6-9";

/// Of ffmpeg's sums the fastest that isn't easily fooled.
const SUM: &str = "murmur3";

/// Most bytes of a list of sums: a line for each track.
const MAX_SUMS: usize = 4096;

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
    pub fn with_sums(self, sums: &str, has_video: bool) -> Arguments {
        let Self { name, options, file } = self;
        let options: String = options.iter().map(|(name, value)| format!(":{name}={value}")).collect();
        let slices = if has_video { format!(":bsfs/v={SLICES}") } else { String::new() };
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

/// What is to be summed up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packets<'a> {
    pub has_video: bool,
    pub is_transport_stream: bool,
    /// The file of the sums that were taken before the muxer.
    pub sums: &'a str,
}

impl Packets<'_> {
    /// Checks that the packets of an input are those that were summed up. The input ends with `-i` and a file.
    pub async fn check(&self, context: &TranscodeContext<'_>, input: Arguments, what: &str) -> Result<(), MediaError> {
        let bad = |detail: &str| MediaError::BadFile { detail: format!("{what} {detail}") };
        let ffmpeg = context.tools.ffmpeg.within(Budget::of_encode(context.plan, context.info));
        let found = match ffmpeg.capture(&self.summing(input), context.work, context.cancel, MAX_SUMS).await {
            Ok((found, _)) => found,
            Err(ProcessError::Failed { .. }) => return Err(bad("can't be read")),
            Err(error) => return Err(MediaError::process("checking an output", error)),
        };
        let sums = context.work.join(self.sums);
        let made = blocking(move || read(&sums)).await?.map_err(MediaError::work("reading the sums of packets"))?;
        if found.is_empty() || found != made {
            return Err(bad("does not hold what the encoders made"));
        }
        Ok(())
    }

    /// The command that prints the sums of an input.
    pub fn summing(&self, input: Arguments) -> Arguments {
        quiet_ffmpeg()
            .pair("-v", "error")
            .all(input)
            .pair("-map", "0:v?")
            .pair("-map", "0:a?")
            .pair("-c", "copy")
            .pair_opt("-bsf:v", self.has_video.then_some(SLICES))
            // A transport stream puts a header before each frame of sound.
            .pair_opt("-bsf:a", self.is_transport_stream.then_some("aac_adtstoasc"))
            .pair("-f", "streamhash")
            .pair("-hash", SUM)
            .flag("-")
    }
}

fn read(sums: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(sums)?.take(MAX_SUMS as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
