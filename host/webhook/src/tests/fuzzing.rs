//! Fuzz targets of webhooks: where a job wants them sent, and what the outbox holds.

use std::net::IpAddr;

use crate::{Message, PendingMessage, UrlRules, is_this_machine};

/// Production sends only by https, to a public name on its list, without credentials.
pub fn webhook_url(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(accepted) = UrlRules::PRODUCTION.check(&text) {
        let url = accepted.as_url();
        assert_eq!(url.scheme(), "https");
        assert!(url.username().is_empty() && url.password().is_none());
        let host = accepted.host().trim_end_matches('.');
        assert!(!host.is_empty() && !is_this_machine(host));
        assert!(host.trim_matches(['[', ']']).parse::<IpAddr>().is_err());
        assert_eq!(UrlRules::PRODUCTION.check(url.as_str()).ok(), Some(accepted.clone()));
    }
    let listed = UrlRules::PRODUCTION.with_hosts(["hooks.example.com", "*.example.org"]);
    if let Ok(accepted) = listed.check(&text) {
        let host = accepted.host().trim_end_matches('.');
        assert!(host == "hooks.example.com" || host.ends_with(".example.org"), "{host}");
    }
    if let Ok(accepted) = UrlRules::LOCAL.check(&text)
        && accepted.as_url().scheme() == "http"
    {
        assert!(is_this_machine(accepted.host().trim_end_matches('.')));
    }
}

/// A stored message is sent only within the bounds of a new one, and is stored again as it was.
pub fn outbox_message(bytes: &[u8]) {
    let Ok(pending) = serde_json::from_slice::<PendingMessage>(bytes) else { return };
    let stored = serde_json::to_value(&pending).ok();
    let again = stored.clone().and_then(|stored| serde_json::from_value::<PendingMessage>(stored).ok());
    assert_eq!(again.and_then(|again| serde_json::to_value(again).ok()), stored);
    if let Ok((to, message)) = pending.check(&UrlRules::PRODUCTION) {
        assert_eq!(to.as_url().scheme(), "https");
        assert_eq!(message.body, pending.body);
        assert!(message.body.len() <= Message::MAX_BYTES);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn urls_of_any_bytes() {
        fuzz_smoke::run("webhook_url", super::webhook_url);
    }

    #[test]
    fn stored_messages_of_any_bytes() {
        fuzz_smoke::run("outbox_message", super::outbox_message);
    }
}
