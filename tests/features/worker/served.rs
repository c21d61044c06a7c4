//! A program that takes jobs over HTTP, and requests to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testkit::platform::Platform;

use super::program;

/// A served program, ended when it is dropped.
pub struct Served {
    child: Child,
    pub address: String,
}

impl Served {
    pub fn start(platform: &Platform) -> Self {
        Self::of(platform.command(program(), &["serve", "--address", "127.0.0.1:0"]))
    }

    /// A command that prints where it listens.
    pub fn of(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap_or_else(|| panic!("it says {line:?}")).to_owned();
        Self { child, address }
    }

    pub fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        let body = body.to_string();
        write!(
            connection,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        let _ = kill_process(id, Signal::TERM);
        let _ = self.child.wait();
    }
}
