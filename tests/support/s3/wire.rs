//! Connections: a shared link of limited speed, and the resets that only a socket can do.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::service::S3Service;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep};

use super::front::{Front, Gone};

/// Most bytes that pass a limited link at once.
const PIECE: usize = 16 * 1024;

/// Serves connections for as long as it is polled.
pub(super) async fn accept(listener: TcpListener, front: Arc<Front>, service: S3Service) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let _ = stream.set_nodelay(true);
                connections.spawn(serve(stream, Arc::clone(&front), service.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, front: Arc<Front>, service: S3Service) {
    let reset = Reset::default();
    let connection = Connection {
        stream,
        link: front.link.clone(),
        reset: reset.clone(),
        up: Turn::default(),
        down: Turn::default(),
    };
    let answer = service_fn(move |request| Arc::clone(&front).answer(request, service.clone(), reset.clone()));
    // How a connection ends is the client's business.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), answer).await;
}

/// Whether a connection ends with a reset, and what was sent on it.
#[derive(Clone, Debug, Default)]
pub(super) struct Reset(Arc<State>);

#[derive(Debug, Default)]
struct State {
    wanted: AtomicBool,
    sent: AtomicU64,
}

impl Reset {
    /// From here on nothing more is said.
    pub(super) fn now(&self) -> Gone {
        self.0.wanted.store(true, Ordering::SeqCst);
        Gone
    }

    /// Bytes that the socket has taken.
    pub(super) fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::SeqCst)
    }

    fn is_wanted(&self) -> bool {
        self.0.wanted.load(Ordering::SeqCst)
    }
}

/// The line that all connections of a server share.
#[derive(Clone, Debug, Default)]
pub(super) struct Link(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Bytes per second; zero for no limit.
    rate: AtomicU64,
    /// When the next byte may pass, up and down.
    free: [Mutex<Option<Instant>>; 2],
}

/// How long a line may have stood idle and still catch up: a timer is late by a millisecond or two, which at a high rate is
/// as long as a piece takes.
const SLACK: Duration = Duration::from_millis(20);

#[derive(Clone, Copy)]
enum Way {
    Up,
    Down,
}

impl Link {
    pub(super) fn throttle(&self, rate: Option<u64>) {
        self.0.rate.store(rate.unwrap_or(0), Ordering::SeqCst);
    }

    fn is_limited(&self) -> bool {
        self.0.rate.load(Ordering::SeqCst) > 0
    }

    /// Takes the time that bytes need on the line, and says when it is over.
    fn take(&self, way: Way, bytes: usize) -> Instant {
        let rate = self.0.rate.load(Ordering::SeqCst).max(1);
        let mut free = self.0.free[way as usize].lock().unwrap();
        let needed = Duration::from_nanos(bytes as u64 * 1_000_000_000 / rate);
        let now = Instant::now();
        let until = free.unwrap_or(now).max(now - SLACK) + needed;
        *free = Some(until);
        until
    }
}

/// A connection's place in the queue, one way.
#[derive(Default)]
struct Turn(Option<Pin<Box<Sleep>>>);

impl Turn {
    /// Until the line is free for this connection again.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(sleep) = &mut self.0 {
            ready!(sleep.as_mut().poll(cx));
            self.0 = None;
        }
        Poll::Ready(())
    }

    fn taken(&mut self, link: &Link, way: Way, bytes: usize) {
        if bytes > 0 {
            self.0 = Some(Box::pin(tokio::time::sleep_until(link.take(way, bytes))));
        }
    }
}

struct Connection {
    stream: TcpStream,
    link: Link,
    reset: Reset,
    up: Turn,
    down: Turn,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.link.is_limited() {
            return Pin::new(&mut self.stream).poll_read(cx, into);
        }
        ready!(self.up.poll(cx));
        let mut piece = ReadBuf::new(into.initialize_unfilled_to(into.remaining().min(PIECE)));
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
        let read = piece.filled().len();
        into.advance(read);
        let link = self.link.clone();
        self.up.taken(&link, Way::Up, read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.reset.is_wanted() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let limited = self.link.is_limited();
        if limited {
            ready!(self.down.poll(cx));
        }
        let piece = if limited { &bytes[..bytes.len().min(PIECE)] } else { bytes };
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, piece))?;
        self.reset.0.sent.fetch_add(written as u64, Ordering::SeqCst);
        if limited {
            let link = self.link.clone();
            self.down.taken(&link, Way::Down, written);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reset.is_wanted() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.reset.is_wanted() {
            // Closing it now sends a reset.
            let _ = self.stream.set_zero_linger();
        }
    }
}
