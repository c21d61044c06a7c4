#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]
use serde_json::{Value, json};

use crate::page::HLS_JS;
use crate::{Links, Place, ResultPage};

fn report() -> Value {
    json!({
        "job": "job-1", "media": "talk", "source": "20.0 s, h264", "policy": "codex", "policy_digest": "ab12",
        "policy_role": "current", "host": "0.1.0", "ffmpeg": "7.1", "sandbox": "full", "attempts": 1, "total_ms": 12_345,
        "parts": [{ "part": "encode", "ms": 9000 }, { "part": "upload", "ms": 100 }],
        "cpu_seconds": 20.5, "cost": { "worker": 0.0023, "storage_month": 0.0001 }, "bytes_read": 10, "bytes_written": 20,
        "reused": false, "webhook": { "kind": "completed", "delivered": true, "attempts": 1, "status": 200 },
        "transcode": {
            "duration_ms": 20_000, "processor": "cpu", "loudness_lufs": -14.2, "notes": ["The second sound isn't used"],
            "rungs": [
                { "name": "360p", "width": 640, "height": 360, "peak_bps": 655_000, "average_bps": 647_000,
                  "codecs": "avc1.64001e,mp4a.40.2", "playlist": "media:c/hls/talk/360p/index.m3u8" },
                { "name": "1080p", "width": 1920, "height": 1080, "peak_bps": 5_699_000, "average_bps": 5_449_000,
                  "codecs": "avc1.640028,mp4a.40.2", "playlist": "media:c/hls/talk/1080p/index.m3u8" },
            ],
            "objects": [
                { "store": "media", "key": "c/hls/talk/preview/preview.m3u8", "bytes": 1000 },
                { "store": "media", "key": "c/hls/talk/1080p/index.m3u8", "bytes": 1000 },
                { "store": "media", "key": "c/hls/talk/360p/index.m3u8", "bytes": 1000 },
                { "store": "media", "key": "c/hls/talk/master.m3u8", "bytes": 600 },
                { "store": "archive", "key": "c/mezzanine/talk/mezzanine.mp4", "bytes": 20_000_000 },
                { "store": "media", "key": "c/waves/talk/wave.json", "bytes": 1000 },
                { "store": "media", "key": "c/waves/talk/wave.png", "bytes": 1000 },
                { "store": "media", "key": "c/thumbs/talk/still.jpg", "bytes": 1000 },
            ],
        },
    })
}

fn folders() -> Links {
    Links::Folders(String::new())
}

fn place(key: &str) -> Place {
    Place { store: "media".to_owned(), key: key.to_owned() }
}

#[test]
fn the_page_has_every_part_of_a_report() {
    let mut page = ResultPage::of(&report()).unwrap().message("{\"status\":\"completed\"}".to_owned());
    assert_eq!(page.worth_reading(), [place("c/waves/talk/wave.json")]);
    page.embed(place("c/waves/talk/wave.json"), br#"{"bits":8,"data":[-3,4,-5,6]}"#.to_vec());
    let html = page.render(&folders());
    for expected in [
        "<h1>talk</h1>",
        "20.0 s, h264",
        "0:20",
        "1.62× real time",
        "-14.2 LUFS",
        "The second sound isn&#39;t used",
        "5\u{202f}449",
        "1920×1080",
        "<code>avc1.640028,mp4a.40.2</code>",
        "Encode</th>",
        "9.00 s",
        "src=\"media/c/thumbs/talk/still.jpg\"",
        "href=\"archive/c/mezzanine/talk/mezzanine.mp4\"",
        "19.1 MiB",
        "&quot;status&quot;: &quot;completed&quot;",
        "ab12",
        "0.00230 for the worker, 0.00010 a month for storage",
        "delivered, HTTP 200, 1 attempt.",
        "{\"name\":\"Ladder\",\"segmented\":true,\"url\":\"media/c/hls/talk/master.m3u8\"}",
        "{\"name\":\"preview\",\"segmented\":true,\"url\":\"media/c/hls/talk/preview/preview.m3u8\"}",
        "viewBox=\"0 0 2 100\"",
        "Waveform picture",
    ] {
        assert!(html.contains(expected), "{expected}");
    }
    assert!(!html.contains("src=\"media/c/waves"), "the waveform is drawn once");
    assert!(html.find(">1080p</a>") < html.find(">360p</a>"), "the largest rung comes first");
}

#[test]
fn objects_that_a_page_in_a_store_cannot_reach_have_no_address() {
    let page = ResultPage::of(&report()).unwrap();
    let html = page.render(&Links::Beside(place("c/hls/talk/result.html")));
    assert!(html.contains("\"url\":\"master.m3u8\"") && html.contains("src=\"../../thumbs/talk/still.jpg\""));
    assert!(html.contains("<th scope=\"row\">mezzanine.mp4</th>"));
}

#[test]
fn no_text_of_a_report_becomes_markup() {
    let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&";
    let mut report = report();
    fn poison(value: &mut Value, hostile: &str) {
        match value {
            Value::String(text) if text.contains(':') => text.push_str(hostile),
            Value::String(text) => hostile.clone_into(text),
            Value::Array(all) => all.iter_mut().for_each(|value| poison(value, hostile)),
            Value::Object(fields) => fields.values_mut().for_each(|value| poison(value, hostile)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    poison(&mut report, hostile);
    let page = ResultPage::of(&report).unwrap().message(hostile.to_owned());
    for links in [folders(), Links::Beside(place("page.html"))] {
        let html = page.render(&links);
        assert!(!html.contains("alert(1)</script><img") && !html.contains("<img src=x"), "an element");
        assert_eq!(html.matches("<script>").count(), 2, "only the page's own scripts");
        assert!(html.contains("&lt;/script&gt;&lt;script&gt;alert(1)"));
    }
}

#[test]
fn only_the_scripts_of_the_page_may_run_and_nothing_is_asked_of_other_servers() {
    let html = ResultPage::of(&report()).unwrap().render(&folders());
    let policy = html.split("content=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let own = html.replace(HLS_JS.split("//# source").next().unwrap(), "");
    for attribute in [" onclick=", " onload=", " style=", "src=\"http", "url(http", "@import"] {
        assert!(!own.contains(attribute), "{attribute}");
    }
}

#[test]
fn a_report_of_another_version_makes_a_page_too() {
    let html = ResultPage::of(&json!({ "media": "m", "more": [1] })).unwrap().render(&folders());
    assert!(html.contains("<h1>m</h1>") && !html.contains("id=\"media\""));
    assert!(ResultPage::of(&json!("text")).is_err());
}

#[test]
fn steps_are_placed_in_time_where_the_report_says_when_they_ran() {
    let mut report = report();
    report["timeline"] = json!([
        { "part": "attempt", "ms": 10_000, "start_ms": 0 },
        { "part": "media.open", "ms": 1500, "start_ms": 0 },
        { "part": "transcode.wait", "ms": 8000, "start_ms": 2000 },
        { "part": "encode", "ms": 5000, "start_ms": 2000, "end_ms": 7000, "within": "transcode", "failed": true },
    ]);
    report["total_ms"] = json!(10_000);
    let html = ResultPage::of(&report).unwrap().render(&folders());
    assert!(html.contains("x=\"200.0\" width=\"500.0\"") && html.contains("Encode <span class=\"tag\">failed"));
    assert!(
        !["attempt</th>", "media.open", "transcode.wait"].iter().any(|around| html.contains(around))
            && html.matches("class=\"track\"").count() == 1 + 2,
        "two are of the ladder"
    );
}
