use fault::Fault as _;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::context::MediaTools;
use crate::outputs::Output;
use crate::process::Tool;
use crate::tests::testkit::{archive, info, ladder, plan, plan_of, tools};
use crate::transcode::{Source, make};

const FREE: &str = "/";

fn refusal(info: &MediaInfo, plan: &Plan, threads: usize) -> Option<(&'static str, String)> {
    let error = check_fits(plan, info, Path::new(FREE), Processor::Cpu, threads).err()?;
    Some((error.code().name, error.to_string()))
}

#[test]
fn a_budget_grows_with_length_size_and_outputs() {
    let source = info();
    let longer = MediaInfo { duration: source.duration * 10, ..source.clone() };
    let both = plan_of([Output::Archive(archive()), Output::Ladder(ladder())]);
    let alone = plan_of([Output::Archive(archive())]);
    let seconds = |plan: &Plan, info: &MediaInfo| Budget::of_encode(plan, info).cpu_seconds - PASS_SECONDS;
    assert!(seconds(&both, &source) > seconds(&alone, &source));
    let ratio = seconds(&alone, &longer) as f64 / seconds(&alone, &source) as f64;
    assert!((9.8..10.2).contains(&ratio), "{ratio}");
    assert!(Budget::of_encode(&alone, &source).wall > Duration::from_secs(seconds(&alone, &source)));
}

#[test]
fn usual_plans_fit() {
    assert_eq!(refusal(&info(), &plan(), 2), None);
    let film = MediaInfo { duration: Duration::from_secs(3 * 3600), ..info() };
    assert_eq!(refusal(&film, &plan_of([Output::Archive(archive())]), 2), None);
}

/// A source whose encode takes days, and a plan that needs little room on a disk, which would be refused first.
fn endless() -> (MediaInfo, Plan) {
    let mut endless = MediaInfo { duration: Duration::from_secs(240 * 3600), ..info() };
    if let Some(video) = &mut endless.video {
        (video.width, video.height) = (7680, 4320);
    }
    let mut small = archive();
    small.video.iter_mut().for_each(|encoding| encoding.max_kbps = Some(50));
    (endless, plan_of([Output::Archive(small)]))
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_a_process_starts() {
    let (endless, plan) = endless();
    let missing = Tool::new("/there/is/no/ffmpeg".into(), Duration::from_secs(1));
    let tools = MediaTools { ffmpeg: missing.clone(), ffprobe: missing, ..tools() };
    let source = Source { work: Path::new(FREE), info: &endless, sound: None };
    let made = make(&tools, source, &plan, "p", &CancellationToken::new(), |_| ()).await;
    assert_eq!(made.unwrap_err().code().name, "upload.too-demanding");
}

#[test]
fn a_plan_that_needs_days_is_refused_with_the_hours() {
    let (endless, plan) = endless();
    let (code, text) = refusal(&endless, &plan, 2).unwrap();
    assert_eq!(code, "upload.too-demanding");
    assert!(text.contains(" h here"), "{text}");
}

#[test]
fn a_plan_without_room_on_the_disk_is_refused_with_both_figures() {
    let mut endless = MediaInfo { duration: Duration::from_secs(1 << 40), ..info() };
    endless.video.iter_mut().for_each(|video| video.length = endless.duration);
    let (code, text) = refusal(&endless, &plan_of([Output::Archive(archive())]), 2).unwrap();
    assert_eq!(code, "host.disk-full");
    assert!(text.contains("MiB free, and the outputs need at least"), "{text}");
}

#[test]
fn the_memory_of_many_large_encodes_is_refused() {
    let mut source = info();
    source.duration = Duration::from_secs(1);
    if let Some(video) = &mut source.video {
        (video.width, video.height, video.length) = (7680, 4320, source.duration);
    }
    let plan = plan_of(vec![Output::Archive(archive()); 20]);
    let (code, text) = refusal(&source, &plan, 2).unwrap();
    assert_eq!(code, "upload.too-demanding");
    assert!(text.contains("MiB of memory"), "{text}");
}
