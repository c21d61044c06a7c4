//! `webhook`: messages to the platform.

use contract::json::to_value;
use contract::v0_1::types::{Failure, Message};
use contract::v0_1::webhook::{Delivery, Event, Host};
use serde_json::json;

use crate::limits::Limit;
use crate::state::State;

impl Host for State {
    async fn deliver(&mut self, event: Event, message: Message) -> wasmtime::Result<Result<Delivery, Failure>> {
        let size = message.body.len();
        let arguments = || json!({ "event": to_value(&event), "message": to_value(&message) });
        let call = self.host_call("webhook.deliver", size, arguments).limited(Limit::Message, size);
        self.call(call, async |context| context.host.calls.deliver(event, message).await).await
    }
}
