//! What happens around every request, whatever its handler is.
//!
//! The handler runs in a task of its own: a client that hangs up can end the connection, never a flow half-way, so a
//! charged try stays charged and a consumed code consumed. A panic becomes a [`Failure`]; failures
//! are logged once and given a reference; refusals are dressed for who asked; the security headers go on everything.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{ACCEPT_LANGUAGE, ALLOW, CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use super::error::{Failure, References};
use super::headers::SecurityHeaders;
use super::problem::{self, Problem};

/// Most requests under way at once; what comes beyond is told to come back. Clients that reset their requests faster
/// than they are done meet it too (HTTP/2 rapid reset).
const REQUESTS_MAX: u32 = 1024;

/// What the edge still knows of a request when its answer turns out to be a problem.
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The address.
    pub uri: Uri,
    /// `Cookie` and `Accept-Language`, by which a page chooses its language.
    pub headers: HeaderMap,
}

impl Asked {
    fn of<B>(request: &Request<B>) -> Self {
        let mut headers = HeaderMap::new();
        for name in [COOKIE, ACCEPT_LANGUAGE] {
            for value in request.headers().get_all(&name) {
                headers.append(&name, value.clone());
            }
        }
        Self { method: request.method().clone(), uri: request.uri().clone(), headers }
    }
}

/// Makes the page that shows a problem to a person; `None` where programs ask, who get the problem document.
pub type Dress = Box<dyn Fn(&Problem, &Asked) -> Option<Response> + Send + Sync>;

/// Is told the status of every answer.
type Count = Box<dyn Fn(StatusCode) + Send + Sync>;

/// The edge around a router.
pub struct Edge {
    router: Router,
    headers: SecurityHeaders,
    references: References,
    dress: Dress,
    count: Count,
    stop: Box<dyn Fn() + Send + Sync>,
    room: Arc<Semaphore>,
}

impl Edge {
    /// Puts the edge around `router`.
    pub fn new(router: Router, headers: SecurityHeaders, references: References, dress: Dress) -> Self {
        let room = Arc::new(Semaphore::new(REQUESTS_MAX as usize));
        Self { router, headers, references, dress, count: Box::new(|_| ()), stop: Box::new(|| ()), room }
    }

    /// Tells `count` the status of every answer.
    #[must_use]
    pub fn counting(self, count: impl Fn(StatusCode) + Send + Sync + 'static) -> Self {
        Self { count: Box::new(count), ..self }
    }

    /// Calls `stop` when the server begins to stop: what would go on for ever ends then.
    #[must_use]
    pub fn stopping(self, stop: impl Fn() + Send + Sync + 'static) -> Self {
        Self { stop: Box::new(stop), ..self }
    }

    /// The server begins to stop.
    pub fn stop(&self) {
        (self.stop)();
    }

    /// Answers one request. Dropping the returned future does not stop the handler.
    pub async fn answer(self: Arc<Self>, request: Request<Body>) -> Response {
        let asked = Asked::of(&request);
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
            return self.finish(Problem::new(&problem::BUSY).into_response(), &asked);
        };
        let edge = Arc::clone(&self);
        let work = tokio::spawn(async move {
            let handled = AssertUnwindSafe(edge.router.clone().oneshot(request)).catch_unwind().await;
            let response = match handled {
                Ok(response) => response.unwrap_or_else(|never: Infallible| match never {}),
                Err(_) => Failure::internal("a handler panicked; its words are on standard error").into_response(),
            };
            let response = edge.finish(response, &asked);
            drop(place);
            response
        });
        // The task catches panics and nobody aborts it but a runtime that shuts down, when there is no one to answer.
        work.await.unwrap_or_else(|_| Problem::new(&problem::UNAVAILABLE).into_response())
    }

    /// Ready when nothing is under way any more.
    pub async fn drained(&self) {
        let _ = self.room.acquire_many(REQUESTS_MAX).await;
    }

    fn finish(&self, response: Response, asked: &Asked) -> Response {
        let mut response = match self.problem_in(&response, asked) {
            Some(problem) => self.show(&problem, &response, asked),
            None => response,
        };
        self.headers.apply(response.headers_mut());
        (self.count)(response.status());
        response
    }

    fn problem_in(&self, response: &Response, asked: &Asked) -> Option<Problem> {
        if let Some(failure) = response.extensions().get::<Failure>() {
            let request = format!("{} {}", asked.method, loggable(asked.uri.path()));
            return Some(failure.report(&self.references.next(), &request));
        }
        let told = response.extensions().get::<Problem>().cloned();
        told.or_else(|| framework_refusal(response))
    }

    fn show(&self, problem: &Problem, original: &Response, asked: &Asked) -> Response {
        let mut response = match (self.dress)(problem, asked) {
            Some(mut page) => {
                problem.mark(&mut page);
                page
            }
            None => problem.clone().into_response(),
        };
        for cookie in original.headers().get_all(SET_COOKIE) {
            response.headers_mut().append(SET_COOKIE, cookie.clone());
        }
        response
    }
}

/// A path as the log may have it: the address of a callback may end in a secret.
fn loggable(path: &str) -> &str {
    const CALLBACKS: &str = "/callbacks/";
    let secret = path.strip_prefix(CALLBACKS).and_then(|rest| rest.find('/'));
    secret.map_or(path, |at| &path[..CALLBACKS.len() + at])
}

/// What axum itself refused, in its own plain text: wrong method, no such address, a path that does not parse.
fn framework_refusal(response: &Response) -> Option<Problem> {
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE).map(|kind| kind.as_bytes());
    let plain = kind.is_none_or(|kind| kind.starts_with(b"text/plain"));
    if !plain || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    Some(match status {
        StatusCode::NOT_FOUND => Problem::new(&problem::NOT_FOUND),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(&problem::METHOD_NOT_ALLOWED).allow(response.headers().get(ALLOW).cloned())
        }
        status if status.is_client_error() => Problem::new(&problem::MALFORMED),
        _ => Problem::new(&problem::UNAVAILABLE),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use axum::http::header::RETRY_AFTER;
    use axum::routing::{get, post};
    use http_body_util::BodyExt;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::Notify;

    pub(in crate::web) fn edge(router: Router) -> Arc<Edge> {
        let dress: Dress = Box::new(|problem, asked| {
            let page = || ([(CONTENT_TYPE, "text/html")], format!("<p>{}", problem.kind().name)).into_response();
            (!asked.uri.path().starts_with("/api/")).then(page)
        });
        Arc::new(Edge::new(router, SecurityHeaders::new(&[0; 32]), References::new([0; 8]), dress))
    }

    async fn ask(router: Router, method: &str, path: &str) -> (Response<()>, String) {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
        let (parts, body) = edge(router).answer(request).await.into_parts();
        let text = String::from_utf8(body.collect().await.expect("a body").to_bytes().to_vec()).expect("text");
        (Response::from_parts(parts, ()), text)
    }

    fn router() -> Router {
        let broken = || async { Err::<(), _>(Failure::internal("secret words")) };
        Router::new()
            .route("/fine", get(|| async { "fine" }))
            .route("/api/fine", post(|| async { "fine" }))
            .route(
                "/panic",
                get(|| async {
                    if true {
                        panic!("secret words")
                    }
                }),
            )
            .route("/api/broken", get(broken))
            .route(
                "/page",
                get(|| async { (StatusCode::UNPROCESSABLE_ENTITY, [(CONTENT_TYPE, "text/html")], "again") }),
            )
            .route("/sorry", get(|| async { ([(SET_COOKIE, "a=b")], Problem::new(&problem::BUSY).retry_after_s(7)) }))
    }

    #[test]
    fn the_secret_of_a_callback_is_not_logged() {
        assert_eq!(loggable("/callbacks/carrier-a/hunter2"), "/callbacks/carrier-a");
        assert_eq!(loggable("/callbacks/carrier-a"), "/callbacks/carrier-a");
        assert_eq!(loggable("/sign-in/code"), "/sign-in/code");
    }

    #[tokio::test]
    async fn people_get_pages_and_programs_documents() {
        let (answer, text) = ask(router(), "GET", "/nowhere").await;
        assert_eq!((answer.status().as_u16(), text.as_str()), (404, "<p>not-found"));
        let (answer, text) = ask(router(), "GET", "/api/fine").await;
        assert_eq!((answer.status().as_u16(), &answer.headers()[ALLOW]), (405, &"POST".parse().expect("legal")));
        assert!(text.contains("/problems/method-not-allowed"), "{text}");
        let (answer, text) = ask(router(), "GET", "/page").await;
        assert_eq!((answer.status().as_u16(), text.as_str()), (422, "again"), "a page of the handler's own stays");
        let (answer, text) = ask(router(), "GET", "/sorry").await;
        assert_eq!((answer.status().as_u16(), text.as_str()), (503, "<p>busy"));
        assert_eq!(
            (&answer.headers()[RETRY_AFTER], &answer.headers()[SET_COOKIE]),
            (&"7".parse().expect("legal"), &"a=b".parse().expect("legal"))
        );
    }

    #[tokio::test]
    async fn failures_and_panics_say_a_reference_and_nothing_else() {
        let (answer, text) = ask(router(), "GET", "/panic").await;
        assert_eq!((answer.status().as_u16(), text.as_str()), (500, "<p>internal"));
        let (answer, text) = ask(router(), "GET", "/api/broken").await;
        assert_eq!(answer.status(), 500);
        assert!(text.contains("\"reference\":\"") && !text.contains("secret"), "{text}");
    }

    #[tokio::test]
    async fn everything_carries_the_security_headers() {
        for (method, path) in
            [("GET", "/fine"), ("GET", "/panic"), ("DELETE", "/fine"), ("GET", "/nowhere"), ("GET", "/api/broken")]
        {
            let (answer, _) = ask(router(), method, path).await;
            for name in ["content-security-policy", "strict-transport-security", "x-content-type-options"] {
                assert!(answer.headers().contains_key(name), "{method} {path}: {name}");
            }
            assert_eq!(answer.headers()["cache-control"], "no-store", "{method} {path}");
        }
    }

    #[tokio::test]
    async fn dropping_the_answer_does_not_stop_the_handler() {
        let (begun, go_on, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
        let (begin, wait, finish) = (Arc::clone(&begun), Arc::clone(&go_on), Arc::clone(&done));
        let handler = async move || {
            begin.notify_one();
            wait.notified().await;
            finish.fetch_add(1, Ordering::SeqCst);
        };
        let edge = edge(Router::new().route("/", get(handler)));
        let request = Request::get("/").body(Body::empty()).expect("a request");
        let answer = tokio::spawn(Arc::clone(&edge).answer(request));
        begun.notified().await;
        answer.abort();
        assert!(answer.await.expect_err("aborted").is_cancelled());
        assert!(edge.drained().now_or_never().is_none(), "the handler is still there");
        go_on.notify_one();
        edge.drained().await;
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn t48_beyond_the_room_requests_are_told_to_come_back() {
        let edge = edge(router());
        let all = Arc::clone(&edge.room).acquire_many_owned(REQUESTS_MAX).await.expect("room");
        let ask = || Request::get("/fine").body(Body::empty()).expect("a request");
        let answer = Arc::clone(&edge).answer(ask()).await;
        assert_eq!((answer.status().as_u16(), answer.headers().contains_key(RETRY_AFTER)), (503, true));
        drop(all);
        assert_eq!(edge.answer(ask()).await.status(), 200);
    }
}
