use crate::powers::Powers;
use crate::types::{Delivery, Event, Level, Message};

/// Sends the message of a job that is done. What can't be delivered is a warning and no failure: the work is done and
/// published all the same, and the host keeps the message.
pub fn tell<P: Powers>(powers: &P, message: &Message) {
    match powers.deliver(Event::Completed, message) {
        Ok(Delivery { delivered: true, .. }) => {}
        Ok(Delivery { attempts: 0, .. }) => powers.log(Level::Info, "the webhook was not sent", &[]),
        Ok(Delivery { attempts, status, .. }) => {
            // No answer at all is logged as status 0, which no server sends.
            let (attempts, status) = (attempts.to_string(), u32::from(status.unwrap_or(0)).to_string());
            let fields = [("attempts", attempts.as_str()), ("status", status.as_str())];
            powers.log(Level::Warn, "the webhook could not be delivered", &fields);
        }
        Err(failure) => {
            let fields = [("code", failure.code.as_str()), ("reason", failure.message.as_str())];
            powers.log(Level::Warn, "the webhook could not be delivered", &fields);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{ScriptedHost, media_info};
    use crate::types::{Blame, Failure, SignatureScheme};

    /// The levels that are logged when this comes of a message.
    fn logged(delivery: Result<Delivery, Failure>) -> Vec<Level> {
        let host = ScriptedHost::new(media_info(None, None)).delivery(delivery);
        let message = Message { body: "{}".into(), signature: SignatureScheme::Body };
        tell(&host, &message);
        assert_eq!(host.messages(), [(Event::Completed, message)]);
        host.logged().into_iter().map(|(level, _)| level).collect()
    }

    #[test]
    fn only_a_message_that_was_tried_and_not_delivered_is_worth_a_warning() {
        let delivery = |delivered, attempts| Ok(Delivery { delivered, attempts, status: None });
        assert_eq!(logged(delivery(true, 2)), []);
        assert_eq!(logged(delivery(false, 0)), [Level::Info]);
        assert_eq!(logged(delivery(false, 5)), [Level::Warn]);
        let unusable = Failure {
            code: "webhook.body-not-json".into(),
            blame: Blame::Policy,
            message: "It is not JSON.".into(),
            retryable: false,
        };
        assert_eq!(logged(Err(unusable)), [Level::Warn]);
    }
}
