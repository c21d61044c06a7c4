//! `storage`: small objects that the policy shapes itself.

use ::storage::{Body, ObjectMeta};
use fault::codes;
use fault::text::printable;
use publish::PieceKind;
use serde_json::json;

use super::State;
use super::convert::{destination, refused};
use crate::policy::bindings::codex::transcode::storage::{Host, ObjectInfo};
use crate::policy::bindings::codex::transcode::types::{Failure, Key, StoreName};
use crate::policy::limits::Limit;
use crate::recording::fingerprint;

impl Host for State {
    async fn head(&mut self, store: StoreName, key: Key) -> wasmtime::Result<Result<Option<ObjectInfo>, Failure>> {
        let powers = self.enter("storage.head")?;
        self.meter.hand_over(store.len() + key.len())?;
        let told = self.tell("storage.head", || json!({ "store": store, "key": key }));
        let scripted = self.scripted::<Result<Option<ObjectInfo>, Failure>>(told.as_ref())?;
        let answer = async {
            let to = destination(&store, &key)?;
            powers.may_read(&to).map_err(refused)?;
            if let Some(answer) = scripted {
                return answer;
            }
            let found = powers.means.stores.get(&to.store).map_err(refused)?.head(&to.key).await.map_err(refused)?;
            Ok(found.map(|info| ObjectInfo { size: info.size }))
        }
        .await;
        self.told(told, &answer);
        self.leave(answer)
    }

    async fn put(
        &mut self,
        store: StoreName,
        key: Key,
        content_type: String,
        content: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Failure>> {
        let powers = self.enter("storage.put")?;
        self.meter.hand_over(store.len() + key.len() + content_type.len() + content.len())?;
        self.meter.peak(Limit::Object, content.len())?;
        let told = self.tell(
            "storage.put",
            || json!({ "store": store, "key": key, "content-type": content_type, "content": fingerprint(&content) }),
        );
        let scripted = self.scripted_failure(told.as_ref())?;
        let answer = async {
            let to = destination(&store, &key)?;
            powers.may_write().check(&to).map_err(refused)?;
            if let Some(failure) = scripted {
                return Err(failure);
            }
            let meta = ObjectMeta {
                content_type: printable(&content_type, 128),
                ..powers.means.labels.of(&to.key, PieceKind::Object)
            };
            let store = powers.means.stores.get(&to.store).map_err(refused)?;
            store.put(&to.key, Body::Bytes(content), &meta).await.map_err(refused)?;
            Ok(to)
        }
        .await;
        let answer = answer.map(|to| {
            self.put.insert(to);
        });
        self.told(told, &answer);
        self.leave(answer)
    }

    async fn delete(&mut self, store: StoreName, key: Key) -> wasmtime::Result<Result<(), Failure>> {
        let powers = self.enter("storage.delete")?;
        self.meter.hand_over(store.len() + key.len())?;
        let told = self.tell("storage.delete", || json!({ "store": store, "key": key }));
        let scripted = self.scripted_failure(told.as_ref())?;
        let ours = &self.put;
        let answer = async {
            let to = destination(&store, &key)?;
            if !ours.contains(&to) {
                return Err(fault::Failure::new(
                    &codes::storage::NOT_OURS,
                    format!("{to} was not written by this job"),
                )
                .into());
            }
            if let Some(failure) = scripted {
                return Err(failure);
            }
            powers.means.stores.get(&to.store).map_err(refused)?.delete(&to.key).await.map_err(refused)
        }
        .await;
        self.told(told, &answer);
        self.leave(answer)
    }
}
