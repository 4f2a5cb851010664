//! Reaching a short message centre: TCP, and TLS where it is wanted.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config::ways::Smpp;
use crate::tls;

/// How long a connection may take, TLS included.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// A connection that bytes go over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// How a short message centre is reached.
pub(super) struct Dialler {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Dialler {
    /// Reads what TLS needs.
    ///
    /// # Errors
    /// What is wrong with the settings, and the remedy.
    pub(super) fn new(settings: &Smpp) -> Result<Self, String> {
        let Smpp { host, port, .. } = settings;
        let tls = match settings.tls {
            true => {
                let name = ServerName::try_from(host.clone());
                let name = name.map_err(|_| format!("{host} is no host name that a certificate could hold"))?;
                let config = tls::client(settings.ca_file.as_deref(), "ca_file")?;
                Some((TlsConnector::from(Arc::new(config)), name))
            }
            false => None,
        };
        Ok(Self { host: host.clone(), port: *port, tls })
    }

    /// Connects.
    ///
    /// # Errors
    /// Why not, in words for an operator.
    pub(super) async fn dial(&self) -> Result<Box<dyn Stream>, String> {
        let connected = timeout(CONNECT_WITHIN, self.try_to_dial()).await;
        connected.map_err(|_| format!("no connection within {} s", CONNECT_WITHIN.as_secs()))?
    }

    async fn try_to_dial(&self) -> Result<Box<dyn Stream>, String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let Some((connector, name)) = &self.tls else { return Ok(Box::new(stream)) };
        let stream = connector.connect(name.clone(), stream).await.map_err(|error| format!("TLS: {error}"))?;
        Ok(Box::new(stream))
    }
}
