//! A receiver that takes nothing: the work is done all the same, and the message is kept.

use testkit::fixtures;
use testkit::platform::{Platform, Worker};
use testkit::receiver::Receiver;

use super::program;

fn outbox(platform: &Platform, arguments: &[&str]) -> (Option<i32>, String) {
    let gone = Worker::start(platform.command(program(), &[&["outbox"], arguments].concat())).wait();
    (gone.status.code(), gone.stdout + &gone.log)
}

#[test]
fn an_undelivered_message_is_kept_and_delivered_later() {
    // Gone is final, so that nothing is waited for; the first delivery from the outbox meets the same.
    let platform = Platform::with_receiver(Receiver::answering(&[410, 410]));
    let input = platform.upload(&fixtures::clip(320, 180, "25", 2.0), "video");
    platform.queue.queue("job-1", input);
    let worker = platform.worker(program());
    let result = platform.result("job-1");
    worker.stop();
    // Success stays success, and says what became of the message.
    assert_eq!(result["output"]["result"]["status"], "completed");
    let webhook = &result["output"]["report"]["webhook"];
    assert_eq!((webhook["delivered"].as_bool(), webhook["status"].as_u64()), (Some(false), Some(410)));
    let kept = webhook["kept"].as_str().unwrap();
    assert!(platform.media.object(kept).is_some());
    assert!(platform.readable().len() >= 3, "a message that was not delivered undid the publication");

    let (code, list) = outbox(&platform, &["list"]);
    assert!(code == Some(0) && list.contains("job-1") && list.contains("410"), "{list}");
    let (code, text) = outbox(&platform, &["deliver"]);
    assert!(code == Some(5) && text.contains("NOT delivered"), "{text}");
    assert!(platform.media.object(kept).is_some());
    let (code, text) = outbox(&platform, &["deliver"]);
    assert!(code == Some(0) && text.contains("delivered"), "{text}");
    assert!(platform.media.object(kept).is_none());

    let received = platform.receiver.received();
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|message| message.header("webhook-id") == received[0].header("webhook-id")));
    assert_eq!(received[2].verified()["status"], "completed");
    assert_eq!(outbox(&platform, &["list"]).1, "");
}

/// Its job is over meanwhile, and the next one is done.
#[test]
fn a_worker_delivers_the_outbox_beside_its_jobs() {
    let platform = Platform::with_receiver(Receiver::answering(&[503]));
    let clip = fixtures::clip(320, 180, "25", 2.0);
    let worker = platform.worker(program());
    platform.queue.queue("job-1", platform.upload(&clip, "video"));
    let webhook = platform.result("job-1")["output"]["report"]["webhook"].clone();
    assert_eq!((webhook["delivered"].as_bool(), webhook["attempts"].as_u64()), (Some(false), Some(1)));
    let list = outbox(&platform, &["list"]).1;
    assert!(list.contains("1 attempt, the next one"), "{list}");
    worker.logged(&["webhook delivered", r#""attempt":2"#]);
    worker.stop();
    assert_eq!(outbox(&platform, &["list"]).1, "");
    let received = platform.receiver.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
    assert_eq!(received[1].verified()["status"], "completed");
}

/// A receiver reads 200 as taken even where its answer complains; so do we, and the log has the complaint.
#[test]
fn a_received_message_can_be_checked_by_hand() {
    let platform = Platform::default();
    let input = platform.upload(&fixtures::clip(320, 180, "25", 2.0), "video");
    platform.queue.queue("job-1", input);
    let worker = platform.worker(program());
    platform.result("job-1");
    worker.stop();
    let message = platform.receiver.only();
    let body = platform.work().join("body.json");
    std::fs::write(&body, &message.body).unwrap();
    let check = |signature: &str| {
        let arguments = ["webhook", "verify", body.to_str().unwrap(), "--signature", signature];
        Worker::start(platform.command(program(), &arguments)).wait()
    };
    let good = check(message.header("x-runpod-signature"));
    assert!(good.status.success() && good.stdout.contains("right"), "{}", good.log);
    std::fs::write(&body, message.body.replace("completed", "failed   ")).unwrap();
    let forged = check(message.header("x-runpod-signature"));
    assert!(forged.status.code() == Some(2) && forged.log.contains("does not match"), "{}", forged.log);
}
