use fault::Fault as _;

use super::*;
use crate::encoding::{Codec, Encoding, Samples};
use crate::info::MediaInfo;
use crate::moment::Moment;
use crate::outputs::{
    Archive, Clip, Container, Ladder, LoudnessMeasurement, Output, Rung, Still, StillFormat, WaveformRequest,
};
use crate::tests::testkit::{archive, at, encoding, info, key, ladder, plan_of, rung};

/// The code of a plan's refusal.
fn checked(plan: &Plan, info: &MediaInfo) -> Result<(), &'static str> {
    let stores = ["media".to_owned(), "archive".to_owned()];
    plan.check(info, Scope { creator: "u", stores: &stores }).map_err(|error| error.code().name)
}

const OUT_OF_RANGE: Result<(), &str> = Err("plan.out-of-range");
const IMPOSSIBLE: Result<(), &str> = Err("plan.impossible");

/// Checks that a number may have its least and its most value and nothing beyond them.
fn bounded<N: Copy + std::fmt::Debug>(what: &str, [below, least, most, above]: [N; 4], plan: impl Fn(N) -> Plan) {
    for good in [least, most] {
        assert_eq!(checked(&plan(good), &info()), Ok(()), "{what} of {good:?}");
    }
    for bad in [below, above] {
        assert_eq!(checked(&plan(bad), &info()), OUT_OF_RANGE, "{what} of {bad:?}");
    }
}

fn with_ladder(change: impl FnOnce(&mut Ladder)) -> Plan {
    let mut ladder = ladder();
    change(&mut ladder);
    plan_of([Output::Ladder(ladder)])
}

fn with_rung(change: impl FnOnce(&mut Rung)) -> Plan {
    with_ladder(|ladder| change(&mut ladder.rungs[0]))
}

fn with_archive(change: impl FnOnce(&mut Archive)) -> Plan {
    let mut archive = archive();
    change(&mut archive);
    plan_of([Output::Archive(archive)])
}

fn clip() -> Clip {
    let (store, playlist) = ("media".into(), key("u/preview.m3u8"));
    Clip { store, playlist, start: Moment::Permille(100), length_ms: 30_000, short_side: 720 }
}

fn with_clip(change: impl FnOnce(&mut Clip)) -> Plan {
    let mut clip = clip();
    change(&mut clip);
    plan_of([Output::Ladder(ladder()), Output::Clip(clip)])
}

fn with_still(change: impl FnOnce(&mut Still)) -> Plan {
    let (to, format) = (at("u/still.jpg"), StillFormat::Jpeg);
    let mut still = Still { to, at: Moment::At(0), max_width: 1280, format, quality: 80 };
    change(&mut still);
    plan_of([Output::Still(still)])
}

fn with_waveform(change: impl FnOnce(&mut WaveformRequest)) -> Plan {
    let (data, image) = (Some(at("u/waveform.json")), Some(at("u/waveform.png")));
    let mut waveform = WaveformRequest { data, image, pixels_per_second: 20, bits: 8, image_size: (1800, 280) };
    change(&mut waveform);
    plan_of([Output::Waveform(waveform)])
}

fn with_target(integrated: f64, true_peak: f64, range: f64) -> Plan {
    let mut plan = plan_of([Output::Ladder(ladder())]);
    plan.loudness = Some(LoudnessTarget { integrated, true_peak, range });
    plan
}

fn silent() -> MediaInfo {
    MediaInfo { audio: None, ..info() }
}

fn without_picture() -> MediaInfo {
    MediaInfo { video: None, ..info() }
}

#[test]
fn a_plan_has_1_to_64_outputs() {
    let plan = |count| plan_of(vec![Output::Loudness(LoudnessMeasurement); count]);
    bounded("outputs", [0, 1, 64, 65], plan);
}

#[test]
fn the_numbers_of_a_ladder_are_bounded() {
    let rungs =
        |count| with_ladder(|ladder| ladder.rungs = (0..count).map(|at| rung(&format!("r{at}"), 360)).collect());
    bounded("rungs", [0, 1, 12, 13], rungs);
    bounded("keyframe_ms", [499, 500, 10_000, 10_001], |ms| {
        with_ladder(|ladder| (ladder.keyframe_ms, ladder.segment_ms) = (ms, ms * (1_000 / ms + 1)))
    });
    bounded("segment_ms", [999, 1_000, 20_000, 20_001], |ms| {
        with_ladder(|ladder| (ladder.segment_ms, ladder.keyframe_ms) = (ms, 500))
    });
    let uneven = with_ladder(|ladder| ladder.segment_ms = 6_001);
    assert_eq!(checked(&uneven, &info()), IMPOSSIBLE, "segments must be whole numbers of keyframe distances");
}

#[test]
fn the_numbers_of_a_rung_are_bounded() {
    bounded("short side", [1, 2, 1080, 1081], |side| with_rung(|rung| rung.video = Some((side, encoding()))));
    bounded("audio_kbps", [15, 16, 512, 513], |kbps| with_rung(|rung| rung.audio_kbps = Some(kbps)));
    bounded("quality", [0, 1, 51, 52], |quality| {
        with_rung(|rung| rung.video = Some((720, Encoding { quality, ..encoding() })))
    });
    bounded("max_kbps", [49, 50, 200_000, 200_001], |kbps| {
        with_rung(|rung| rung.video = Some((720, Encoding { max_kbps: Some(kbps), ..encoding() })))
    });
}

#[test]
fn codecs_are_asked_for_where_players_take_them() {
    let with = |container, codec, samples| {
        with_ladder(|ladder| {
            ladder.container = container;
            ladder.rungs[0].video = Some((720, Encoding { codec, samples, ..encoding() }));
        })
    };
    for (codec, samples) in
        [(Codec::Hevc, Samples::Sdr8), (Codec::Hevc, Samples::Source10), (Codec::Av1, Samples::Sdr10)]
    {
        assert_eq!(checked(&with(Container::Fmp4, codec, samples), &info()), Ok(()));
        assert_eq!(checked(&with(Container::Ts, codec, samples), &info()), IMPOSSIBLE, "not in transport streams");
    }
    assert_eq!(checked(&with(Container::Fmp4, Codec::H264, Samples::Sdr10), &info()), IMPOSSIBLE, "no player");
    let worst = |codec, quality| {
        with_ladder(|ladder| {
            ladder.container = Container::Fmp4;
            ladder.rungs[0].video = Some((720, Encoding { codec, quality, ..encoding() }));
        })
    };
    assert_eq!(checked(&worst(Codec::Av1, 63), &info()), Ok(()));
    assert_eq!(checked(&worst(Codec::Hevc, 52), &info()), OUT_OF_RANGE);
}

#[test]
fn a_rung_needs_a_usable_name_of_its_own() {
    let named = |name: &str| checked(&with_rung(|rung| rung.name = name.to_owned()), &info());
    for good in ["a", "720p_high-1", &"a".repeat(32)] {
        assert_eq!(named(good), Ok(()), "{good}");
    }
    for bad in ["", "a/b", "..", "a b", "ä", "a%d", &"a".repeat(33), "360p"] {
        assert_eq!(named(bad), IMPOSSIBLE, "{bad}");
    }
}

#[test]
fn a_rung_needs_a_picture_or_sound_that_the_source_has() {
    let sound_alone = with_ladder(|ladder| ladder.rungs.iter_mut().for_each(|rung| rung.video = None));
    assert_eq!(checked(&sound_alone, &without_picture()), Ok(()));
    assert_eq!(checked(&sound_alone, &silent()), IMPOSSIBLE);
    assert_eq!(checked(&with_ladder(|_| ()), &without_picture()), IMPOSSIBLE);
    assert_eq!(checked(&with_ladder(|_| ()), &silent()), Ok(()));
    let neither = with_rung(|rung| (rung.video, rung.audio_kbps) = (None, None));
    assert_eq!(checked(&neither, &info()), IMPOSSIBLE);
}

#[test]
fn a_plan_has_one_ladder_at_most() {
    let mut second = ladder();
    second.master = key("u/second.m3u8");
    second.rungs.iter_mut().for_each(|rung| rung.playlist = key(&format!("u/second/{}.m3u8", rung.name)));
    let plan = plan_of([Output::Ladder(ladder()), Output::Ladder(second)]);
    assert_eq!(checked(&plan, &info()), IMPOSSIBLE);
}

#[test]
fn the_numbers_of_an_archive_file_are_bounded() {
    bounded("audio_kbps", [15, 16, 512, 513], |kbps| with_archive(|archive| archive.audio_kbps = Some(kbps)));
    bounded("quality", [0, 1, 51, 52], |quality| {
        with_archive(|archive| archive.video = Some(Encoding { quality, ..encoding() }))
    });
    bounded("max_kbps", [49, 50, 200_000, 200_001], |kbps| {
        with_archive(|archive| archive.video = Some(Encoding { max_kbps: Some(kbps), ..encoding() }))
    });
}

#[test]
fn an_archive_file_needs_a_picture_or_sound_that_the_source_has() {
    assert_eq!(checked(&with_archive(|_| ()), &silent()), Ok(()));
    assert_eq!(checked(&with_archive(|_| ()), &without_picture()), Ok(()));
    assert_eq!(checked(&with_archive(|archive| archive.audio_kbps = None), &without_picture()), IMPOSSIBLE);
    assert_eq!(checked(&with_archive(|archive| archive.video = None), &silent()), IMPOSSIBLE);
}

#[test]
fn a_clip_is_bounded_and_needs_a_ladder() {
    bounded("length_ms", [999, 1_000, 600_000, 600_001], |ms| with_clip(|clip| clip.length_ms = ms));
    assert_eq!(checked(&plan_of([Output::Clip(clip())]), &info()), IMPOSSIBLE);
    // A start behind the end and any size are fine: they are brought down to what there is.
    let far = with_clip(|clip| (clip.start, clip.short_side) = (Moment::Permille(u32::MAX), u32::MAX));
    assert_eq!(checked(&far, &info()), Ok(()));
    assert_eq!(Moment::Permille(u32::MAX).within(60_000), 60_000);
    assert_eq!(Moment::At(u64::MAX).within(60_000), 60_000);
}

#[test]
fn a_still_is_bounded_and_needs_a_picture() {
    bounded("max_width", [15, 16, 4_096, 4_097], |width| with_still(|still| still.max_width = width));
    bounded("quality", [0, 1, 100, 101], |quality| with_still(|still| still.quality = quality));
    assert_eq!(checked(&with_still(|_| ()), &without_picture()), IMPOSSIBLE);
}

#[test]
fn a_waveform_is_bounded_and_needs_sound() {
    bounded("pixels_per_second", [0, 1, 1_000, 1_001], |points| with_waveform(|w| w.pixels_per_second = points));
    bounded("width", [15, 16, 8_192, 8_193], |width| with_waveform(|w| w.image_size.0 = width));
    bounded("height", [15, 16, 2_048, 2_049], |height| with_waveform(|w| w.image_size.1 = height));
    for (bits, expected) in [(8, Ok(())), (16, Ok(())), (0, IMPOSSIBLE), (7, IMPOSSIBLE), (17, IMPOSSIBLE)] {
        assert_eq!(checked(&with_waveform(|w| w.bits = bits), &info()), expected, "{bits} bits");
    }
    assert_eq!(checked(&with_waveform(|_| ()), &silent()), IMPOSSIBLE);
}

#[test]
fn a_loudness_target_is_bounded() {
    bounded("integrated", [-70.01, -70.0, -5.0, -4.99], |lufs| with_target(lufs, -1.0, 11.0));
    bounded("true_peak", [-9.01, -9.0, 0.0, 9.01], |peak| with_target(-16.0, peak, 11.0));
    bounded("range", [0.99, 1.0, 50.0, 50.01], |range| with_target(-16.0, -1.0, range));
    for (integrated, true_peak, range) in [(16.0, -1.0, 11.0), (-16.0, 1.0, 11.0), (-16.0, -1.0, -11.0)] {
        assert_eq!(checked(&with_target(integrated, true_peak, range), &info()), IMPOSSIBLE, "the sign matters");
    }
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(checked(&with_target(odd, -1.0, 11.0), &info()), OUT_OF_RANGE, "{odd}");
        assert_eq!(checked(&with_target(-16.0, -1.0, odd), &info()), OUT_OF_RANGE, "{odd}");
    }
}

#[test]
fn no_two_outputs_share_a_destination_and_none_leaves_the_creators_folder() {
    let to = |text: &str| checked(&with_archive(|archive| archive.to = at(text)), &info());
    assert_eq!(to("u/a.mp4"), Ok(()));
    assert_eq!(to("v/a.mp4"), Err("plan.foreign-prefix"));
    assert_eq!(to("u/.codex/a.mp4"), Err("plan.reserved-key"));
    let elsewhere = with_archive(|archive| archive.to.store = "elsewhere".into());
    assert_eq!(checked(&elsewhere, &info()), Err("storage.unknown-store"));
    // Names that only differ in case are the same file on some systems.
    for same in ["u/master.m3u8", "u/MASTER.m3u8", "u/720p/index.m3u8"] {
        let mut archive = archive();
        archive.to = at(same);
        let plan = plan_of([Output::Ladder(ladder()), Output::Archive(archive)]);
        assert_eq!(checked(&plan, &info()), Err("plan.same-destination"), "{same}");
    }
}

/// One output of every kind.
fn full_plan() -> Plan {
    let one = |plan: Plan| plan.outputs.into_iter().next_back();
    let others = [with_clip(|_| ()), with_still(|_| ()), with_waveform(|_| ())].into_iter().filter_map(one);
    let mut outputs = vec![Output::Ladder(ladder()), Output::Archive(archive())];
    outputs.extend(others);
    outputs.push(Output::Loudness(LoudnessMeasurement));
    let loudness = Some(LoudnessTarget { integrated: -16.0, true_peak: -1.5, range: 11.0 });
    let (trim, encryption, watermark, targets) = (None, None, None, Vec::new());
    Plan { outputs, loudness, prefer: Preference::Auto, trim, encryption, watermark, targets }
}

/// Finished jobs are found again by this digest. If this test fails, every job that is delivered again after the update is
/// encoded again: give a renamed field its old name in `serde(rename)`.
#[test]
fn the_digest_of_a_plan_stays_the_same_across_releases() {
    assert_eq!(full_plan().digest(), "c4c624e66fb2fc210e98bd2a2221953fd9ba5fd6a76436a83a6b7d95048b982a");
}

#[test]
fn any_change_of_a_plan_changes_its_digest() {
    let mut digests = BTreeSet::from([full_plan().digest()]);
    let changed = [
        with_ladder(|_| ()),
        with_ladder(|ladder| ladder.container = Container::Fmp4),
        with_ladder(|ladder| ladder.single_file = true),
        with_rung(|rung| rung.audio_kbps = Some(64)),
        with_target(-16.0, -1.0, 11.0),
        with_target(-16.0, -1.01, 11.0),
        with_still(|still| still.at = Moment::Permille(0)),
        with_still(|still| still.at = Moment::At(0)),
        Plan { prefer: Preference::Cpu, ..with_ladder(|_| ()) },
    ];
    for plan in changed {
        assert!(digests.insert(plan.digest()), "{plan:?}");
    }
}
