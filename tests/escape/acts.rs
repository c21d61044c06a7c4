//! What the stand-in tries.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{ExitCode, Stdio};

use sandbox::{Confinement, FAILURE_EXIT, Limits, Profile, Sandbox};

/// Exit code of an act that the system refused.
pub const REFUSED: i32 = 42;

const BOTH: &[Profile] = &[Profile::Strict, Profile::Gpu];
const STRICT: &[Profile] = &[Profile::Strict];

#[derive(Debug)]
pub struct Act {
    pub name: &'static str,
    /// Where it has to be refused.
    pub profiles: &'static [Profile],
    /// A limit may end the stand-in by a signal.
    pub may_be_killed: bool,
    /// Whether it is tried without a sandbox too, to show that it would be noticed. Not for acts that would hurt.
    pub possible_without: bool,
    /// Whether the system lets only root do it without a sandbox.
    pub needs_root: bool,
    perform: fn(&Path, i32) -> io::Result<()>,
}

const fn act(name: &'static str, perform: fn(&Path, i32) -> io::Result<()>) -> Act {
    Act { name, profiles: BOTH, may_be_killed: false, possible_without: true, needs_root: false, perform }
}

pub const ACTS: &[Act] = &[
    act("read another job's upload", |other, _| File::open(other.join("input")).map(drop)),
    act("list another job's folder", |other, _| fs::read_dir(other).map(drop)),
    act("write into another job's folder", |other, _| fs::write(other.join("made-here"), "x")),
    act("remove another job's upload", |other, _| fs::remove_file(other.join("input"))),
    act("read /etc/passwd", |_, _| File::open("/etc/passwd").map(drop)),
    act("list the root", |_, _| fs::read_dir("/").map(drop)),
    Act { profiles: STRICT, ..act("read the host's environment", read_environment) },
    act("read the host's memory", |_, parent| File::open(format!("/proc/{parent}/mem")).map(drop)),
    act("change its input", |_, _| OpenOptions::new().write(true).open("input").map(drop)),
    act("truncate its input", |_, _| OpenOptions::new().write(true).truncate(true).open("input").map(drop)),
    act("write beside its output folder", |_, _| fs::write("beside", "x")),
    act("listen on TCP", |_, _| TcpListener::bind("127.0.0.1:0").map(drop)),
    act("make a UDP socket", |_, _| UdpSocket::bind("127.0.0.1:0").map(drop)),
    Act { profiles: STRICT, ..act("make a unix socket", |_, _| UnixDatagram::unbound().map(drop)) },
    act("make a netlink socket", |_, _| call(|| unsafe { libc_socket(16, 3) })),
    act("fork", |_, _| fork()),
    Act {
        possible_without: false,
        may_be_killed: true,
        ..act("make threads without end", |_, _| threads_without_end())
    },
    act("execute a shell", |_, _| Err(exec("/bin/sh", &["sh", "-c", "exit 0"]))),
    act("execute its own program again", |_, _| Err(exec("/proc/self/exe", &["program", "act", "exit"]))),
    act("make a symbolic link", |_, _| symlink("/etc/passwd", "made/link")),
    act("make a hard link", |_, _| fs::hard_link("input", "made/link")),
    act("make a FIFO", |_, _| make_node(0o010_000)),
    Act { needs_root: true, ..act("make a device", |_, _| make_node(0o020_000)) },
    act("make a folder", |_, _| fs::create_dir("made/folder")),
    act("make its output executable by all as another user", |_, _| set_user_id()),
    Act { may_be_killed: true, ..act("write a large file", |_, _| large_file()) },
    Act { may_be_killed: true, ..act("take much memory", |_, _| much_memory()) },
    Act { may_be_killed: true, possible_without: false, ..act("compute without end", |_, _| compute()) },
    act("open files without end", |_, _| files_without_end()),
    Act { needs_root: true, ..act("trace the host", |_, parent| trace(parent)) },
    act("signal the host", |_, parent| call(|| unsafe { libc_kill(parent, 0) })),
    Act { needs_root: true, ..act("read the host's memory by process_vm_readv", |_, parent| read_memory(parent)) },
    Act { needs_root: true, ..act("make a user namespace", |_, _| call(|| unsafe { libc_unshare(0x1000_0000) })) },
    Act { needs_root: true, ..act("use io_uring", |_, _| io_uring()) },
    Act { possible_without: false, ..act("become root again", |_, _| become_root()) },
];

/// Performs the act that the arguments name.
pub fn perform(arguments: Vec<String>) -> ExitCode {
    let name = arguments.first().map_or("", String::as_str);
    let argument = |index: usize| arguments.get(index).cloned().unwrap_or_default();
    match name {
        "exit" => return ExitCode::SUCCESS,
        "wait" => {
            println!("{}", std::process::id());
            loop {
                std::thread::park();
            }
        }
        "do what a transcode does" => return exit_code(transcode()),
        "detect without Landlock" => {
            without_landlock();
            let sandbox = Sandbox::detect(Sandbox::this_program(), &[&std::env::current_exe().unwrap()]);
            println!("{:?}: {}", sandbox.level(), sandbox.reason());
            return ExitCode::SUCCESS;
        }
        "be a host that is killed" => return host(&argument(1), &argument(2), false),
        "start a child after Landlock is gone" => return host(&argument(1), &argument(2), true),
        _ => {}
    }
    let Some(act) = ACTS.iter().find(|act| act.name == name) else {
        eprintln!("unknown act {name}");
        return ExitCode::FAILURE;
    };
    exit_code((act.perform)(Path::new(&argument(1)), argument(2).parse().unwrap()))
}

fn exit_code(outcome: io::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::from(REFUSED as u8)
        }
    }
}

/// Reads the input; writes, seeks, renames and removes below its folder; threads; time; random numbers.
fn transcode() -> io::Result<()> {
    let text = fs::read("input")?;
    let mut file = File::create("made/unfinished")?;
    file.write_all(&text)?;
    file.seek(SeekFrom::Start(0))?;
    file.set_len(text.len() as u64)?;
    file.sync_all()?;
    fs::rename("made/unfinished", "made/renamed")?;
    fs::write("made/other", "x")?;
    fs::remove_file("made/other")?;
    File::open("/dev/urandom")?.read_exact(&mut [0; 16])?;
    OpenOptions::new().write(true).open("/dev/null")?.write_all(b"x")?;
    let threads: Vec<_> = (0..8).map(|n| std::thread::spawn(move || n * 2)).collect();
    threads.into_iter().for_each(|thread| drop(thread.join()));
    std::thread::sleep(std::time::Duration::from_millis(1));
    println!("{:?}", std::thread::available_parallelism()?);
    Ok(())
}

fn host(job: &str, program: &str, lose_landlock: bool) -> ExitCode {
    let sandbox = Sandbox::detect(Sandbox::this_program(), &[Path::new(program)]);
    if lose_landlock {
        without_landlock();
    }
    let limits = Limits { memory_bytes: None, cpu_seconds: 60, file_bytes: 1 << 20, threads: 64, descriptors: 64 };
    let confinement = Confinement { profile: Profile::Strict, read: Vec::new(), write: vec!["made".into()], limits };
    let mut command = sandbox.command(Path::new(program), ["act", "wait"], &confinement).unwrap();
    let mut child = command.current_dir(job).stdin(Stdio::null()).spawn().unwrap();
    let status = child.wait().unwrap();
    ExitCode::from(status.code().unwrap_or(FAILURE_EXIT - 1) as u8)
}

/// Answers Landlock's first call as a kernel without it does, for this process and those that it starts.
fn without_landlock() {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
    let rules = [(libc::SYS_landlock_create_ruleset, vec![])].into_iter().collect();
    let action = SeccompAction::Errno(libc::ENOSYS as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, std::env::consts::ARCH.try_into().unwrap());
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

fn call(made: impl FnOnce() -> i64) -> io::Result<()> {
    if made() < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

unsafe fn libc_socket(family: i32, kind: i32) -> i64 {
    i64::from(unsafe { libc::socket(family, kind, 0) })
}

unsafe fn libc_kill(process: i32, signal: i32) -> i64 {
    i64::from(unsafe { libc::kill(process, signal) })
}

unsafe fn libc_unshare(flags: i32) -> i64 {
    i64::from(unsafe { libc::unshare(flags) })
}

fn read_environment(_: &Path, parent: i32) -> io::Result<()> {
    fs::read(format!("/proc/{parent}/environ")).map(drop)
}

fn fork() -> io::Result<()> {
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => std::process::exit(0),
        child => {
            unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
            Ok(())
        }
    }
}

fn threads_without_end() -> io::Result<()> {
    for _ in 0..10_000 {
        std::thread::Builder::new().stack_size(64 << 10).spawn(|| {
            loop {
                std::thread::park();
            }
        })?;
    }
    Ok(())
}

fn exec(program: &str, arguments: &[&str]) -> io::Error {
    let strings: Vec<CString> = arguments.iter().map(|text| CString::new(*text).unwrap()).collect();
    let list: Vec<_> = strings.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect();
    let program = CString::new(program).unwrap();
    unsafe { libc::execve(program.as_ptr(), list.as_ptr(), [std::ptr::null()].as_ptr()) };
    io::Error::last_os_error()
}

fn make_node(kind: u32) -> io::Result<()> {
    // The device is /dev/null's: 1, 3.
    call(|| i64::from(unsafe { libc::mknod(c"made/node".as_ptr(), kind | 0o666, libc::makedev(1, 3)) }))
}

fn set_user_id() -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions("made/segment.ts", fs::Permissions::from_mode(0o4755))
}

fn large_file() -> io::Result<()> {
    let mut file = File::create("made/large")?;
    for _ in 0..8 {
        file.write_all(&[1; 1 << 20])?;
    }
    Ok(())
}

fn much_memory() -> io::Result<()> {
    let mut taken: Vec<u8> = Vec::new();
    taken.try_reserve_exact(2 << 30).map_err(io::Error::other)
}

fn compute() -> io::Result<()> {
    let mut number = 0u64;
    loop {
        number = std::hint::black_box(number.wrapping_add(1));
    }
}

fn files_without_end() -> io::Result<()> {
    let mut opened = Vec::new();
    for _ in 0..512 {
        opened.push(File::open("input")?);
    }
    Ok(())
}

fn trace(parent: i32) -> io::Result<()> {
    // PTRACE_SEIZE doesn't stop the traced process.
    call(|| unsafe { libc::ptrace(libc::PTRACE_SEIZE, parent, 0, 0) })
}

fn read_memory(parent: i32) -> io::Result<()> {
    // Reading nothing at all still asks for the right to read.
    let mut byte = 0u8;
    let part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let made = unsafe { libc::process_vm_readv(parent, &part, 1, &part, 1, 0) };
    let error = io::Error::last_os_error();
    // A wrong address is found out only after the right was given.
    if made >= 0 || error.raw_os_error() == Some(libc::EFAULT) { Ok(()) } else { Err(error) }
}

fn io_uring() -> io::Result<()> {
    let mut parameters = [0u8; 120];
    call(|| unsafe { libc::syscall(libc::SYS_io_uring_setup, 4, parameters.as_mut_ptr()) })
}

fn become_root() -> io::Result<()> {
    call(|| unsafe { libc::syscall(libc::SYS_setuid, 0) })?;
    File::open("/etc/shadow").map(drop)
}
