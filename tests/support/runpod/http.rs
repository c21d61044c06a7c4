//! As much of HTTP/1.1 as the worker protocol needs: one request for each connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A request as it came in.
#[derive(Debug)]
pub struct Raw {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Raw {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

pub fn read(connection: &TcpStream) -> Option<Raw> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let query =
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (plain(k), plain(v))).collect();
    Some(Raw { method, path: path.to_owned(), query, headers, body: String::from_utf8(body).ok()? })
}

/// A part of a query without its escapes.
fn plain(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0')];
                u8::from_str_radix(str::from_utf8(&digits).unwrap_or("3f"), 16).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// Whether it could be written; the other end may have gone.
pub fn write(mut connection: &TcpStream, status: u16, json: Option<&str>) -> bool {
    let body = json.unwrap_or("");
    let kind = json.map_or("", |_| "content-type: application/json; charset=utf-8\r\n");
    let length = if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    write!(connection, "HTTP/1.1 {status} Because\r\n{kind}{length}connection: close\r\n\r\n{body}").is_ok()
}

/// Whether the other end has closed the connection. Nothing more may be expected from it.
pub fn is_gone(connection: &TcpStream) -> bool {
    let _ = connection.set_nonblocking(true);
    let gone = matches!(connection.peek(&mut [0]), Ok(0))
        || connection.peek(&mut [0]).is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock);
    let _ = connection.set_nonblocking(false);
    gone
}
