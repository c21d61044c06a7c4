//! Finds and deletes segments that no playlist names: those of earlier publications, and what killed workers left whose
//! jobs never came back.
//!
//! Nothing is deleted in doubt. A publication that any playlist or manifest mentions is kept whole, and so is one that a
//! recent journal mentions, since its job may be running. A segment must be old, and so must the playlists beside it: a
//! viewer may still have the one that was replaced. The playlists are read once more just before the deletion. Only names
//! that the host makes are looked at, and in a bucket only objects that carry a job's note.
//!
//! The listings are read page by page; what is remembered of a bucket is a number for each publication.

mod names;

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use storage::{Destination, Key, ListedObject, RESERVED, Store, StoreError, Stores};

use self::names::{Publication, is_manifest, named_in, segment};
use crate::concurrent::delete;

/// In bytes. Ten hours of two-second segments in a playlist; a journal has all rungs.
const MAX_TEXT: usize = 32 << 20;

/// Playlists and journals that are read at the same time.
const CONCURRENT_READS: usize = 16;

/// The note that every object of a job carries in a bucket.
const JOB: &str = "job";

/// What to collect.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What was written since is kept. In seconds since 1970.
    pub before: u64,
    /// Only under this creator's prefix.
    pub creator: Option<String>,
    /// Otherwise they are only found.
    pub delete: bool,
}

/// Segments of one rung of one publication, which no playlist names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreferenced {
    /// What their keys begin with.
    pub prefix: Destination,
    pub objects: u64,
    pub bytes: u64,
    /// When the last of them was written, in seconds since 1970.
    pub newest: u64,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    pub objects: u64,
    pub manifests: u64,
    pub journals: u64,
}

/// Goes through the stores, and passes what it found, or deleted, to `visit`. `journals` is the store of the host's own
/// records. The first error ends it.
pub async fn collect(
    stores: &Stores,
    journals: &Arc<dyn Store>,
    rules: &Rules,
    mut visit: impl FnMut(&Unreferenced),
) -> Result<Looked, StoreError> {
    let names = stores.writable_names();
    let mut looked = Looked::default();
    let mut named = HashSet::new();
    looked.journals = recent_journals(journals, rules, &mut named).await?;
    for name in &names {
        looked.manifests += manifests(&stores.get(name)?, rules, &mut named).await?;
    }
    for name in &names {
        let mut bucket = InStore { stores, name, store: stores.get(name)?, rules, named: &named };
        looked.objects += bucket.unreferenced(&mut visit).await?;
    }
    Ok(looked)
}

impl Rules {
    fn prefix(&self) -> String {
        self.creator.as_ref().map(|creator| format!("{creator}/")).unwrap_or_default()
    }
}

/// Remembers the publications of jobs that may be running. A journal needn't be authentic to be heeded.
async fn recent_journals(
    store: &Arc<dyn Store>,
    rules: &Rules,
    named: &mut HashSet<Publication>,
) -> Result<u64, StoreError> {
    let prefix = format!("{RESERVED}/jobs/{}", rules.prefix());
    read_each(store, &prefix, named, |object| object.modified >= rules.before).await
}

/// Remembers the publications that playlists and manifests name.
async fn manifests(store: &Arc<dyn Store>, rules: &Rules, named: &mut HashSet<Publication>) -> Result<u64, StoreError> {
    read_each(store, &rules.prefix(), named, |object| is_manifest(&object.key)).await
}

async fn read_each(
    store: &Arc<dyn Store>,
    prefix: &str,
    named: &mut HashSet<Publication>,
    is_read: impl Fn(&ListedObject) -> bool,
) -> Result<u64, StoreError> {
    let (mut count, mut after) = (0, None);
    loop {
        let page = store.list_page(prefix, after.as_deref()).await?;
        let keys: Vec<Key> = page.objects.into_iter().filter(&is_read).map(|object| object.key).collect();
        count += keys.len() as u64;
        let read = |key: Key| async move { store.read(&key, MAX_TEXT).await };
        let mut texts = stream::iter(keys).map(read).buffer_unordered(CONCURRENT_READS);
        while let Some(text) = texts.try_next().await? {
            named_in(&text.unwrap_or_default(), named);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(count),
        }
    }
}

struct InStore<'a> {
    stores: &'a Stores,
    name: &'a str,
    store: Arc<dyn Store>,
    rules: &'a Rules,
    named: &'a HashSet<Publication>,
}

/// The segments of a rung in a publication stand side by side in a listing.
struct Group {
    prefix: String,
    publication: Publication,
    first: Key,
    objects: u64,
    bytes: u64,
    newest: u64,
}

impl Group {
    fn begin(prefix: &str, publication: Publication, first: &ListedObject) -> Self {
        let prefix = prefix.to_owned();
        Self { prefix, publication, first: first.key.clone(), objects: 0, bytes: 0, newest: 0 }
    }

    fn add(&mut self, object: &ListedObject) {
        self.objects += 1;
        self.bytes += object.size;
        self.newest = self.newest.max(object.modified);
    }
}

impl InStore<'_> {
    /// Returns how many objects there are.
    async fn unreferenced(&mut self, visit: &mut impl FnMut(&Unreferenced)) -> Result<u64, StoreError> {
        let (mut count, mut after, mut group) = (0, None, None::<Group>);
        loop {
            let page = self.store.list_page(&self.rules.prefix(), after.as_deref()).await?;
            count += page.objects.len() as u64;
            for object in &page.objects {
                let Some((prefix, publication)) = segment(&object.key) else { continue };
                if group.as_ref().is_none_or(|group| group.prefix != prefix) {
                    self.end(group.replace(Group::begin(prefix, publication, object)), visit).await?;
                }
                if let Some(group) = &mut group {
                    group.add(object);
                }
            }
            let Some(next) = page.next else { break };
            after = Some(next);
        }
        self.end(group, visit).await?;
        Ok(count)
    }

    /// Decides about a group, once all of it is known.
    async fn end(&mut self, group: Option<Group>, visit: &mut impl FnMut(&Unreferenced)) -> Result<(), StoreError> {
        let Some(group) = group else { return Ok(()) };
        if self.named.contains(&group.publication) || group.newest >= self.rules.before {
            return Ok(());
        }
        if !self.is_ours(&group.first).await? || self.is_held_in_its_folder(&group).await? {
            return Ok(());
        }
        let key = Key::parse(&group.prefix)?;
        let prefix = Destination { store: self.name.to_owned(), key };
        if self.rules.delete {
            self.delete(&group).await?;
        }
        let Group { objects, bytes, newest, .. } = group;
        visit(&Unreferenced { prefix, objects, bytes, newest });
        Ok(())
    }

    /// Whether a job wrote it. A folder keeps no notes, and there the name is all there is.
    async fn is_ours(&self, key: &Key) -> Result<bool, StoreError> {
        Ok(self.store.notes(key).await?.is_none_or(|notes| notes.contains_key(JOB)))
    }

    /// Whether a playlist beside the segments was replaced a short while ago, or names them after all.
    async fn is_held_in_its_folder(&self, group: &Group) -> Result<bool, StoreError> {
        let folder = group.first.as_str().rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut after = None;
        loop {
            let page = self.store.list_page(&format!("{folder}/"), after.as_deref()).await?;
            let beside = page.objects.iter().filter(|object| object.key.is_beside(&group.first));
            for manifest in beside.filter(|object| is_manifest(&object.key)) {
                let text = self.store.read(&manifest.key, MAX_TEXT).await?.unwrap_or_default();
                let mut named = HashSet::new();
                named_in(&text, &mut named);
                if manifest.modified >= self.rules.before || named.contains(&group.publication) {
                    return Ok(true);
                }
            }
            let Some(next) = page.next else { return Ok(false) };
            after = Some(next);
        }
    }

    /// Deletes what belongs to the group and is still as old as it was.
    async fn delete(&self, group: &Group) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.store.list_page(&group.prefix, after.as_deref()).await?;
            let is_of_group = |object: &ListedObject| {
                segment(&object.key).is_some_and(|(prefix, _)| prefix == group.prefix)
                    && object.modified < self.rules.before
            };
            let keys = page.objects.into_iter().filter(is_of_group).map(|object| object.key);
            let in_store = |key| Destination { store: self.name.to_owned(), key };
            delete(self.stores, keys.map(in_store).collect()).await?;
            let Some(next) = page.next else { return Ok(()) };
            after = Some(next);
        }
    }
}

#[cfg(test)]
mod tests;
