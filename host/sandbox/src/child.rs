//! The helper: one thread, which gives everything up and then becomes the program.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustix::process::{Resource, Rlimit, Signal, setrlimit};

use crate::level::{CONFINE, Order, REPORT, Report};
use crate::system_calls::{self, OnlyExec};
use crate::{FAILURE_EXIT, FAILURE_PREFIX, Limits, Profile, files, user};

/// A step of the confinement that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {source}")]
struct StepError {
    step: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

fn at<E: Into<Box<dyn std::error::Error + Send + Sync>>>(step: &'static str) -> impl Fn(E) -> StepError {
    move |source| StepError { step, source: source.into() }
}

/// Runs the helper before Rust's runtime starts, which reads the process's memory map and prepares for stack overflows: 4 % of
/// what a helper takes. With glibc the arguments are there by then; elsewhere `main` finds them.
#[used]
#[allow(unsafe_code, reason = "a section has no safe form")]
// SAFETY: the section holds such functions, which the C library calls before `main`, in the process's only thread.
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = before_main;

extern "C" fn before_main() {
    run_if_helper();
}

pub(crate) fn run_if_helper() {
    let mut arguments = std::env::args_os().skip(1);
    let Some(mode) = arguments.next() else { return };
    let outcome = if mode == CONFINE {
        become_program(arguments.collect()).map(|never| match never {})
    } else if mode == REPORT {
        report(arguments.next()).map_err(at("reporting"))
    } else {
        return;
    };
    let Err(error) = outcome else { std::process::exit(0) };
    eprintln!("{FAILURE_PREFIX}{error}");
    std::process::exit(FAILURE_EXIT);
}

fn order(text: Option<OsString>) -> Result<Order, serde_json::Error> {
    serde_json::from_slice(text.unwrap_or_default().as_bytes())
}

fn become_program(arguments: Vec<OsString>) -> Result<Infallible, StepError> {
    let mut arguments = arguments.into_iter();
    let order = order(arguments.next()).map_err(at("reading its order"))?;
    let command: Vec<OsString> = arguments.collect();
    let program = command.first().ok_or_else(|| at("reading its order")("no program is named"))?;
    let exec = Exec::new(program, &command).map_err(at("reading its order"))?;

    let rules = files::rules(Some(Path::new(program)), &order.confinement).map_err(at("preparing Landlock"))?;
    give_up_the_rest(&order)?;
    let enforced = files::enforce(rules).map_err(at("enforcing Landlock"))?;
    if order.layers.landlock && !enforced {
        return Err(at("enforcing Landlock")("it isn't there any more"));
    }
    if order.layers.seccomp {
        filter_calls(order.confinement.profile, Some(exec.addresses())).map_err(at("enforcing seccomp"))?;
    }
    Err(at("starting the program")(exec.run()))
}

/// Everything besides Landlock and seccomp, in an order in which no step takes away what a later one needs.
fn give_up_the_rest(order: &Order) -> Result<(), StepError> {
    default_signals();
    // The first to go when memory runs out.
    std::fs::write("/proc/self/oom_score_adj", "1000").map_err(at("offering itself to the OOM killer"))?;
    close_descriptors();
    match order.layers.user {
        Some(user) => {
            user::hand_over(&order.confinement, user).map_err(at("handing over its folders"))?;
            user::become_user(user).map_err(at("becoming an unprivileged user"))?;
        }
        None => user::drop_capabilities().map_err(at("dropping capabilities"))?,
    }
    // A change of user clears this, so it comes after.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(at("tying itself to the host"))?;
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if parent != Some(order.parent) {
        return Err(at("tying itself to the host")("the host has ended"));
    }
    limit(&order.confinement.limits).map_err(at("limiting its resources"))?;
    rustix::thread::set_no_new_privs(true).map_err(at("giving up privileges"))
}

/// libgcrypt, which some builds of ffmpeg load, locks 32 KiB at its start, and warns on stderr where it can't.
const LOCKED_BYTES: u64 = 1 << 20;

fn limit(limits: &Limits) -> rustix::io::Result<()> {
    let set = |resource, value| setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) });
    if let Some(bytes) = limits.memory_bytes {
        set(Resource::Data, bytes)?;
    }
    // The soft limit ends it with SIGXCPU, which says why; the hard one ends it in any case.
    let cpu = Rlimit { current: Some(limits.cpu_seconds), maximum: Some(limits.cpu_seconds + 1) };
    setrlimit(Resource::Cpu, cpu)?;
    set(Resource::Fsize, limits.file_bytes)?;
    set(Resource::Nproc, limits.threads)?;
    set(Resource::Nofile, limits.descriptors)?;
    set(Resource::Memlock, LOCKED_BYTES)?;
    set(Resource::Core, 0)
}

fn filter_calls(profile: Profile, exec: Option<OnlyExec>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    Ok(seccompiler::apply_filter(&system_calls::filter(profile, exec)?)?)
}

/// What a program starts with. Rust ignores SIGPIPE, and with SIGXFSZ ignored ffmpeg truncates files and exits with 0.
fn default_signals() {
    // SAFETY: setting default dispositions and an empty mask runs no code of ours; the set is initialised by sigemptyset.
    #[allow(unsafe_code, reason = "there is no safe wrapper for it")]
    unsafe {
        for signal in 1..=libc::SIGRTMAX() {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut nothing = std::mem::MaybeUninit::uninit();
        libc::sigemptyset(nothing.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, nothing.as_ptr(), std::ptr::null_mut());
    }
}

/// Has everything but the three standard streams close on `execve`: the host's descriptors do so by themselves, unless a
/// library forgot to say so.
fn close_descriptors() {
    // SAFETY: it closes nothing now, only when this process becomes another program; Landlock's descriptors still serve.
    #[allow(unsafe_code, reason = "there is no safe wrapper for it")]
    unsafe {
        libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
    }
}

/// An `execve` whose strings lie still, so that a filter can know their addresses.
struct Exec {
    program: CString,
    _strings: Vec<CString>,
    arguments: Vec<*const libc::c_char>,
    environment: Vec<*const libc::c_char>,
}

impl Exec {
    fn new(program: &OsStr, command: &[OsString]) -> io::Result<Self> {
        let mut strings = Vec::new();
        for argument in command {
            strings.push(CString::new(argument.as_bytes())?);
        }
        for (name, value) in std::env::vars_os() {
            strings.push(CString::new([name.as_bytes(), b"=", value.as_bytes()].concat())?);
        }
        let list = |strings: &[CString]| {
            strings.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect::<Vec<_>>()
        };
        let (arguments, environment) = strings.split_at(command.len());
        Ok(Self {
            program: CString::new(program.to_owned().into_vec())?,
            arguments: list(arguments),
            environment: list(environment),
            _strings: strings,
        })
    }

    fn addresses(&self) -> OnlyExec {
        OnlyExec {
            program: self.program.as_ptr() as u64,
            arguments: self.arguments.as_ptr() as u64,
            environment: self.environment.as_ptr() as u64,
        }
    }

    /// Returns only if it fails.
    fn run(&self) -> io::Error {
        // SAFETY: both lists end with null and point to strings that `self` owns.
        #[allow(unsafe_code, reason = "the standard library's exec makes its own copies of the strings")]
        unsafe {
            libc::execve(self.program.as_ptr(), self.arguments.as_ptr(), self.environment.as_ptr());
        }
        io::Error::last_os_error()
    }
}

/// Confines this process like a child, tries what a child must not do, and prints what was held.
fn report(text: Option<OsString>) -> io::Result<()> {
    let order = order(text)?;
    let mut report = Report { landlock_abi: files::kernel_abi(), ..Report::default() };
    let mut note = |step: &str, error: &dyn std::fmt::Display| report.failures.push(format!("{step}: {error}"));
    let rules = files::rules(None, &order.confinement).map_err(|error| note("Landlock", &error)).ok();
    give_up_the_rest(&order).map_err(io::Error::other)?;
    if let Some(Err(error)) = rules.map(files::enforce) {
        note("Landlock", &error);
    }
    if let Err(error) = filter_calls(order.confinement.profile, None) {
        note("seccomp", &error);
    }
    report.files_held =
        std::fs::File::open("/etc/hostname").is_err_and(is_refused) && std::fs::read_dir("/").is_err_and(is_refused);
    report.calls_held = std::os::unix::net::UnixDatagram::unbound().is_err();
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

fn is_refused(error: io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}
