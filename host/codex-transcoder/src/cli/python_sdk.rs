//! The arguments of workers that were made with RunPod's Python SDK, so that their start commands go on working.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::Value;

use super::exit::{Ended, OrUsage as _};

/// As the SDK names them.
const LEVELS: [&str; 6] = ["NOTSET", "TRACE", "DEBUG", "INFO", "WARN", "ERROR"];

/// What the SDK's arguments begin with, and the one that doesn't.
const PREFIX: &str = "--rp_";
const TEST_INPUT: &str = "--test_input";

/// Set in every worker on RunPod.
const TAKE: &str = "RUNPOD_WEBHOOK_GET_JOB";

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "As RunPod's Python SDK spells them")]
pub struct SdkArgs {
    /// Take jobs over HTTP, as `serve` does.
    #[arg(long = "rp_serve_api", conflicts_with_all = ["test_input", "sdk_test_input"])]
    serve_api: bool,
    /// The port of that API [default: that of serve.address].
    #[arg(long = "rp_api_port", value_name = "PORT")]
    api_port: Option<u16>,
    /// Where that API listens: an IP address, or localhost [default: that of serve.address].
    #[arg(long = "rp_api_host", value_name = "HOST", value_parser = host)]
    api_host: Option<IpAddr>,
    /// How many jobs that API runs at the same time [default: job.concurrency].
    #[arg(long = "rp_api_concurrency", value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=16))]
    api_concurrency: Option<u16>,
    /// How much is logged; overrides RUNPOD_LOG_LEVEL.
    #[arg(long = "rp_log_level", value_name = "LEVEL", ignore_case = true, value_parser = PossibleValuesParser::new(LEVELS))]
    pub log_level: Option<String>,
    /// Accepted without effect: the report of every job has the time of each of its parts.
    #[arg(long = "rp_debugger")]
    debugger: bool,
    /// Run one job, given as JSON, print its result, and exit.
    #[arg(id = "sdk_test_input", long = "test_input", value_name = "JSON", conflicts_with = "test_input")]
    test_input: Option<String>,
}

/// What `--rp_serve_api` asks for.
pub struct ApiRequest {
    pub port: Option<u16>,
    pub host: Option<IpAddr>,
    pub concurrency: Option<usize>,
}

impl ApiRequest {
    /// The settings' address, with the parts that arguments override.
    pub fn address(&self, settings: SocketAddr) -> SocketAddr {
        SocketAddr::new(self.host.unwrap_or(settings.ip()), self.port.unwrap_or(settings.port()))
    }
}

impl SdkArgs {
    pub fn api(&self) -> Option<ApiRequest> {
        let Self { api_port: port, api_host: host, .. } = *self;
        let concurrency = self.api_concurrency.map(usize::from);
        self.serve_api.then_some(ApiRequest { port, host, concurrency })
    }

    pub fn test_input(&self) -> Result<Option<Value>, Ended> {
        let Some(text) = &self.test_input else { return Ok(None) };
        let parsed = serde_json::from_str(text);
        parsed.map(Some).or_usage(format_args!("{TEST_INPUT} is not JSON such as '{{\"input\": {{…}}}}'"))
    }

    /// What has no effect, each a sentence for the log.
    pub fn notes(&self) -> Vec<&'static str> {
        let mut notes = Vec::new();
        if self.debugger {
            notes.push("--rp_debugger has no effect: the report of every job has the time of each of its parts");
        }
        let of_api = self.api_port.is_some() || self.api_host.is_some() || self.api_concurrency.is_some();
        if of_api && !self.serve_api {
            notes.push("--rp_api_port, --rp_api_host and --rp_api_concurrency have no effect without --rp_serve_api");
        }
        notes
    }
}

fn host(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => text.parse().map_err(|_| "an IP address or localhost is expected, such as 0.0.0.0".to_owned()),
    }
}

/// The arguments of this process. Without a command they are those of `worker`, if they begin with one of the SDK's, or
/// if there are none and this is a worker on RunPod.
pub fn with_command(arguments: Vec<OsString>) -> Vec<OsString> {
    complete(arguments, std::env::var_os(TAKE).is_some_and(|value| !value.is_empty()))
}

fn complete(mut arguments: Vec<OsString>, on_runpod: bool) -> Vec<OsString> {
    let is_worker = match arguments.get(1).map(|first| first.to_string_lossy()) {
        None => on_runpod,
        Some(first) => first.starts_with(PREFIX) || first.split('=').next() == Some(TEST_INPUT),
    };
    if is_worker {
        arguments.insert(1.min(arguments.len()), "worker".into());
    }
    arguments
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn completed(arguments: &[&str], on_runpod: bool) -> String {
        let all = std::iter::once("codex-transcoder").chain(arguments.iter().copied()).map(OsString::from).collect();
        let completed: Vec<String> =
            complete(all, on_runpod).iter().skip(1).map(|text| text.to_string_lossy().into_owned()).collect();
        completed.join(" ")
    }

    fn sdk(arguments: &[&str]) -> Result<SdkArgs, String> {
        let all = ["codex-transcoder", "worker"].iter().chain(arguments);
        match Cli::try_parse_from(all).map_err(|error| error.to_string())?.command {
            Command::Worker(worker) => Ok(worker.sdk),
            _ => unreachable!("it was parsed as something else"),
        }
    }

    #[test]
    fn the_sdks_arguments_start_a_worker_and_others_stay_as_they_are() {
        for (arguments, on_runpod, expected) in [
            (&["--rp_serve_api", "--rp_api_port", "9000"][..], false, "worker --rp_serve_api --rp_api_port 9000"),
            (&["--test_input", "{}"], false, "worker --test_input {}"),
            (&["--test_input={}"], false, "worker --test_input={}"),
            (&[], true, "worker"),
            (&[], false, ""),
            (&["doctor"], true, "doctor"),
            (&["--help"], true, "--help"),
            (&["worker", "--rp_log_level", "INFO"], true, "worker --rp_log_level INFO"),
        ] {
            assert_eq!(completed(arguments, on_runpod), expected);
        }
    }

    #[test]
    fn the_api_listens_where_the_arguments_say_and_else_where_the_settings_do() {
        let settings = "127.0.0.1:8000".parse().unwrap();
        let address = |arguments: &[&str]| {
            let all = ["--rp_serve_api"].iter().chain(arguments).copied().collect::<Vec<_>>();
            sdk(&all).unwrap().api().unwrap().address(settings).to_string()
        };
        assert_eq!(address(&[]), "127.0.0.1:8000");
        assert_eq!(address(&["--rp_api_port", "9000"]), "127.0.0.1:9000");
        assert_eq!(address(&["--rp_api_host", "0.0.0.0", "--rp_api_port=9000"]), "0.0.0.0:9000");
        assert_eq!(address(&["--rp_api_host", "localhost"]), "127.0.0.1:8000");
        assert!(sdk(&["--rp_api_port", "9000"]).unwrap().api().is_none());
    }

    #[test]
    fn what_the_sdk_does_not_know_either_is_refused_with_what_was_meant() {
        for (arguments, expected) in [
            (&["--rp_api_prot", "9000"][..], "--rp_api_port"),
            (&["--rp_serve"], "--rp_serve_api"),
            (&["--rp_api_host", "example.com"], "an IP address or localhost"),
            (&["--rp_log_level", "loud"], "DEBUG"),
            (&["--rp_serve_api", "--test_input", "{}"], "cannot be used with"),
        ] {
            let refused = sdk(arguments).unwrap_err();
            assert!(refused.contains(expected), "{arguments:?}: {refused}");
        }
        assert_eq!(sdk(&["--rp_log_level", "debug"]).unwrap().log_level.as_deref(), Some("debug"));
    }

    #[test]
    fn what_has_no_effect_is_said() {
        assert!(sdk(&["--rp_serve_api", "--rp_api_port", "1"]).unwrap().notes().is_empty());
        assert_eq!(sdk(&["--rp_debugger", "--rp_api_port", "1"]).unwrap().notes().len(), 2);
    }
}
