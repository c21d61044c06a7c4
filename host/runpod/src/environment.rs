//! The environment variables that the platform sets for a worker.

use std::fmt;
use std::time::Duration;

use fault::{Failure, codes};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use reqwest::header::HeaderValue;

/// If this variable is set, the process is a worker of the platform.
const TAKE: &str = "RUNPOD_WEBHOOK_GET_JOB";
const RESULT: &str = "RUNPOD_WEBHOOK_POST_OUTPUT";
const PING: &str = "RUNPOD_WEBHOOK_PING";
const INTERVAL: &str = "RUNPOD_PING_INTERVAL";
const KEY: &str = "RUNPOD_AI_API_KEY";
const WORKER: &str = "RUNPOD_POD_ID";
const HOSTNAME: &str = "RUNPOD_POD_HOSTNAME";

/// The interval between heartbeats if the platform sets none.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// The placeholder for the job's id. In the URL for taking jobs, it stands for the worker's id.
const ID: &str = "$ID";
/// The placeholder for the worker's id in the other URLs.
const POD_ID: &str = "$RUNPOD_POD_ID";

/// The part of the URL for taking jobs that is replaced to get the URLs for batches and for stopped jobs.
const TAKE_PART: &str = "/job-take/";

/// One of the platform's queues, and this worker's identity in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    take: Url,
    /// Contains `$ID`.
    result: String,
    /// The URL for heartbeats.
    pub(crate) ping: Option<Url>,
    pub(crate) ping_interval: Duration,
    /// What authorises every request. It is never printed.
    pub(crate) key: Option<HeaderValue>,
    /// This worker's id.
    pub(crate) worker: String,
    /// The machine's name, for error reports.
    pub(crate) hostname: String,
}

impl Endpoint {
    /// Reads the environment variables. `None` if this is not a worker of the platform. An empty variable counts as
    /// not set. Errors print no URL and no key: both may contain a secret.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Failure> {
        let variable = |name| variable(name).filter(|value: &String| !value.is_empty());
        let Some(take) = variable(TAKE) else { return Ok(None) };
        let worker = variable(WORKER).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let take = url(TAKE, &take.replace(ID, &worker))?;

        let Some(result) = variable(RESULT) else {
            let message = format!("{TAKE} is set but {RESULT} is not; the platform sets both");
            return Err(Failure::new(&codes::runpod::VARIABLE_MISSING, message));
        };
        let result = result.replace(POD_ID, &worker);
        if !result.contains(ID) {
            let message = format!("{RESULT} has no {ID} in it, so results of different jobs can't be distinguished");
            return Err(Failure::new(&codes::runpod::RESULT_URL, message));
        }
        url(RESULT, &result.replace(ID, "id"))?;

        let ping = variable(PING).map(|ping| url(PING, &ping.replace(POD_ID, &worker))).transpose()?;
        let ping_interval = match variable(INTERVAL) {
            None => PING_INTERVAL,
            Some(value) => match value.trim().parse() {
                Ok(milliseconds) if milliseconds > 0 => Duration::from_millis(milliseconds),
                _ => {
                    let message = format!("{INTERVAL} is {value:?}; it takes milliseconds, 1 or more");
                    return Err(Failure::new(&codes::runpod::PING_INTERVAL, message));
                }
            },
        };
        let key = variable(KEY).map(|key| secret_header(&key)).transpose()?;
        let hostname = variable(HOSTNAME).unwrap_or_else(|| "unknown".to_owned());
        Ok(Some(Self { take, result, ping, ping_interval, key, worker, hostname }))
    }

    /// Whether the worker can ask for several jobs at once.
    fn has_batches(&self) -> bool {
        self.take.path().contains(TAKE_PART)
    }

    /// The URL for taking this many jobs. The parameters are in the order of the vendor's client.
    pub(crate) fn take_url(&self, jobs: usize, busy: bool) -> Url {
        let mut url = self.take.clone();
        if jobs > 1 && self.has_batches() {
            url.set_path(&self.take.path().replace(TAKE_PART, "/job-take-batch/"));
            url.query_pairs_mut().append_pair("batch_size", &jobs.to_string());
        }
        url.query_pairs_mut().append_pair("job_in_progress", if busy { "1" } else { "0" });
        url
    }

    /// The URL that lists jobs to stop. `None` if it can't be derived from the URL for taking jobs.
    pub(crate) fn stop_url(&self) -> Option<Url> {
        let mut url = self.take.clone();
        url.set_path(&self.take.path().replace(TAKE_PART, "/job-stop/"));
        self.has_batches().then_some(url)
    }

    /// The URL for a job's progress and result.
    pub(crate) fn result_url(&self, job: &str) -> Result<Url, Failure> {
        let mut url = url(RESULT, &self.result.replace(ID, &encoded(job)))?;
        url.query_pairs_mut().append_pair("isStream", "false");
        Ok(url)
    }
}

/// Prints neither URLs nor the key: a query may contain a token.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("host", &self.take.host_str())
            .field("worker", &self.worker)
            .finish_non_exhaustive()
    }
}

/// A header that HTTP libraries don't print either.
fn secret_header(text: &str) -> Result<HeaderValue, Failure> {
    let unusable = |_| Failure::new(&codes::runpod::API_KEY, format!("{KEY} has characters that no header can carry"));
    let mut header = HeaderValue::from_str(text).map_err(unusable)?;
    header.set_sensitive(true);
    Ok(header)
}

fn url(variable: &str, text: &str) -> Result<Url, Failure> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| Failure::new(&codes::runpod::BAD_URL, format!("{variable} is not an http or https URL")))
}

/// A job's id as one segment of a path. The platform's own ids stay as they are.
fn encoded(id: &str) -> String {
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~').remove(b'.');
    // An id of nothing but dots would name a parent folder.
    if id.bytes().all(|byte| byte == b'.') {
        return "%2E".repeat(id.len());
    }
    utf8_percent_encode(id, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USUAL: [(&str, &str); 6] = [
        (TAKE, "https://api.runpod.example/v2/ep/job-take/$ID?gpu=NVIDIA+L4"),
        (RESULT, "https://api.runpod.example/v2/ep/job-done/$RUNPOD_POD_ID/$ID?gpu=NVIDIA+L4"),
        (PING, "https://api.runpod.example/v2/ep/ping/$RUNPOD_POD_ID?gpu=NVIDIA+L4"),
        (KEY, "rpa_geheim"),
        (WORKER, "w1"),
        (HOSTNAME, "w1-host"),
    ];

    /// The usual environment with some variables changed.
    fn endpoint(changes: &[(&str, &str)]) -> Result<Option<Endpoint>, Failure> {
        Endpoint::from_variables(|name| {
            let found = changes.iter().chain(&USUAL).find(|(key, _)| *key == name)?;
            Some(found.1.to_owned())
        })
    }

    #[test]
    fn without_the_url_for_jobs_this_is_not_a_worker_of_the_platform() {
        assert_eq!(endpoint(&[(TAKE, "")]).unwrap(), None);
        assert_eq!(Endpoint::from_variables(|_| None).unwrap(), None);
    }

    #[test]
    fn urls_are_those_of_the_vendors_client() {
        let endpoint = endpoint(&[]).unwrap().unwrap();
        let base = "https://api.runpod.example/v2/ep";
        assert_eq!(endpoint.take_url(1, false).as_str(), format!("{base}/job-take/w1?gpu=NVIDIA+L4&job_in_progress=0"));
        assert_eq!(
            endpoint.take_url(3, true).as_str(),
            format!("{base}/job-take-batch/w1?gpu=NVIDIA+L4&batch_size=3&job_in_progress=1")
        );
        assert_eq!(endpoint.stop_url().unwrap().as_str(), format!("{base}/job-stop/w1?gpu=NVIDIA+L4"));
        assert_eq!(
            endpoint.result_url("a1-u1").unwrap().as_str(),
            format!("{base}/job-done/w1/a1-u1?gpu=NVIDIA+L4&isStream=false")
        );
        assert_eq!(endpoint.ping.as_ref().unwrap().as_str(), format!("{base}/ping/w1?gpu=NVIDIA+L4"));
        assert_eq!((endpoint.worker.as_str(), endpoint.hostname.as_str()), ("w1", "w1-host"));
        assert_eq!(endpoint.ping_interval, Duration::from_secs(10));
    }

    #[test]
    fn a_url_without_a_query_gets_one() {
        let endpoint = endpoint(&[(RESULT, "http://127.0.0.1:1/done/$ID"), (TAKE, "http://127.0.0.1:1/take/$ID")]);
        let endpoint = endpoint.unwrap().unwrap();
        assert_eq!(endpoint.result_url("a").unwrap().as_str(), "http://127.0.0.1:1/done/a?isStream=false");
        assert_eq!(endpoint.take_url(2, true).as_str(), "http://127.0.0.1:1/take/w1?job_in_progress=1");
        assert_eq!(endpoint.stop_url(), None);
    }

    #[test]
    fn an_id_can_not_change_the_path_of_a_result() {
        let endpoint = endpoint(&[]).unwrap().unwrap();
        for (id, path) in [
            ("sync-0a.b_c~1-e1", "sync-0a.b_c~1-e1"),
            ("../x?y#z", "..%2Fx%3Fy%23z"),
            ("..", "%2E%2E"),
            ("ü", "%C3%BC"),
        ] {
            let url = endpoint.result_url(id).unwrap();
            assert!(!id.contains('/') || url.path().ends_with(path), "{url}");
            assert_eq!(encoded(id), path);
        }
    }

    #[test]
    fn a_worker_without_an_id_generates_one() {
        let first = endpoint(&[(WORKER, "")]).unwrap().unwrap();
        let second = endpoint(&[(WORKER, "")]).unwrap().unwrap();
        assert_ne!(first.worker, second.worker);
        assert!(first.take_url(1, false).path().ends_with(&first.worker));
    }

    #[test]
    fn an_error_names_the_variable() {
        for (name, value, code) in [
            (RESULT, "", "runpod.variable-missing"),
            (TAKE, "api.runpod.example", "runpod.bad-url"),
            (TAKE, "file:///geheim", "runpod.bad-url"),
            (RESULT, "$ID geheim", "runpod.bad-url"),
            (RESULT, "https://geheim.example/", "runpod.result-url"),
            (PING, "PING_NOT_SET", "runpod.bad-url"),
            (INTERVAL, "ten", "runpod.ping-interval"),
            (INTERVAL, "0", "runpod.ping-interval"),
            (KEY, "geheim\n", "runpod.api-key"),
        ] {
            let error = endpoint(&[(name, value)]).unwrap_err();
            assert_eq!(error.code, code, "{name}={value:?}");
            assert!(error.to_string().contains(name), "{error}");
            assert!(!format!("{error} {error:?}").contains("geheim"), "{error:?}");
        }
        assert_eq!(endpoint(&[(INTERVAL, "250")]).unwrap().unwrap().ping_interval, Duration::from_millis(250));
    }

    #[test]
    fn the_key_is_not_printed() {
        let endpoint = endpoint(&[]).unwrap().unwrap();
        let printed = format!("{endpoint:?} {:?}", endpoint.key.as_ref().unwrap());
        assert!(printed.contains("w1") && !printed.contains("geheim"), "{printed}");
    }

    proptest! {
        #[test]
        fn an_encoded_id_is_one_segment_that_decodes_to_itself(id in "(\\.{1,3}|\\PC{1,12}|[ -~]{1,12})") {
            let text = encoded(&id);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_~.%".contains(&byte)));
            prop_assert!(text.bytes().any(|byte| byte != b'.'));
            prop_assert_eq!(percent_encoding::percent_decode_str(&text).decode_utf8().unwrap(), id);
        }
    }
}
