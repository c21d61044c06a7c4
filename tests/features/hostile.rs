//! Guests that mean harm, written in WebAssembly text and called as the host calls policies: each ends with its code, and
//! the next call through the same engine is fine.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use contract::v0_1::types::{Destination, Failure, Job, MediaKind};
use fault::Fault as _;
use job::JobHost;
use job::event::{Event, Observer};
use job::production::{JobContext, UploadLimits};
use media::context::MediaTools;
use media::encoder::Processor;
use media::probe::DeclaredKind;
use media::process::Tool;
use media::proof::Proof;
use media::sessions::Sessions;
use policy::engine;
use policy::limits::{Limit, Limits, Used};
use policy::{Call, Candidate, Compiler, HostContext, Policy, PolicyError};
use publish::{CacheRules, Labels};
use storage::{LocalDirectory, Stores};
use tempfile::TempDir;
use testkit::{guest, workspace};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const MIB: u64 = 1 << 20;

/// What a host has for its policies, without media.
struct Bench {
    compiler: Compiler,
    folder: TempDir,
}

struct IgnoreEvents;

impl Observer for IgnoreEvents {
    fn on(&self, _: &Event) {}
}

impl Bench {
    fn new() -> Self {
        Self { compiler: Compiler::new(engine::new().unwrap()), folder: workspace::scratch() }
    }

    async fn load(&self, component: Vec<u8>, limits: Limits) -> Result<Policy, PolicyError> {
        Policy::load(&self.compiler, Candidate { limits, ..Candidate::new("hostile", component, "{}") }).await
    }

    fn host(&self) -> HostContext {
        let store = |name: &str| {
            let path = self.folder.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            LocalDirectory::open(&path).unwrap()
        };
        let no_tool = || Tool::new("/nowhere".into(), Duration::from_secs(1));
        let context = JobContext {
            job_id: "job".into(),
            stores: Stores::default().with("media", store("media")).with("originals", store("originals")),
            labels: Labels { cache: CacheRules::default(), notes: Default::default() },
            tools: Arc::new(MediaTools {
                ffmpeg: no_tool(),
                build: media::proof::Build::default(),
                ffprobe: no_tool(),
                proof: Proof::assumed(&[Processor::Gpu, Processor::Cpu]),
                devices: Vec::new(),
                sessions: Sessions::default(),
                cores: 1,
                forced_preference: None,
                keys: None,
                timeline: Default::default(),
            }),
            work: self.folder.path().to_owned(),
            journal: None,
            observer: Arc::new(IgnoreEvents),
            cancel: CancellationToken::new(),
            alive: mpsc::channel(1).0,
            limits: UploadLimits::NONE,
        };
        HostContext {
            job: "job".into(),
            creator: "creator".into(),
            readable: context.stores.names().into(),
            writable: Arc::new(["media".to_owned()]),
            settings: "{}".into(),
            calls: Box::new(JobHost::new(context, DeclaredKind::Video, None, Arc::new(Mutex::new(None)))),
            recorder: None,
        }
    }

    /// Loads it and runs a job with it.
    async fn job(&self, component: Vec<u8>, limits: Limits, key: &str) -> Result<(String, Used), Ended> {
        let policy = self.load(component, limits).await.map_err(Ended::By)?;
        let (answer, used) = Call::with_host(&policy, self.host()).run(&job(key)).await.map_err(Ended::By)?;
        Ok((answer.map_err(Ended::Failed)?.output, used))
    }

    /// The code that a job with this guest ends with.
    async fn code(&self, name: &str, limits: Limits) -> String {
        self.job(guest::named(name), limits, "creator/a").await.unwrap_err().code()
    }
}

/// Why there is no output.
#[derive(Debug)]
enum Ended {
    /// The host ended it.
    By(PolicyError),
    /// It gave up by itself.
    Failed(Failure),
}

impl Ended {
    fn code(&self) -> String {
        match self {
            Self::By(error) => error.code().name.to_owned(),
            Self::Failed(failure) => failure.code.clone(),
        }
    }
}

fn job(key: &str) -> Job {
    Job {
        id: "job".into(),
        media_id: "media".into(),
        creator_id: "creator".into(),
        kind: MediaKind::Video,
        source: Destination { store: "media".into(), key: key.into() },
        attributes: Vec::new(),
    }
}

/// Quick to be met, and far from what a guest needs that does nothing.
fn tight() -> Limits {
    Limits::default().with(Limit::Compute, 50).with(Limit::HostCalls, 5_000)
}

/// Each guest of tests/hostile/wat, with what a job with it ends with.
const ENDS: [(&str, &str); 29] = [
    ("aliased-answer", "policy.limit-call-bytes"),
    ("aliased-list", "policy.limit-call-bytes"),
    ("bytes-in-all", "policy.limit-total-bytes"),
    ("call-after-answer", "policy.trap"),
    ("deep-recursion", "policy.limit-stack"),
    ("endless-loop", "policy.limit-compute"),
    ("host-calls", "policy.limit-host-calls"),
    ("log-flood", "policy.limit-log-lines"),
    ("loop-after-answer", "policy.limit-compute"),
    ("loop-at-start", "policy.limit-compute"),
    ("loop-in-validate", "policy.limit-compute"),
    ("memories-at-start", "policy.limit-memory"),
    ("memory-at-start", "policy.limit-memory"),
    ("memory-growth", "policy.limit-memory"),
    ("message-not-json", "webhook.body-not-json"),
    ("message-over-the-limit", "policy.limit-message"),
    ("negative-length", "policy.broke-contract"),
    ("object-over-the-limit", "policy.limit-object"),
    ("out-of-memory-answer", "policy.broke-contract"),
    ("output-over-the-limit", "policy.limit-output"),
    ("own-handles", "policy.limit-handles"),
    ("payload-of-50-mb", "policy.limit-call-bytes"),
    ("progress-flood", "policy.limit-import-calls"),
    ("table-growth", "policy.limit-table"),
    ("trap-after-answer", "policy.trap"),
    ("trap-in-destructor", "policy.trap"),
    ("trap-in-realloc", "policy.trap"),
    ("unknown-handle", "policy.broke-contract"),
    ("wild-realloc", "policy.broke-contract"),
];

#[tokio::test]
async fn every_hostile_guest_ends_with_its_code_and_the_next_job_is_fine() {
    let bench = Bench::new();
    let good = guest::named("good");
    for (name, code) in ENDS {
        assert_eq!(bench.code(name, tight()).await, code, "{name}");
        let (output, _) = bench.job(good.clone(), tight(), "creator/a").await.unwrap();
        assert_eq!(output, "{}", "after {name}");
    }
    // Gigabytes were asked for in several ways. Other tests of this process need little.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    assert!(peak.is_none_or(|kib: u64| kib < 1 << 20), "{peak:?} KiB at the peak");
}

#[test]
fn no_hostile_guest_is_left_out() {
    let files = workspace::files(&workspace::root().join("tests/hostile/wat"));
    let mut guests: Vec<_> = files.iter().map(|file| file.file_stem().unwrap().to_str().unwrap()).collect();
    guests.retain(|name| !["frame", "good", "writes-its-original"].contains(name));
    assert_eq!(guests, ENDS.map(|(name, _)| name));
}

/// Also within one policy: an instance that was ended leaves nothing to the next.
#[tokio::test]
async fn a_policy_that_was_ended_a_hundred_times_works_when_it_behaves() {
    let bench = Bench::new();
    // It behaves where the original's name is short.
    let moody = guest::of_text(
        "(func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
           (if (i32.gt_u (local.get 10) (i32.const 9)) (then (loop $again (drop (call $new-thing (i32.const 1))) (br $again))))
           (i32.const 1024))",
    );
    let policy = bench.load(moody, Limits::default()).await.unwrap();
    for _ in 0..100 {
        let ended = Call::with_host(&policy, bench.host()).run(&job("creator/long-name")).await.unwrap_err();
        assert_eq!(ended.code(), "policy.limit-handles");
    }
    let (answer, _) = Call::with_host(&policy, bench.host()).run(&job("creator/a")).await.unwrap();
    assert_eq!(answer.unwrap().output, "{}");
}

/// On one thread: whoever computes gives way.
#[tokio::test(flavor = "current_thread")]
async fn a_guest_that_never_ends_does_not_hold_up_the_others() {
    let bench = Bench::new();
    let endless = bench.load(guest::named("endless-loop"), Limits::default()).await.unwrap();
    let good = bench.load(guest::named("good"), Limits::default()).await.unwrap();
    let endless = async { Call::with_host(&endless, bench.host()).run(&job("creator/a")).await };
    let job = job("creator/a");
    let others = async {
        // It is polled first, so it computes by now.
        for _ in 0..20 {
            Call::with_host(&good, bench.host()).run(&job).await.unwrap().0.unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        ended = endless => panic!("the endless one came first: {ended:?}"),
        () = others => {}
    }
}

/// The limits that only show where others are wide.
#[tokio::test]
async fn a_manifests_own_limits_are_the_ones_that_end_a_guest() {
    let bench = Bench::new();
    let with = |limit, value| Limits::default().with(limit, value);
    for (name, limits, code) in [
        ("endless-loop", with(Limit::ComputeTotal, 30), "policy.limit-compute-total"),
        ("endless-loop", with(Limit::Workflow, 30), "policy.limit-workflow"),
        ("loop-in-validate", with(Limit::PureCall, 30), "policy.limit-time"),
        ("host-calls", with(Limit::ComputeTotal, 1), "policy.limit-compute-total"),
        ("host-calls", Limits::default().with_import_calls("job.cancelled", 5), "policy.limit-import-calls"),
        ("log-flood", with(Limit::LogBytes, 500), "policy.limit-log-bytes"),
        ("message-over-the-limit", with(Limit::CallBytes, MIB), "policy.limit-call-bytes"),
        ("memory-at-start", with(Limit::Memory, 256 * MIB), "nothing"),
        ("good", with(Limit::Memory, 65536), "policy.limit-memory"),
        ("good", with(Limit::Module, 100), "policy.too-large"),
    ] {
        let ended = bench.job(guest::named(name), limits, "creator/a").await;
        assert_eq!(ended.err().map_or("nothing".to_owned(), |ended| ended.code()), code, "{name}");
    }
}

#[tokio::test]
async fn what_a_limit_says_names_the_limit_in_the_manifest() {
    let bench = Bench::new();
    let ended = bench.job(guest::named("progress-flood"), Limits::default(), "creator/a").await.unwrap_err();
    let Ended::By(error) = ended else { panic!("{ended:?}") };
    let text = error.to_string();
    for part in ["hostile", "workflow.run", "job.progress", "1000 times", "import-calls"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn keys_that_reach_where_a_policy_may_not_are_refused_with_their_code() {
    let bench = Bench::new();
    let long = format!("creator/{}", "k".repeat(2048));
    for (key, code) in [
        ("creator/../other/a", "plan.bad-key"),
        ("../../etc/passwd", "plan.bad-key"),
        ("/etc/passwd", "plan.bad-key"),
        ("creator//a", "plan.bad-key"),
        ("creator/a\u{1b}[2Jb", "plan.bad-key"),
        ("creator/a\nb", "plan.bad-key"),
        ("creator/a\0b", "plan.bad-key"),
        ("creator\\..\\a", "plan.bad-key"),
        ("creator/%2e%2e/a", "plan.bad-key"),
        ("", "plan.bad-key"),
        (&long, "plan.bad-key"),
        ("somebody-else/a", "plan.foreign-prefix"),
        ("creator2/a", "plan.foreign-prefix"),
    ] {
        let ended = bench.job(guest::named("writes-its-original"), Limits::default(), key).await.unwrap_err();
        assert_eq!(ended.code(), code, "{key:?}");
    }
    bench.job(guest::named("writes-its-original"), Limits::default(), "creator/a").await.unwrap();
    let written = workspace::files(&bench.folder.path().join("media"));
    assert_eq!(written, [std::path::PathBuf::from("creator/a")], "nothing but what was allowed");
}

#[tokio::test]
async fn what_a_job_used_is_reported_beside_its_limits() {
    let bench = Bench::new();
    let (_, used) = bench.job(guest::named("writes-its-original"), Limits::default(), "creator/a").await.unwrap();
    let of = |name: &str| used.of(name).unwrap().used;
    assert_eq!((of("storage.put"), of("host-calls"), of("object-bytes")), (1.0, 1.0, 2.0));
    assert_eq!((of("memory-bytes"), of("handles")), (131_072.0, 0.0));
    assert!(of("total-bytes") >= 16.0 && of("compute-total-ms") > 0.0 && of("workflow-ms") > 0.0);

    let policy = bench.load(guest::named("loop-in-validate"), tight()).await;
    assert_eq!(policy.unwrap_err().code(), "policy.limit-compute");
    let policy = bench.load(guest::named("good"), Limits::default()).await.unwrap();
    let call = Call::pure(&policy);
    let bill = call.usage();
    assert!(bill.get().is_none());
    call.validate_settings().await.unwrap();
    assert!(bill.get().unwrap().of("pure-call-ms").unwrap().share() < 1.0);
}

#[tokio::test]
async fn a_pure_function_that_calls_the_host_is_ended() {
    let bench = Bench::new();
    let nosy = "(func $validate (param i32 i32) (result i32) (drop (call $cancelled)) (i32.const 1024))";
    let ended = bench.load(guest::of_text(nosy), Limits::default()).await.unwrap_err();
    assert_eq!(ended.code(), "policy.broke-contract");
    assert!(ended.to_string().contains("a pure function called the host"), "{ended}");
}

#[tokio::test]
async fn names_that_its_author_chose_can_not_steer_a_terminal() {
    let bench = Bench::new();
    let escape = r#"(component
        (core module $m)
        (core instance $i (instantiate $m))
        (alias core export $i "\1b[2J\0d" (core func)))"#;
    let refused = bench.load(guest::exactly(escape), Limits::default()).await.unwrap_err();
    assert_eq!(refused.code(), "policy.compile", "{refused}");
    let text = refused.to_string();
    assert!(text.contains("[2J") && !text.contains(char::is_control), "{text:?}");
}

#[tokio::test]
async fn what_is_no_policy_is_recognised_before_anything_runs() {
    let bench = Bench::new();
    let component = guest::named("good");
    let machine_code = bench.compiler.engine().precompile_component(&component).unwrap();
    let wasi = r#"(component (import "wasi:cli/environment@0.2.0" (instance)))"#;
    let unknown = r#"(component (import "codex:transcode/shell@0.1.0" (instance
        (export "run" (func (param "command" string))))))"#;
    let other_type = r#"(component (import "codex:transcode/job@0.1.0" (instance
        (export "cancelled" (func (result string))))))"#;
    for (bytes, code, says) in [
        (guest::exactly("(module (func (export \"run\")))"), "policy.not-a-component", "core module"),
        (machine_code, "policy.not-a-component", "machine code"),
        (component[..component.len() / 2].to_vec(), "policy.compile", ""),
        (guest::exactly(wasi), "policy.import", "wasi:cli/environment@0.2.0"),
        (guest::exactly(unknown), "policy.contract", "codex:transcode/shell@0.1.0"),
        (guest::exactly(other_type), "policy.contract", "codex:transcode/job@0.1.0"),
        (guest::exactly("(component)"), "policy.contract", ""),
    ] {
        let refused = bench.load(bytes, Limits::default()).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
        assert!(refused.to_string().contains(says), "{refused}");
    }
}

/// What an abandoned compilation may not do: keep a runtime from ending, or the next policy from being taken.
#[test]
fn a_component_that_takes_minutes_to_compile_is_refused_soon_and_delays_no_other_job() {
    let slow = guest::of_text(&slow_to_compile(1000, 200));
    let bench = Bench::new();
    let limits = Limits::default().with(Limit::Compile, 100);
    let began = Instant::now();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let refused = runtime.block_on(bench.load(slow.clone(), limits)).unwrap_err();
    assert_eq!(refused.code(), "policy.limit-compile", "{refused}");
    assert!(refused.to_string().contains("100 ms (limit `compile-ms`)"), "{refused}");
    // A runtime waits for its own blocking threads when it ends.
    drop(runtime);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(bench.load(guest::named("good"), Limits::default())).unwrap();
    // Then there are two that go on.
    let refused = runtime.block_on(bench.load(slow.clone(), limits)).unwrap_err();
    assert_eq!(refused.code(), "policy.limit-compile", "{refused}");
    let refused = runtime.block_on(bench.load(slow, limits)).unwrap_err();
    assert_eq!(refused.code(), "policy.compile", "{refused}");
    assert!(refused.to_string().contains("still run"), "{refused}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

/// One function of many variables in loop after loop, each of which changes them all: the code stays small, and what is
/// alive at once does not fit the registers.
fn slow_to_compile(variables: usize, loops: usize) -> String {
    let change = |n: usize| format!("(local.set {n} (i64.add (local.get {n}) (local.get {})))", (n + 1) % variables);
    let changes: String = (0..variables).map(change).collect();
    let round = format!("(loop $again {changes} (br_if $again (i64.eqz (local.get 0))))");
    let all: String = std::iter::repeat_n(round.as_str(), loops).collect();
    format!("(func $slow (local {}) {all})", "i64 ".repeat(variables))
}
