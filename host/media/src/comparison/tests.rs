//! A ladder that ffmpeg has really made passes; a hundred ways to spoil it are found.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::command::Arguments;
use crate::comparison::{Compared, Sampling, check_by_part, check_rungs};
use crate::context::{MediaTools, TranscodeContext};
use crate::encode::Encode;
use crate::error::MediaError;
use crate::graph::{MADE, PLAYLIST, hls_muxer};
use crate::hls::Expectation;
use crate::info::{MediaInfo, Ratio};
use crate::muxer::Packets;
use crate::outputs::ladder::rung_folder;
use crate::outputs::{Container, Ladder, Output, OutputKind as _};
use crate::plan::Plan;
use crate::sound::Levels;
use crate::tests::testkit::{info, ladder, plan_of, rung, tools};

const SECONDS: u64 = 6;

/// What the source's sound is brought to its target with.
const LEVELLING: &str = "volume=3dB:precision=float";

/// The encode of one rung, and the state that it left.
struct Made {
    tools: MediaTools,
    cancel: CancellationToken,
    work: tempfile::TempDir,
    info: MediaInfo,
    plan: Plan,
    ladder: Ladder,
    kept: tempfile::TempDir,
    kept_sums: Vec<u8>,
}

/// Runs the real ffmpeg in a folder.
fn ffmpeg<A: AsRef<OsStr> + Debug>(folder: &Path, arguments: &[A]) {
    let mut command = Command::new("ffmpeg");
    let ran = command.current_dir(folder).args(["-v", "error", "-nostdin", "-y"]).args(arguments).output().unwrap();
    assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}

impl Made {
    /// Motion and colours, and tones that come and go.
    async fn new(container: Container) -> Self {
        let work = tempfile::tempdir().unwrap();
        let picture = format!("testsrc2=size=256x144:rate=25:duration={SECONDS}");
        let sound = format!(
            "aevalsrc='0.3*sin(2*PI*(300+100*floor(t))*t)*gt(mod(t\\,0.7)\\,0.25+0.02*floor(t))':s=48000:d={SECONDS}"
        );
        let encoders = "-c:v libx264 -preset veryfast -crf 12 -colorspace bt709 -c:a pcm_s16le -f matroska input";
        let inputs = [
            "-f",
            "lavfi",
            "-i",
            &picture,
            "-f",
            "lavfi",
            "-i",
            &sound,
            "-vf",
            "scale=out_color_matrix=bt709,eq=contrast=0.7:saturation=0.7",
        ];
        let arguments: Vec<&str> = inputs.into_iter().chain(encoders.split(' ')).collect();
        ffmpeg(work.path(), &arguments);

        let length = Duration::from_secs(SECONDS);
        let mut info = MediaInfo { duration: length, ..info() };
        let video = info.video.as_mut().unwrap();
        (video.width, video.height, video.length) = (256, 144, length);
        video.frame_rate = Ratio { numerator: 25, denominator: 1 };
        info.audio.as_mut().unwrap().length = length;
        let mut only = rung("144p", 144);
        only.audio_kbps = Some(64);
        let ladder = Ladder { rungs: vec![only], segment_ms: 1000, keyframe_ms: 1000, container, ..ladder() };
        let plan = plan_of([Output::Ladder(ladder.clone())]);

        let kept = tempfile::tempdir().unwrap();
        let cancel = CancellationToken::new();
        let mut made = Self { tools: tools(), cancel, work, info, plan, ladder, kept, kept_sums: Vec::new() };
        let levels = Levels { usual: Some(LEVELLING.to_owned()), ..Levels::default() };
        Encode { context: made.context(), levels: &levels }.run(|_| ()).await.unwrap();
        copy(&made.rung(), made.kept.path());
        made.kept_sums = std::fs::read(made.sums()).unwrap();
        made
    }

    /// A copy in a folder of its own.
    fn another(&self) -> Self {
        let (work, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        copy(self.work.path(), work.path());
        copy(self.kept.path(), kept.path());
        let (info, plan, ladder) = (self.info.clone(), self.plan.clone(), self.ladder.clone());
        let (tools, cancel) = (self.tools.clone(), self.cancel.clone());
        Self { tools, cancel, work, info, plan, ladder, kept, kept_sums: self.kept_sums.clone() }
    }

    fn context(&self) -> TranscodeContext<'_> {
        let Self { tools, cancel, info, plan, .. } = self;
        TranscodeContext { tools, work: self.work.path(), info, plan, cancel }
    }

    fn rung(&self) -> PathBuf {
        self.work.path().join(MADE).join("rung0")
    }

    /// Puts the rung back as the encode left it.
    fn restore(&self) {
        for folder in ["rung0", "compared0"] {
            let folder = self.work.path().join(MADE).join(folder);
            std::fs::remove_dir_all(&folder).unwrap();
            std::fs::create_dir(&folder).unwrap();
        }
        copy(self.kept.path(), &self.rung());
        std::fs::write(self.sums(), &self.kept_sums).unwrap();
    }

    async fn verify(&self) -> Result<(), MediaError> {
        self.ladder.verify(0, &self.context()).await.map(|_| ())
    }

    /// Asserts that the rung isn't the source's, once ffmpeg has made it again with these filters.
    async fn differs(&self, video: &str, audio: &str) {
        self.restore();
        self.remake(video, audio);
        let context = self.context();
        let rendition = context.check_rendition(&rung_folder(0), self.expectation()).await.unwrap();
        let error = check_rungs(&context, &self.ladder, &[rendition]).await.expect_err(&format!("{video} {audio}"));
        assert_eq!(fault::Failure::from(error).code, "output.differs", "{video} {audio}");
    }

    /// Asserts that this damage is found.
    async fn finds(&self, what: &str, damage: impl FnOnce(&Path)) {
        self.restore();
        damage(&self.rung());
        let error = self.verify().await.expect_err(what);
        let failure = fault::Failure::from(error);
        assert!(failure.code.starts_with("output."), "{what}: {failure:?}");
    }

    /// The rung made again by ffmpeg with other filters, in the same segments.
    fn remake(&self, video: &str, audio: &str) {
        let input = self.kept.path().join(PLAYLIST);
        let filters = Arguments::new().pair("-i", input.display()).pair("-vf", video).pair("-af", audio);
        let encoders = "-c:v libx264 -preset ultrafast -crf 20 -pix_fmt yuv420p -c:a aac -b:a 64k -sc_threshold 0 -g 25 \
-force_key_frames expr:gte(t,n_forced*1) -map 0:v -map 0:a";
        let encoders = encoders.split(' ').fold(filters, Arguments::flag);
        let muxer = hls_muxer(self.ladder.segment_ms, self.ladder.container, false, &rung_folder(0));
        ffmpeg(self.work.path(), encoders.all(muxer.with_sums(&self.packets())).as_slice());
    }

    fn sums(&self) -> PathBuf {
        self.work.path().join(self.packets().sums)
    }

    fn expectation(&self) -> Expectation {
        let length = Duration::from_secs(SECONDS);
        self.ladder.expectation(&self.ladder.rungs[0], &self.info, length, length / 6)
    }

    fn packets(&self) -> Packets {
        self.ladder.packets(&self.ladder.rungs[0], 0)
    }
}

/// Numbers that look random and are the same in every run (Knuth's MMIX constants).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

fn segment(made: &Made, number: usize) -> String {
    let ending = if made.ladder.container == Container::Ts { "ts" } else { "m4s" };
    format!("{number:05}.{ending}")
}

const SEGMENTS: usize = SECONDS as usize;

fn write(folder: &Path, file: &str, bytes: impl AsRef<[u8]>) {
    std::fs::write(folder.join(file), bytes).unwrap();
}

/// Times and sums of all pictures and sounds of a rung.
fn decoded(rung: &Path) -> Vec<u8> {
    let arguments = ["-v", "quiet", "-nostdin", "-i", PLAYLIST, "-f", "framemd5", "-"];
    Command::new("ffmpeg").current_dir(rung).args(arguments).output().unwrap().stdout
}

/// Segments with a flipped bit, lost, doubled and in another order.
async fn finds_damaged_files(made: &Made) {
    let mut random = Random(7);
    made.restore();
    let shown = decoded(&made.rung());
    for number in 0..24 {
        let file = segment(made, number % SEGMENTS);
        let whole = std::fs::read(made.kept.path().join(&file)).unwrap();
        loop {
            let mut flipped = whole.clone();
            flipped[random.below(whole.len())] ^= 1 << random.below(8);
            made.restore();
            write(&made.rung(), &file, &flipped);
            if made.verify().await.is_err() {
                break;
            }
            // In stuffing, for example. It doesn't count.
            assert!(
                decoded(&made.rung()) == shown,
                "bit {number} in {file} passes, and something else is seen or heard"
            );
        }
    }
    for number in 0..SEGMENTS - 1 {
        let (one, other) = (segment(made, number), segment(made, number + 1));
        let doubled = |folder: &Path| write(folder, &other, std::fs::read(folder.join(&one)).unwrap());
        made.finds(&format!("{one} twice"), doubled).await;
        let swapped = |folder: &Path| {
            let (first, second) =
                (std::fs::read(folder.join(&one)).unwrap(), std::fs::read(folder.join(&other)).unwrap());
            write(folder, &one, second);
            write(folder, &other, first);
        };
        made.finds(&format!("{one} and {other} swapped"), swapped).await;
        let dropped = |folder: &Path| {
            let playlist = std::fs::read_to_string(folder.join(PLAYLIST)).unwrap();
            let lines: Vec<&str> = playlist.lines().collect();
            let at = lines.iter().position(|line| *line == one).unwrap();
            let left = lines.iter().enumerate().filter(|(index, _)| *index != at && *index + 1 != at);
            write(folder, PLAYLIST, left.map(|(_, line)| format!("{line}\n")).collect::<String>());
        };
        made.finds(&format!("{one} not listed"), dropped).await;
    }
}

/// A filter that works in one segment, its keyframe included.
fn in_segment(number: usize, filter: &str) -> String {
    let from = number as f64 - 0.06;
    format!("{filter}:enable='between(t,{from},{})'", number + 1)
}

/// Another picture, in files that are whole.
async fn finds_wrong_pictures(made: &Made) {
    let pictures = [
        "colormatrix=bt601:bt709".to_owned(),
        "colormatrix=bt709:bt601".to_owned(),
        "colormatrix=bt2020:bt709".to_owned(),
        "lutyuv=y='clip((val-16)*255/219,0,255)':u='(val-128)*255/224+128':v='(val-128)*255/224+128'".to_owned(),
        "lutyuv=y='val*219/255+16':u='(val-128)*224/255+128':v='(val-128)*224/255+128'".to_owned(),
        "shuffleplanes=0:2:1".to_owned(),
        "hue=s=0".to_owned(),
        "hue=h=40".to_owned(),
        "hflip".to_owned(),
        "vflip".to_owned(),
        "negate".to_owned(),
        "lutyuv=y=16:u=128:v=128".to_owned(),
        "lutyuv=y=0:u=0:v=0".to_owned(),
        // A second is lost, one is inserted, everything is late.
        "select='not(between(t,3,4))',setpts=N/25/TB,tpad=stop_mode=clone:stop=25".to_owned(),
        "loop=loop=25:size=1:start=50,setpts=N/25/TB,trim=end_frame=150".to_owned(),
        "tpad=start=10:start_mode=clone,trim=end_frame=150".to_owned(),
        "loop=loop=150:size=1:start=30,setpts=N/25/TB,trim=end_frame=150".to_owned(),
        in_segment(0, "lutyuv=y=16:u=128:v=128"),
        in_segment(3, "lutyuv=y=0:u=0:v=0"),
        in_segment(5, "hue=s=0"),
        in_segment(2, "drawbox=x=0:y=0:w=iw:h=ih/2:c=green:t=fill"),
        in_segment(4, "negate=negate_alpha=0"),
    ];
    for filter in &pictures {
        made.differs(filter, "anull").await;
    }
}

/// Another sound.
async fn finds_wrong_sounds(made: &Made) {
    let sounds = [
        "volume=0.5".to_owned(),
        "volume=0.7".to_owned(),
        "volume=2".to_owned(),
        "volume=0".to_owned(),
        "adelay=100:all=1".to_owned(),
        "adelay=250:all=1".to_owned(),
        "adelay=2000:all=1".to_owned(),
        "atrim=start=0.1,asetpts=PTS-STARTPTS,apad=pad_dur=0.1".to_owned(),
        "atrim=start=1,asetpts=PTS-STARTPTS,apad=pad_dur=1".to_owned(),
        "aselect='not(between(t,3,4))',asetpts=N/SR/TB,apad=pad_dur=1".to_owned(),
        "pan=stereo|c0=c0|c1=0*c0".to_owned(),
        "areverse".to_owned(),
        in_segment(1, "volume=0.4"),
        in_segment(4, "volume=0"),
    ];
    for filter in &sounds {
        made.differs("null", filter).await;
    }
}

/// A good ladder doesn't have all of its frames decoded.
async fn passes_by_a_part_of_its_frames(made: &Made) {
    let context = made.context();
    let sampling = Sampling::of(&made.ladder, &made.info);
    let rung = &made.ladder.rungs[0];
    let checked = context.check_rendition(&rung_folder(0), made.expectation()).await.unwrap();
    let rungs = [Compared { number: 0, rung, playlist: &checked.playlist }];
    check_by_part(&context, &made.ladder, &rungs, &sampling).await.unwrap();
}

/// A ladder that passes as the encode left it, and made again.
async fn passing(container: Container) -> Made {
    let made = Made::new(container).await;
    made.verify().await.unwrap();
    passes_by_a_part_of_its_frames(&made).await;
    made.restore();
    made.remake("null", "anull");
    made.verify().await.expect("made again, it is still the same");
    made
}

// 114 kinds of damage in all.

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn damage_to_a_ladder_of_transport_streams_is_found() {
    let made = passing(Container::Ts).await;
    let (files, pictures, sounds) = (made.another(), made.another(), made);
    let all = [
        tokio::spawn(async move { finds_damaged_files(&files).await }),
        tokio::spawn(async move { finds_wrong_pictures(&pictures).await }),
        tokio::spawn(async move { finds_wrong_sounds(&sounds).await }),
    ];
    for one in all {
        one.await.unwrap();
    }
}

#[tokio::test]
async fn damage_to_the_files_of_fragmented_mp4_is_found() {
    finds_damaged_files(&passing(Container::Fmp4).await).await;
}
