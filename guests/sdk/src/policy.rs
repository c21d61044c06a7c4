use crate::api::HostApi;
use crate::types::*;

/// A policy's decisions, one function for each export of the contract.
///
/// Every function but [`Policy::run`] is pure: it sees only its arguments, so tools can call it without a job.
/// `settings` is the JSON object that [`Policy::validate`] accepted. Only `validate` itself sees unchecked settings,
/// and tools may pass any.
pub trait Policy {
    /// Everything that is wrong with the settings. Called once, when the policy is loaded.
    fn validate(settings: &str) -> Result<(), Vec<Problem>>;

    /// The renditions of a source, or why it is refused.
    fn select(
        job: &Job,
        info: &MediaInfo,
        encoders: &[VideoEncoder],
        settings: &str,
    ) -> Result<Vec<Rendition>, Refusal>;

    /// The store and key of an asset.
    fn key_for(job: &Job, asset: &Asset, settings: &str) -> Destination;

    /// The webhook message for a job that is done.
    fn completed(job: &Job, info: &MediaInfo, report: &Report, settings: &str) -> Message;

    /// The webhook message for a job that has failed for good.
    fn failed(job: &Job, failure: &Failure, settings: &str) -> Message;

    /// The webhook message for a step on the way. `None`, the default, sends nothing.
    fn progress(_job: &Job, _step: &str, _percent: u32, _settings: &str) -> Option<Message> {
        None
    }

    /// Runs one job. Called once per attempt, in an instance of its own.
    fn run<H: HostApi>(host: &H, job: &Job) -> Result<Outcome, Failure>;
}
