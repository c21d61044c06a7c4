//! A worker with a server of its own. Its jobs do what their input says.

use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use fault::Failure;
use serde_json::{Value, json};
use testkit::runpod::{Behaviour, RunpodServer};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{Endpoint, Handler, Job, JobResult, Progress, Timing, Worker, WorkerSummary};

/// Longer than anything takes unless it is broken.
pub const SOON: Duration = Duration::from_secs(20);

/// Timing that is short enough for tests.
pub fn quick() -> Timing {
    let ms = Duration::from_millis;
    Timing {
        connect: ms(2000),
        poll: ms(15_000),
        between_polls: ms(20),
        busy: ms(100),
        first_retry: ms(10),
        last_retry: ms(50),
        result: ms(5000),
        result_deadline: ms(15_000),
        progress: ms(5000),
        between_progress: ms(0),
        last_poll: ms(150),
        stopping: ms(500),
        unhealthy: ms(2000),
    }
}

/// Runs jobs under the control of the test.
#[derive(Clone)]
pub struct ScriptedHandler {
    /// Releases every held job.
    pub released: CancellationToken,
    /// Lets a job that reports progress continue.
    pub step: CancellationToken,
    /// Where blocking jobs wait.
    pub barrier: Arc<Barrier>,
    reports: Arc<Mutex<mpsc::Sender<String>>>,
}

impl ScriptedHandler {
    fn report(&self, what: &str) {
        let _ = self.reports.lock().unwrap().send(what.to_owned());
    }
}

#[async_trait::async_trait]
impl Handler for ScriptedHandler {
    async fn handle(&self, job: Job, progress: Progress, stop: CancellationToken) -> JobResult {
        self.report(&job.id);
        let released = |output: Value| async move {
            self.released.cancelled().await;
            JobResult::Done(output)
        };
        match job.input["do"].as_str().unwrap() {
            "echo" => JobResult::Done(job.input["value"].clone()),
            "fail" => JobResult::Failed { error: job.input["error"].clone(), fresh_worker: false },
            "break" => JobResult::Failed { error: json!({ "code": "gpu.lost" }), fresh_worker: true },
            "panic" => panic!("geheim"),
            "hold" => stop.run_until_cancelled(released(json!("held"))).await.unwrap_or(JobResult::Stopped),
            // Ignores the cancellation and succeeds.
            "finish" => {
                stop.cancelled().await;
                JobResult::Done(json!("too late"))
            }
            "ignore" => released(json!("ignored")).await,
            "report once" => {
                progress(json!(1));
                self.step.cancelled().await;
                self.report("reported");
                JobResult::Done(json!("reported"))
            }
            "report often" => {
                progress(json!(0));
                self.step.cancelled().await;
                (1..=50).for_each(|percent| progress(json!(percent)));
                self.report("reported");
                released(json!("reported")).await
            }
            "block" => {
                self.barrier.wait();
                self.barrier.wait();
                JobResult::Done(json!("blocked"))
            }
            other => panic!("unknown job {other}"),
        }
    }
}

/// A runtime that shuts down without waiting: a job that blocks must not keep a test from failing.
struct TestRuntime(Option<Runtime>);

impl TestRuntime {
    fn runtime(&self) -> &Runtime {
        self.0.as_ref().unwrap()
    }
}

impl Drop for TestRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A worker on a runtime of its own, so the test itself may block.
pub struct TestWorker {
    pub server: RunpodServer,
    pub handler: ScriptedHandler,
    pub drain: CancellationToken,
    reports: mpsc::Receiver<String>,
    runtime: TestRuntime,
    worker: JoinHandle<Result<WorkerSummary, Failure>>,
}

/// Threads of every worker's runtime.
pub const THREADS: usize = 2;

impl TestWorker {
    /// The default worker and server.
    pub fn new() -> Self {
        Self::with(1, quick())
    }

    pub fn with(slots: usize, timing: Timing) -> Self {
        Self::at(pinged_every(Duration::from_millis(50)), slots, timing, Duration::from_secs(15))
    }

    pub fn at(server: RunpodServer, slots: usize, timing: Timing, grace: Duration) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().unwrap();
        let (sender, reports) = mpsc::channel();
        let handler = ScriptedHandler {
            released: CancellationToken::new(),
            step: CancellationToken::new(),
            barrier: Arc::new(Barrier::new(THREADS + 1)),
            reports: Arc::new(Mutex::new(sender)),
        };
        let drain = CancellationToken::new();
        let worker = Worker::new(endpoint(&server), Arc::new(handler.clone()));
        let worker = Worker { concurrency: slots, grace, timing, ..worker };
        let runtime = TestRuntime(Some(runtime));
        let worker = runtime.runtime().spawn(worker.run(drain.clone()));
        Self { server, handler, drain, reports, runtime, worker }
    }

    /// Queues a job that does `what`.
    pub fn queue(&self, id: &str, what: &str) {
        self.server.queue(id, json!({ "do": what, "value": id }));
    }

    /// The next report of a job. Every job reports its id when it starts.
    #[track_caller]
    pub fn next_report(&self) -> String {
        self.reports.recv_timeout(SOON).unwrap()
    }

    /// Queues a job that does `what`, and waits until it runs.
    #[track_caller]
    pub fn start(&self, id: &str, what: &str) {
        self.queue(id, what);
        assert_eq!(self.next_report(), id);
    }

    /// Waits long enough for a wrong worker to do something that it should not.
    #[track_caller]
    pub fn wait_a_moment(&self) {
        let now = Instant::now();
        self.server.wait_for_ping(SOON, |ping| ping.at > now + Duration::from_millis(300));
    }

    #[track_caller]
    pub fn result(&self, id: &str) -> Value {
        self.server.wait_for_result(id, SOON)
    }

    #[track_caller]
    pub fn error(&self, id: &str) -> Value {
        serde_json::from_str(self.result(id)["error"].as_str().unwrap()).unwrap()
    }

    /// Shuts the worker down.
    #[track_caller]
    pub fn shut_down(self) -> (RunpodServer, WorkerSummary) {
        self.drain.cancel();
        self.join()
    }

    /// Waits until the worker has ended.
    #[track_caller]
    pub fn join(self) -> (RunpodServer, WorkerSummary) {
        let summary = self.runtime.runtime().block_on(async { tokio::time::timeout(SOON, self.worker).await });
        (self.server, summary.unwrap().unwrap().unwrap())
    }
}

pub fn endpoint(server: &RunpodServer) -> Endpoint {
    let environment = server.environment();
    let variable = |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    Endpoint::from_variables(variable).unwrap().unwrap()
}

/// A server that asks for heartbeats at this interval.
pub fn pinged_every(interval: Duration) -> RunpodServer {
    RunpodServer::behaving(Behaviour { ping_interval: interval, ..Behaviour::default() })
}
