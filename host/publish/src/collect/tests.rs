//! The collection against a model: whatever is reachable stays, and what is dead and old goes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use storage::{LocalDirectory, Store, Stores};

use super::*;

/// What is written before is old.
const BEFORE: u64 = 1_700_000_000;
const OLD: u64 = BEFORE - 1;
const NEW: u64 = BEFORE;

/// How a publication of a rung is named by something that viewers read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NamedBy {
    Nothing,
    /// The playlist in the rung's folder, by each segment's name.
    Playlist,
    /// A playlist in another folder.
    Elsewhere,
    /// A manifest above the folder, by a template.
    Dash,
    /// The journal of a job that may be running.
    RecentJournal,
    /// The journal of a job that is long over.
    OldJournal,
}

#[derive(Clone, Debug)]
struct Made {
    rung: usize,
    named_by: NamedBy,
    /// Whether each segment is old.
    segments: Vec<bool>,
    single_file: bool,
}

/// A media item: its rungs' playlists, old or new, and the publications that there were.
#[derive(Clone, Debug)]
struct Item {
    playlists: [Option<bool>; 2],
    made: Vec<Made>,
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let named_by = prop_oneof![
        3 => Just(NamedBy::Nothing),
        1 => Just(NamedBy::Playlist),
        1 => Just(NamedBy::Elsewhere),
        1 => Just(NamedBy::Dash),
        1 => Just(NamedBy::RecentJournal),
        1 => Just(NamedBy::OldJournal),
    ];
    let old = || prop::bool::weighted(0.85);
    let made = (0..2_usize, named_by, prop::collection::vec(old(), 1..4), any::<bool>())
        .prop_map(|(rung, named_by, segments, single_file)| Made { rung, named_by, segments, single_file });
    let playlist = || prop::option::weighted(0.8, old());
    let item = ([playlist(), playlist()], prop::collection::vec(made, 0..5))
        .prop_map(|(playlists, made)| Item { playlists, made });
    prop::collection::vec(item, 1..4)
}

/// The objects of a store with their texts and times, and what must become of them.
#[derive(Default)]
struct World {
    objects: BTreeMap<String, (String, u64)>,
    dead: BTreeSet<String>,
}

impl World {
    fn of(items: &[Item]) -> Self {
        let mut world = Self::default();
        let mut number = 0;
        for (index, item) in items.iter().enumerate() {
            let media = format!("u/hls/m{index}");
            // What looks like ours and isn't.
            for other in [format!("u/originals/m{index}/clip-00000000000{index}-00001.mp4"), format!("{media}/a.jpg")] {
                world.objects.insert(other, (String::new(), OLD));
            }
            let mut texts: BTreeMap<String, String> = BTreeMap::new();
            for made in &item.made {
                number += 1;
                world.add(&media, item, made, &format!("{number:012x}"), &mut texts);
            }
            for (rung, playlist) in item.playlists.iter().enumerate() {
                let key = format!("{media}/r{rung}/index.m3u8");
                let text = texts.remove(&key).unwrap_or_default();
                if let Some(is_old) = playlist {
                    world.objects.insert(key, (text, if *is_old { OLD } else { NEW }));
                }
            }
            let is_recent = |key: &str| key.contains("recent");
            world.objects.extend(texts.into_iter().map(|(key, text)| {
                let time = if is_recent(&key) { NEW } else { OLD };
                (key, (text, time))
            }));
        }
        world
    }

    fn add(&mut self, media: &str, item: &Item, made: &Made, name: &str, texts: &mut BTreeMap<String, String>) {
        let rung = format!("r{}", made.rung);
        let single = format!("{media}/{rung}/stream-{name}.ts");
        let numbered = |number: usize| format!("{media}/{rung}/{rung}-{name}-{number:05}.ts");
        let count = if made.single_file { 1 } else { made.segments.len() };
        let keys: Vec<String> =
            (0..count).map(|number| if made.single_file { single.clone() } else { numbered(number) }).collect();
        let file = |key: &String| key.rsplit('/').next().unwrap().to_owned();
        let mut note = |key: String, text: String| texts.entry(key).or_default().push_str(&text);
        let is_named = match made.named_by {
            NamedBy::Nothing => false,
            NamedBy::Playlist => {
                keys.iter()
                    .for_each(|key| note(format!("{media}/{rung}/index.m3u8"), format!("#EXTINF:6,\n{}\n", file(key))));
                // Where that playlist isn't there, nothing names them.
                item.playlists[made.rung].is_some()
            }
            NamedBy::Elsewhere => {
                keys.iter()
                    .for_each(|key| note(format!("{media}/x/preview.m3u8"), format!("../{rung}/{}\n", file(key))));
                true
            }
            NamedBy::Dash => {
                let stem = if made.single_file { "stream" } else { rung.as_str() };
                let text = format!("<SegmentTemplate media=\"{rung}/{stem}-{name}-$Number%05d$.m4s\"/>");
                note(format!("{media}/manifest.mpd"), text);
                true
            }
            NamedBy::RecentJournal => {
                note(format!(".codex/jobs/u/recent-{name}.json"), format!("{{\"publication\":\"{name}\"}}"));
                true
            }
            NamedBy::OldJournal => {
                note(format!(".codex/jobs/u/long-ago-{name}.json"), format!("{{\"publication\":\"{name}\"}}"));
                false
            }
        };
        let segments_are_old = made.segments.iter().take(count).all(|is_old| *is_old);
        let playlist_is_old = item.playlists[made.rung].is_none_or(|is_old| is_old);
        for (key, is_old) in keys.into_iter().zip(&made.segments) {
            if !is_named && segments_are_old && playlist_is_old {
                self.dead.insert(key.clone());
            }
            self.objects.insert(key, ("segment".to_owned(), if *is_old { OLD } else { NEW }));
        }
    }

    fn write(&self, folder: &Path) {
        for (key, (text, time)) in &self.objects {
            let path = folder.join(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(*time)).unwrap();
        }
    }
}

fn there(folder: &Path) -> BTreeSet<String> {
    let store = LocalDirectory::open(folder).unwrap();
    let keys = run(async move { store.list("").await.unwrap() });
    keys.into_iter().map(|key| key.as_str().to_owned()).collect()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

fn collected(folder: &Path, delete: bool) -> u64 {
    let store: Arc<dyn Store> = Arc::new(LocalDirectory::open(folder).unwrap());
    let stores = Stores::default().with_shared("media", Arc::clone(&store));
    let rules = Rules { before: BEFORE, creator: None, delete };
    let mut objects = 0;
    run(collect(&stores, &store, &rules, |found| objects += found.objects)).unwrap();
    objects
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_a_viewer_or_a_running_job_can_reach_stays_and_what_is_dead_goes(items in items()) {
        let world = World::of(&items);
        let folder = tempfile::tempdir().unwrap();
        world.write(folder.path());
        let all: BTreeSet<String> = world.objects.keys().cloned().collect();

        prop_assert_eq!(collected(folder.path(), false), world.dead.len() as u64);
        prop_assert_eq!(&there(folder.path()), &all, "a dry run deletes nothing");

        prop_assert_eq!(collected(folder.path(), true), world.dead.len() as u64);
        let left: BTreeSet<String> = all.difference(&world.dead).cloned().collect();
        prop_assert_eq!(there(folder.path()), left);
        prop_assert_eq!(collected(folder.path(), true), 0);
    }
}
