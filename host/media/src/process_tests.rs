use super::*;

fn shell() -> Tool {
    Tool::new("/bin/sh".into(), Duration::from_secs(20))
}

#[tokio::test]
async fn the_error_of_a_failed_process_has_its_status_and_its_last_lines() {
    let script = Arguments::new().pair("-c", "echo first >&2; echo the reason >&2; exit 3");
    let error = shell().capture(&script, Path::new("/"), &CancellationToken::new(), 10).await.unwrap_err();
    assert!(error.to_string().contains("exit status: 3") && error.to_string().contains("the reason"), "{error}");
}

#[tokio::test]
async fn output_beyond_the_limit_is_dropped_and_the_process_still_ends() {
    let script = Arguments::new().pair("-c", "head -c 1000000 /dev/zero");
    let (kept, _) = shell().capture(&script, Path::new("/"), &CancellationToken::new(), 100).await.unwrap();
    assert_eq!(kept.len(), 100);
}

#[tokio::test]
async fn a_process_without_output_is_ended_after_the_stall_limit() {
    let tool = Tool::new("/bin/sh".into(), Duration::from_millis(50));
    let script = Arguments::new().pair("-c", "sleep 600");
    let error = tool.capture(&script, Path::new("/"), &CancellationToken::new(), 10).await.unwrap_err();
    assert!(matches!(error, ProcessError::Stalled { .. }), "{error}");
}

#[tokio::test]
async fn a_process_that_goes_on_for_too_long_is_ended() {
    let tool = shell().within(Budget { wall: Duration::from_millis(50), ..Budget::of_cpu(60) });
    let script = Arguments::new().pair("-c", "while :; do echo more; done");
    let error = tool.capture(&script, Path::new("/"), &CancellationToken::new(), 10).await.unwrap_err();
    assert!(matches!(error, ProcessError::TooSlow { .. }), "{error}");
}

#[tokio::test]
async fn a_process_that_uses_more_memory_than_it_may_is_ended() {
    let tool = shell().within(Budget::of_cpu(60).with_memory(50 << 20));
    let script = Arguments::new().pair("-c", "ulimit -v 1000000; exec tail /dev/zero");
    let error = tool.capture(&script, Path::new("/"), &CancellationToken::new(), 10).await.unwrap_err();
    assert!(matches!(error, ProcessError::OverBudget { .. }) && error.to_string().contains("50 MiB"), "{error}");
}

#[tokio::test]
async fn processor_time_is_added_up() {
    let (time, cancel) = (ProcessorTime::default(), CancellationToken::new());
    let script = Arguments::new().pair("-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done");
    for _ in 0..2 {
        let before = time.total();
        shell().counted(&time).capture(&script, Path::new("/"), &cancel, 10).await.unwrap();
        assert!(time.total() > before, "{before:?}");
    }
}

#[tokio::test]
async fn cancelling_ends_the_whole_group() {
    let folder = tempfile::tempdir().unwrap();
    let cancel = CancellationToken::new();
    // A grandchild prints its id, then the job is cancelled.
    let script = Arguments::new().pair("-c", "sleep 600 & echo $!; wait");
    let mut grandchild = String::new();
    let stop = cancel.clone();
    let error = shell()
        .stream(&script, folder.path(), &cancel, |piece| {
            grandchild.push_str(&String::from_utf8_lossy(piece));
            stop.cancel();
        })
        .await
        .unwrap_err();
    assert!(matches!(error, ProcessError::Cancelled), "{error}");
    // Killed, but the system takes its own time to remove it.
    let gone = || {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", grandchild.trim()));
        status.map_or(true, |stat| stat.contains(") Z") || stat.contains(") X"))
    };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !gone() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(gone(), "the grandchild {} outlived the job", grandchild.trim());
}
