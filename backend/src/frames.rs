//! A bound for the frames of a WebSocket, before they are read: the library that reads them holds a frame whole before it looks how long
//! it is, so that whoever announces a gigabyte would be given one.
//!
//! The bytes pass through as they come; only the heads of frames are looked at (RFC 6455 §5.2). One that is too long is thrown away as it
//! comes, and then the stream ends with an error. One that is very much too long ends it at once.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::error::PayloadError;
use actix_web::web::{self, Bytes};
use actix_web::{FromRequest, HttpRequest, dev};
use futures_util::Stream;

/// A frame that is longer than so many times its bound is not waited for.
const PATIENCE: u64 = 4;

/// Bytes of the longest head: two, eight of a length, four of a mask.
const HEAD_BYTES_MAX: usize = 14;

/// See the module.
struct Frames {
    inner: dev::Payload,
    /// Bytes of a frame's payload, at most.
    most: u64,
    head: Vec<u8>,
    /// Bytes of the frame's payload that are still to come.
    left: u64,
    /// The frame is too long, and nothing of it is let through.
    excess: bool,
    ended: bool,
}

/// The body of a request for a WebSocket whose frames have so many bytes at most.
pub async fn bounded(request: &HttpRequest, body: web::Payload, most: usize) -> actix_web::Result<web::Payload> {
    let frames = Frames {
        inner: body.into_inner(),
        most: most as u64,
        head: Vec::with_capacity(HEAD_BYTES_MAX),
        left: 0,
        excess: false,
        ended: false,
    };
    let mut payload: dev::Payload = dev::Payload::Stream { payload: Box::pin(frames) };
    web::Payload::from_request(request, &mut payload).await
}

impl Frames {
    /// Looks through what came; how much of it may pass, or that a frame was too long.
    fn look(&mut self, bytes: &[u8]) -> Result<usize, PayloadError> {
        let (mut at, mut passes) = (0, 0);
        while at < bytes.len() {
            if self.left > 0 {
                let here = self.left.min((bytes.len() - at) as u64);
                self.left -= here;
                at += here as usize;
            } else {
                self.head.push(bytes[at]);
                at += 1;
                let Some(length) = payload_bytes(&self.head) else {
                    passes = at;
                    continue;
                };
                self.head.clear();
                self.left = length;
                self.excess = length > self.most;
                if length > self.most.saturating_mul(PATIENCE) {
                    return Err(PayloadError::Overflow);
                }
            }
            match self.excess {
                false => passes = at,
                true if self.left == 0 => return Err(PayloadError::Overflow),
                true => {}
            }
        }
        Ok(passes)
    }
}

impl Stream for Frames {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            let bytes = match ready!(Pin::new(&mut self.inner).poll_next(context)) {
                Some(Ok(bytes)) => bytes,
                other => return Poll::Ready(other),
            };
            match self.look(&bytes) {
                Ok(0) if !bytes.is_empty() => {}
                Ok(passes) => return Poll::Ready(Some(Ok(bytes.slice(..passes)))),
                Err(error) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

/// The length of a frame's payload, once its head is whole.
fn payload_bytes(head: &[u8]) -> Option<u64> {
    let second = *head.get(1)?;
    let mask = if second & 0x80 != 0 { 4 } else { 0 };
    let (length, bytes) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(head.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(head.get(2..10)?.try_into().ok()?), 10),
        short => (u64::from(short), 2),
    };
    (head.len() >= bytes + mask).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(most: u64) -> Frames {
        Frames { inner: dev::Payload::None, most, head: Vec::new(), left: 0, excess: false, ended: false }
    }

    fn frame(bytes: usize) -> Vec<u8> {
        let mut frame = match bytes {
            0..126 => vec![0x81, 0x80 | bytes as u8],
            126..65_536 => [&[0x81, 0xfe][..], &(bytes as u16).to_be_bytes()].concat(),
            _ => [&[0x81, 0xff][..], &(bytes as u64).to_be_bytes()].concat(),
        };
        frame.extend([1, 2, 3, 4]);
        frame.resize(frame.len() + bytes, b'x');
        frame
    }

    /// How much passes of these bytes, in pieces of so many; `None` once a frame is too long.
    fn passed(most: u64, bytes: &[u8], piece: usize) -> Option<usize> {
        let mut frames = frames(most);
        bytes.chunks(piece).map(|piece| frames.look(piece).ok()).sum()
    }

    #[test]
    fn frames_within_the_bound_pass_whole_however_they_are_cut() {
        let bytes = [0, 1, 125, 126, 1_000, 65_535, 65_536, 70_000, 0].map(frame).concat();
        for piece in [1, 2, 3, 7, 100, 65_536, 1 << 20] {
            assert_eq!(passed(70_000, &bytes, piece), Some(bytes.len()), "in pieces of {piece}");
        }
    }

    #[test]
    fn a_frame_that_is_too_long_ends_the_stream_and_is_not_held() {
        for piece in [1, 10, 1 << 20] {
            assert_eq!(passed(999, &[frame(999), frame(1_000)].concat(), piece), None, "in pieces of {piece}");
        }
        // Nothing of it passes but a part of its head.
        let mut frames = frames(999);
        let bytes = frame(1_000);
        assert!(frames.look(&bytes[..20]).unwrap() <= HEAD_BYTES_MAX);
        assert_eq!(frames.look(&bytes[20..500]).unwrap(), 0);
        assert!(frames.look(&bytes[500..]).is_err());
        // A very long one is not waited for.
        assert!(self::frames(999).look(&frame(4_000)[..8]).is_err());
    }
}
