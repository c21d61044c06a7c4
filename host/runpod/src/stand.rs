//! A worker at a server of its own, with jobs that do what their input says.

use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::runpod::{Behaviour, RunpodServer};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Ended, Endpoint, Handler, Job, Progress, Summary, Timing, Worker, WorkerError};

/// Longer than anything takes that is not broken.
pub const SOON: Duration = Duration::from_secs(20);

/// Waits that a test can wait for.
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
        result_patience: ms(15_000),
        progress: ms(5000),
        between_progress: ms(0),
        last_poll: ms(150),
        stopping: ms(500),
        unhealthy: ms(2000),
    }
}

/// How a test has a part in its jobs.
#[derive(Clone)]
pub struct Hands {
    /// Lets every held job go on.
    pub released: CancellationToken,
    /// Lets a job go on that shows progress.
    pub step: CancellationToken,
    /// What blocking jobs meet at.
    pub barrier: Arc<Barrier>,
    said: Arc<Mutex<mpsc::Sender<String>>>,
}

impl Hands {
    fn say(&self, what: &str) {
        let _ = self.said.lock().unwrap().send(what.to_owned());
    }
}

#[async_trait::async_trait]
impl Handler for Hands {
    async fn handle(&self, job: Job, progress: Box<dyn Progress>, stop: CancellationToken) -> Ended {
        self.say(&job.id);
        let released = |output: Value| async move {
            self.released.cancelled().await;
            Ended::Done(output)
        };
        match job.input["do"].as_str().unwrap() {
            "echo" => Ended::Done(job.input["value"].clone()),
            "fail" => Ended::Failed { error: job.input["error"].clone(), fresh_worker: false },
            "break" => Ended::Failed { error: json!({ "code": "gpu.lost" }), fresh_worker: true },
            "panic" => panic!("geheim"),
            "hold" => stop.run_until_cancelled(released(json!("held"))).await.unwrap_or(Ended::Stopped),
            // Doesn't mind being called off, and ends well all the same.
            "finish" => {
                stop.cancelled().await;
                Ended::Done(json!("too late"))
            }
            "ignore" => released(json!("ignored")).await,
            "show one" => {
                progress.show(json!(1));
                self.step.cancelled().await;
                self.say("shown");
                Ended::Done(json!("shown"))
            }
            "show many" => {
                progress.show(json!(0));
                self.step.cancelled().await;
                (1..=50).for_each(|percent| progress.show(json!(percent)));
                self.say("shown");
                released(json!("shown")).await
            }
            "block" => {
                self.barrier.wait();
                self.barrier.wait();
                Ended::Done(json!("blocked"))
            }
            other => panic!("no job does {other}"),
        }
    }
}

/// A runtime whose end waits for nothing: a job that ignores everything, or blocks, must not keep a test from failing.
struct Background(Option<Runtime>);

impl Background {
    fn runtime(&self) -> &Runtime {
        self.0.as_ref().unwrap()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A worker on a runtime of its own; the test is no part of it and may block.
pub struct Stand {
    pub server: RunpodServer,
    pub hands: Hands,
    pub drain: CancellationToken,
    said: mpsc::Receiver<String>,
    background: Background,
    worker: JoinHandle<Result<Summary, WorkerError>>,
}

/// How many threads every worker's runtime has.
pub const THREADS: usize = 2;

impl Stand {
    /// The usual worker at the usual server.
    pub fn new() -> Self {
        Self::with(1, quick())
    }

    /// With so many slots and these waits.
    pub fn with(slots: usize, timing: Timing) -> Self {
        Self::at(pinged_every(Duration::from_millis(50)), slots, timing, Duration::from_secs(15))
    }

    /// At this server, with this grace.
    pub fn at(server: RunpodServer, slots: usize, timing: Timing, grace: Duration) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().unwrap();
        let (say, said) = mpsc::channel();
        let hands = Hands {
            released: CancellationToken::new(),
            step: CancellationToken::new(),
            barrier: Arc::new(Barrier::new(THREADS + 1)),
            said: Arc::new(Mutex::new(say)),
        };
        let drain = CancellationToken::new();
        let worker = Worker::new(endpoint(&server), Arc::new(hands.clone()))
            .with_concurrency(slots)
            .with_grace(grace)
            .with_timing(timing);
        let background = Background(Some(runtime));
        let worker = background.runtime().spawn(worker.run(drain.clone()));
        Self { server, hands, drain, said, background, worker }
    }

    /// Queues a job that does this.
    pub fn queue(&self, id: &str, what: &str) {
        self.server.queue(id, json!({ "do": what, "value": id }));
    }

    /// The next thing that a job says; each says its id when it starts.
    #[track_caller]
    pub fn said(&self) -> String {
        self.said.recv_timeout(SOON).unwrap()
    }

    /// Queues a job that does this, and waits until it runs.
    #[track_caller]
    pub fn start(&self, id: &str, what: &str) {
        self.queue(id, what);
        assert_eq!(self.said(), id);
    }

    /// Returns after a while, in which a worker that does too much would have done it.
    #[track_caller]
    pub fn a_while(&self) {
        let now = Instant::now();
        self.server.wait_for_ping(SOON, |ping| ping.at > now + Duration::from_millis(300));
    }

    /// A job's result.
    #[track_caller]
    pub fn result(&self, id: &str) -> Value {
        self.server.wait_for_result(id, SOON)
    }

    /// The error in a job's result.
    #[track_caller]
    pub fn error(&self, id: &str) -> Value {
        serde_json::from_str(self.result(id)["error"].as_str().unwrap()).unwrap()
    }

    /// Tells the worker to go, and what it did.
    #[track_caller]
    pub fn drained(self) -> (RunpodServer, Summary) {
        self.drain.cancel();
        self.gone()
    }

    /// What the worker did, once it has gone.
    #[track_caller]
    pub fn gone(self) -> (RunpodServer, Summary) {
        let summary = self.background.runtime().block_on(async { tokio::time::timeout(SOON, self.worker).await });
        (self.server, summary.unwrap().unwrap().unwrap())
    }
}

/// The queue of a server.
pub fn endpoint(server: &RunpodServer) -> Endpoint {
    let environment = server.environment();
    let variable = |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    Endpoint::from_variables(variable).unwrap().unwrap()
}

/// A server whose worker is to ping this often.
pub fn pinged_every(interval: Duration) -> RunpodServer {
    RunpodServer::behaving(Behaviour { ping_interval: interval, ..Behaviour::default() })
}
