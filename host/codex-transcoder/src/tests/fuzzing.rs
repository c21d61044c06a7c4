//! Fuzz targets of what a worker is given: settings and jobs.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::serve::request::JobRequest;
use crate::settings::Settings;
use crate::settings::problem::Origin;
use crate::worker::input::Input;

const SECRET: &str = "a secret that is long enough to be one";

/// A settings file, and below a line of dashes variables. `SECRET` stands for a secret that is set: the text of a problem
/// never holds it. A problem of the file is on one of its lines.
pub fn settings(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (file, variables) = text.split_once("\n---\n").unwrap_or((&text, ""));
    let file = file.replace("SECRET", SECRET);
    let variables = variables.lines().filter_map(|line| line.split_once('='));
    let variables = variables.map(|(name, value)| (name.to_owned(), value.replace("SECRET", SECRET)));
    let mut variables: BTreeMap<String, String> = variables.collect();
    variables.insert("WEBHOOK_SECRET".to_owned(), SECRET.to_owned());
    match Settings::read(Some((Path::new("settings.toml"), &file)), &variables) {
        Ok(settings) => {
            assert!(
                !Value::from(settings.policy.settings).to_string().contains(SECRET),
                "a policy would be given a secret"
            );
            assert!(settings.job.attempts > 0 && settings.job.concurrency != Some(0));
        }
        Err(error) => {
            assert!(!error.to_string().contains(SECRET), "{error}");
            let lines = 1 + file.matches('\n').count();
            for problem in error.0 {
                if let Some(Origin::File { line, .. }) = problem.origin {
                    assert!((1..=lines).contains(&line), "{line} of {lines}");
                }
            }
        }
    }
}

/// The body of a request. An original that comes out is one of the job's own creator and media item.
pub fn job_input(bytes: &[u8]) {
    if let Ok(input) = serde_json::from_slice::<Value>(bytes) {
        let _ = Input::read("job-1", &input);
    }
    let Ok(job) = JobRequest::parse(bytes) else { return };
    let id = job.id.unwrap_or_else(|| "job-1".to_owned());
    match Input::read(&id, &job.input).request {
        Ok(request) => {
            let prefix = format!("{}/originals/{}/", request.creator_id, request.media_id);
            assert!(request.source.key.as_str().starts_with(&prefix));
            assert!(!prefix.contains(['.', '\\', '\0']));
        }
        Err(problem) => assert!(!problem.to_string().contains(char::is_control), "{problem:?}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn settings_of_any_bytes() {
        fuzz_smoke::run("settings", super::settings);
    }

    #[test]
    fn jobs_of_any_bytes() {
        fuzz_smoke::run("job_input", super::job_input);
    }
}
