//! The accept loop: HTTP/1.1 and HTTP/2 without TLS on one listener, with a limit on everything a client can hold
//! (docs/pitfalls.md).
//!
//! Connections on which nothing is asked are closed by a clock of our own (`Quiet`): hyper's header timeout starts only
//! once the protocol is known, and hyper-util waits for that for ever (its issue 3962).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use futures_util::StreamExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::client::Peer;
use super::edge::Edge;
use super::events::Lasting;
use super::room::Room;

/// What clients may hold and for how long.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections; beyond it new ones are refused.
    pub connections_max: usize,
    /// From the connection to its first complete request header, and for each later HTTP/1 header.
    pub header_time_max: Duration,
    /// How long a connection may stay without a request once it had one (HTTP/2; on HTTP/1 the header's time counts).
    pub idle_time_max: Duration,
    /// Fields in a request header.
    pub header_fields_max: usize,
    /// Size of a request header, in bytes.
    pub header_bytes_max: u32,
    /// Requests at once on one HTTP/2 connection.
    pub streams_max: u32,
    /// How long a stopping server waits for what is under way.
    pub stop_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: Room::default().connections,
            header_time_max: Duration::from_secs(10),
            idle_time_max: Duration::from_secs(75),
            header_fields_max: 100,
            header_bytes_max: 16 * 1024,
            streams_max: 100,
            stop_time_max: Duration::from_secs(10),
        }
    }
}

/// Serves `edge` on `listener` until `stop` is ready; then accepts nothing more and finishes what is under way, within
/// the limit. Gives whether everything was finished.
pub async fn serve(edge: Arc<Edge>, listener: TcpListener, limits: Limits, stop: impl Future<Output = ()>) -> bool {
    let (stopping, stopped) = watch::channel(false);
    let room = Arc::new(Semaphore::new(limits.connections_max));
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener) => {
                let Some((stream, peer)) = accepted else { continue };
                let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                    refuse(&stream);
                    continue;
                };
                let talk = converse(stream, peer, Arc::clone(&edge), limits.clone(), stopped.clone());
                connections.spawn(async move {
                    talk.await;
                    drop(place);
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    edge.stop();
    stopping.send_replace(true);
    let finished = async {
        while connections.join_next().await.is_some() {}
        // Flows whose client hung up have no connection any more, so they are waited for by themselves.
        edge.drained().await;
    };
    tokio::time::timeout(limits.stop_time_max, finished).await.is_ok()
}

async fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok(accepted) => Some(accepted),
        Err(error) => {
            // Out of files, or a client that went away between knock and door: a pause keeps the first from a busy loop.
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

/// Tells a client beyond the cap to come back, as far as that can be told without waiting for it.
fn refuse(stream: &TcpStream) {
    const ANSWER: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let _ = stream.try_write(ANSWER);
}

async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    edge: Arc<Edge>,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let activity = watch::Sender::new(Activity::default());
    let quiet = Quiet { activity: activity.subscribe(), limits: limits.clone() };
    let service = service_fn(move |request: Request<Incoming>| {
        let under_way = UnderWay::begin(&activity);
        let edge = Arc::clone(&edge);
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            let response = edge.answer(request).await;
            Ok::<_, Infallible>(match response.extensions().get::<Lasting>() {
                Some(Lasting) => response.map(|body| lasting(body, under_way)),
                None => response,
            })
        }
    });
    let builder = protocol(&limits);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut quiet = pin!(quiet.passed());
    let mut told = false;
    loop {
        tokio::select! {
            // What goes wrong with a connection is the client's affair: nothing to log, nobody to tell.
            _ = connection.as_mut() => return,
            () = &mut quiet => return,
            _ = stopped.wait_for(|stopped| *stopped), if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// A body that counts as a request under way until it ends.
fn lasting(body: Body, under_way: UnderWay) -> Body {
    Body::from_stream(body.into_data_stream().inspect(move |_| {
        let _until_the_body_is_dropped = &under_way;
    }))
}

fn protocol(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time_max)
        .max_headers(limits.header_fields_max)
        .max_buf_size(limits.header_bytes_max as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.header_bytes_max)
        .max_concurrent_streams(limits.streams_max)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(100)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(256 * 1024)
        .max_send_buf_size(64 * 1024);
    builder
}

/// What has happened on one connection.
#[derive(Clone, Copy, Default)]
struct Activity {
    begun: u64,
    under_way: u32,
}

/// A request under way, until dropped.
struct UnderWay(watch::Sender<Activity>);

impl UnderWay {
    fn begin(activity: &watch::Sender<Activity>) -> Self {
        activity.send_modify(|activity| {
            activity.begun += 1;
            activity.under_way += 1;
        });
        Self(activity.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|activity| activity.under_way -= 1);
    }
}

/// The clock of a connection on which nothing is asked.
struct Quiet {
    activity: watch::Receiver<Activity>,
    limits: Limits,
}

impl Quiet {
    /// Ready once nothing was under way for too long.
    async fn passed(mut self) {
        loop {
            let Activity { begun, under_way } = *self.activity.borrow_and_update();
            let limit = if begun == 0 { self.limits.header_time_max } else { self.limits.idle_time_max };
            let changed = self.activity.changed();
            let gone = if under_way > 0 {
                changed.await.is_err()
            } else {
                match tokio::time::timeout(limit, changed).await {
                    Ok(changed) => changed.is_err(),
                    Err(_) => return,
                }
            };
            if gone {
                // The connection itself is about to end.
                return std::future::pending().await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
