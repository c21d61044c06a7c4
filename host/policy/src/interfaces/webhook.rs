//! `webhook`: messages to the platform.

use contract::json::to_value;
use contract::v0_1::types::{Failure, Message};
use contract::v0_1::webhook::{Delivery, Event, Host};
use serde_json::json;

use crate::limits::Limit;
use crate::state::{HostCall, State};

impl Host for State {
    async fn deliver(&mut self, event: Event, message: Message) -> wasmtime::Result<Result<Delivery, Failure>> {
        let arguments = self.records().then(|| json!({ "event": to_value(&event), "message": to_value(&message) }));
        let call = HostCall {
            name: "webhook.deliver",
            bytes: message.body.len(),
            limit: Some((Limit::Message, message.body.len())),
            arguments: || arguments.unwrap_or_default(),
        };
        self.call(call, |context| Box::pin(async move { Ok(context.host.calls.deliver(event, message).await) })).await
    }
}
