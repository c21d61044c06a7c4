//! Reads an original while it is being downloaded: its packets, which say how long it is, and its sound, which is measured
//! before the encode.
//!
//! Both are read from a pipe, which can't be sought in. Only containers are read that a demuxer takes from front to back, and
//! an early result counts only if the processes ended without a word, and if the whole file has the tracks that were seen.
//! Anything else is read again from the whole file, and no upload is refused for what was read early.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use storage::{Arrived, read_part};
use timeline::{Part, RunningPart, Timeline};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::budget::Budget;
use crate::command::Arguments;
use crate::containment::{INPUT_NAME, ProbeDepth, arriving_input};
use crate::context::{MediaTools, blocking};
use crate::feed::Feed;
use crate::header::{Header, Kind};
use crate::info::{Audio, MediaInfo};
use crate::packets::Packets;
use crate::probe::Questions;
use crate::process::{Finished, Tool};
use crate::sound::{Wanted, filters, listening};

/// A smaller original has arrived before a process has started.
const LEAST: u64 = 1 << 20;

/// Bytes at the beginning that are enough to recognise the container.
const BEGINNING: u64 = 64 << 10;

/// Where the samples are kept until a plan says what waveforms are to be made of them.
pub(crate) const SAMPLES: &str = "heard";

/// Most bytes of samples that are kept: 97 minutes of stereo at 44.1 kHz. The waveform of a longer source takes another pass.
const MOST_SAMPLES: u64 = 1 << 30;

/// Processor time for the sound, as its length isn't known: a second for so many bytes of the original, which is what speech
/// has in ten.
const BYTES_PER_SECOND: u64 = 10_000;
const LEAST_SECONDS: u64 = 60;

/// What is being read of an original. Dropping it ends that.
#[derive(Debug, Default)]
pub struct EarlyReading {
    task: JoinSet<Option<Begun>>,
    sound: Option<EarlySound>,
}

/// What is known after the beginning, and the tasks that read on.
#[derive(Debug)]
struct Begun {
    tracks: Tracks,
    packets: JoinSet<Option<BTreeMap<u32, Packets>>>,
    sound: Option<EarlySound>,
}

/// A container, and the number and codec of each of its tracks.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tracks {
    container: String,
    codecs: Vec<(u32, String)>,
}

impl Tracks {
    fn of(header: &Header) -> Self {
        let codecs = header.streams.iter().map(|stream| (stream.index, stream.codec_or_tag())).collect();
        Self { container: header.format.format_name.clone(), codecs }
    }
}

/// The packets of the whole original, if the early reading of it counts.
#[derive(Debug)]
pub(crate) struct EarlyPackets {
    tracks: Tracks,
    packets: BTreeMap<u32, Packets>,
}

impl EarlyPackets {
    /// The packets, if they are of a file with this header.
    pub(crate) fn of(&self, header: &Header, depth: ProbeDepth) -> Option<BTreeMap<u32, Packets>> {
        let known = |index: &u32| self.tracks.codecs.iter().any(|(track, _)| track == index);
        let is_same = depth == ProbeDepth::Usual && self.tracks == Tracks::of(header) && self.packets.keys().all(known);
        is_same.then(|| self.packets.clone())
    }
}

/// The analysis of a track of sound that is being made.
#[derive(Debug)]
pub struct EarlySound {
    container: String,
    filters: String,
    form: (u32, u32),
    heard: JoinSet<Option<Heard>>,
}

#[derive(Debug)]
struct Heard {
    finished: Finished,
    /// Whether all samples were kept.
    has_samples: bool,
}

impl EarlyReading {
    /// Nothing is read early.
    pub fn none() -> Self {
        Self::default()
    }

    /// Begins to read the original in a work directory. Without news of its arrival, nothing is read.
    pub fn start(
        tools: &MediaTools,
        work: &Path,
        arrived: watch::Receiver<Arrived>,
        cancel: &CancellationToken,
    ) -> Self {
        let feed = Feed { path: work.join(INPUT_NAME), arrived };
        let reader = Reader {
            ffmpeg: tools.ffmpeg.fed(feed.clone()),
            ffprobe: tools.ffprobe.fed(feed.clone()),
            work: work.to_owned(),
            cancel: cancel.clone(),
            timeline: tools.timeline.clone(),
        };
        let mut task = JoinSet::new();
        task.spawn(reader.begin(feed));
        Self { task, sound: None }
    }

    /// Waits for the packets of the whole original. `None` if it has to be read again.
    pub(crate) async fn packets(&mut self) -> Option<EarlyPackets> {
        let mut begun = ended(&mut self.task).await?;
        self.sound = begun.sound.take();
        Some(EarlyPackets { tracks: begun.tracks, packets: ended(&mut begun.packets).await? })
    }

    /// The analysis of its sound, which may still go on.
    pub fn into_sound(self) -> Option<EarlySound> {
        self.sound
    }
}

/// The result of a task, if it has one.
async fn ended<T: 'static>(task: &mut JoinSet<Option<T>>) -> Option<T> {
    task.join_next().await?.ok()?
}

struct Reader {
    ffmpeg: Tool,
    ffprobe: Tool,
    work: PathBuf,
    cancel: CancellationToken,
    timeline: Timeline,
}

impl Reader {
    async fn begin(self, mut feed: Feed) -> Option<Begun> {
        let arrived = *feed.arrived.wait_for(|arrived| arrived.bytes >= BEGINNING).await.ok()?;
        let size = arrived.size.filter(|&size| size >= LEAST)?;
        let path = feed.path.clone();
        let beginning = blocking(move || read_part(&File::open(path)?, 0, BEGINNING)).await.ok()?.ok()?;
        if !is_in_order(&beginning) {
            return None;
        }
        let questions = Questions::of_arriving(&self.ffprobe, &self.work, size, &self.cancel);
        let header = questions.header().await.ok()?;
        let tracks = Tracks::of(&header);
        let mut packets = JoinSet::new();
        let reading = self.timeline.begin(Part::ReadEarly);
        let listed = list(self.ffprobe, self.work.clone(), self.cancel.clone(), size, tracks.container.clone());
        packets.spawn(async move { timed(reading, listed).await });
        let sound = only_sound(&header).map(|audio| {
            let filters = filters(&audio, None, Wanted::ALL);
            let command = listening(arriving_input(), &tracks.container, &filters, Wanted::ALL);
            let seconds = LEAST_SECONDS + size / BYTES_PER_SECOND;
            let ffmpeg = self.ffmpeg.within(Budget::of_cpu(seconds)).while_it_arrives();
            let mut heard = JoinSet::new();
            let listening = self.timeline.begin(Part::ListenEarly);
            heard.spawn(async move {
                let (work, cancel) = (self.work, self.cancel);
                timed(listening, listen(ffmpeg, command, &work, &cancel)).await
            });
            let form = (audio.sample_rate, audio.channels);
            EarlySound { container: tracks.container.clone(), filters, form, heard }
        });
        Some(Begun { tracks, packets, sound })
    }
}

/// What is found, with the time that this takes. What doesn't count has failed.
async fn timed<T>(running: RunningPart, finding: impl Future<Output = Option<T>>) -> Option<T> {
    let found = finding.await;
    running.ended_well(found.is_some());
    found
}

/// Whether a demuxer finds everything that it needs from front to back.
fn is_in_order(beginning: &[u8]) -> bool {
    match beginning {
        // Matroska, FLAC, AIFF, WAV.
        [0x1a, 0x45, 0xdf, 0xa3, ..] | [b'f', b'L', b'a', b'C', ..] | [b'F', b'O', b'R', b'M', ..] => true,
        [b'R', b'I', b'F', b'F', _, _, _, _, form @ ..] => form.starts_with(b"WAVE"),
        // A transport stream: a packet each 188 bytes.
        [0x47, ..] => beginning.get(188) == Some(&0x47) && beginning.get(376) == Some(&0x47),
        _ => index_comes_first(beginning),
    }
}

/// Whether the index of an MP4 stands before its content.
fn index_comes_first(mut boxes: &[u8]) -> bool {
    while let [a, b, c, d, kind @ ..] = boxes {
        match kind.get(..4) {
            Some(b"moov") => return true,
            Some(b"ftyp" | b"free" | b"skip" | b"uuid" | b"wide" | b"pdin") => {}
            _ => return false,
        }
        let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX);
        let Some(rest) = boxes.get(length.max(8)..) else { return false };
        boxes = rest;
    }
    false
}

/// The sound that outputs will be made from, if there is no choice, and if it is like most: one track from the beginning on.
fn only_sound(header: &Header) -> Option<Audio> {
    let mut sounds = header.streams.iter().filter(|stream| stream.kind == Kind::Audio);
    let (Some(sound), None) = (sounds.next(), sounds.next()) else { return None };
    let audio = Audio {
        index: sound.index,
        right: None,
        codec: sound.codec_or_tag(),
        channels: sound.channels,
        sample_rate: sound.sample_rate(),
        packets: 0,
        start: Duration::ZERO,
        untimed: header.is_untimed(),
        length: Duration::ZERO,
    };
    sound.is_known().then_some(audio)
}

async fn list(
    ffprobe: Tool,
    work: PathBuf,
    cancel: CancellationToken,
    size: u64,
    container: String,
) -> Option<BTreeMap<u32, Packets>> {
    let questions = Questions::of_arriving(&ffprobe, &work, size, &cancel);
    let (packets, listed) = questions.list(&container).await;
    listed.ok().filter(|finished| finished.stderr.is_empty()).map(|_| packets)
}

async fn listen(ffmpeg: Tool, command: Arguments, work: &Path, cancel: &CancellationToken) -> Option<Heard> {
    let path = work.join(SAMPLES);
    let mut kept = Some((BufWriter::new(File::create_new(&path).ok()?), 0));
    let keep = |piece: &[u8]| {
        let Some((file, bytes)) = &mut kept else { return };
        *bytes += piece.len() as u64;
        if *bytes > MOST_SAMPLES || file.write_all(piece).is_err() {
            kept = None;
            let _ = std::fs::remove_file(&path);
        }
    };
    let finished = ffmpeg.stream(&command, work, cancel, keep).await.ok()?;
    let has_samples = kept.is_some_and(|(mut file, _)| file.flush().is_ok());
    finished.complaints.is_empty().then_some(Heard { finished, has_samples })
}

impl EarlySound {
    /// Whether it is the analysis of this sound, of all of it.
    pub(crate) fn is_of(&self, info: &MediaInfo, audio: &Audio) -> bool {
        info.depth == ProbeDepth::Usual
            && self.container == info.container
            && self.form == (audio.sample_rate, audio.channels)
            && self.filters == filters(audio, info.part, Wanted::ALL)
    }

    /// Waits for its end; `None` if it has to be made again. With `samples`, they are all in the file [`SAMPLES`].
    pub(crate) async fn result(mut self, samples: bool) -> Option<Finished> {
        let heard = ended(&mut self.heard).await?;
        (heard.has_samples || !samples).then_some(heard.finished)
    }
}

#[cfg(test)]
#[path = "early_tests.rs"]
mod tests;
