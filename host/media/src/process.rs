//! Runs ffmpeg and ffprobe, each confined, in a process group of its own, and with a bounded part of its stderr kept. A
//! process ends when it stalls, when it is over its budget, when the job is cancelled, and when the caller is dropped.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use sandbox::{Confinement, Level, Limits, Profile, Sandbox};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::budget::{Budget, memory_limit};
use crate::command::Arguments;
use crate::containment::INPUT_NAME;
use crate::damage::Complaints;
use crate::encoder::Processor;
use crate::feed::Feed;
use crate::graph::MADE;
use crate::lines::Lines;
use crate::processor_time::ProcessorTime;
use crate::progress::Progress;

/// How much of stderr is kept: the last 32 KiB, where the reason is.
const STDERR_KEPT: usize = 32 * 1024;

/// Why a process gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("{} could not be started", program.display())]
    Start { program: PathBuf, source: std::io::Error },
    /// It ended with a status other than 0.
    #[error("{program} ended with {status}: {}", last_lines(stderr, 3))]
    Failed { program: String, status: ExitStatus, stderr: String },
    /// It made no progress for too long.
    #[error("{program} made no progress for {} s and was ended", limit.as_secs())]
    Stalled { program: String, limit: Duration },
    /// It took more of the machine than it was given.
    #[error("{program} took more than {limit} and was ended")]
    OverBudget { program: String, limit: String },
    /// It had not ended in a time that is enough even for a busy machine.
    #[error("{program} had not ended after {} s and was ended", limit.as_secs())]
    TooSlow { program: String, limit: Duration },
    #[error("cancelled")]
    Cancelled,
    #[error("output of {program} could not be read")]
    Output { program: String, source: std::io::Error },
    /// What it reads stopped arriving.
    #[error("{program} could not be given all of its input")]
    Input { program: String, source: std::io::Error },
}

impl ProcessError {
    /// Empty if it left none.
    pub fn stderr(&self) -> &str {
        match self {
            Self::Failed { stderr, .. } => stderr,
            _ => "",
        }
    }
}

/// The last lines of a text, joined for a message.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join(" / ")
}

/// A program, its stall limit, and what it may do.
#[derive(Clone, Debug)]
pub struct Tool {
    program: PathBuf,
    stall: Duration,
    sandbox: Arc<Sandbox>,
    profile: Profile,
    budget: Budget,
    /// What a process may have on this machine, whatever its budget.
    most_memory: u64,
    time: ProcessorTime,
    /// What its processes read from their standard input.
    feed: Option<Feed>,
}

/// The budget of a process that is given none of its own, in seconds of processor time: a look at an output, a still.
const SMALL_STEP_SECONDS: u64 = 600;

/// Size of a file: a mezzanine of a day at 20 Mbit/s has 216 GB.
const MAX_FILE_BYTES: u64 = 1 << 38;

/// All threads of one user count, so of all jobs at once; an encode of five outputs on 16 cores has about 200.
const MAX_THREADS: u64 = 8_192;

const MAX_DESCRIPTORS: u64 = 1_024;

/// How often the memory of a running process is looked at.
const MEMORY_INTERVAL: Duration = Duration::from_millis(250);

/// A process that exited with 0.
#[derive(Debug, Default)]
pub struct Finished {
    /// The end of it.
    pub stderr: String,
    /// How far it came; only known after [`Tool::watch`].
    pub progress: Progress,
    pub(crate) complaints: Complaints,
}

impl Tool {
    /// The program is ended when it makes no progress for `stall`.
    pub fn new(program: PathBuf, stall: Duration) -> Self {
        let sandbox = Arc::new(Sandbox::none("no sandbox was asked for"));
        let budget = Budget::of_cpu(SMALL_STEP_SECONDS);
        Self {
            program,
            stall,
            sandbox,
            profile: Profile::Strict,
            budget,
            most_memory: memory_limit(),
            time: ProcessorTime::default(),
            feed: None,
        }
    }

    /// The same program, confined.
    #[must_use]
    pub fn confined(self, sandbox: Arc<Sandbox>) -> Self {
        Self { sandbox, ..self }
    }

    /// The same program for a run on a processor. The GPU's driver needs devices.
    #[must_use]
    pub fn on(&self, processor: Processor) -> Self {
        let profile = match processor {
            Processor::Cpu => Profile::Strict,
            Processor::Gpu => Profile::Gpu,
        };
        Self { profile, ..self.clone() }
    }

    /// The same program, with the processor time of its processes added up.
    #[must_use]
    pub fn counted(&self, time: &ProcessorTime) -> Self {
        Self { time: time.clone(), ..self.clone() }
    }

    /// The same program with another budget.
    #[must_use]
    pub fn within(&self, budget: Budget) -> Self {
        Self { budget, ..self.clone() }
    }

    /// The same program, which is given a file on its standard input while that arrives.
    #[must_use]
    pub(crate) fn fed(&self, feed: Feed) -> Self {
        Self { feed: Some(feed), ..self.clone() }
    }

    /// The same program with its budget for an input that it waits for.
    #[must_use]
    pub(crate) fn while_it_arrives(&self) -> Self {
        self.within(self.budget.while_it_arrives())
    }

    fn memory_bytes(&self) -> u64 {
        self.budget.memory_bytes.min(self.most_memory)
    }

    /// How well its processes are confined.
    #[must_use]
    pub fn confinement(&self) -> (Level, &str) {
        (self.sandbox.level(), self.sandbox.reason())
    }

    /// In a work directory: the original to read, and the folder of outputs to write. Elsewhere nothing.
    fn granted(&self, folder: &Path) -> Confinement {
        let there = |name: &str| folder.parent().filter(|_| folder.join(name).exists()).map(|_| PathBuf::from(name));
        Confinement {
            profile: self.profile,
            read: there(INPUT_NAME).into_iter().collect(),
            write: there(MADE).into_iter().collect(),
            limits: Limits {
                // The GPU's driver reserves address space without end: what it really uses is watched.
                memory_bytes: (self.profile == Profile::Strict).then_some(self.memory_bytes()),
                cpu_seconds: self.budget.cpu_seconds,
                file_bytes: MAX_FILE_BYTES,
                threads: MAX_THREADS,
                descriptors: MAX_DESCRIPTORS,
            },
        }
    }

    pub fn program(&self) -> &Path {
        &self.program
    }

    fn name(&self) -> String {
        self.program.file_name().map_or_else(|| "ffmpeg".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    fn spawn(&self, arguments: &Arguments, folder: &Path) -> Result<Running, ProcessError> {
        tracing::debug!(program = %self.program.display(), %arguments, "starting");
        let failed = |source| ProcessError::Start { program: self.program.clone(), source };
        let confined = self.sandbox.command(&self.program, arguments.as_slice(), &self.granted(folder));
        let mut command = Command::from(confined.map_err(failed)?);
        command
            .current_dir(folder)
            .env_clear()
            .envs(inherited_environment())
            .env("LC_ALL", "C")
            .stdin(if self.feed.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        end_with_the_host(&mut command);
        command.spawn().map(Running).map_err(failed)
    }

    /// Why it failed. Only the system's words tell a limit from other failures.
    fn failure(&self, status: ExitStatus, stderr: String) -> ProcessError {
        let program = self.name();
        if !self.sandbox.sets_limits() {
            return ProcessError::Failed { program, status, stderr };
        }
        if status.signal() == Some(Signal::XCPU.as_raw()) {
            let limit = format!("{} s of processor time", self.budget.cpu_seconds);
            return ProcessError::OverBudget { program, limit };
        }
        if stderr.contains("Cannot allocate memory") {
            return self.over_memory();
        }
        let reason = stderr.lines().last().and_then(|line| line.strip_prefix(sandbox::FAILURE_PREFIX));
        if let (Some(sandbox::FAILURE_EXIT), Some(reason)) = (status.code(), reason) {
            let source = std::io::Error::other(format!("its sandbox failed: {reason}"));
            return ProcessError::Start { program: self.program.clone(), source };
        }
        ProcessError::Failed { program, status, stderr }
    }

    fn over_memory(&self) -> ProcessError {
        let limit = format!("{} MiB of memory", self.memory_bytes() >> 20);
        ProcessError::OverBudget { program: self.name(), limit }
    }

    /// Runs it and hands every piece of its standard output to `sink`, which says whether the piece is progress.
    async fn run(
        &self,
        arguments: &Arguments,
        folder: &Path,
        cancel: &CancellationToken,
        sink: impl FnMut(&[u8]) -> bool,
    ) -> Result<Finished, ProcessError> {
        let mut running = self.spawn(arguments, folder)?;
        let (stdin, stdout, stderr) = (running.0.stdin.take(), running.0.stdout.take(), running.0.stderr.take());
        // A stall ends the wait at once: stderr stays open for as long as the process lives.
        let both = async { tokio::try_join!(async { Ok(read_log(stderr).await) }, self.read_output(stdout, sink)) };
        let ended = tokio::select! {
            both = both => both,
            source = self.starves(stdin) => Err(ProcessError::Input { program: self.name(), source }),
            () = cancel.cancelled() => Err(ProcessError::Cancelled),
            () = tokio::time::sleep(self.budget.wall) => {
                Err(ProcessError::TooSlow { program: self.name(), limit: self.budget.wall })
            }
            () = uses_more_memory(running.0.id(), self.memory_bytes()) => Err(self.over_memory()),
        };
        self.time.add(running.0.id());
        if ended.is_err() {
            running.end();
        }
        let waited = running.0.wait().await;
        let (finished, ()) = ended?;
        let status = waited.map_err(|source| ProcessError::Output { program: self.name(), source })?;
        if status.success() { Ok(finished) } else { Err(self.failure(status, finished.stderr)) }
    }

    /// Gives it what it reads, and ends if there will be no more of it.
    async fn starves(&self, stdin: Option<ChildStdin>) -> std::io::Error {
        if let Some((feed, stdin)) = self.feed.clone().zip(stdin)
            && let Err(error) = feed.give(stdin).await
        {
            return error;
        }
        std::future::pending().await
    }

    /// Reads a process's standard output to its end.
    async fn read_output(
        &self,
        stdout: Option<impl AsyncRead + Unpin>,
        mut sink: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), ProcessError> {
        let Some(mut stdout) = stdout else { return Ok(()) };
        let mut buffer = vec![0u8; 64 * 1024];
        let mut advanced = Instant::now();
        loop {
            let read = match timeout_at(advanced + self.stall, stdout.read(&mut buffer)).await {
                Err(_) => return Err(ProcessError::Stalled { program: self.name(), limit: self.stall }),
                Ok(Err(source)) => return Err(ProcessError::Output { program: self.name(), source }),
                Ok(Ok(read)) => read,
            };
            match buffer.get(..read) {
                Some([]) | None => return Ok(()),
                Some(piece) if sink(piece) => advanced = Instant::now(),
                Some(_) => {}
            }
        }
    }

    /// Runs it and hands every piece of its standard output to `sink`.
    pub async fn stream(
        &self,
        arguments: &Arguments,
        folder: &Path,
        cancel: &CancellationToken,
        mut sink: impl FnMut(&[u8]),
    ) -> Result<Finished, ProcessError> {
        let take = |piece: &[u8]| {
            sink(piece);
            true
        };
        self.run(arguments, folder, cancel, take).await
    }

    /// Runs it and keeps its standard output, up to `limit` bytes; the rest is read and dropped.
    pub async fn capture(
        &self,
        arguments: &Arguments,
        folder: &Path,
        cancel: &CancellationToken,
        limit: usize,
    ) -> Result<(Vec<u8>, Finished), ProcessError> {
        let mut kept = Vec::new();
        let finished = self
            .stream(arguments, folder, cancel, |piece| {
                let room = limit.saturating_sub(kept.len());
                kept.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
            })
            .await?;
        Ok((kept, finished))
    }

    /// Runs ffmpeg with `-progress pipe:1` put first and calls `watch` after every block.
    pub async fn watch(
        &self,
        arguments: Arguments,
        folder: &Path,
        cancel: &CancellationToken,
        mut watch: impl FnMut(Progress),
    ) -> Result<Finished, ProcessError> {
        let arguments = Arguments::new().pair("-progress", "pipe:1").all(arguments);
        let (mut progress, mut seen) = (Progress::default(), Progress::default());
        let mut lines = Lines::default();
        let sink = |piece: &[u8]| {
            let mut advances = false;
            lines.take(piece, |line| {
                if progress.take(line) {
                    advances |= (progress.at, progress.frames) != (seen.at, seen.frames);
                    seen = progress;
                    watch(progress);
                }
            });
            advances
        };
        let finished = self.run(&arguments, folder, cancel, sink).await?;
        Ok(Finished { progress, ..finished })
    }
}

/// Ends the child when the host is killed. The system watches the thread that starts a child, not the process: here that is
/// a thread of the runtime, which lives as long as the runtime does.
#[cfg(target_os = "linux")]
fn end_with_the_host(command: &mut Command) {
    let set = || Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?);
    // SAFETY: between fork and exec only what is async-signal-safe may be called; this is one system call.
    #[allow(unsafe_code, reason = "there is no safe way to run code in a child before it becomes another program")]
    unsafe {
        command.pre_exec(set);
    }
}

#[cfg(not(target_os = "linux"))]
fn end_with_the_host(_: &mut Command) {}

/// A child that leads a group of its own; the group is ended when this is dropped before the child has ended.
struct Running(Child);

impl Running {
    fn end(&self) {
        // A child that has ended and was waited for has no id any more.
        if let Some(group) = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Ends when a process has more memory in use than it may. Its own limit is on what it asks for, and there is none on the
/// GPU.
async fn uses_more_memory(process: Option<u32>, most: u64) {
    let Some(process) = process else { return std::future::pending().await };
    let path = PathBuf::from(format!("/proc/{process}/statm"));
    let page = rustix::param::page_size() as u64;
    let mut interval = tokio::time::interval(MEMORY_INTERVAL);
    loop {
        interval.tick().await;
        // The second number is of resident pages. A process that has ended has none.
        let statm = std::fs::read_to_string(&path).unwrap_or_default();
        let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
        if pages.saturating_mul(page) > most {
            return;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads a process's stderr to its end.
async fn read_log(pipe: Option<impl AsyncRead + Unpin>) -> Finished {
    let Some(mut pipe) = pipe else { return Finished::default() };
    let mut kept: Vec<u8> = Vec::new();
    let (mut lines, mut complaints) = (Lines::default(), Complaints::default());
    let mut buffer = vec![0u8; 8 * 1024];
    while let Ok(read) = pipe.read(&mut buffer).await {
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else { break };
        lines.take(piece, |line| complaints.take(line));
        kept.extend_from_slice(piece);
        let excess = kept.len().saturating_sub(STDERR_KEPT);
        kept.drain(..excess);
    }
    Finished { stderr: String::from_utf8_lossy(&kept).into_owned(), complaints, ..Finished::default() }
}

/// The few variables that ffmpeg and the GPU's libraries need; no secret is among them.
fn inherited_environment() -> Vec<(OsString, OsString)> {
    std::env::vars_os()
        .filter(|(name, _)| {
            let name = name.to_string_lossy();
            matches!(&*name, "PATH" | "LD_LIBRARY_PATH") || name.starts_with("CUDA_") || name.starts_with("NVIDIA_")
        })
        .collect()
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
