//! Reading request bodies: at most 16 KiB unless said otherwise, within 10 seconds.

use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use nidan_core::secret::Secret;

use super::problem::{Problem, TOO_LARGE, TOO_SLOW};

/// Longest body that is read, in bytes: a form with a password of 1,024 characters of four bytes, each percent-encoded,
/// fits.
pub const BODY_BYTES_MAX: usize = 16 * 1024;
/// How long a body may take to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);
/// So much of a body that is too long is read and dropped, since a client that is still sending when the connection is
/// closed on it never sees the answer. What is longer finds the connection closed.
const DISCARDED_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Reads the whole body.
///
/// # Errors
/// [`TOO_LARGE`], [`TOO_SLOW`], or malformed if the client went away in the midst of it.
pub async fn read(body: Body) -> Result<Secret<Vec<u8>>, Problem> {
    read_at_most(BODY_BYTES_MAX, body).await
}

/// Reads the whole body of at most `bytes_max` bytes.
///
/// # Errors
/// As [`read`].
pub async fn read_at_most(bytes_max: usize, body: Body) -> Result<Secret<Vec<u8>>, Problem> {
    read_within(BODY_TIME_MAX, bytes_max, body).await
}

async fn read_within(time_max: Duration, bytes_max: usize, body: Body) -> Result<Secret<Vec<u8>>, Problem> {
    tokio::time::timeout(time_max, collect(bytes_max, body)).await.unwrap_or_else(|_| Err(Problem::new(&TOO_SLOW)))
}

async fn collect(bytes_max: usize, mut body: Body) -> Result<Secret<Vec<u8>>, Problem> {
    // The full room at once: a vector that grows would leave copies of a password behind, unwiped.
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(bytes_max));
    let mut arrived = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::malformed("The body broke off."))?;
        let Some(part) = frame.data_ref() else { continue };
        arrived += part.len();
        if arrived <= bytes_max {
            bytes.extend_from_slice(part);
        } else if arrived > DISCARDED_BYTES_MAX {
            break;
        }
    }
    if arrived > bytes_max {
        let detail = format!("At most {bytes_max} bytes are accepted.");
        return Err(Problem::new(&TOO_LARGE).detail(detail));
    }
    Ok(Secret::new(std::mem::take(&mut *bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn length(bytes: usize) -> Result<usize, Problem> {
        read(Body::from(vec![b'a'; bytes])).await.map(|read| read.expose().len())
    }

    #[tokio::test]
    async fn the_limit_is_exact() {
        assert_eq!(length(0).await, Ok(0));
        assert_eq!(length(BODY_BYTES_MAX).await, Ok(BODY_BYTES_MAX));
        for bytes in [BODY_BYTES_MAX + 1, 1 << 20, 8 << 20] {
            assert_eq!(length(bytes).await.map_err(|problem| problem.kind()), Err(&TOO_LARGE));
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let silent = Body::from_stream(futures_util::stream::pending::<Result<&str, std::io::Error>>());
        let problem = read_within(Duration::from_millis(50), 10, silent).await.map(|_| ()).expect_err("too slow");
        assert_eq!(problem.kind(), &TOO_SLOW);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_no_body() {
        let parts = futures_util::stream::iter([Ok("half"), Err(std::io::Error::other("gone"))]);
        let problem = read(Body::from_stream(parts)).await.map(|_| ()).expect_err("broken");
        assert_eq!(problem.kind().status, 400);
    }
}
