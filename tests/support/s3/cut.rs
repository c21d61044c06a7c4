//! Answers that end too soon.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::{Bytes, Frame, SizeHint};
use s3s::Body;

use super::front::Gone;
use super::wire::Reset;

/// What comes after the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A reset.
    Reset,
    /// Nothing, on a connection that stays open.
    Silence,
}

/// A body that ends once so much of it has reached the socket.
pub(super) struct Cut {
    body: Body,
    left: u64,
    /// What the connection must have sent before that; known with the first frame.
    until: Option<u64>,
    end: End,
    reset: Reset,
}

impl Cut {
    pub(super) fn new(body: Body, after: u64, end: End, reset: Reset) -> Self {
        Self { body, left: after, until: None, end, reset }
    }
}

impl hyper::body::Body for Cut {
    type Data = Bytes;
    type Error = Gone;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Gone>>> {
        let (sent, left) = (self.reset.sent(), self.left);
        let until = *self.until.get_or_insert(sent + left);
        if left == 0 {
            if self.end == End::Silence {
                return Poll::Pending;
            }
            if sent < until {
                // What was given is flushed only when there is nothing more for now.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(Some(Err(self.reset.now())));
        }
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else { return Poll::Ready(None) };
        let Ok(Ok(mut bytes)) = frame.map(Frame::into_data) else { return Poll::Ready(Some(Err(self.reset.now()))) };
        bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        self.left -= bytes.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    /// The whole length, which is what the answer announces.
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
