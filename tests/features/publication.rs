//! Publication: whole or not at all, and never taken back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use testkit::disk::SmallDisk;
use testkit::job::{Job, until};
use testkit::outcome::Outcome;
use testkit::receiver::Receiver;
use testkit::{fixtures, playlist, probe, workspace};

use crate::{transcode, transcode_little};

/// Small as an upload, some mebibytes as a ladder: the quickest encodes are the largest.
fn growing() -> PathBuf {
    let source = "testsrc2=size=640x360:rate=25:duration=20";
    fixtures::picture("growing.mp4", source, &["-preset", "medium", "-crf", "40"])
}

fn truncated() -> PathBuf {
    let whole = fixtures::picture("whole.mp4", "testsrc2=size=320x180:duration=4", &["-movflags", "+faststart"]);
    fixtures::changed("truncated.mp4", &whole, |contents| contents.truncate(contents.len() / 2))
}

fn published_at(out: &Path, upload: &Path) -> Outcome {
    transcode(upload).out(out).run().done()
}

/// A viewer looks at the master playlist all the time: before, while and after it is replaced.
#[test]
fn a_second_run_replaces_the_first_and_no_viewer_ever_misses_a_file() {
    let out = workspace::scratch();
    let first = published_at(out.path(), &fixtures::silent_clip(640, 360, "25", 8.0));
    let segments: Vec<_> = playlist::reachable(&first.master()).into_iter().filter(|path| is_segment(path)).collect();
    assert_eq!(segments.len(), 2, "{segments:?}");

    let mut second = transcode(&fixtures::clip(320, 180, "25", 3.0)).out(out.path()).start();
    let mut looks = 0;
    while second.ended().is_none() {
        first.is_whole();
        looks += 1;
    }
    let second = second.wait().done();
    assert!(looks > 1);

    second.is_whole();
    assert_eq!(second.variants().len(), 1);
    assert_eq!(probe::frames(&second.variants()[0].path).len(), 75);
    assert_eq!(probe::frames(&second.mezzanine()).len(), 75);
    for segment in segments {
        assert!(segment.is_file(), "a viewer of the first publication misses {}", segment.display());
    }
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "ts")
}

#[test]
fn a_second_run_that_fails_leaves_every_byte_of_the_first() {
    let out = workspace::scratch();
    published_at(out.path(), &fixtures::clip(320, 180, "25", 2.0));
    let before = workspace::contents(out.path());
    let failed = transcode(&truncated()).out(out.path()).run();
    assert_eq!((failed.code, failed.failure().unwrap()["code"].as_str()), (Some(3), Some("upload.truncated")));
    assert!(before == workspace::contents(out.path()), "the first publication was changed");
}

/// Whatever is found first: ffmpeg's own complaint, or a segment that is not whole.
#[track_caller]
fn assert_disk_is_blamed(outcome: &Outcome) {
    let failure = outcome.failure().unwrap_or_else(|| panic!("it did not fail: {:?}", outcome.events));
    let code = failure["code"].as_str().unwrap();
    let known = code == "host.disk-full" || code == "storage.full" || code.starts_with("output.");
    assert!(outcome.code == Some(5) && known, "{:?} {failure}", outcome.code);
    assert_eq!(failure["retryable"], true, "{failure}");
}

/// The muxer of HLS reports success on a full disk, with segments of no bytes.
#[test]
fn a_full_disk_under_the_ladder_publishes_nothing() {
    let Some(disk) = SmallDisk::of_kib(1024) else { return };
    let receiver = Receiver::start();
    let outcome = transcode_little(&growing()).work(disk.path()).with_webhook(&receiver).run();
    assert_disk_is_blamed(&outcome);
    outcome.published_nothing();
    assert_eq!(receiver.only().verified()["status"], "failed");
    assert_eq!(std::fs::read_dir(disk.path()).unwrap().count(), 0, "the work directory was left");
}

#[test]
fn a_full_disk_under_everything_publishes_nothing() {
    let Some(disk) = SmallDisk::of_kib(6 * 1024) else { return };
    let outcome = transcode(&fixtures::clip(1280, 720, "25", 4.0)).work(disk.path()).run();
    assert_disk_is_blamed(&outcome);
    outcome.published_nothing();
}

#[test]
fn an_upload_that_does_not_fit_on_the_disk_blames_the_disk() {
    let Some(disk) = SmallDisk::of_kib(64) else { return };
    let outcome = transcode_little(&growing()).work(disk.path()).run();
    assert_disk_is_blamed(&outcome);
    outcome.published_nothing();
}

#[test]
fn a_full_store_has_no_playlist_that_names_what_is_not_there() {
    let Some(disk) = SmallDisk::of_kib(1024) else { return };
    let outcome = transcode_little(&growing()).out(disk.path()).run();
    assert_disk_is_blamed(&outcome);
    outcome.published_nothing();
}

#[test]
fn a_store_that_becomes_full_keeps_what_was_published_before() {
    let Some(disk) = SmallDisk::of_kib(1024) else { return };
    let first = transcode_little(&fixtures::silent_clip(320, 180, "25", 2.0)).out(disk.path()).run().done();
    let before = workspace::contents(disk.path());
    assert_disk_is_blamed(&transcode_little(&growing()).out(disk.path()).run());
    assert!(before == workspace::contents(disk.path()), "the first publication was changed");
    first.is_whole();
}

/// The new segments and the new thumbnail fit, the new archive file does not.
#[test]
fn a_store_that_becomes_full_at_its_last_object_keeps_every_object_of_before() {
    let Some(disk) = SmallDisk::of_kib(6 * 1024) else { return };
    let first = published_at(disk.path(), &fixtures::silent_clip(320, 180, "25", 2.0));
    let before = workspace::contents(disk.path());
    let rungs = |job: Job| job.setting("rungs", r#"["360p"]"#).setting("preview", "false");
    let failed = rungs(transcode(&growing())).out(disk.path()).run();
    assert_disk_is_blamed(&failed);
    let changed: Vec<_> = before
        .iter()
        .filter(|(file, bytes)| std::fs::read(disk.path().join(file)).ok().as_ref() != Some(bytes))
        .collect();
    let changed: Vec<_> = changed.iter().map(|(file, _)| file).collect();
    assert!(changed.is_empty(), "of the first publication were changed: {changed:?}");
    first.is_whole();
}

#[test]
fn an_output_folder_that_can_not_be_made_is_reported_before_any_work() {
    let folder = workspace::scratch();
    let file = folder.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let outcome = transcode_little(&growing()).out(&file).run();
    outcome.refused(5, "a-file");
}

#[test]
fn a_job_that_is_called_off_ends_at_once_and_leaves_nothing() {
    let receiver = Receiver::start();
    let long = fixtures::picture("long.mp4", "testsrc2=size=1280x720:rate=25:duration=60", &["-crf", "35"]);
    let mut job = transcode(&long).with_webhook(&receiver).start();
    let work = job.work().to_owned();
    until("ffmpeg writes a segment", Duration::from_secs(60), || {
        assert!(job.ended().is_none(), "the job ended before it was called off");
        workspace::files(&work).iter().any(|file| file.to_string_lossy().contains("/rung0/"))
    });
    assert!(!working_in(&work).is_empty());
    job.interrupt();
    until("the job has ended", Duration::from_secs(5), || job.ended().is_some());
    let outcome = job.wait();
    outcome.failed(130, "job.cancelled");
    assert_eq!(working_in(&work), Vec::<String>::new(), "processes that were not ended");
    assert!(receiver.received().is_empty(), "no job has failed");
}

/// The processes whose working folder is below this one.
fn working_in(folder: &Path) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let here = processes
        .filter(|process| std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder)));
    here.map(|process| process.file_name().to_string_lossy().into_owned()).collect()
}
