//! Sound: its loudness, its form, and that it stays with its picture.

use std::path::{Path, PathBuf};

use testkit::outcome::Outcome;
use testkit::{colour, fixtures, playlist, probe, sound};

use crate::ladder::full_hd;
use crate::transcode;

/// The platform's loudness.
const TARGET: f64 = -16.0;

#[track_caller]
fn assert_loudness(upload: &Path) -> Outcome {
    let outcome = transcode(upload).run().done();
    let reported = outcome.report()["loudness_lufs"].as_f64().unwrap();
    assert!((reported - sound::loudness(upload)).abs() < 0.5, "the source is reported at {reported}");
    for variant in outcome.variants() {
        let loudness = sound::loudness(&variant.path);
        assert!((loudness - TARGET).abs() < 1.0, "{} of {} is at {loudness}", variant.name(), upload.display());
    }
    outcome
}

#[test]
fn a_quiet_tone_is_brought_to_the_platforms_loudness() {
    assert_loudness(&fixtures::sound("quiet-tone.wav", "sine=frequency=440:duration=12,volume=-17dB", &[]));
}

/// Below -40 LUFS it may be the noise of a muted microphone, and below -50 it certainly is.
#[test]
fn what_may_be_noise_is_raised_by_12_db_at_most_and_noise_not_at_all() {
    for (volume, raised) in [("-26dB", 12.0), ("-40dB", 0.0)] {
        let upload = fixtures::sound("very-quiet.wav", &format!("sine=frequency=440:duration=12,volume={volume}"), &[]);
        let outcome = transcode(&upload).run().done();
        let source = sound::loudness(&upload);
        for variant in outcome.variants() {
            let loudness = sound::loudness(&variant.path);
            assert!((loudness - source - raised).abs() < 1.0, "{volume}: {source} became {loudness}");
        }
    }
}

#[test]
fn quiet_noise_is_brought_to_the_platforms_loudness() {
    let noise = "anoisesrc=color=pink:amplitude=0.08:seed=7:duration=12:sample_rate=48000";
    assert_loudness(&fixtures::sound("quiet-noise.flac", noise, &[]));
}

#[test]
fn loud_and_clipped_sound_is_brought_to_the_platforms_loudness() {
    let noise = "anoisesrc=color=pink:amplitude=1:seed=7:duration=12:sample_rate=48000,volume=20dB";
    assert_loudness(&fixtures::sound("clipped.wav", noise, &[]));
}

#[test]
fn sound_that_changes_between_loud_and_quiet_is_brought_to_the_platforms_loudness() {
    let noise = "anoisesrc=color=pink:amplitude=0.4:seed=7:duration=30:sample_rate=48000,\
volume='if(lt(mod(t,6),3),1,0.05)':eval=frame";
    assert_loudness(&fixtures::sound("dynamic.wav", noise, &[]));
}

/// A minute of talk, a minute of whispers: a gain and a limiter would keep the distance.
#[test]
fn a_range_that_is_too_wide_is_compressed() {
    let noise = "anoisesrc=color=pink:amplitude=0.4:seed=7:duration=60:sample_rate=48000,\
volume='if(lt(mod(t,30),15),1,0.1)':eval=frame";
    let upload = fixtures::sound("wide.wav", noise, &[]);
    let outcome = assert_loudness(&upload);
    let (before, after) = (sound::loudness_range(&upload), sound::loudness_range(&outcome.rung("128k")));
    assert!(before > 15.0 && after < before - 2.0, "{before} LU became {after}");
}

/// Stereo of mono has half of the power on each side: it is as loud, and its peak is 3 dB lower.
#[test]
fn the_peak_of_mono_sound_is_reported_as_it_is_and_levelled_as_it_is_published() {
    let tone = "sine=frequency=1000:sample_rate=48000:duration=12,asetnsamples=480,\
volume='if(lt(mod(t,2),0.02),4.77,1)':eval=frame:precision=float";
    let upload = fixtures::sound("bursts.wav", &format!("{tone},aformat=channel_layouts=mono"), &[]);
    let outcome = transcode(&upload).policy(std::path::Path::new("codex-lean")).run().done();
    let output = &outcome.last("completed").unwrap()["output"]["output"];
    let reported = |name: &str| output[name].as_f64().unwrap() / 100.0;
    let (loudness, peak) = (sound::loudness(&upload), sound::true_peak(&upload));
    assert!((reported("loudnessIntegrated") - loudness).abs() < 0.15, "{output} {loudness}");
    assert!((reported("loudnessPeak") - peak).abs() < 0.15, "{output} {peak}");
    // Of the mono sound, the peak would be above the target of -1.5 dBTP; of the stereo there is room for one gain.
    let gain = TARGET - loudness;
    assert!((-1.3..1.0).contains(&(peak + gain)), "{peak} {gain}");
    for variant in outcome.variants() {
        assert!((sound::loudness(&variant.path) - TARGET).abs() < 0.5, "{}", variant.name());
    }
    // 3 dB lower and raised by the gain; AAC adds some of its own, and at 64 kbit/s more.
    let published = sound::true_peak(&outcome.rung("128k"));
    assert!((peak - 3.5 + gain..-1.5).contains(&published), "{peak} became {published}");
}

/// A filter that looks seconds ahead does nothing for what is over by then.
#[test]
fn sound_of_a_moment_is_brought_to_the_platforms_loudness() {
    for seconds in ["1.5", "2.9", "3.1", "3.9"] {
        let noise = format!(
            "anoisesrc=color=pink:amplitude=0.06:seed=7:duration={seconds}:sample_rate=48000,\
volume='if(lt(mod(t,1),0.1),3,1)':eval=frame"
        );
        let outcome = assert_loudness(&fixtures::sound("moment.wav", &noise, &[]));
        let peak = sound::samples(&outcome.rung("128k")).into_iter().map(i16::unsigned_abs).max().unwrap();
        assert!(peak < 32_000, "{peak} of 32768");
    }
}

/// Short peaks far above the rest: one gain for all of it would clip them.
#[test]
fn peaks_that_leave_no_room_for_a_gain_are_held_below_full_scale() {
    let speech = "anoisesrc=color=pink:amplitude=0.05:seed=7:duration=12:sample_rate=48000,\
volume='if(lt(mod(t,2),0.05),3,1)':eval=frame";
    let upload = fixtures::sound("peaks.wav", speech, &[]);
    let outcome = assert_loudness(&upload);
    let peak = sound::samples(&outcome.rung("128k")).into_iter().map(i16::unsigned_abs).max().unwrap();
    // -1.5 dBTP is the target; an AAC encoder adds up to a decibel.
    assert!(peak < 32_000, "{peak} of 32768");
}

#[test]
fn silence_stays_silence() {
    let silence = fixtures::sound("silence.wav", "anullsrc=sample_rate=48000:channel_layout=stereo:duration=4", &[]);
    let outcome = transcode(&silence).run().done();
    assert!(outcome.report().get("loudness_lufs").is_none(), "{}", outcome.report());
    for variant in outcome.variants() {
        assert!(
            sound::samples(&variant.path).into_iter().all(|sample| sample.unsigned_abs() < 4),
            "{}",
            variant.name()
        );
    }
}

#[test]
fn a_film_without_sound_has_rungs_without_sound() {
    let outcome = transcode(&fixtures::silent_clip(640, 360, "25", 2.0)).setting("waveform", "always").run().done();
    assert_eq!(probe::audio(&outcome.rung("360p")), None);
    assert_eq!(probe::audio(&outcome.mezzanine()), None);
    assert!(!outcome.variants()[0].attribute("CODECS").unwrap().contains("mp4a"));
    assert!(!outcome.waveform().exists() && outcome.report().get("loudness_lufs").is_none());
}

#[test]
fn sound_alone_gets_two_rungs_and_a_waveform_and_no_picture() {
    let upload = fixtures::sound("alone.mp3", "sine=frequency=440:sample_rate=44100:duration=15", &[]);
    let outcome = transcode(&upload).run().done();
    assert_eq!(outcome.variants().iter().map(|variant| variant.name()).collect::<Vec<_>>(), ["128k", "64k"]);
    for (variant, kbps) in outcome.variants().into_iter().zip([128.0, 64.0]) {
        assert!(probe::video(&variant.path).is_none() && variant.attribute("RESOLUTION").is_none());
        assert_eq!(variant.attribute("CODECS"), Some("mp4a.40.2"));
        let (_, average) = playlist::media(&variant.path).rates();
        assert!(average < kbps * 1250.0, "{average}");
        assert!((playlist::media(&variant.path).duration() - 15.0).abs() < 0.1);
        probe::decodes(&variant.path);
    }
    outcome.is_whole();
    assert!(outcome.waveform().is_file() && outcome.waveform_image().is_file());
    assert!(!outcome.preview().exists() && !outcome.thumbnail().exists() && !outcome.mezzanine().exists());
}

#[test]
fn every_form_of_sound_becomes_48_khz_stereo() {
    let expected = Some(probe::Audio { codec: "aac".into(), rate: 48_000, channels: 2 });
    let tone = |rate: u32| format!("sine=frequency=440:sample_rate={rate}:duration=2");
    for (name, rate) in [("96.wav", 96_000), ("8.wav", 8_000), ("44.m4a", 44_100), ("22.ogg", 22_050)] {
        let outcome = transcode(&fixtures::sound(name, &tone(rate), &[])).run().done();
        assert_eq!(probe::audio(&outcome.rung("128k")), expected, "{name}");
        assert!(outcome.waveform().is_file(), "{name}");
        let heard = sound::samples(&outcome.rung("64k")).len() as f64 / 2.0 / 48_000.0;
        assert!((heard - 2.0).abs() < 0.15, "{name} plays for {heard} s");
    }
}

#[test]
fn what_only_the_centre_of_surround_sound_says_is_heard_on_both_sides() {
    let centre = "aevalsrc=0|0|0.3*sin(2*PI*440*t)|0|0|0:channel_layout=5.1:sample_rate=48000:duration=4";
    let upload = with_picture("surround.mp4", centre, 4);
    assert_eq!(probe::audio(&upload).unwrap().channels, 6);
    let outcome = transcode(&upload).run().done();
    assert_eq!(probe::audio(&outcome.rung("source")).unwrap().channels, 2);
    let [left, right] = sound::strength_of_both(&outcome.rung("source"));
    assert!(left > 0.05 && (left / right - 1.0).abs() < 0.05, "{left} {right}");
    assert_eq!(probe::audio(&outcome.mezzanine()).unwrap().channels, 6, "the archive keeps what was uploaded");
}

#[test]
fn the_archive_is_as_loud_as_the_upload_and_the_ladder_is_not() {
    let upload = with_picture("quiet.mp4", "sine=frequency=440:sample_rate=48000:duration=8,volume=-10dB", 8);
    let outcome = transcode(&upload).run().done();
    let (source, archive) = (sound::loudness(&upload), sound::loudness(&outcome.mezzanine()));
    assert!((source - archive).abs() < 0.5, "{source} became {archive}");
    assert!(source < -25.0 && (sound::loudness(&outcome.rung("source")) - TARGET).abs() < 1.0);
}

#[test]
fn loudness_is_left_alone_where_a_setting_says_so() {
    let upload = fixtures::sound("left.wav", "sine=frequency=440:sample_rate=48000:duration=6,volume=-10dB", &[]);
    let outcome = transcode(&upload).setting("loudness", "false").run().done();
    assert!((sound::loudness(&outcome.rung("128k")) - sound::loudness(&upload)).abs() < 0.5);
}

fn with_picture(name: &str, source: &str, seconds: u32) -> PathBuf {
    let picture = format!("testsrc2=size=320x180:rate=25:duration={seconds}");
    let both = ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", source];
    fixtures::ffmpeg(name, &[&both, fixtures::X264, &["-c:a", "aac", "-b:a", "384k"]].concat())
}

#[test]
fn sound_that_goes_on_after_the_picture_is_heard_to_its_end_under_the_last_picture() {
    let both =
        ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=2", "-f", "lavfi", "-i", "sine=duration=7"];
    let upload = fixtures::ffmpeg("longer.mp4", &[&both, fixtures::X264].concat());
    let outcome = transcode(&upload).run().done();
    let rung = outcome.rung("source");
    assert!((playlist::media(&rung).duration() - 7.0).abs() < 0.2);
    let frames = probe::frames(&rung);
    assert!(frames.len().abs_diff(175) <= 2, "{}", frames.len());
    let distance = colour::Picture::at(&rung, 6.5).distance(&colour::Picture::at(&upload, 1.96));
    assert!(distance < 4.0, "the held picture is another one: {distance}");
    let heard = sound::samples(&rung).len() as f64 / 2.0 / 48_000.0;
    assert!((heard - 7.0).abs() < 0.2, "{heard}");
}

/// Half a second of white and of a beep, both two seconds into the film, whichever track begins late.
pub(crate) fn flash_and_beep(name: &str, picture_late: f64, sound_late: f64) -> PathBuf {
    let picture = format!(
        "color=black:size=320x180:rate=25:duration={length},\
geq=lum='if(between(T,{at}-0.001,{at}+0.5),235,16)':cb=128:cr=128",
        length = 5.0 - picture_late,
        at = 2.0 - picture_late
    );
    let sound = format!(
        "aevalsrc='0.5*sin(2*PI*1000*t)*between(t,{at},{at}+0.5)':sample_rate=48000:duration={length}",
        length = 5.0 - sound_late,
        at = 2.0 - sound_late
    );
    let (picture_late, sound_late) = (picture_late.to_string(), sound_late.to_string());
    let picture = ["-itsoffset", &picture_late, "-f", "lavfi", "-i", &picture];
    let sound = ["-itsoffset", &sound_late, "-f", "lavfi", "-i", &sound];
    fixtures::ffmpeg(name, &[&picture[..], &sound, fixtures::X264, &["-c:a", "aac"]].concat())
}

#[track_caller]
pub(crate) fn assert_in_sync(upload: &Path) -> Outcome {
    let outcome = transcode(upload).run().done();
    for path in [outcome.rung("source"), outcome.mezzanine()] {
        let flash = colour::brightness_over_time(&path).into_iter().find(|(_, brightness)| *brightness > 128.0);
        let (flash, beep) = (flash.unwrap().0, sound::first_beep(&path).unwrap());
        assert!((flash - beep).abs() < 0.045, "{}: flash at {flash}, beep at {beep}", path.display());
    }
    outcome
}

#[test]
fn picture_and_sound_stay_together() {
    assert_in_sync(&flash_and_beep("together.mp4", 0.0, 0.0));
}

#[test]
fn picture_and_sound_stay_together_when_the_picture_begins_late() {
    let outcome = assert_in_sync(&flash_and_beep("late-picture.mp4", 1.0, 0.0));
    assert_eq!(probe::frames(&outcome.rung("source")).len(), 125, "the first picture is shown from the start");
}

#[test]
fn picture_and_sound_stay_together_when_the_sound_begins_late() {
    assert_in_sync(&flash_and_beep("late-sound.mp4", 0.0, 1.0));
}

/// Broadcast recordings begin at any time of the day.
#[test]
fn picture_and_sound_stay_together_when_both_begin_at_a_large_time() {
    let upload = flash_and_beep("late.mp4", 0.0, 0.0);
    let shifted = ["-i", upload.to_str().unwrap(), "-c", "copy", "-output_ts_offset", "5000"];
    assert_in_sync(&fixtures::ffmpeg("recording.ts", &shifted));
}

#[test]
fn a_cover_picture_makes_no_film_of_sound() {
    for ending in ["mp3", "flac", "m4a"] {
        let outcome = transcode(&crate::bad_input::with_cover(ending)).run().done();
        assert_eq!(outcome.variants().len(), 2, "{ending}");
        assert!(probe::video(&outcome.rung("128k")).is_none() && !outcome.thumbnail().exists(), "{ending}");
        assert!(outcome.waveform().is_file(), "{ending}");
    }
}

#[test]
fn film_sound_is_the_same_in_every_rung() {
    let outcome = full_hd();
    for variant in outcome.variants() {
        let loudness = sound::loudness(&variant.path);
        assert!((loudness - TARGET).abs() < 1.0, "{} is at {loudness}", variant.name());
    }
}
