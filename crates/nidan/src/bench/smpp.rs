//! One SMPP route beside a bare client: what keeping a route costs of what a short message centre can take.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::future::ready;
use futures_util::stream::FuturesUnordered;
use nidan_core::id::MessageId;
use nidan_core::language::Language;
use nidan_core::message::Channel;
use nidan_core::secret::Secret;
use nidan_core::time::Span;
use nidan_wire::smpp::encoding::encode;
use nidan_wire::smpp::{Address, Event, Session, SubmitSm, validity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Measured;
use super::load::measured;
use crate::app::{Clock, Random};
use crate::commands::Failure;
use crate::config::ways::Smpp;
use crate::send::route::{Dispatch, Outcome};
use crate::send::smpp::{SmppLine, bind};

/// A code's message, 66 units of UCS-2.
const TEXT: &str =
    "【例社】確認コード 482916\n画面の記号がKXの時だけ入力\n本日2通目・誰にも教えないで\n@example.jp #482916";
/// A number that nobody has.
const NUMBER: &str = "+819000000000";
/// Route and bare client take turns so often, so that what else the machine does falls on both.
const TURNS: u32 = 4;
/// How long the bare client runs before, while the other side compiles what it does often.
const WARM_UP: Duration = Duration::from_secs(1);

/// What was measured.
pub struct Figures {
    /// Messages that the route sent and that were taken.
    pub route: Measured,
    /// Messages of it without an answer at once, at most.
    pub peak: usize,
    /// PDUs made beforehand, as many at once as the window has.
    pub bare: Measured,
}

/// Measures both for `time` each.
///
/// # Errors
/// The short message centre cannot be reached, or refuses something.
pub async fn measure(settings: &Smpp, time: Duration) -> Result<Figures, Failure> {
    let expires_at = Clock::system().now().plus(Span::days(1));
    let dispatch = Dispatch {
        id: MessageId::from_bytes(Random::system().bytes()),
        channel: Channel::Sms,
        destination: Secret::new(NUMBER.into()),
        language: Language::Ja,
        subject: None,
        text: Secret::new(TEXT.into()),
        html: None,
        expires_at,
    };
    bare(settings, &dispatch, WARM_UP).await?;
    let mut figures = Figures { route: Measured::default(), peak: 0, bare: Measured::default() };
    for _ in 0..TURNS {
        let (route, peak) = route(settings, &dispatch, time / TURNS).await?;
        figures.route.add(route);
        figures.peak = figures.peak.max(peak);
        figures.bare.add(bare(settings, &dispatch, time / TURNS).await?);
    }
    Ok(figures)
}

/// As many senders as the window has places, each with its next message as soon as the last is taken.
async fn route(settings: &Smpp, dispatch: &Dispatch, time: Duration) -> Result<(Measured, usize), Failure> {
    let given = (Clock::system(), Random::system());
    let line = SmppLine::open("bench", settings, Box::new(|_| Box::pin(ready(true))), given).map_err(Failure)?;
    let not_ready = |reason: nidan_core::ledger::Reason| Failure(format!("no connection: {}", reason.name()));
    drop(line.ready().await.map_err(not_ready)?);
    let (under_way, peak) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let end = Instant::now() + time;
    let send = async || {
        let mut count = 0;
        while Instant::now() < end {
            let permit = line.ready().await.map_err(not_ready)?;
            peak.fetch_max(under_way.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            let outcome = line.send(permit, dispatch).await;
            under_way.fetch_sub(1, Ordering::Relaxed);
            if !matches!(outcome, Outcome::Accepted { .. }) {
                return Err(Failure(format!("a message was not taken: {outcome:?}")));
            }
            count += 1;
        }
        Ok(count)
    };
    let senders: FuturesUnordered<_> = (0..settings.window).map(|_| send()).collect();
    let measured = measured(senders.try_collect()).await?;
    line.close().await;
    Ok((measured, peak.into_inner()))
}

/// A client that does nothing but write PDUs and count their answers.
async fn bare(settings: &Smpp, dispatch: &Dispatch, time: Duration) -> Result<Measured, Failure> {
    let mut client = Bare::bind(settings).await?;
    let pdu = client.submit_sm(settings, dispatch)?;
    let end = Instant::now() + time;
    measured(async { Ok(vec![client.pipeline(&pdu, settings.window.into(), end).await?]) }).await
}

struct Bare {
    stream: TcpStream,
    session: Session,
}

impl Bare {
    async fn bind(settings: &Smpp) -> Result<Self, Failure> {
        let mut stream = TcpStream::connect((settings.host.as_str(), settings.port)).await?;
        stream.set_nodelay(true)?;
        let mut session = bind(settings, Duration::ZERO);
        stream.write_all(&session.output()).await?;
        let mut read = [0; 1024];
        loop {
            match session.event() {
                Some(Event::Bound { .. }) => return Ok(Self { stream, session }),
                Some(event) => return Err(Failure(format!("no bind: {event:?}"))),
                None => {}
            }
            let length = stream.read(&mut read).await?;
            if length == 0 {
                return Err(Failure("the connection was closed before the bind".into()));
            }
            session.receive(&read[..length], Duration::ZERO);
        }
    }

    fn submit_sm(&mut self, settings: &Smpp, dispatch: &Dispatch) -> Result<Vec<u8>, Failure> {
        let address = |invalid| Failure(format!("an address {invalid}"));
        let submit = SubmitSm {
            source: Address::sender(&settings.sender, settings.sender_ton, settings.sender_npi).map_err(address)?,
            destination: Address::destination(NUMBER).map_err(address)?,
            validity_period: validity(dispatch.expires_at.ms()),
            receipt: settings.receipts,
            short_message: encode(TEXT, settings.alphabet).ok_or_else(|| Failure("the text does not fit".into()))?,
        };
        self.session.submit(0, &submit, Duration::ZERO).map_err(|not_now| Failure(not_now.to_string()))?;
        Ok(self.session.output().to_vec())
    }

    /// Keeps `window` PDUs without an answer until `end`; how many were answered.
    async fn pipeline(&mut self, pdu: &[u8], window: u64, end: Instant) -> io::Result<u64> {
        let (mut sent, mut answered) = (0, 0);
        let (mut write, mut read) = (Vec::new(), Vec::with_capacity(64 * 1024));
        loop {
            if Instant::now() < end {
                write.clear();
                while sent < answered + window {
                    sent += 1;
                    write.extend_from_slice(pdu);
                    let sequence = write.len() - pdu.len() + 12;
                    write[sequence..sequence + 4].copy_from_slice(&(sent as u32).to_be_bytes());
                }
                self.stream.write_all(&write).await?;
            } else if sent == answered {
                return Ok(answered);
            }
            if self.stream.read_buf(&mut read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut rest = &read[..];
            while let Some((frame, after)) = frame(rest) {
                if frame[4..12] != [0x80, 0, 0, 4, 0, 0, 0, 0] {
                    return Err(io::Error::other("an answer that is not a submit_sm_resp with ESME_ROK"));
                }
                answered += 1;
                rest = after;
            }
            let left = rest.len();
            read.drain(..read.len() - left);
        }
    }
}

/// The first PDU that is there whole, and what follows it.
fn frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u32::from_be_bytes(bytes.first_chunk().copied()?);
    bytes.split_at_checked((length as usize).max(16))
}
