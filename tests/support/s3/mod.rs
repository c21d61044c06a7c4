//! A store that speaks S3, in this process: real requests with real signatures, and faults where a test wants them.

mod cut;
mod fault;
mod front;
mod personality;
mod shelf;
mod store;
mod wire;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

pub use fault::Fault;
pub use front::Asked;
use front::Front;
pub use personality::Personality;
use shelf::Object;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The bucket that there is.
pub const BUCKET: &str = "media";
/// The public half of the only pair of keys.
pub const ACCESS_KEY_ID: &str = "TESTKEY";
/// The other half.
pub const SECRET_ACCESS_KEY: &str = "a-secret-of-the-tests";

/// A server on a port that the system chose, on a thread of its own. It ends when it is dropped.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    front: Arc<Front>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl S3Server {
    /// With one empty bucket.
    pub fn start(personality: Personality) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let front = Arc::new(Front::new(personality, &[BUCKET]));
        let (stop, stopped) = oneshot::channel();
        let behind = Arc::clone(&front);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = wire::accept(listener, Arc::clone(&behind), behind.service()) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Self { address, front, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it listens; path style.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Another bucket.
    pub fn create_bucket(&self, bucket: &str) {
        self.front.shelf.create_bucket(bucket);
    }

    /// What is in an object of `BUCKET`.
    pub fn object(&self, key: &str) -> Option<Vec<u8>> {
        self.found(key).map(|object| object.bytes.to_vec())
    }

    /// Writes an object past the protocol.
    pub fn put_object(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.front.shelf.place(BUCKET, key, Object::new(bytes.into().into()));
    }

    /// Removes an object past the protocol.
    pub fn remove_object(&self, key: &str) {
        self.front.shelf.remove(BUCKET, key);
    }

    /// Makes every object of `BUCKET` older, as if so much time had gone by.
    pub fn age(&self, by: Duration) {
        self.front.shelf.age(BUCKET, by);
    }

    /// The names of all objects of `BUCKET`, in order.
    pub fn keys(&self) -> Vec<String> {
        self.front.shelf.keys(BUCKET)
    }

    /// The media type that an object was written with.
    pub fn content_type(&self, key: &str) -> Option<String> {
        self.found(key)?.content_type
    }

    /// The Cache-Control that an object was written with.
    pub fn cache_control(&self, key: &str) -> Option<String> {
        self.found(key)?.cache_control
    }

    /// The notes that are kept with an object, by their names without `x-amz-meta-`.
    pub fn metadata(&self, key: &str) -> BTreeMap<String, String> {
        self.found(key).map(|object| object.metadata.into_iter().collect()).unwrap_or_default()
    }

    /// Multipart uploads that are neither completed nor aborted.
    pub fn uploads_in_progress(&self) -> usize {
        self.front.shelf.uploads(BUCKET)
    }

    /// All requests so far, in order of their arrival.
    pub fn requests(&self) -> Vec<Asked> {
        self.front.requests()
    }

    /// The requests that have all these words in `METHOD /path?query`.
    pub fn requests_for(&self, words: &str) -> Vec<Asked> {
        self.requests().into_iter().filter(|asked| asked.matches(words)).collect()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.front.forget_requests();
    }

    /// Blocks until something holds that requests bring about; asserts that this happens soon.
    #[track_caller]
    pub fn wait_until(&self, mut holds: impl FnMut(&Self) -> bool) {
        let held = self.front.wait_until(Duration::from_secs(20), || holds(self));
        assert!(held, "it didn't come to that; requests: {:#?}", self.requests());
    }

    /// Makes the next `times` requests fail that have all these words in `METHOD /path?query`.
    pub fn fail(&self, fault: Fault, words: &str, times: usize) {
        self.front.faults.add(fault, words, times);
    }

    /// Answers every nth request with 503 SlowDown; none ends that.
    pub fn slow_down_every(&self, nth: Option<usize>) {
        self.front.faults.slow_down_every(nth);
    }

    /// Faults that happened. A test that injects some asserts that this is above zero.
    pub fn injected(&self) -> usize {
        self.front.faults.injected()
    }

    /// Drops every connection without an answer, until it is up again.
    pub fn down(&self, down: bool) {
        self.front.faults.down(down);
    }

    /// How long R2's `one write per key` lasts here: the real second would make tests slow.
    pub fn rewrite_window(&self, window: Duration) {
        self.front.rewrite_window(window);
    }

    /// The most bytes per second, each way, over all connections together; none lifts it.
    pub fn throttle(&self, bytes_per_second: Option<u64>) {
        self.front.link.throttle(bytes_per_second);
    }

    fn found(&self, key: &str) -> Option<Object> {
        self.front.shelf.get(BUCKET, key)
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
