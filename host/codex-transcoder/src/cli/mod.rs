//! The command line.

#[cfg(feature = "authoring")]
mod authoring;
#[cfg(not(feature = "authoring"))]
#[path = "without_authoring.rs"]
mod authoring;
mod compiler;
mod demo;
mod doctor;
mod environment;
mod exit;
mod jobs;
mod manual;
mod moment;
mod outbox;
mod policy;
mod python_sdk;
mod run;
mod serve;
mod service;
mod settings_argument;
mod storage;
mod table;
mod terminal;
mod view;
mod view_folder;
mod webhook;
mod worker;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tokio_util::sync::CancellationToken;

use self::exit::Ended;

/// Turns a media upload into an adaptive HLS ladder, a mezzanine, a preview, a thumbnail, a waveform and a signed webhook,
/// as a policy (a WebAssembly component) decides.
#[derive(Debug, Parser)]
#[command(version, after_help = exit::HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Log more: -v events, -vv also every process that is started. RUST_LOG takes precedence.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Whether to use colours. NO_COLOR and CLICOLOR_FORCE are heeded without it.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t, hide_possible_values = true)]
    color: terminal::Colour,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one job on a local file, with folders as stores.
    Run(Box<run::Run>),
    /// Tell what a job will take before it is run: time, bytes, cost.
    #[cfg(feature = "authoring")]
    Estimate(Box<authoring::Estimate>),
    /// Check this machine: ffmpeg, encoders, the policy, the disk.
    Doctor(doctor::Doctor),
    /// Make a clip, run a job on it, and receive the webhook.
    Demo(demo::Demo),
    /// Show the results in a folder in a browser.
    View(view_folder::ViewFolder),
    /// Take jobs from RunPod Serverless.
    Worker(worker::Worker),
    /// Take jobs over HTTP, as RunPod's API does.
    Serve(serve::Serve),
    /// List jobs that have ended, and send failed ones again.
    #[command(subcommand)]
    Jobs(jobs::Jobs),
    /// List and deliver undelivered webhooks.
    #[command(subcommand)]
    Outbox(outbox::Outbox),
    /// Look after the stores.
    #[command(subcommand)]
    Storage(storage::Storage),
    /// Check a received webhook.
    #[command(subcommand)]
    Webhook(webhook::Webhook),
    /// Make, test, compare and ship policies.
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Print a shell's completions, to be read by that shell.
    Completions(manual::Completions),
    /// Print the manual page, or write one for each command.
    Man(manual::ManualPages),
}

impl Cli {
    /// Parses the arguments of this process. Ends it where they are wrong, or ask for help.
    pub fn of_this_process() -> Self {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        let command = Self::command().color(terminal::Colour::of_arguments(&arguments));
        let matches = command.get_matches_from(python_sdk::with_command(arguments));
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// Parses an id that becomes a part of a path or a key.
fn plain_id(text: &str) -> Result<String, String> {
    if job::is_plain_id(text) {
        Ok(text.to_owned())
    } else {
        Err("letters, digits, `_` and `-` are expected".to_owned())
    }
}

pub async fn run(cli: Cli) -> ExitCode {
    cli.color.apply();
    // A deployed worker logs JSON, once it has its settings.
    if !matches!(cli.command, Command::Worker(_) | Command::Serve(_)) {
        view::log_to_stderr(cli.verbose);
    }
    let cancel = cancelled_by_signals();
    let ended = match cli.command {
        Command::Worker(worker) => worker.run(cancel).await,
        Command::Serve(serve) => serve.run(cancel).await,
        Command::Jobs(jobs) => jobs.run(cancel).await,
        Command::Outbox(outbox) => outbox.run(cancel).await,
        Command::Storage(storage) => storage.run(cancel).await,
        Command::Webhook(webhook) => webhook.run(),
        Command::Policy(policy) => policy.run(cancel).await,
        Command::Run(run) => run.run(cancel).await,
        #[cfg(feature = "authoring")]
        Command::Estimate(estimate) => estimate.run(cancel).await,
        Command::Doctor(doctor) => doctor.run().await,
        Command::Demo(demo) => demo.run(cancel).await,
        Command::View(view) => view.run(cancel).await,
        Command::Completions(completions) => {
            completions.run(Cli::command());
            Ok(())
        }
        Command::Man(pages) => pages.run(Cli::command()),
    };
    ended.map_or_else(Ended::into_exit_code, |()| ExitCode::SUCCESS)
}

/// Cancelled by Ctrl-C and SIGTERM.
fn cancelled_by_signals() -> CancellationToken {
    use tokio::signal::unix::{SignalKind, signal};
    let cancel = CancellationToken::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let cancel = cancel.clone();
        match signal(kind) {
            Ok(mut signals) => drop(tokio::spawn(async move {
                signals.recv().await;
                cancel.cancel();
            })),
            Err(error) => tracing::warn!(%error, "can't handle a signal: Ctrl-C won't clean up"),
        }
    }
    cancel
}
