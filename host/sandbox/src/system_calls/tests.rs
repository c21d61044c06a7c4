//! The filters against the plain chain that seccompiler makes of the same rules: every call has to be decided alike.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail")]

use super::*;

/// `struct seccomp_data` of <linux/seccomp.h>, in words of 32 bits.
fn call(number: u32, architecture: u32, arguments: [u64; 6]) -> Vec<u32> {
    let arguments = arguments.into_iter().flat_map(|value| [value as u32, (value >> 32) as u32]);
    [number, architecture, 0, 0].into_iter().chain(arguments).collect()
}

/// Runs a filter as the kernel does, as far as filters of system calls go.
fn answer(program: &[sock_filter], call: &[u32]) -> u32 {
    const JUMP: u16 = 0x05;
    const JUMP_IF_MORE: u16 = 0x25;
    const AND: u16 = 0x54;
    let (mut at, mut accumulator) = (0, 0);
    loop {
        let sock_filter { code, jt, jf, k } = program[at];
        at += 1;
        let holds = match code {
            LOAD_NUMBER => {
                accumulator = call[k as usize / 4];
                continue;
            }
            AND => {
                accumulator &= k;
                continue;
            }
            JUMP => {
                at += k as usize;
                continue;
            }
            RETURN => return k,
            JUMP_IF_EQUAL => accumulator == k,
            JUMP_IF_MORE => accumulator > k,
            JUMP_IF_AT_LEAST => accumulator >= k,
            _ => panic!("instruction {code:#x}"),
        };
        at += usize::from(if holds { jt } else { jf });
    }
}

const NATIVE: u32 = if cfg!(target_arch = "aarch64") { 0xc000_00b7 } else { 0xc000_003e };
const I386: u32 = 0x4000_0003;

const EXEC: OnlyExec =
    OnlyExec { program: 0x7000_1111_2222, arguments: 0x7000_3333_4444, environment: 0x7000_5555_6666 };

/// Values that some rule looks for, values beside them, and the same in the upper half of a register.
fn arguments() -> Vec<[u64; 6]> {
    let own = u64::from(std::process::id());
    let flag = libc::CLONE_THREAD as u64;
    let mut values = vec![0, 1, own, own + 1, own | 1 << 32, u64::MAX, flag, flag | 1, !flag];
    values.extend(ALLOWED_IOCTLS);
    values.extend([EXEC.program, EXEC.arguments, EXEC.environment, EXEC.program + (1 << 32)]);
    let pairs = values.iter().flat_map(|&first| values.iter().map(move |&second| [first, second, 0, 0, 0, 0]));
    pairs.chain([[EXEC.program, EXEC.arguments, EXEC.environment, 0, 0, 0]]).collect()
}

#[test]
fn every_call_is_decided_as_by_a_plain_chain() {
    for profile in [Profile::Strict, Profile::Gpu] {
        for exec in [None, Some(EXEC)] {
            let searched = filter(profile, exec).unwrap();
            let (rules, on_match, otherwise) = rules(profile, exec).unwrap();
            let plain: BpfProgram =
                SeccompFilter::new(rules, otherwise, on_match, architecture().unwrap()).unwrap().try_into().unwrap();
            let plain: BpfProgram = not_implemented().into_iter().chain(plain).collect();
            let edges = [0x3fff_ffff, 0x4000_0000, 0x4000_0000 | libc::SYS_execve as u32, u32::MAX];
            for number in (0..700).chain(edges) {
                for arguments in arguments() {
                    let call = call(number, NATIVE, arguments);
                    assert_eq!(answer(&searched, &call), answer(&plain, &call), "{profile:?}: {call:x?}");
                }
                let foreign = call(number, I386, [0; 6]);
                assert_eq!(answer(&searched, &foreign), answer(&plain, &foreign), "{profile:?}: {foreign:x?}");
            }
        }
    }
}

#[test]
fn a_filter_is_short() {
    for profile in [Profile::Strict, Profile::Gpu] {
        let program = filter(profile, Some(EXEC)).unwrap();
        // A jump goes no further than 255 instructions.
        assert!(program.len() < 256, "{profile:?}: {}", program.len());
    }
}
