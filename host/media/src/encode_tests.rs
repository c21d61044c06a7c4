use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use fault::Fault as _;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::collector::Collector;
use crate::context::MediaTools;
use crate::info::MediaInfo;
use crate::outputs::Output;
use crate::plan::Plan;
use crate::process::Tool;
use crate::proof::{Build, Proof};
use crate::sessions::Sessions;
use crate::sound::SoundAnalysis;
use crate::tests::testkit::{archive, at, info, plan_of};

/// A program made of a shell script.
fn script(folder: &Path, name: &str, script: &str) -> Tool {
    let program = folder.join(name);
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    Tool::new(program, Duration::from_secs(60))
}

fn tools(ffmpeg: Tool, ffprobe: Tool) -> MediaTools {
    MediaTools {
        ffmpeg,
        build: Build::default(),
        ffprobe,
        proof: Proof::assumed(&[Processor::Gpu, Processor::Cpu]),
        devices: Vec::new(),
        sessions: Sessions::default(),
        cores: 1,
        forced_preference: None,
        keys: None,
        timeline: timeline::Timeline::default(),
    }
}

async fn encode(tools: &MediaTools, work: &Path, info: &MediaInfo, plan: &Plan) -> Result<Encoded, MediaError> {
    let cancel = CancellationToken::new();
    let context = TranscodeContext { tools, work, info, plan, cancel: &cancel };
    Encode { context, levels: &Levels::default() }.run(|_| ()).await
}

#[tokio::test]
async fn leftovers_of_a_failed_gpu_attempt_are_gone_before_the_cpu_attempt() {
    let (programs, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // On the GPU it leaves a file and fails; on the CPU it lists what it finds.
    let ffmpeg = r#"case "$*" in
*h264_nvenc*) echo half > made/archive0.mp4; echo "the GPU is gone" >&2; exit 1;;
*libx264*) ls made > found;;
esac"#;
    let ffprobe = script(programs.path(), "ffprobe", "exit 1");
    let tools = tools(script(programs.path(), "ffmpeg", ffmpeg), ffprobe);
    let error = encode(&tools, work.path(), &info(), &plan_of([Output::Archive(archive())])).await.unwrap_err();
    // The script makes no file, so the check of the CPU attempt fails.
    assert_eq!(error.code().name, "upload.damaged", "{error}");
    assert_eq!(std::fs::read_to_string(work.path().join("found")).unwrap(), "");
}

/// Runs the real ffmpeg in a folder.
fn ffmpeg(folder: &Path, arguments: &[&str]) {
    let ran = std::process::Command::new("ffmpeg")
        .current_dir(folder)
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments)
        .status()
        .unwrap();
    assert!(ran.success());
}

/// Encodes two seconds into an archive file, with `+faststart` replaced.
async fn archived_with(flag: &str) -> Result<Encoded, MediaError> {
    let (programs, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = "testsrc2=size=320x180:rate=25:duration=2";
    ffmpeg(work.path(), &["-f", "lavfi", "-i", source, "-c:v", "libx264", "-f", "mp4", "input"]);
    let replaced = format!(
        r#"for one; do shift; set -- "$@" "$(echo "$one" | sed s/+faststart/{flag}/)"; done; exec ffmpeg "$@""#
    );
    let mut tools =
        tools(script(programs.path(), "ffmpeg", &replaced), Tool::new("ffprobe".into(), Duration::from_secs(60)));
    tools.proof = Proof::assumed(&[Processor::Cpu]);
    let mut info = MediaInfo { duration: Duration::from_secs(2), audio: None, ..info() };
    let video = info.video.as_mut().unwrap();
    (video.width, video.height, video.length) = (320, 180, Duration::from_secs(2));
    encode(&tools, work.path(), &info, &plan_of([Output::Archive(archive())])).await
}

#[tokio::test]
async fn an_archive_file_has_its_index_in_front() {
    archived_with("+faststart").await.unwrap();
}

#[tokio::test]
async fn an_archive_file_with_its_index_at_the_end_is_refused() {
    let error = archived_with("+write_colr").await.unwrap_err();
    assert_eq!(error.code().name, "output.not-whole");
    assert!(error.to_string().contains("has its index behind the media"), "{error}");
}

/// An ffmpeg that an upload has taken over may leave a link to a file of the host's in place of an output.
#[tokio::test]
async fn a_link_a_pipe_or_a_second_name_in_place_of_an_output_is_never_read() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), b"\0\0\0\x08moov").unwrap();
    let path = secret.path().display();
    for left in [
        format!("ln -s {path} made/archive0.mp4"),
        format!("ln {path} made/archive0.mp4"),
        "mkfifo made/archive0.mp4".to_owned(),
    ] {
        let (programs, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let answer = r#"printf "codec_type=video\ncodec_type=audio\nduration=60.0\n""#;
        let tools = tools(script(programs.path(), "ffmpeg", &left), script(programs.path(), "ffprobe", answer));
        let error = encode(&tools, work.path(), &info(), &plan_of([Output::Archive(archive())])).await.unwrap_err();
        assert_eq!(error.code().name, "host.work-directory", "{left}: {error}");
        assert_eq!(std::fs::read(secret.path()).unwrap(), b"\0\0\0\x08moov");
    }
}

#[tokio::test]
async fn an_empty_or_missing_file_is_not_published() {
    let work = tempfile::tempdir().unwrap();
    let (cancel, plan, info) = (CancellationToken::new(), plan_of([]), info());
    let tools = tools(Tool::new("none".into(), Duration::ZERO), Tool::new("none".into(), Duration::ZERO));
    let context = TranscodeContext { tools: &tools, work: work.path(), info: &info, plan: &plan, cancel: &cancel };
    let (sound, encoded) = (SoundAnalysis::default(), Encoded::nothing_yet(Tier::Cpu));
    let mut collector =
        Collector { context, publication: "p", sound: &sound, encoded: &encoded, files: Vec::new(), rungs: Vec::new() };
    std::fs::write(work.path().join("empty"), "").unwrap();
    std::fs::write(work.path().join("full"), "x").unwrap();
    for refused in ["empty", "missing"] {
        let error = collector.add_file(&at("u/a"), refused).await.unwrap_err();
        assert_eq!(error.code().name, "output.not-whole", "{refused}");
    }
    collector.add_file(&at("u/a"), "full").await.unwrap();
    assert_eq!(collector.files.len(), 1);
}
