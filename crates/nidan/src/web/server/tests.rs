//! Over real sockets, as clients see it.

use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::extract::Extension;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::web::{body, edge, problem::Problem};

const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<bool>,
}

impl Server {
    async fn start(router: Router, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (stop, stopped) = oneshot::channel();
        let stopped = async { stopped.await.unwrap_or_default() };
        let ended = tokio::spawn(serve(edge::tests::edge(router), listener, limits, stopped));
        Self { address, stop: Some(stop), ended }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// Sends `text` on a new connection and gives all that comes back until the server closes it.
    async fn say(&self, text: &[u8]) -> String {
        let mut stream = self.connect().await;
        let _ = stream.write_all(text).await;
        heard(&mut stream).await
    }

    async fn stop(mut self) -> bool {
        let _ = self.stop.take().expect("running").send(());
        timeout(PATIENCE, self.ended).await.expect("ends").expect("no panic")
    }
}

/// What arrives until the server closes the connection, cleanly or not.
async fn heard(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = async {
        let mut part = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut part).await {
            bytes.extend_from_slice(&part[..count]);
        }
    };
    timeout(PATIENCE, read).await.expect("the server closes the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn short() -> Limits {
    Limits { header_time_max: SHORT, idle_time_max: SHORT, ..Limits::default() }
}

fn router() -> Router {
    let peer = |Extension(peer): Extension<Peer>| async move { peer.0.ip().to_string() };
    let length = |body: Body| async { Ok::<_, Problem>(body::read(body).await?.expose().len().to_string()) };
    Router::new().route("/peer", get(peer)).route("/length", post(length))
}

const GET: &[u8] = b"GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn handlers_know_the_peer() {
    let server = Server::start(router(), Limits::default()).await;
    let answer = server.say(GET).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
}

#[tokio::test]
async fn t48_silent_and_slow_clients_are_reaped() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let server = Server::start(router(), short()).await;
    for sent in [&b""[..], b"P", b"PRI * HTTP/2", PREFACE, b"GET /peer HT", b"GET /peer HTTP/1.1\r\nHost: x\r\n"] {
        let begun = tokio::time::Instant::now();
        let answer = server.say(sent).await;
        assert!(!answer.contains("200"), "{answer}");
        assert!(begun.elapsed() >= SHORT && begun.elapsed() < PATIENCE / 2, "{sent:?}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn t48_a_header_that_drips_is_reaped_too() {
    let server = Server::start(router(), short()).await;
    let mut stream = server.connect().await;
    let dripping = async {
        for byte in GET.iter().cycle() {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    // 49 bytes at 30 ms each would take 1.5 s for the first request alone.
    timeout(PATIENCE, dripping).await.expect("reaped");
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request_but_not_for_ever() {
    let server = Server::start(router(), Limits { header_time_max: SHORT, ..Limits::default() }).await;
    let mut stream = server.connect().await;
    for _ in 0..2 {
        stream.write_all(b"GET /peer HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("open");
        let mut part = [0; 4096];
        let count = stream.read(&mut part).await.expect("an answer");
        assert!(part[..count].starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(heard(&mut stream).await, "");
}

#[tokio::test]
async fn t48_headers_too_large_or_too_many_are_refused() {
    let server = Server::start(router(), Limits::default()).await;
    let long = format!("GET /peer HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(17 * 1024));
    let many = format!("GET /peer HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: a\r\n".repeat(101));
    for text in [long, many] {
        let answer = server.say(text.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}

#[tokio::test]
async fn t48_bodies_too_large_are_refused_and_the_client_learns_it() {
    let server = Server::start(router(), Limits::default()).await;
    let send = async |bytes: usize| {
        let head = format!("POST /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {bytes}\r\n\r\n");
        let mut stream = server.connect().await;
        stream.write_all(head.as_bytes()).await.expect("taken");
        for part in vec![b'a'; bytes].chunks(16 * 1024) {
            // Many clients do not look for an answer once they cannot send the rest.
            stream.write_all(part).await.expect("the whole body is taken");
            tokio::task::yield_now().await;
        }
        heard(&mut stream).await
    };
    assert!(send(body::BODY_BYTES_MAX).await.ends_with("16384"));
    for bytes in [body::BODY_BYTES_MAX + 1, 1 << 20] {
        let answer = send(bytes).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{bytes}: {answer}");
    }
    let chunked = b"POST /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = [b"5000\r\n".as_slice(), &[b'a'; 0x5000], b"\r\n0\r\n\r\n"].concat();
    let answer = server.say(&[chunked.as_slice(), &chunk].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn t48_connections_beyond_the_cap_are_refused_until_there_is_room() {
    let server = Server::start(router(), Limits { connections_max: 1, ..Limits::default() }).await;
    let mut first = server.connect().await;
    first.write_all(b"GET /peer HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("open");
    assert!(first.read_u8().await.is_ok());
    let refused = heard(&mut server.connect().await).await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("Retry-After: 1"), "{refused}");
    drop(first);
    let again = async {
        while !server.say(GET).await.starts_with("HTTP/1.1 200") {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, again).await.expect("room again");
}

/// A handler that says when it began, waits until told, and counts when it is done.
struct Slow {
    begun: Arc<Notify>,
    go_on: Arc<Notify>,
    done: Arc<AtomicU32>,
}

impl Slow {
    fn new() -> (Self, Router) {
        let slow = Self { begun: Arc::default(), go_on: Arc::default(), done: Arc::default() };
        let (begun, go_on, done) = (Arc::clone(&slow.begun), Arc::clone(&slow.go_on), Arc::clone(&slow.done));
        let handler = async move || {
            begun.notify_one();
            go_on.notified().await;
            done.fetch_add(1, Ordering::SeqCst);
            "done"
        };
        (slow, Router::new().route("/peer", get(handler)))
    }
}

#[tokio::test]
async fn a_hang_up_does_not_cancel_what_was_begun() {
    let (slow, router) = Slow::new();
    let server = Server::start(router, Limits::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(GET).await.expect("open");
    slow.begun.notified().await;
    drop(stream);
    // The server has noticed once the connection's task is gone; the stop below waits for the flow all the same.
    tokio::time::sleep(SHORT).await;
    assert_eq!(slow.done.load(Ordering::SeqCst), 0);
    slow.go_on.notify_one();
    assert!(server.stop().await);
    assert_eq!(slow.done.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_stop_finishes_what_is_under_way_and_accepts_no_more() {
    let (slow, router) = Slow::new();
    let server = Server::start(router, Limits::default()).await;
    let address = server.address;
    let _idle = server.connect().await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /peer HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("open");
    slow.begun.notified().await;
    let stopping = tokio::spawn(server.stop());
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(PATIENCE, refused).await.expect("the listener is closed");
    slow.go_on.notify_one();
    let answer = heard(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
    assert!(stopping.await.expect("no panic"));
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let (slow, router) = Slow::new();
    let server = Server::start(router, Limits { stop_time_max: SHORT, ..Limits::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(GET).await.expect("open");
    slow.begun.notified().await;
    assert!(!server.stop().await);
    drop(slow);
}
