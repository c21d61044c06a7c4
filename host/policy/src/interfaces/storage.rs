//! `storage`: small objects that the policy writes itself.

use contract::v0_1::convert::{destination, refused};
use contract::v0_1::storage::{Host, ObjectInfo};
use contract::v0_1::types::{Failure, Key, StoreName};
use fault::codes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::limits::Limit;
use crate::state::{HostCall, State};

impl Host for State {
    async fn head(&mut self, store: StoreName, key: Key) -> wasmtime::Result<Result<Option<ObjectInfo>, Failure>> {
        let to = destination(&store, &key);
        self.call(store_call("storage.head", &store, &key), |context| {
            Box::pin(async move {
                let checked = to.and_then(|to| context.host.may_read(&to).map(|()| to).map_err(refused));
                Ok(match checked {
                    Ok(to) => context.host.calls.head(to).await,
                    Err(failure) => Err(failure),
                })
            })
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
        let to = destination(&store, &key);
        let arguments = self.records().then(
            || json!({ "store": store, "key": key, "content-type": content_type, "content": fingerprint(&content) }),
        );
        let call = HostCall {
            name: "storage.put",
            bytes: store.len() + key.len() + content_type.len() + content.len(),
            limit: Some((Limit::Object, content.len())),
            arguments: || arguments.unwrap_or_default(),
        };
        self.call(call, |context| {
            Box::pin(async move {
                let checked = to.and_then(|to| context.host.may_write().check(&to).map(|()| to).map_err(refused));
                Ok(match checked {
                    Ok(to) => {
                        let written = context.host.calls.put(to.clone(), content_type, content).await;
                        if written.is_ok() {
                            context.guest.put.insert(to);
                        }
                        written
                    }
                    Err(failure) => Err(failure),
                })
            })
        })
        .await
    }

    async fn delete(&mut self, store: StoreName, key: Key) -> wasmtime::Result<Result<(), Failure>> {
        let to = destination(&store, &key);
        self.call(store_call("storage.delete", &store, &key), |context| {
            Box::pin(async move {
                Ok(match to {
                    Ok(to) if !context.guest.put.contains(&to) => {
                        let message = format!("{to} was not written by this job");
                        Err(fault::Failure::new(&codes::storage::NOT_OURS, message).into())
                    }
                    Ok(to) => context.host.calls.delete(to).await,
                    Err(failure) => Err(failure),
                })
            })
        })
        .await
    }
}

fn store_call<'a>(name: &'static str, store: &'a str, key: &'a str) -> HostCall<impl FnOnce() -> Value + use<'a>> {
    let bytes = store.len() + key.len();
    HostCall { name, bytes, limit: None, arguments: move || json!({ "store": store, "key": key }) }
}

/// Represents content in a recording: its length and its sha256.
pub fn fingerprint(content: &[u8]) -> Value {
    json!({ "bytes": content.len(), "sha256": hex::encode(Sha256::digest(content)) })
}
