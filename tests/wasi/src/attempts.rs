//! The attempts, each by its name in the setting.

use crate::bindings::wasi::cli::{environment, exit, stderr, stdin, stdout};
use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use crate::bindings::wasi::filesystem::preopens;
use crate::bindings::wasi::random::{insecure, insecure_seed, random};
use crate::bindings::wasi::sockets::network::IpAddressFamily;
use crate::bindings::wasi::sockets::{instance_network, ip_name_lookup, tcp_create_socket, udp_create_socket};

/// Makes the attempt and describes its result.
pub fn result_of(attempt: &str) -> String {
    match attempt {
        "surroundings" => surroundings(),
        "clocks" => format!("{} then {}", clocks(), clocks()),
        "sleep" => sleep(),
        "random" => format!("{} then {}", numbers(), numbers()),
        "sockets" => sockets(),
        "lines" => lines(),
        "exit" => {
            exit::exit(Err(()));
            String::new()
        }
        "complain-and-trap" => complain_and_trap(),
        "clock-for-ever" => loop {
            monotonic_clock::now();
        },
        "flood" => {
            let stdout = stdout::get_stdout();
            loop {
                let _ = stdout.blocking_write_and_flush(b"a line like any other\n");
            }
        }
        "zeroes" => format!("{:?}", stdout::get_stdout().write_zeroes(1 << 40)),
        "random-without-end" => random::get_random_bytes(1 << 40).len().to_string(),
        "handles" => {
            let held: Vec<_> = (0..100_000).map(|_| stdout::get_stdout()).collect();
            held.len().to_string()
        }
        _ => "there is no attempt of that name".to_owned(),
    }
}

fn surroundings() -> String {
    let input = stdin::get_stdin().blocking_read(10).is_err();
    let (variables, arguments) = (environment::get_environment().len(), environment::get_arguments().len());
    let folders = preopens::get_directories().len();
    format!("{variables} variables, {arguments} arguments, {folders} folders, input closed: {input}")
}

fn clocks() -> String {
    let wall = wall_clock::now();
    format!("{}.{} and {}", wall.seconds, wall.nanoseconds, monotonic_clock::now())
}

fn sleep() -> String {
    const HOUR: u64 = 3_600_000_000_000;
    monotonic_clock::subscribe_duration(HOUR).block();
    "awake".to_owned()
}

fn numbers() -> String {
    let (secure, insecure) = (random::get_random_bytes(8), insecure::get_insecure_random_u64());
    format!("{secure:?} {insecure} {:?}", insecure_seed::insecure_seed())
}

fn sockets() -> String {
    let tcp = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4).err();
    let udp = udp_create_socket::create_udp_socket(IpAddressFamily::Ipv6).err();
    let name = ip_name_lookup::resolve_addresses(&instance_network::instance_network(), "localhost").err();
    [tcp, udp, name].map(|error| error.map_or("made", |error| error.name())).join(", ")
}

fn lines() -> String {
    let (out, err) = (stdout::get_stdout(), stderr::get_stderr());
    let _ = out.blocking_write_and_flush(b"first half, ");
    let _ = err.blocking_write_and_flush("\u{1b}[2Jforged\rline \u{9b}\n".as_bytes());
    let _ = out.blocking_write_and_flush(b"second half\nno end");
    "written".to_owned()
}

fn complain_and_trap() -> String {
    let _ = stderr::get_stderr().blocking_write_and_flush(b"Traceback:\nValueError: the ladder has no rungs\n");
    std::process::abort()
}
