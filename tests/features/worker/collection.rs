//! Segments that no playlist names are found and deleted; nothing else is.

use std::time::Duration;

use serde_json::Value;
use testkit::fixtures;
use testkit::job::{CREATOR, MEDIA};
use testkit::platform::{Gone, Platform, Worker};

use super::program;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn collect(platform: &Platform, arguments: &[&str]) -> (Gone, Vec<Value>) {
    let gone = Worker::start(
        platform.command(program(), &[&["storage", "collect", "--older-than", "7d", "--json"], arguments].concat()),
    )
    .wait();
    let lines = gone.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (gone, lines)
}

#[test]
fn segments_of_an_earlier_publication_are_collected_once_they_and_their_playlists_are_old() {
    let platform = Platform::default();
    let input = platform.upload(&fixtures::clip(320, 180, "25", 1.0), "video");
    let worker = platform.worker(program());
    for job in ["job-1", "job-2"] {
        platform.queue.queue(job, input.clone());
        platform.result(job);
        if job == "job-1" {
            platform.media.age(8 * DAY);
        }
    }
    worker.stop();
    // What another program wrote under such a name has no job's note.
    let foreign = format!("{CREATOR}/hls/{MEDIA}/uploads/clip-0123456789ab-00001.ts");
    platform.media.put_object(&foreign, *b"not ours");
    let all = platform.media.keys();
    let needed = platform.readable();

    // The playlists were replaced a moment ago, and a viewer may have the earlier ones.
    let (_, found) = collect(&platform, &["--delete"]);
    assert_eq!(found.last().unwrap()["objects"], 0, "{found:?}");
    assert_eq!(platform.media.keys(), all);

    platform.media.age(8 * DAY);
    let (gone, found) = collect(&platform, &[]);
    assert!(gone.status.success(), "{}", gone.log);
    let summary = found.last().unwrap();
    assert!(summary["objects"].as_u64() > Some(1) && summary["deleted"] == false, "{found:?}");
    assert_eq!(platform.media.keys(), all, "a dry run deletes nothing");

    let (_, deleted) = collect(&platform, &["--delete", "--creator", CREATOR]);
    assert_eq!(deleted.last().unwrap()["objects"], summary["objects"]);
    assert_eq!(platform.readable(), needed, "a viewer finds everything");
    let left = platform.media.keys();
    assert_eq!(all.len() - left.len(), usize::try_from(summary["objects"].as_u64().unwrap()).unwrap());
    let gone: Vec<&String> = all.iter().filter(|key| !left.contains(key)).collect();
    assert!(gone.iter().all(|key| key.ends_with(".ts") && !needed.contains(*key)), "{gone:?}");
    assert!(left.contains(&foreign));
    assert_eq!(collect(&platform, &["--delete"]).1.last().unwrap()["objects"], 0);
}

#[test]
fn what_is_younger_than_a_day_is_never_collected() {
    let platform = Platform::default();
    let arguments = ["storage", "collect", "--older-than", "2h"];
    let gone = Worker::start(platform.command(program(), &arguments)).wait();
    assert!(gone.status.code() == Some(2) && gone.log.contains("1d is the least"), "{}", gone.log);
}
