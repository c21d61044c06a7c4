use std::ops::RangeInclusive;

use crate::powers::{Powers, RunningTranscode};

/// Passes a transcode's progress on as the job's until [`RunningTranscode::wait`] is due.
///
/// `share` is the part of the job's percents that the transcode has: with `10..=90`, half of it is 50.
pub fn follow<P: Powers>(powers: &P, transcode: &P::Transcode, step: &str, share: RangeInclusive<u32>) {
    let (from, to) = share.into_inner();
    let width = to.saturating_sub(from);
    while let Some(report) = transcode.progress() {
        powers.progress(step, from + width * report.percent.min(100) / 100);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{ScriptedHost, job, media_info};
    use crate::types::{MediaKind, Plan, Preference};

    #[test]
    fn a_transcode_has_its_share_of_the_jobs_percents() {
        let host = ScriptedHost::new(media_info(None, None)).with_progress(&[0, 50, 100, 250]);
        let job = job(MediaKind::Video);
        let source = host.open(&job.source.store, &job.source.key).unwrap();
        let plan = Plan { outputs: Vec::new(), loudness: None, prefer: Preference::Cpu, attributes: Vec::new() };
        follow(&host, &host.start(&source, &plan).unwrap(), "encoding", 10..=90);
        let percents: Vec<_> = host.steps().into_iter().map(|(_, percent)| percent).collect();
        assert_eq!(percents, [10, 50, 90, 90]);
    }
}
