use crate::powers::Powers;
use crate::types::{
    Asset, Destination, Failure, Job, MediaInfo, Message, Outcome, Problem, Refusal, Rendition, Report, VideoEncoder,
};

/// A policy's decisions, one function for each export of the contract.
///
/// All but [`Policy::run`] are pure: they see their arguments and nothing else, so that a tool can call them without a
/// job. `settings` is always the JSON object that [`Policy::validate`] accepted, except in `validate` itself and
/// wherever such a tool passes something else.
pub trait Policy {
    /// What is wrong with the settings. Called once when the policy is loaded.
    fn validate(settings: &str) -> Result<(), Vec<Problem>>;

    /// The renditions that a source gets, or why it gets none.
    fn select(info: &MediaInfo, encoders: &[VideoEncoder], settings: &str) -> Result<Vec<Rendition>, Refusal>;

    /// Where an asset goes.
    fn key_for(job: &Job, asset: &Asset, settings: &str) -> Destination;

    /// What the platform is told of a job that is done.
    fn completed(job: &Job, info: &MediaInfo, report: &Report, settings: &str) -> Message;

    /// What the platform is told of a job that failed for good.
    fn failed(job: &Job, failure: &Failure, settings: &str) -> Message;

    /// What the platform is told on the way; nothing unless a policy says otherwise.
    fn progress(_job: &Job, _step: &str, _percent: u32, _settings: &str) -> Option<Message> {
        None
    }

    /// The job itself, in an instance of its own.
    fn run<P: Powers>(powers: &P, job: &Job) -> Result<Outcome, Failure>;
}
