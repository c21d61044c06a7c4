//! Which failed jobs are sent again.

use std::collections::BTreeMap;

use fault::Blame;
use job::{EndedJob, Subject};
use serde_json::{Value, json};

/// Most jobs that are sent again at once.
const MAX_JOBS: usize = 10_000;

/// Which failures count.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub since: u64,
    pub until: u64,
    /// Empty: every code whose failure was not the upload's own fault.
    pub codes: Vec<String>,
}

/// Looks at every job since the span began, in the order of their ends: the last word about a media item decides.
#[derive(Debug, Default)]
pub struct Selection {
    latest: BTreeMap<Subject, EndedJob>,
    skipped: BTreeMap<&'static str, u64>,
    /// Whether there were more than can be sent at once.
    pub is_too_large: bool,
}

const PUBLISHED: &str = "published since";
const TRIED: &str = "tried again since";
const SENT: &str = "sent again already";
const NO_INPUT: &str = "without an input on record";

impl Wanted {
    fn includes(&self, ended: &EndedJob) -> bool {
        let Some(failure) = &ended.failure else { return false };
        let code_fits = if self.codes.is_empty() {
            failure.blame != Blame::Upload.to_string()
        } else {
            self.codes.contains(&failure.code)
        };
        code_fits && (self.since..self.until).contains(&ended.ended_at)
    }
}

impl Selection {
    pub fn look_at(&mut self, wanted: &Wanted, ended: EndedJob) {
        let is_wanted = wanted.includes(&ended);
        let reason = if ended.failure.is_none() { PUBLISHED } else { TRIED };
        let Some(subject) = ended.subject.clone() else {
            return self.skip_if(is_wanted, NO_INPUT);
        };
        if self.latest.remove(&subject).is_some() {
            self.skip_if(true, reason);
        }
        if !is_wanted {
            return;
        }
        if ended.retried.is_some() {
            self.skip_if(true, SENT);
        } else if ended.input.is_none() {
            self.skip_if(true, NO_INPUT);
        } else if self.latest.len() < MAX_JOBS {
            self.latest.insert(subject, ended);
        } else {
            self.is_too_large = true;
        }
    }

    fn skip_if(&mut self, condition: bool, reason: &'static str) {
        if condition {
            *self.skipped.entry(reason).or_default() += 1;
        }
    }

    /// Oldest first.
    pub fn into_jobs(self) -> (Vec<EndedJob>, Skipped) {
        let mut jobs: Vec<EndedJob> = self.latest.into_values().collect();
        jobs.sort_by_key(|ended| ended.ended_at);
        (jobs, Skipped(self.skipped))
    }
}

/// How many failed jobs are not sent again, by reason.
#[derive(Debug)]
pub struct Skipped(BTreeMap<&'static str, u64>);

impl Skipped {
    pub fn to_json(&self) -> Value {
        json!(self.0)
    }

    /// `None` if there are none.
    pub fn sentence(&self) -> Option<String> {
        let parts: Vec<String> = self.0.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        (!parts.is_empty()).then(|| format!("not sent again: {}", parts.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use fault::{Code, Failure, codes};
    use job::Retried;
    use job::report::JobReport;

    use super::*;

    fn ended(media: &str, at: u64, code: Option<&'static Code>) -> EndedJob {
        let report = JobReport { job: format!("{media}-{at}"), ..JobReport::default() };
        let subject = Subject { creator: "u1".into(), media: media.into() };
        let failure = code.map(|code| Failure::new(code, "it failed"));
        let input = json!({ "mediaId": media });
        let mut ended = EndedJob::new(&report, Some(subject), failure.as_ref(), input);
        ended.ended_at = at;
        ended
    }

    fn selected(codes: &[&str], all: Vec<EndedJob>) -> (Vec<String>, String) {
        let wanted = Wanted { since: 100, until: 200, codes: codes.iter().map(|&code| code.to_owned()).collect() };
        let mut selection = Selection::default();
        all.into_iter().for_each(|ended| selection.look_at(&wanted, ended));
        let (jobs, skipped) = selection.into_jobs();
        (jobs.into_iter().map(|ended| ended.job).collect(), skipped.sentence().unwrap_or_default())
    }

    const DOWN: Option<&Code> = Some(&codes::storage::UNAVAILABLE);

    #[test]
    fn what_was_published_since_is_never_sent_again() {
        let (jobs, skipped) = selected(&[], vec![ended("a", 110, DOWN), ended("b", 120, DOWN), ended("a", 900, None)]);
        assert_eq!((jobs, skipped.as_str()), (vec!["b-120".to_owned()], "not sent again: 1 published since"));
        let (jobs, _) = selected(&[], vec![ended("a", 110, None), ended("a", 120, DOWN)]);
        assert_eq!(jobs, ["a-120"], "it was published before, and not since");
    }

    #[test]
    fn the_last_failure_of_a_media_item_decides() {
        let (jobs, skipped) = selected(&[], vec![ended("a", 110, DOWN), ended("a", 120, DOWN)]);
        assert_eq!((jobs, skipped.as_str()), (vec!["a-120".to_owned()], "not sent again: 1 tried again since"));
        assert!(selected(&[], vec![ended("a", 110, DOWN), ended("a", 300, DOWN)]).0.is_empty(), "outside of the span");
        assert!(
            selected(&[], vec![ended("a", 110, DOWN), ended("a", 120, Some(&codes::upload::TRUNCATED))]).0.is_empty()
        );
    }

    #[test]
    fn the_uploads_own_faults_are_sent_again_only_by_name() {
        let all = || vec![ended("a", 110, DOWN), ended("b", 120, Some(&codes::upload::TRUNCATED))];
        assert_eq!(selected(&[], all()).0, ["a-110"]);
        assert_eq!(selected(&["upload.truncated"], all()).0, ["b-120"]);
    }

    #[test]
    fn what_was_sent_again_or_has_no_input_is_left() {
        let [mut sent, mut empty, mut unknown] = ["a", "b", "c"].map(|media| ended(media, 110, DOWN));
        sent.retried = Some(Retried { at: 130, job: "x".into() });
        empty.input = None;
        unknown.subject = None;
        let (jobs, skipped) = selected(&[], vec![sent, empty, unknown]);
        assert!(jobs.is_empty());
        assert_eq!(skipped, "not sent again: 1 sent again already, 2 without an input on record");
    }
}
