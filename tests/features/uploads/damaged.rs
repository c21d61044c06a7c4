//! Uploads of which a part doesn't decode.

use std::path::{Path, PathBuf};

use testkit::{fixtures, probe, tool};

use crate::transcode;

/// A film of ten seconds of which these packets are overwritten, from this share of each to its end.
fn overwritten(name: &str, stream: &str, from: f64, is_hit: impl Fn(usize) -> bool) -> PathBuf {
    let film = fixtures::clip(320, 180, "25", 10.0);
    let packets = tool::ffprobe(&film, &["-select_streams", stream, "-show_entries", "packet=pos,size"]);
    let number = |packet: &serde_json::Value, name: &str| packet[name].as_str().unwrap().parse::<usize>().unwrap();
    fixtures::changed(name, &film, |bytes| {
        for (index, packet) in packets["packets"].as_array().unwrap().iter().enumerate().filter(|(n, _)| is_hit(*n)) {
            let (at, size) = (number(packet, "pos"), number(packet, "size"));
            let part = &mut bytes[at + (size as f64 * from) as usize..at + size];
            // The same on every run, and nothing that a codec would write.
            part.iter_mut().zip(index..).for_each(|(byte, n)| *byte = (n * 167 + n / 7 * 31 + 89) as u8);
        }
    })
}

fn notes_of(upload: &Path) -> String {
    let outcome = transcode(upload).run().done();
    outcome.is_whole();
    assert!((probe::frames(&outcome.rung("source")).len()).abs_diff(250) <= 2);
    outcome.report()["notes"].to_string()
}

#[test]
fn a_film_with_some_damage_is_published_and_the_report_says_how_much() {
    let whole_packets = notes_of(&overwritten("tenth.mp4", "v:0", 0.0, |index| index % 10 == 5));
    assert!(whole_packets.contains("10 % of the video is damaged (25 of 250 packets)"), "{whole_packets}");
    // Decoders notice less where a packet begins well.
    let ends = notes_of(&overwritten("ends.mp4", "v:0", 0.3, |index| index % 10 == 5));
    assert!(ends.contains(" % of the video is damaged ("), "{ends}");
    let sound = notes_of(&overwritten("sound.mp4", "a:0", 0.0, |index| index % 10 == 5));
    assert!(sound.contains(" % of the audio is damaged (") && !sound.contains("video"), "{sound}");
}

#[test]
fn a_film_of_which_nearly_nothing_decodes_is_refused_with_the_share() {
    let upload = overwritten("nine-tenths.mp4", "v:0", 0.0, |index| index % 10 != 0);
    let outcome = transcode(&upload).run();
    outcome.failed(3, "upload.damaged");
    assert!(outcome.message().contains("90 % of its video can't be decoded"), "{}", outcome.message());
    let upload = overwritten("nine-tenths-of-the-sound.mp4", "a:0", 0.0, |index| index % 10 != 0);
    let outcome = transcode(&upload).run();
    outcome.failed(3, "upload.damaged");
    assert!(outcome.message().contains("of its audio can't be decoded"), "{}", outcome.message());
}
