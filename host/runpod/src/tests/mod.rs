//! The worker as the platform sees it: over HTTP, with a server that behaves or fails.

mod faults;
mod heartbeat;
mod test_worker;
mod worker;
