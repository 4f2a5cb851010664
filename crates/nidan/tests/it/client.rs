//! A small HTTP client for tests: a browser with a cookie jar, or a site with an API key. Each request has a connection of
//! its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::with_short_ids;

/// Somebody who asks.
pub struct Client {
    address: SocketAddr,
    key: Option<String>,
    kept: Mutex<Kept>,
    /// Headers that every request has besides.
    more: Vec<(&'static str, String)>,
}

/// What a browser keeps between two requests.
#[derive(Default)]
struct Kept {
    cookies: BTreeMap<String, String>,
    /// The form token of the page that was shown last.
    csrf: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decoded.
    pub body: String,
}

impl Answer {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.body))
    }

    /// A text of the JSON body: `answer.text("/challenge/message_id")`.
    pub fn text(&self, pointer: &str) -> String {
        let json = self.json();
        let text = json.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("no text at {pointer}: {} {}", self.status, self.body)).to_owned()
    }

    /// The answer if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// Status and JSON body with short ids, to be compared as a whole.
    pub fn shown(&self) -> String {
        let body = match self.body.is_empty() {
            true => String::new(),
            false => serde_json::to_string_pretty(&self.json()).expect("JSON"),
        };
        with_short_ids(&format!("{}\n{body}", self.status))
    }
}

impl Client {
    /// A browser that nobody used before.
    pub fn browser(address: SocketAddr) -> Self {
        Self { address, key: None, kept: Mutex::default(), more: Vec::new() }
    }

    /// A site with an API key.
    pub fn site(address: SocketAddr, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..Self::browser(address) }
    }

    /// Likewise, with one more header on every request. The same again is a second line.
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.more.push((name, value.to_owned()));
        self
    }

    /// Asks for a page or document.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], &[]).await
    }

    /// Sends JSON.
    pub async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.send_json("POST", path, body).await
    }

    /// Sends JSON with a method of choice.
    pub async fn send_json(&self, method: &str, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.ask(method, path, &headers, body.to_string().as_bytes()).await
    }

    /// Sends JSON under an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, key: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        self.ask("POST", path, &headers, body.to_string().as_bytes()).await
    }

    /// Deletes.
    pub async fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, &[], &[]).await
    }

    /// Sends a form as the page shown last would, with its token unless `fields` has one.
    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.kept().csrf.clone();
        let token = csrf.iter().map(|token| ("csrf", token.as_str()));
        let token = token.filter(|_| !fields.iter().any(|(name, _)| *name == "csrf"));
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields.iter().copied().chain(token));
        let origin = format!("http://{}", self.address);
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", origin.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        self.ask("POST", path, &headers, form.finish().as_bytes()).await
    }

    /// The server's host and port.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The form token of the page that was shown last.
    pub fn csrf(&self) -> Option<String> {
        self.kept().csrf.clone()
    }

    /// A cookie of the jar.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.kept().cookies.get(name).cloned()
    }

    /// Puts a cookie into the jar, as a thief would.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.kept().cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Asks for the events of a page. In HTTP/1.0, so that the body comes as it is, to the end of the connection.
    pub async fn events(&self, path: &str) -> Events {
        let mut stream = TcpStream::connect(self.address).await.expect("a server");
        let cookies = self.cookies();
        let request = format!("GET {path} HTTP/1.0\r\nhost: {}\r\ncookie: {cookies}\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut events = Events { stream, read: String::new() };
        let head = events.until("\r\n\r\n").await.expect("a whole header");
        assert!(head.starts_with("HTTP/1.0 200"), "{head}");
        assert!(head.contains("content-type: text/event-stream") && head.contains("cache-control: no-store"), "{head}");
        events
    }

    fn cookies(&self) -> String {
        let cookies: Vec<String> = self.kept().cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        cookies.join("; ")
    }

    /// Any request at all.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let bytes = exchange(self.address, &self.request(method, path, headers, body)).await;
        let answer = read(&bytes);
        self.keep(&answer);
        answer
    }

    /// Posts each of these JSON texts to `path` in the same moment: of all requests everything is sent but the last byte, and then
    /// all last bytes together. The answers, in the same order.
    pub async fn post_json_at_once(&self, path: &str, bodies: &[Value]) -> Vec<Answer> {
        let headers = [("content-type", "application/json")];
        let requests: Vec<Vec<u8>> =
            bodies.iter().map(|body| self.request("POST", path, &headers, body.to_string().as_bytes())).collect();
        let prepared = requests.iter().map(async |request| {
            let mut stream = TcpStream::connect(self.address).await.expect("a server");
            stream.set_nodelay(true).expect("a connection");
            stream.write_all(&request[..request.len() - 1]).await.expect("sent");
            stream
        });
        let streams = join_all(prepared).await;
        let answers = streams.into_iter().zip(&requests).map(async |(mut stream, request)| {
            stream.write_all(&request[request.len() - 1..]).await.expect("sent");
            read(&answer(stream).await)
        });
        join_all(answers).await
    }

    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        if !body.is_empty() || method == "POST" {
            request += &format!("content-length: {}\r\n", body.len());
        }
        if let Some(key) = &self.key {
            request += &format!("authorization: Bearer {key}\r\n");
        }
        let cookies = self.cookies();
        if !cookies.is_empty() {
            request += &format!("cookie: {cookies}\r\n");
        }
        let more = self.more.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in headers.iter().copied().chain(more) {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        [request.as_bytes(), body].concat()
    }

    fn keep(&self, answer: &Answer) {
        let mut kept = self.kept();
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').expect("a cookie");
            match value.is_empty() || attributes.to_ascii_lowercase().contains("max-age=0") {
                true => kept.cookies.remove(name),
                false => kept.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let token = answer.body.split_once("name=\"csrf\" value=\"").and_then(|(_, rest)| rest.split_once('"'));
        if let Some((token, _)) = token {
            kept.csrf = Some(token.to_owned());
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const EVENTS: &str = "text/event-stream";

/// A page's events, as they come.
pub struct Events {
    stream: TcpStream,
    read: String,
}

impl Events {
    /// Waits for the next event; none: the stream has ended. Lines that say nothing are passed over.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            let event = self.until("\n\n").await?;
            if event.starts_with("event: ") {
                return Some(event);
            }
        }
    }

    async fn until(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some((text, rest)) = self.read.split_once(end) {
                let text = text.to_owned();
                self.read = rest.to_owned();
                return Some(text);
            }
            let mut bytes = vec![0; 16 * 1024];
            let reading = tokio::time::timeout(Duration::from_secs(10), self.stream.read(&mut bytes));
            let length = reading.await.expect("something within ten seconds").expect("an open connection");
            if length == 0 {
                return None;
            }
            // An event is written at once, and is smaller than what is read at once: no letter is cut.
            self.read += std::str::from_utf8(&bytes[..length]).expect("UTF-8");
        }
    }
}

async fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("a server");
    stream.write_all(request).await.expect("sent");
    answer(stream).await
}

async fn answer(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    // Events have no end: of them the header is the answer.
    while !is_header_of_events(&answer) && stream.read_buf(&mut answer).await.expect("an answer") > 0 {}
    answer
}

fn is_header_of_events(answer: &[u8]) -> bool {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    end.is_some_and(|end| answer[..end].windows(EVENTS.len()).any(|window| window == EVENTS.as_bytes()))
}

fn read(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole header");
    let head = std::str::from_utf8(&bytes[..end]).expect("ASCII");
    let (line, fields) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let headers: Vec<(String, String)> = fields
        .lines()
        .filter_map(|field| field.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let rest = if is_header_of_events(bytes) { &[] } else { &bytes[end + 4..] };
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if chunked { unchunked(rest) } else { rest.to_vec() };
    Answer { status, headers, body: String::from_utf8(body).expect("UTF-8") }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while !rest.is_empty() {
        let end = rest.windows(2).position(|window| window == b"\r\n").expect("a chunk's length");
        let length = std::str::from_utf8(&rest[..end]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let length = length.expect("a chunk's length");
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 2 + length + 2..];
    }
    body
}
