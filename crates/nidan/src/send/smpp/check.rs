//! Trying a route out: connect, bind, unbind.

use std::time::Duration;

use nidan_wire::smpp::Event;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::dial::{Dialler, Stream};
use super::talk::is_login;
use super::{bind, duration, message};
use crate::config::ways::Smpp;

/// Binds to the short message centre and unbinds, and says in one line what was found.
///
/// # Errors
/// The problem and its remedy, in one line.
pub async fn check(settings: &Smpp) -> Result<String, String> {
    message::sender(settings)?;
    let (host, port) = (&settings.host, settings.port);
    let stream = Dialler::new(settings)?.dial().await;
    let stream = stream.map_err(|why| {
        format!("{host}:{port} cannot be reached ({why}): check host, port and tls, and the firewall")
    })?;
    let name = bound(stream, settings).await.map_err(|why| format!("{host}:{port} {why}"))?;
    Ok(format!("bound to {host}:{port} as {}, which calls itself {name}", settings.system_id))
}

async fn bound(mut stream: Box<dyn Stream>, settings: &Smpp) -> Result<String, String> {
    let started = Instant::now();
    let answer_within = duration(settings.answer_within);
    let mut session = bind(settings, Duration::ZERO);
    let mut read = [0; 1024];
    let mut name = None;
    let broken = |error: std::io::Error| format!("closed the connection ({error}): does it speak SMPP there?");
    loop {
        while let Some(event) = session.event() {
            match event {
                Event::Bound { system_id } => {
                    name = Some(system_id);
                    session.unbind(started.elapsed());
                }
                Event::BindRefused { status } if is_login(status) => {
                    return Err(
                        "refuses system_id and password: check them, and whether this address may connect".into()
                    );
                }
                Event::BindRefused { status } => {
                    return Err(format!("refuses to bind with status {status:#x}: ask the carrier what it means"));
                }
                _ => {}
            }
        }
        stream.write_all(&session.output()).await.map_err(broken)?;
        stream.flush().await.map_err(broken)?;
        let length = timeout_at(started + answer_within, stream.read(&mut read)).await;
        match (length, name.take()) {
            (Ok(Ok(length @ 1..)), bound) => {
                name = bound;
                session.receive(&read[..length], started.elapsed());
            }
            // However it ends: it was bound.
            (_, Some(name)) => return Ok(name),
            (Err(_), None) => {
                return Err(format!("does not answer within {} s: does it speak SMPP there?", answer_within.as_secs()));
            }
            (Ok(Err(error)), None) => return Err(broken(error)),
            (Ok(Ok(_)), None) => return Err("closed the connection: does it speak SMPP there?".into()),
        }
    }
}
