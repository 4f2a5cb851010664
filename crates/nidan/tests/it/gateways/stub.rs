//! A gateway for tests: it keeps what it was asked and answers as the test says.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// One request as it arrived.
#[derive(Clone)]
pub struct Asked {
    /// `POST /path?query`.
    pub line: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// A header's text; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a text"))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// What the gateway does with a request.
#[derive(Clone)]
pub enum Reply {
    /// Answers this JSON.
    Json(u16, Value),
    /// Answers this, with one header.
    Other(u16, (&'static str, String), String),
    /// Answers this JSON when the test says so.
    Late(u16, Value),
    /// Never answers.
    Silence,
    /// Closes the connection.
    HangUp,
    /// Answers a header and half a body, and never the rest.
    Slow(u16),
    /// Answers a body without end.
    Endless(u16),
}

type Body = StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>;

/// A running gateway.
pub struct Stub {
    address: SocketAddr,
    scheme: &'static str,
    kept: Arc<Kept>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Kept {
    asked: Mutex<Vec<Asked>>,
    count: watch::Sender<usize>,
    now: watch::Sender<bool>,
}

impl Stub {
    /// Answers the first request with the first reply and so on, and all further ones with the last.
    pub async fn start(replies: Vec<Reply>) -> Self {
        Self::start_with(replies, None).await
    }

    /// Likewise, behind TLS.
    pub async fn start_with(replies: Vec<Reply>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let kept = Arc::new(Kept::default());
        let shared = kept.clone();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (kept, replies, tls) = (shared.clone(), replies.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(socket, kept, replies).await,
                        Some(tls) => {
                            if let Ok(socket) = tls.accept(socket).await {
                                serve(socket, kept, replies).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, scheme, kept, task }
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.address.port())
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.kept.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The one thing it was asked.
    #[track_caller]
    pub fn asked_once(&self) -> Asked {
        let mut asked = self.asked();
        assert_eq!(asked.len(), 1);
        asked.remove(0)
    }

    /// Ready when a request has arrived.
    pub async fn arrived(&self) {
        let mut count = self.kept.count.subscribe();
        let arrived = tokio::time::timeout(Duration::from_secs(10), count.wait_for(|count| *count > 0)).await;
        assert!(arrived.is_ok_and(|counted| counted.is_ok()), "no request arrived");
    }
}

impl Stub {
    /// Lets late answers go.
    pub fn answer_now(&self) {
        self.kept.now.send_replace(true);
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin, kept: Arc<Kept>, replies: Vec<Reply>) {
    let service = service_fn(|request| answer(request, &kept, &replies));
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
}

#[derive(Debug, thiserror::Error)]
#[error("the connection is closed")]
struct HungUp;

async fn answer(request: Request<Incoming>, kept: &Kept, replies: &[Reply]) -> Result<Response<Body>, HungUp> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| HungUp)?.to_bytes().to_vec();
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let asked = Asked { line: format!("{} {target}", parts.method), headers: parts.headers, body };
    let reply = {
        let mut all = kept.asked.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(asked);
        replies[(all.len() - 1).min(replies.len() - 1)].clone()
    };
    kept.count.send_modify(|count| *count += 1);
    let part = |text: String| Ok(Frame::data(Bytes::from(text)));
    let whole = |text: String| stream::iter([part(text)]).boxed();
    let (status, header, body) = match reply {
        Reply::Json(status, json) => (status, ("content-type", "application/json".to_owned()), whole(json.to_string())),
        Reply::Late(status, json) => {
            let _ = kept.now.subscribe().wait_for(|now| *now).await;
            (status, ("content-type", "application/json".to_owned()), whole(json.to_string()))
        }
        Reply::Other(status, header, text) => (status, header, whole(text)),
        Reply::Silence => std::future::pending().await,
        Reply::HangUp => return Err(HungUp),
        Reply::Slow(status) => {
            let half = stream::iter([part("{\"sid\":".to_owned())]).chain(stream::pending());
            (status, ("content-type", "application/json".to_owned()), half.boxed())
        }
        Reply::Endless(status) => {
            let endless = stream::repeat_with(move || part(" ".repeat(4096)));
            (status, ("content-type", "application/json".to_owned()), endless.boxed())
        }
    };
    let response = Response::builder().status(status).header(header.0, header.1);
    Ok(response.body(StreamBody::new(body)).expect("an answer"))
}
