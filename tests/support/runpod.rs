//! RunPod's side of the worker protocol, on a port that the system chose, with faults that a test can order.

mod answer;
mod http;
mod state;
mod trace;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

pub use self::state::{Faults, Ping};
use self::state::{Shared, Trouble};
pub use self::trace::Request;

/// The key that every request has to carry.
pub const KEY: &str = "rpa_a_key_of_the_whole_program_tests";

/// The id of the only worker.
pub const WORKER: &str = "worker-1";

/// How the server behaves from its start on.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// How long a request for jobs, or for jobs to stop, is held open; nothing makes it answer at once.
    pub hold: Duration,
    /// How often the worker is to ping. The vendor's client rounds down to seconds.
    pub ping_interval: Duration,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { hold: Duration::from_secs(20), ping_interval: Duration::from_secs(1) }
    }
}

/// Where the server can be made to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// A job counts as handed out, but the answer that it is in has not been written yet.
    Handover,
    /// A progress post has been read, but neither kept nor answered yet.
    Progress,
}

/// The server; ends with its value.
#[derive(Debug)]
pub struct RunpodServer {
    address: SocketAddr,
    behaviour: Behaviour,
    shared: Arc<Shared>,
}

impl RunpodServer {
    /// A server that behaves.
    pub fn start() -> Self {
        Self::behaving(Behaviour::default())
    }

    /// A server that behaves otherwise.
    pub fn behaving(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let ours = Arc::clone(&shared);
        // One thread for every connection: most of them do nothing but wait.
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if ours.lock().over {
                    return;
                }
                let shared = Arc::clone(&ours);
                std::thread::spawn(move || answer::serve(connection, &shared, behaviour));
            }
        });
        Self { address, behaviour, shared }
    }

    /// What the platform puts into a worker's environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        let base = format!("http://{}/v2/endpoint-1", self.address);
        let gpu = "gpu=NVIDIA+L4";
        [
            ("RUNPOD_WEBHOOK_GET_JOB", format!("{base}/job-take/$ID?{gpu}")),
            ("RUNPOD_WEBHOOK_POST_OUTPUT", format!("{base}/job-done/$RUNPOD_POD_ID/$ID?{gpu}")),
            ("RUNPOD_WEBHOOK_POST_STREAM", format!("{base}/job-stream/$RUNPOD_POD_ID/$ID?{gpu}")),
            ("RUNPOD_WEBHOOK_PING", format!("{base}/ping/$RUNPOD_POD_ID?{gpu}")),
            ("RUNPOD_PING_INTERVAL", self.behaviour.ping_interval.as_millis().to_string()),
            ("RUNPOD_AI_API_KEY", KEY.to_owned()),
            ("RUNPOD_POD_ID", WORKER.to_owned()),
            ("RUNPOD_POD_HOSTNAME", "worker-1-host".to_owned()),
            ("RUNPOD_ENDPOINT_ID", "endpoint-1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Puts a job into the queue.
    pub fn queue(&self, id: &str, input: Value) {
        self.queue_raw(json!({ "id": id, "input": input, "delayTime": 7 }));
    }

    /// Puts several jobs into the queue at once, so that a batch can take them together.
    pub fn queue_all(&self, jobs: impl IntoIterator<Item = (String, Value)>) {
        let jobs: Vec<_> = jobs.into_iter().map(|(id, input)| json!({ "id": id, "input": input })).collect();
        self.shared.change(|state| state.queue.extend(jobs));
    }

    /// Puts something that need not be a job into the queue.
    pub fn queue_raw(&self, job: Value) {
        self.shared.change(|state| state.queue.push_back(job));
    }

    /// Hands out a job once more, as it was.
    #[track_caller]
    pub fn redeliver(&self, id: &str) {
        self.shared.change(|state| {
            let job = state.handed_out.iter().find(|job| job["id"] == id).expect("it was handed out before").clone();
            state.queue.push_back(job);
            state.faults.redelivered += 1;
        });
    }

    /// Calls a job off.
    pub fn stop(&self, id: &str) {
        self.shared.change(|state| state.to_stop.push(id.to_owned()));
    }

    /// Answers the next `count` requests for jobs with this status.
    pub fn fail_takes(&self, count: usize, status: u16) {
        self.shared.change(|state| state.take_trouble.extend(vec![Trouble::Status(status); count]));
    }

    /// Answers the next `count` results with this status. Progress is no result.
    pub fn fail_results(&self, count: usize, status: u16) {
        self.shared.change(|state| state.result_trouble.extend(vec![Trouble::Status(status); count]));
    }

    /// Closes the connection of the next `count` results without an answer.
    pub fn drop_results(&self, count: usize) {
        self.shared.change(|state| state.result_trouble.extend(vec![Trouble::Drop; count]));
    }

    /// Answers the next `count` pings with this status.
    pub fn fail_pings(&self, count: usize, status: u16) {
        self.shared.change(|state| state.ping_trouble.extend(vec![Trouble::Status(status); count]));
    }

    /// Refuses everything, requests that are held open as well, or ends that.
    pub fn down(&self, down: bool) {
        self.shared.change(|state| state.down = down);
    }

    /// Makes everything wait that comes to a gate.
    pub fn close(&self, gate: Gate) {
        self.shared.change(|state| state.closed.insert(gate));
    }

    /// Lets everything go on that waits at a gate.
    pub fn open(&self, gate: Gate) {
        self.shared.change(|state| state.closed.remove(&gate));
    }

    /// Returns once something waits at a gate.
    #[track_caller]
    pub fn wait_at(&self, gate: Gate, timeout: Duration) {
        let came = self.shared.wait(timeout, |state| state.waiting.contains(&gate).then_some(()));
        assert!(came.is_some(), "nothing came to {gate:?} in {timeout:?}");
    }

    /// A job's result, as soon as there is one.
    #[track_caller]
    pub fn wait_for_result(&self, id: &str, timeout: Duration) -> Value {
        let found = self.shared.wait(timeout, |state| state.results_of(id).first().cloned());
        found.unwrap_or_else(|| panic!("no result of {id} in {timeout:?}; requests: {:#?}", self.requests()))
    }

    /// Everything that was posted as a job's result so far: one at most, where the worker is right.
    pub fn results_of(&self, id: &str) -> Vec<Value> {
        self.shared.lock().results_of(id)
    }

    /// Everything that was posted of a job, progress and result, in the order in which it came.
    pub fn posts_of(&self, id: &str) -> Vec<Value> {
        self.shared.lock().posts_of(id)
    }

    /// What was posted as a job's progress so far.
    pub fn progress_of(&self, id: &str) -> Vec<Value> {
        let posts = self.posts_of(id);
        posts.into_iter().filter(|post| post["status"] == "IN_PROGRESS").map(|mut post| post["output"].take()).collect()
    }

    /// The pings so far.
    pub fn pings(&self) -> Vec<Ping> {
        self.shared.lock().pings.clone()
    }

    /// Returns once a ping has come for which `wanted` holds.
    #[track_caller]
    pub fn wait_for_ping(&self, timeout: Duration, wanted: impl Fn(&Ping) -> bool) -> Ping {
        let found = self.shared.wait(timeout, |state| state.pings.iter().find(|ping| wanted(ping)).cloned());
        found.unwrap_or_else(|| panic!("no such ping in {timeout:?}: {:#?}", self.pings()))
    }

    /// Every request so far, in the order in which they came.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// Returns once the requests fulfil a condition.
    #[track_caller]
    pub fn wait_for_requests(&self, timeout: Duration, enough: impl Fn(&[Request]) -> bool) {
        let came = self.shared.wait(timeout, |state| enough(&state.requests).then_some(()));
        assert!(came.is_some(), "not the wanted requests in {timeout:?}: {:#?}", self.requests());
    }

    /// Returns once the server has refused so many connections because it was down.
    #[track_caller]
    pub fn wait_for_refusals(&self, timeout: Duration, count: usize) {
        let came = self.shared.wait(timeout, |state| (state.faults.refused >= count).then_some(()));
        assert!(came.is_some(), "not {count} refusals in {timeout:?}: {:?}", self.faults());
    }

    /// The ids of the jobs that were handed out, in that order, each as often as it was.
    pub fn handed_out(&self) -> Vec<String> {
        let state = self.shared.lock();
        state.handed_out.iter().map(|job| job["id"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// How often each fault has struck.
    pub fn faults(&self) -> Faults {
        self.shared.lock().faults
    }
}

impl Drop for RunpodServer {
    fn drop(&mut self) {
        self.shared.change(|state| state.over = true);
        // Wakes up whoever waits for the next connection.
        let _ = TcpStream::connect(self.address);
    }
}
