use std::process::Command;

use storage::Arrival;

use super::*;
use crate::context::TranscodeContext;
use crate::error::MediaError;
use crate::outputs::{Output, WaveformRequest};
use crate::plan::{LoudnessTarget, Plan};
use crate::probe::{DeclaredKind, probe, probe_arrived};
use crate::sound::{self, SoundAnalysis};
use crate::tests::testkit::{at, plan_of, tools};

/// Noise, of which four seconds are large enough to be read early, and a tone.
const PICTURE: &[&str] = &["-f", "lavfi", "-i", "nullsrc=size=640x360:rate=25,geq=random(1)*255:128:128"];
const TONE: &[&str] = &["-f", "lavfi", "-i", "sine=frequency=997:sample_rate=48000"];
const H264: &[&str] = &["-c:v", "libx264", "-preset", "ultrafast", "-qp", "20", "-pix_fmt", "yuv420p", "-c:a", "aac"];

/// An original in a work directory that arrives piece by piece.
struct Original {
    work: tempfile::TempDir,
    declared: DeclaredKind,
    cancel: CancellationToken,
}

impl Original {
    fn made(declared: DeclaredKind, options: &[&[&str]]) -> Self {
        let work = tempfile::tempdir().unwrap();
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-nostdin"]).args(options.concat()).args(["-t", "4"]);
        assert!(ffmpeg.arg(work.path().join(INPUT_NAME)).status().unwrap().success(), "{options:?}");
        Self { work, declared, cancel: CancellationToken::new() }
    }

    fn film(options: &[&str]) -> Self {
        Self::made(DeclaredKind::Video, &[PICTURE, TONE, H264, options])
    }

    /// Noise in eight channels, which nothing can make small.
    fn sound(options: &[&str]) -> Self {
        let noise = ["-f", "lavfi", "-i", "anoisesrc=r=44100", "-ac", "8", "-ar", "96000"];
        Self::made(DeclaredKind::Audio, &[&noise, options])
    }

    fn path(&self) -> PathBuf {
        self.work.path().join(INPUT_NAME)
    }

    fn size(&self) -> u64 {
        std::fs::metadata(self.path()).unwrap().len()
    }

    /// Reads it while so many bytes of it arrive, the later half of each two pieces first.
    async fn read_until(&self, end: u64) -> EarlyReading {
        let (arrival, size) = (Arrival::default(), self.size());
        assert!(size > LEAST, "{size} bytes");
        let reading = EarlyReading::start(&tools(), self.work.path(), arrival.watch(), &self.cancel);
        arrival.begins(size);
        for begin in (0..end).step_by(200_000) {
            arrival.came((begin + 100_000).min(end), (begin + 200_000).min(end));
            arrival.came(begin, (begin + 100_000).min(end));
            tokio::task::yield_now().await;
        }
        reading
    }

    async fn read(&self) -> EarlyReading {
        self.read_until(self.size()).await
    }

    async fn probed(&self) -> Result<MediaInfo, MediaError> {
        probe(&tools().ffprobe, self.work.path(), self.declared, &self.cancel).await
    }

    async fn probed_early(&self, early: &mut EarlyReading) -> Result<MediaInfo, MediaError> {
        probe_arrived(&tools().ffprobe, self.work.path(), self.declared, early, &self.cancel).await
    }

    async fn analysis(&self, info: &MediaInfo, early: Option<EarlySound>) -> SoundAnalysis {
        let (tools, plan) = (&tools(), &plan());
        sound::analyse(&TranscodeContext { tools, work: self.work.path(), info, plan, cancel: &self.cancel }, early)
            .await
            .unwrap()
    }
}

/// Wants the loudness and a waveform.
fn plan() -> Plan {
    let wave = WaveformRequest {
        data: Some(at("u/waveform.json")),
        image: None,
        pixels_per_second: 50,
        bits: 16,
        image_size: (100, 20),
    };
    let loudness = Some(LoudnessTarget { integrated: -16.0, true_peak: -1.5, range: 11.0 });
    Plan { loudness, ..plan_of([Output::Waveform(wave)]) }
}

/// Reads an original early and as a whole, and checks that both found the same.
async fn assert_same(name: &str, original: &Original) {
    assert!(assert_same_if_early(name, original).await, "{name} is not read early");
}

/// The same; false if its packets or its sound were not read early.
async fn assert_same_if_early(name: &str, original: &Original) -> bool {
    let mut early = original.read().await;
    let (packets, sound) = (early.packets().await, early.into_sound());
    let (mut again, text) = (original.read().await, |error: MediaError| error.to_string());
    let whole = original.probed().await.map_err(text);
    assert_eq!(original.probed_early(&mut again).await.map_err(text), whole, "{name}");
    let (Some(_), Some(sound), Ok(whole)) = (packets, sound, whole) else { return false };
    if !whole.audio.as_ref().is_some_and(|audio| sound.is_of(&whole, audio)) {
        return false;
    }
    let (early, late) = (original.analysis(&whole, Some(sound)).await, original.analysis(&whole, None).await);
    assert!(!late.waveforms.is_empty(), "{name}");
    assert_eq!((early.loudness, early.changes), (late.loudness, late.changes), "{name}");
    assert_eq!(early.waveforms, late.waveforms, "{name}");
    assert!(!original.work.path().join(SAMPLES).exists(), "{name}");
    true
}

#[tokio::test]
async fn what_is_read_while_it_arrives_is_what_the_whole_file_has() {
    let fragmented = ["-movflags", "frag_keyframe+empty_moov", "-g", "25", "-f", "mp4"];
    let containers: [(&str, &[&str]); 4] = [
        ("mp4", &["-movflags", "faststart", "-f", "mp4"]),
        ("fragmented", &fragmented),
        ("matroska", &["-f", "matroska"]),
        ("a transport stream", &["-f", "mpegts"]),
    ];
    for (name, options) in containers {
        assert_same(name, &Original::film(options)).await;
    }
    for format in ["wav", "flac", "aiff"] {
        assert_same(format, &Original::sound(&["-f", format])).await;
    }
}

/// Minutes of film, which this takes minutes for.
const LARGE: u64 = 12 << 20;

#[tokio::test]
#[ignore = "needs real uploads: CODEX_SHARED names a folder with `media` in it"]
async fn real_uploads_are_read_early_as_they_are_afterwards() {
    let shared = std::env::var_os("CODEX_SHARED").map_or_else(|| "../../../shared".into(), PathBuf::from);
    let (mut waiting, mut early_ones) = (vec![shared.join("media"), shared.join("inputs/uploads")], 0);
    while let Some(next) = waiting.pop() {
        if next.is_dir() {
            waiting.extend(std::fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let work = tempfile::tempdir().unwrap();
        let size = std::fs::copy(&next, work.path().join(INPUT_NAME)).unwrap();
        if (LEAST..LARGE).contains(&size) {
            let original = Original { work, declared: DeclaredKind::Video, cancel: CancellationToken::new() };
            early_ones += u32::from(assert_same_if_early(&next.display().to_string(), &original).await);
        }
    }
    assert!(early_ones > 2, "{early_ones}");
}

#[tokio::test]
async fn a_film_whose_index_stands_at_its_end_is_not_read_early() {
    let original = Original::film(&["-f", "mp4"]);
    let mut early = original.read().await;
    let info = original.probed_early(&mut early).await.unwrap();
    assert_eq!(info, original.probed().await.unwrap());
    assert!(early.into_sound().is_none());
}

#[tokio::test]
async fn sound_that_begins_late_or_is_one_of_several_is_heard_afterwards() {
    let late = [PICTURE, &["-itsoffset", "1"], TONE, H264, &["-f", "matroska"]];
    let original = Original::made(DeclaredKind::Video, &late);
    let mut early = original.read().await;
    let info = original.probed_early(&mut early).await.unwrap();
    let sound = early.into_sound().unwrap();
    assert!(!sound.is_of(&info, info.audio.as_ref().unwrap()));
    let analysis = original.analysis(&info, Some(sound)).await;
    assert_eq!(analysis.waveforms, original.analysis(&info, None).await.waveforms);

    let several = [PICTURE, TONE, TONE, H264, &["-map", "0", "-map", "1", "-map", "2", "-f", "matroska"]];
    let original = Original::made(DeclaredKind::Video, &several);
    let mut early = original.read().await;
    assert_eq!(original.probed_early(&mut early).await.unwrap(), original.probed().await.unwrap());
    assert!(early.into_sound().is_none());
}

#[tokio::test]
async fn an_original_that_breaks_off_is_refused_in_the_same_words() {
    for options in [["-movflags", "faststart", "-f", "mp4"], ["-map", "0", "-f", "matroska"]] {
        let original = Original::film(&options);
        let size = original.size();
        let file = File::options().write(true).open(original.path()).unwrap();
        file.set_len(size * 3 / 4).unwrap();
        let mut early = original.read().await;
        let refused = original.probed_early(&mut early).await.unwrap_err();
        assert_eq!(refused.to_string(), original.probed().await.unwrap_err().to_string());
    }
}

#[tokio::test]
async fn a_download_that_fails_ends_the_reading_of_it() {
    let original = Original::film(&["-f", "matroska"]);
    let mut early = original.read_until(700_000).await;
    assert!(early.packets().await.is_none());
    // How far it came by then is left to chance.
    if let Some(sound) = early.into_sound() {
        assert!(sound.result(false).await.is_none());
    }
}

#[test]
fn an_index_is_found_behind_what_may_stand_before_it() {
    let named =
        |kind: &[u8; 4], content: usize| [&(content as u32 + 8).to_be_bytes(), &kind[..], &vec![0; content]].concat();
    let (ftyp, moov, mdat) = (named(b"ftyp", 12), named(b"moov", 4), named(b"mdat", 4));
    assert!(is_in_order(&[&ftyp[..], &named(b"free", 0), &moov, &mdat].concat()));
    assert!(!is_in_order(&[&ftyp[..], &mdat, &moov].concat()));
    assert!(!is_in_order(&ftyp) && !is_in_order(&[0; 100]) && !is_in_order(b"") && !is_in_order(&[0x47; 1]));
    // A length beyond its end, and one that is smaller than a box.
    assert!(!is_in_order(&[&[0xff; 4], &b"ftyp"[..], &moov].concat()));
    assert!(!is_in_order(&[&[0; 4], &b"free"[..], &mdat].concat()));
}
