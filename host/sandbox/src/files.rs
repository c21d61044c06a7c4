//! Landlock: which files a child may open, and how.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use crate::{Confinement, Profile};

/// Where programs and their libraries lie. Read-only, and the same in every container of an image.
const SYSTEM: [&str; 9] = [
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/nix/store",
    "/gnu/store",
    // How many processors there are, and how memory is spread over them: x265 asks for both.
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/proc/self",
];

const HARMLESS_DEVICES: [&str; 2] = ["/dev/urandom", "/dev/zero"];

/// The dynamic loaders of glibc and musl: the kernel executes them on behalf of a program.
const LOADERS: [&str; 4] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
];

/// What NVIDIA's user-space driver opens besides its devices. It names its threads through `/proc`, and `cuInit` fails with
/// error 304 where that is refused.
const GPU_READ: [&str; 3] = ["/sys", "/run/nvidia-persistenced", "/etc/nvidia"];

/// The rules of one child. The files are opened here, before the helper becomes another user.
pub(crate) fn rules(program: Option<&Path>, confinement: &Confinement) -> Result<RulesetCreated, RulesetError> {
    let newest = ABI::V6;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(newest))?
        .handle_access(AccessNet::from_all(newest))?
        .scope(Scope::from_all(newest))?
        .create()?;
    let read_only = SYSTEM.into_iter().chain(HARMLESS_DEVICES).map(PathBuf::from);
    let read_only = read_only.chain(library_folders()).chain(confinement.read.iter().cloned());
    for path in read_only {
        rules = grant(rules, &path, read)?;
    }
    rules = grant(rules, Path::new("/dev/null"), AccessFs::ReadFile | AccessFs::WriteFile)?;
    let change = read | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::MakeReg | AccessFs::RemoveFile;
    for path in &confinement.write {
        rules = grant(rules, path, change)?;
    }
    for path in program.into_iter().chain(LOADERS.iter().map(Path::new)) {
        rules = grant(rules, path, AccessFs::Execute | AccessFs::ReadFile)?;
    }
    if confinement.profile == Profile::Gpu {
        for path in GPU_READ {
            rules = grant(rules, Path::new(path), read)?;
        }
        rules = grant(rules, Path::new("/proc"), read | AccessFs::WriteFile)?;
        for device in nvidia_devices() {
            rules = grant(rules, &device, read | AccessFs::WriteFile | AccessFs::IoctlDev)?;
        }
    }
    Ok(rules)
}

/// Enforces the rules on this process for good. `false` if the kernel has no Landlock.
pub(crate) fn enforce(rules: RulesetCreated) -> Result<bool, RulesetError> {
    Ok(rules.restrict_self()?.ruleset != RulesetStatus::NotEnforced)
}

/// What isn't there can't be granted, and needn't be.
fn grant(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else { return Ok(rules) };
    let for_files = AccessFs::from_file(ABI::V6);
    let access = if path.is_dir() { access } else { access & for_files };
    rules.add_rule(PathBeneath::new(opened, access))
}

/// Folders of libraries that the environment names.
fn library_folders() -> Vec<PathBuf> {
    let listed = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    std::env::split_paths(&listed).filter(|path| path.is_absolute() && path.as_os_str() != "/").collect()
}

fn nvidia_devices() -> Vec<PathBuf> {
    let devices = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    devices
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("nvidia"))
        .map(|entry| entry.path())
        .collect()
}

/// Version of the kernel's Landlock interface; 0 without Landlock.
pub(crate) fn kernel_abi() -> i32 {
    // SAFETY: with no attributes and the version flag the call reads and writes no memory of ours.
    #[allow(unsafe_code, reason = "neither landlock nor rustix gives the version")]
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<u8>(),
            0usize,
            LANDLOCK_CREATE_RULESET_VERSION,
        )
    };
    i32::try_from(version).unwrap_or(0).max(0)
}

/// <https://docs.kernel.org/userspace-api/landlock.html#landlock-abi-versions>
const LANDLOCK_CREATE_RULESET_VERSION: u32 = 1;
