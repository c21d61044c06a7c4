//! seccomp: which system calls a child may make.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

use crate::Profile;

/// The one `execve` that a child may make: the helper's own. Its strings can't be looked at, but their addresses can.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnlyExec {
    pub program: u64,
    pub arguments: u64,
    pub environment: u64,
}

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;
type Built<T> = Result<T, BackendError>;

/// What decoding, filtering and encoding need. Everything else "isn't implemented" (`ENOSYS`), which libraries expect from
/// older kernels.
const ALLOWED: &[c_long] = &[
    // memory
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_mincore,
    libc::SYS_membarrier,
    libc::SYS_mlock,
    libc::SYS_mlock2,
    libc::SYS_munlock,
    libc::SYS_get_mempolicy,
    // threads and signals of its own
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_getcpu,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigpending,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // what it is
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getppid,
    libc::SYS_getpgid,
    libc::SYS_getsid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getresuid,
    libc::SYS_getresgid,
    libc::SYS_getgroups,
    libc::SYS_capget,
    libc::SYS_prctl,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_getrusage,
    libc::SYS_times,
    libc::SYS_getrandom,
    libc::SYS_umask,
    libc::SYS_getpriority,
    // time
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_setitimer,
    libc::SYS_getitimer,
    // open files, and waiting for them
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_fcntl,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_fadvise64,
    libc::SYS_getdents64,
    libc::SYS_copy_file_range,
    libc::SYS_sendfile,
    libc::SYS_pipe2,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    // files by name, which Landlock looks at
    libc::SYS_openat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_statfs,
    libc::SYS_getcwd,
];

/// The older forms of the same calls, which newer architectures never had.
#[cfg(target_arch = "x86_64")]
const ALLOWED_OLDER: &[c_long] = &[
    libc::SYS_arch_prctl,
    libc::SYS_open,
    libc::SYS_creat,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_wait,
    libc::SYS_epoll_create,
    libc::SYS_getpgrp,
    libc::SYS_time,
    libc::SYS_alarm,
    libc::SYS_getdents,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_OLDER: &[c_long] = &[];

/// What a child on the GPU may not do; the driver's own calls are too many to list.
const DENIED: &[c_long] = &[
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kcmp,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_userfaultfd,
    libc::SYS_symlinkat,
    libc::SYS_linkat,
    libc::SYS_mknodat,
    libc::SYS_mkdirat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_truncate,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_inotify_init1,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_personality,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_tkill,
    libc::SYS_seccomp,
    libc::SYS_setsid,
    libc::SYS_setpgid,
    libc::SYS_mq_open,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_shmget,
];
#[cfg(target_arch = "x86_64")]
const DENIED_OLDER: &[c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_symlink,
    libc::SYS_link,
    libc::SYS_mknod,
    libc::SYS_mkdir,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_inotify_init,
];
#[cfg(not(target_arch = "x86_64"))]
const DENIED_OLDER: &[c_long] = &[];

/// What a C library asks of a terminal or a pipe. No other request reaches a driver.
const ALLOWED_IOCTLS: [u64; 4] = [libc::TCGETS, TCGETS2, libc::TIOCGWINSZ, libc::FIONREAD];

/// `_IOR('T', 0x2A, struct termios2)`, which glibc 2.42 asks instead of `TCGETS`.
const TCGETS2: u64 = 0x802c_542a;

/// The filter of a profile for this process, or for what it becomes by `exec`: an `execve` leaves the process id as it is.
pub(crate) fn filter(profile: Profile, exec: Option<OnlyExec>) -> Built<BpfProgram> {
    let (rules, on_match, otherwise) = rules(profile, exec)?;
    let single = |rules: Rules| -> Built<BpfProgram> {
        SeccompFilter::new(rules, otherwise.clone(), on_match.clone(), architecture()?)?.try_into()
    };
    // Without rules, a filter consists of a check of the architecture and the answer to every call.
    let mut check_of_architecture = single(Rules::new())?;
    let default = check_of_architecture.split_off(check_of_architecture.len().saturating_sub(1));

    let mut ranges = vec![Range { first: 0, decision: default.clone() }];
    for (call, conditions) in rules {
        let decision = match conditions.is_empty() {
            true => vec![step(RETURN, 0, 0, on_match.clone().into())],
            false => single([(call, conditions)].into())?.split_off(check_of_architecture.len()),
        };
        let number = call as u32;
        // The default begins after each call. The next call takes its place, and makes no range of its own where it is
        // decided like the one before.
        ranges.pop_if(|last| last.first == number);
        if ranges.last().is_none_or(|last| last.decision != decision) {
            ranges.push(Range { first: number, decision });
        }
        ranges.push(Range { first: number + 1, decision: default.clone() });
    }
    let answers = [default, vec![step(RETURN, 0, 0, on_match.into())]].concat();
    let mut program = not_implemented();
    program.extend(check_of_architecture);
    program.push(step(LOAD_NUMBER, 0, 0, 0));
    program.extend(search(&ranges, &answers, 0)?);
    program.extend(answers);
    Ok(program)
}

/// System calls with neighbouring numbers that are decided alike.
struct Range {
    first: u32,
    decision: BpfProgram,
}

/// Finds the range of a call by halving, and decides the call. After the program come `behind` instructions and then the
/// `answers`: most decisions are one of them, and a jump there.
///
/// The kernel compiles a filter for each child, which takes as long as the filter is, and then tries it with every number
/// there is.
fn search(ranges: &[Range], answers: &[sock_filter], behind: usize) -> Built<BpfProgram> {
    let (lower, upper) = ranges.split_at(ranges.len() / 2);
    let ([_, ..], [middle, ..]) = (lower, upper) else {
        return Ok(ranges.iter().flat_map(|only| only.decision.clone()).collect());
    };
    let answer = |ranges: &[Range]| match ranges {
        [only] => answers.iter().position(|answer| only.decision == [answer.clone()]),
        _ => None,
    };
    let half = |ranges, behind| match answer(ranges) {
        Some(_) => Ok(Vec::new()),
        None => search(ranges, answers, behind),
    };
    let at_least = half(upper, behind)?;
    let less = half(lower, at_least.len() + behind)?;
    let all = less.len() + at_least.len();
    let to_at_least = answer(upper).map_or(less.len(), |answer| all + behind + answer);
    let to_less = answer(lower).map_or(0, |answer| all + behind + answer);
    let [jt, jf] =
        [to_at_least, to_less].map(|count| u8::try_from(count).map_err(|_| BackendError::FilterTooLarge(count)));
    Ok([vec![step(JUMP_IF_AT_LEAST, jt?, jf?, middle.first)], less, at_least].concat())
}

/// The rules of a profile, what happens to a call that matches one, and what to all others.
fn rules(profile: Profile, exec: Option<OnlyExec>) -> Built<(Rules, SeccompAction, SeccompAction)> {
    let own = u64::from(std::process::id());
    Ok(match profile {
        Profile::Strict => (strict(own, exec)?, SeccompAction::Allow, errno(libc::ENOSYS)),
        Profile::Gpu => (gpu(own, exec)?, errno(libc::EPERM), SeccompAction::Allow),
    })
}

fn strict(own: u64, exec: Option<OnlyExec>) -> Built<Rules> {
    let mut rules: Rules = ALLOWED.iter().chain(ALLOWED_OLDER).map(|&call| (call, Vec::new())).collect();
    let thread = libc::CLONE_THREAD as u64;
    rules.insert(libc::SYS_clone, vec![all([(0, SeccompCmpOp::MaskedEq(thread), thread)])?]);
    for call in [libc::SYS_kill, libc::SYS_tgkill] {
        rules.insert(call, vec![all([(0, SeccompCmpOp::Eq, own)])?]);
    }
    // Of other processes it may neither ask nor set the limits.
    rules.insert(libc::SYS_prlimit64, any_of(0, &[0, own])?);
    rules.insert(libc::SYS_ioctl, any_of(1, &ALLOWED_IOCTLS)?);
    if let Some(exec) = exec {
        let same = |argument, address| (argument, SeccompCmpOp::Eq, address);
        let only = all([same(0, exec.program), same(1, exec.arguments), same(2, exec.environment)])?;
        rules.insert(libc::SYS_execve, vec![only]);
    }
    Ok(rules)
}

fn gpu(own: u64, exec: Option<OnlyExec>) -> Built<Rules> {
    let mut rules: Rules = DENIED.iter().chain(DENIED_OLDER).map(|&call| (call, Vec::new())).collect();
    rules.insert(libc::SYS_clone, vec![all([(0, SeccompCmpOp::MaskedEq(libc::CLONE_THREAD as u64), 0)])?]);
    for call in [libc::SYS_kill, libc::SYS_tgkill] {
        rules.insert(call, vec![all([(0, SeccompCmpOp::Ne, own)])?]);
    }
    let of_another = all([(0, SeccompCmpOp::Ne, 0), (0, SeccompCmpOp::Ne, own)])?;
    rules.insert(libc::SYS_prlimit64, vec![of_another]);
    // The driver talks to its daemon through a unix socket.
    rules.insert(libc::SYS_socket, vec![all([(0, SeccompCmpOp::Ne, libc::AF_UNIX as u64)])?]);
    let mut other_exec = Vec::new();
    if let Some(exec) = exec {
        for (argument, address) in [(0, exec.program), (1, exec.arguments), (2, exec.environment)] {
            other_exec.push(all([(argument, SeccompCmpOp::Ne, address)])?);
        }
    }
    rules.insert(libc::SYS_execve, other_exec);
    Ok(rules)
}

fn all<const N: usize>(conditions: [(u8, SeccompCmpOp, u64); N]) -> Built<SeccompRule> {
    let conditions = conditions
        .into_iter()
        .map(|(argument, compare, value)| SeccompCondition::new(argument, SeccompCmpArgLen::Qword, compare, value));
    SeccompRule::new(conditions.collect::<Built<_>>()?)
}

fn any_of(argument: u8, values: &[u64]) -> Built<Vec<SeccompRule>> {
    values.iter().map(|&value| all([(argument, SeccompCmpOp::Eq, value)])).collect()
}

fn errno(number: i32) -> SeccompAction {
    SeccompAction::Errno(number.unsigned_abs())
}

fn architecture() -> Built<TargetArch> {
    std::env::consts::ARCH.try_into()
}

// Classic BPF, <linux/bpf_common.h> and <linux/filter.h>.
const LOAD_NUMBER: u16 = 0x20;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;

fn step(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// Comes first in every filter: answers with `ENOSYS` where a rule can't look. `clone3` takes its flags through a pointer,
/// and C libraries then fall back to `clone`. Calls above the bit of the x32 interface would pass a list of denied numbers.
fn not_implemented() -> BpfProgram {
    const X32_BIT: u32 = 0x4000_0000;
    vec![
        step(LOAD_NUMBER, 0, 0, 0),
        step(JUMP_IF_EQUAL, 1, 0, libc::SYS_clone3 as u32),
        step(JUMP_IF_AT_LEAST, 0, 1, X32_BIT),
        step(RETURN, 0, 0, errno(libc::ENOSYS).into()),
    ]
}

#[cfg(test)]
mod tests;
