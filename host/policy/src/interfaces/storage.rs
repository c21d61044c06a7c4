//! `storage`: small objects that the policy writes itself.

use contract::v0_1::convert::{destination, refused};
use contract::v0_1::storage::{Host, ObjectInfo};
use contract::v0_1::types::{Failure, Key, StoreName};
use fault::codes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::limits::Limit;
use crate::state::State;

impl Host for State {
    async fn head(&mut self, store: StoreName, key: Key) -> wasmtime::Result<Result<Option<ObjectInfo>, Failure>> {
        let arguments = || json!({ "store": store, "key": key });
        let call = self.host_call("storage.head", store.len() + key.len(), arguments);
        self.call(call, async |context| {
            let object = destination(&store, &key)?;
            context.host.may_read(&object).map_err(refused)?;
            context.host.calls.head(object).await
        })
        .await
    }

    async fn put(
        &mut self,
        store: StoreName,
        key: Key,
        content_type: String,
        content: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Failure>> {
        let bytes = store.len() + key.len() + content_type.len() + content.len();
        let arguments =
            || json!({ "store": store, "key": key, "content-type": content_type, "content": fingerprint(&content) });
        let call = self.host_call("storage.put", bytes, arguments).limited(Limit::Object, content.len());
        self.call(call, async |context| {
            let object = destination(&store, &key)?;
            context.host.may_write().check(&object).map_err(refused)?;
            context.host.calls.put(object.clone(), content_type, content).await?;
            context.guest.put.insert(object);
            Ok(())
        })
        .await
    }

    async fn delete(&mut self, store: StoreName, key: Key) -> wasmtime::Result<Result<(), Failure>> {
        let arguments = || json!({ "store": store, "key": key });
        let call = self.host_call("storage.delete", store.len() + key.len(), arguments);
        self.call(call, async |context| {
            let object = destination(&store, &key)?;
            if !context.guest.put.contains(&object) {
                let message = format!("{object} was not written by this job");
                return Err(fault::Failure::new(&codes::storage::NOT_OURS, message).into());
            }
            context.host.calls.delete(object).await
        })
        .await
    }
}

/// Represents content in a recording: its length and its sha256.
pub fn fingerprint(content: &[u8]) -> Value {
    json!({ "bytes": content.len(), "sha256": hex::encode(Sha256::digest(content)) })
}
