//! A client for one kept connection: as little HTTP/1.1 as the bench needs, so that little of what it measures is its own.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;

use nidan_core::secret::Secret;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came back.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A connection that is kept from one request to the next.
pub struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    key: Secret<String>,
    read: Vec<u8>,
}

impl Connection {
    /// Connects; `key` is the API key that every request carries.
    ///
    /// # Errors
    /// The system's.
    pub async fn open(address: SocketAddr, key: &Secret<String>) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, address, key: key.clone(), read: Vec::new() })
    }

    /// Asks for `path`.
    ///
    /// # Errors
    /// The connection ended, or what came back is not HTTP with a `Content-Length`.
    pub async fn get(&mut self, path: &str) -> Result<Answer> {
        self.ask("GET", path, "").await
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// As [`Connection::get`].
    pub async fn post(&mut self, path: &str, json: &str) -> Result<Answer> {
        self.ask("POST", path, json).await
    }

    async fn ask(&mut self, method: &str, path: &str, json: &str) -> Result<Answer> {
        let (address, key, length) = (self.address, self.key.expose(), json.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{json}"
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.read.clear();
        let body_at = loop {
            match self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => self.read_more().await?,
            }
        };
        let not_http = || Error::new(ErrorKind::InvalidData, "no HTTP with a Content-Length");
        let head = String::from_utf8_lossy(&self.read[..body_at]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(not_http)?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        let length = length.or((status == 204).then_some(0)).ok_or_else(not_http)?;
        while self.read.len() < body_at + length {
            self.read_more().await?;
        }
        Ok(Answer { status, body: self.read[body_at..body_at + length].to_vec() })
    }

    async fn read_more(&mut self) -> Result<()> {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
