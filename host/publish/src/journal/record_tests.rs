use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use serde_json::json;

use super::*;

const AAA: &str = "aaaaaaaaaaaa";

fn read(text: &[u8]) -> Option<JournalRecord> {
    let stores = ["archive".to_owned(), "media".to_owned()];
    JournalRecord::read(text, Scope { creator: "u", stores: &stores }, "job-1").ok()
}

/// Whether everything that recovery would delete, write or abort belongs to the creator.
fn is_in_scope(record: &JournalRecord) -> bool {
    let published = record.published.iter().chain(record.attempts.iter().filter_map(|attempt| attempt.staged.as_ref()));
    let published = published.flat_map(|published| published.objects.iter().chain(&published.pieces).map(|(to, _)| to));
    let of_attempts = record.attempts.iter().flat_map(|attempt| {
        let playlists = attempt.rungs.iter().map(|rung| &rung.playlist);
        playlists.chain(&attempt.objects).chain(attempt.masters.iter().map(|(to, _)| to))
    });
    published.chain(of_attempts).all(|to| {
        matches!(to.store.as_str(), "archive" | "media") && to.key.as_str().starts_with("u/") && !to.key.is_reserved()
    })
}

fn has_safe_prefixes(record: &JournalRecord) -> bool {
    let mut rungs = record.attempts.iter().flat_map(|attempt| attempt.rungs.iter().map(move |rung| (attempt, rung)));
    rungs.all(|(attempt, rung)| {
        let suffix = format!("-{}", attempt.publication);
        suffix.len() == 13 && rung.prefix.len() > 13 && rung.prefix.ends_with(&suffix) && !rung.prefix.contains('/')
    })
}

/// Mostly the first.
fn one_of(good: &'static str, bad: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop_oneof![20 => Just(good), 1 => select(bad)]
}

fn destination() -> impl Strategy<Value = Value> {
    let store = one_of("media", &["archive", "originals", "", "MEDIA"]);
    let keys = &[
        "v/a.ts",
        "u",
        "U/a",
        "uu/a",
        "u/.codex/x",
        "u/.CODEX/x",
        ".codex/jobs/u/j.json",
        "u/../v/a",
        "/u/a",
        "u/a/.unfinished-1-x",
    ];
    (store, one_of("u/hls/a.ts", keys)).prop_map(|(store, key)| json!({ "store": store, "key": key }))
}

fn publication() -> impl Strategy<Value = &'static str> {
    one_of(AAA, &["", "a", "AAAAAAAAAAAA", "aaaaaaaaaaaaa", "../../../../x"])
}

fn published() -> impl Strategy<Value = Value> {
    let objects = || vec((destination(), any::<u64>()), 0..3);
    (publication(), objects(), objects()).prop_map(|(publication, objects, pieces)| {
        let from = json!({ "store": "originals", "key": "u/in.mp4" });
        json!({
            "publication": publication, "source": { "from": from, "size": 1, "tag": null }, "plan": "p", "summary": null,
            "objects": objects, "pieces": pieces,
        })
    })
}

fn attempt() -> impl Strategy<Value = Value> {
    let prefix = one_of(
        "720p-aaaaaaaaaaaa",
        &["", "t", "aaaaaaaaaaaa", "-aaaaaaaaaaaa", "../720p-aaaaaaaaaaaa", "720p-bbbbbbbbbbbb"],
    );
    let rungs = vec((destination(), prefix), 0..3);
    let masters = vec((destination(), "[a-z]{0,3}"), 0..2);
    (publication(), rungs, vec(destination(), 0..3), proptest::option::of(published()), masters).prop_map(
        |(publication, rungs, objects, staged, masters)| {
            let rungs: Vec<_> =
                rungs.into_iter().map(|(playlist, prefix)| json!({ "playlist": playlist, "prefix": prefix })).collect();
            json!({
                "publication": publication, "rungs": rungs, "objects": objects, "staged": staged, "staged_at": 1,
                "masters": masters,
            })
        },
    )
}

fn record() -> impl Strategy<Value = Value> {
    let version = prop_oneof![20 => Just(json!(2)), 1 => select(vec![json!(1), json!(3), json!(-1), json!("2")])];
    let (creator, job) = (one_of("u", &["v", "", "U"]), one_of("job-1", &["job-2", ""]));
    (version, creator, job, proptest::option::of(published()), vec(attempt(), 0..3)).prop_map(
        |(version, creator, job, published, attempts)| {
            json!({
                "version": version, "creator": creator, "job": job, "probed": null, "published": published, "begun": attempts,
            })
        },
    )
}

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let name = prop_oneof![
        select(vec!["version", "creator", "job", "probed", "published", "begun", "rungs"]).prop_map(str::to_owned),
        any::<String>()
    ];
    leaf.prop_recursive(4, 32, 8, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(name.clone(), inner, 0..8).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

#[test]
fn a_record_is_stored_under_the_names_that_earlier_versions_wrote() {
    let record = JournalRecord { attempts: vec![Attempt::default()], ..JournalRecord::new("u", "job-1") };
    let stored = serde_json::to_value(&record).unwrap();
    let names: Vec<&String> = stored.as_object().unwrap().keys().collect();
    assert_eq!(names, ["begun", "creator", "job", "probed", "published", "version"]);
    let names: Vec<&String> = stored["begun"][0].as_object().unwrap().keys().collect();
    assert_eq!(names, ["masters", "objects", "publication", "rungs", "staged", "staged_at"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn an_accepted_record_names_nothing_outside_its_scope(record in record()) {
        if let Some(accepted) = read(record.to_string().as_bytes()) {
            prop_assert!(is_in_scope(&accepted), "{}", record);
            prop_assert!(has_safe_prefixes(&accepted), "{}", record);
            prop_assert!(record["creator"] == "u" && record["job"] == "job-1" && record["version"] == 2);
            // It survives being stored.
            prop_assert_eq!(read(&serde_json::to_vec(&accepted).unwrap()), Some(accepted));
        }
    }

    #[test]
    fn arbitrary_json_is_no_record(json in arbitrary_json()) {
        if let Some(accepted) = read(json.to_string().as_bytes()) {
            prop_assert!(is_in_scope(&accepted));
        }
    }

    #[test]
    fn arbitrary_bytes_are_no_record(bytes in vec(any::<u8>(), 0..256)) {
        prop_assert_eq!(read(&bytes), None);
    }
}

#[test]
fn the_generator_makes_records_that_are_accepted_and_refused() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut accepted = 0;
    for _ in 0..200 {
        let json = record().new_tree(&mut runner).unwrap().current();
        accepted += usize::from(read(json.to_string().as_bytes()).is_some());
    }
    assert!((20..180).contains(&accepted), "{accepted} of 200 are accepted");
}
