//! One message over one route, and what becomes of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use nidan_core::carrier_id::{folded, spellings};
use nidan_core::id::MessageId;
use nidan_core::ledger::{Reason, Receipt};
use nidan_core::message::Channel;
use nidan_core::secret::Secret;
use nidan_core::time::{Span, Timestamp};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::Destination;
use crate::app::{App, Clock, Random};
use crate::commands::Failure;
use crate::config::ways::{Http, Smpp, Smtp, Way};
use crate::config::{Route, Settings};
use crate::keys::KeyRing;
use crate::send::html::{self, Said};
use crate::send::http::HttpLine;
use crate::send::route::{CarrierReceipt, Dispatch, Outcome};
use crate::send::smpp::{News, SmppLine, Tell};
use crate::send::smtp::SmtpLine;
use crate::send::text::Written;
use crate::store::carrier_message::{self, CarrierKey};
use crate::store::{Db, migrate};
use crate::texts::{Arg, Texts};

/// Pause between two looks for a receipt that a running server was told.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// By how much this machine's clock and the server's may differ.
const CLOCKS_APART: Span = Span::seconds(10);
/// How long the carrier may try to deliver it.
const VALIDITY: Span = Span::minutes(10);

/// What became of the message at one time.
pub(super) struct Step {
    at: Timestamp,
    state: &'static str,
    detail: Option<String>,
}

impl Step {
    fn time(&self) -> String {
        jiff::Timestamp::from_millisecond(self.at.ms()).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
    }

    /// For a person.
    pub(super) fn line(&self) -> String {
        let detail = self.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
        format!("{}  {}{detail}", self.time(), self.state)
    }

    /// For a program.
    pub(super) fn document(&self) -> Value {
        json!({ "at": self.time(), "state": self.state, "detail": self.detail })
    }
}

/// Where steps are told as they happen.
type Say<'a> = Box<dyn Fn(&Step) -> Result<(), Failure> + 'a>;

/// A test message under way.
pub(super) struct Trial<'a> {
    settings: &'a Settings,
    route: &'a Route,
    dispatch: Dispatch,
    given: (&'a Clock, &'a Random),
    say: Say<'a>,
    steps: Vec<Step>,
}

impl<'a> Trial<'a> {
    pub(super) fn new(
        (settings, route): (&'a Settings, &'a Route),
        to: &Destination,
        given: (&'a Clock, &'a Random),
        say: Say<'a>,
    ) -> Result<Self, Failure> {
        let dispatch = dispatch((settings, route), to, given)?;
        Ok(Self { settings, route, dispatch, given, say, steps: Vec::new() })
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Sends it and waits so many seconds for its receipt, if the route gives any.
    pub(super) async fn run(&mut self, wait_seconds: u64) -> Result<(), Failure> {
        let route = self.route;
        match &route.way {
            Way::Demo => Err(Failure(format!(
                "route {} is the demo phone, which is inside a running server: sign up there, and look at /demo/phone",
                route.name
            ))),
            Way::Smpp(smpp) => self.by_smpp(smpp, Duration::from_secs(wait_seconds)).await,
            Way::Http(http) => self.by_http(http, Duration::from_secs(wait_seconds)).await,
            Way::Smtp(smtp) => self.by_smtp(smtp).await,
        }
    }

    fn step(&mut self, state: &'static str, detail: Option<String>) -> Result<(), Failure> {
        let step = Step { at: self.given.0.now(), state, detail };
        (self.say)(&step)?;
        self.steps.push(step);
        Ok(())
    }

    async fn by_smpp(&mut self, smpp: &Smpp, wait: Duration) -> Result<(), Failure> {
        let (receipts, mut received) = unbounded_channel();
        let (named, name) = watch::channel(None);
        let (clock, random) = self.given;
        let line = SmppLine::open(&self.route.name, smpp, tell(receipts, name), (clock.clone(), random.clone()));
        let line = line.map_err(Failure)?;
        let outcome = match line.ready().await {
            Ok(permit) => line.send(permit, &self.dispatch).await,
            Err(reason) => Outcome::NotTaken(reason),
        };
        let ended = match self.taken(outcome) {
            Ok(Some(carrier_id)) if smpp.receipts => {
                named.send_replace(Some(carrier_id.clone()));
                self.wait_for(&carrier_id, &mut received, wait).await
            }
            ended => ended.map(drop),
        };
        drop(named);
        line.close().await;
        ended
    }

    /// Its receipt comes to the server, which keeps it in the database.
    async fn by_http(&mut self, http: &Http, wait: Duration) -> Result<(), Failure> {
        let line = HttpLine::open(&self.route.name, http, &self.settings.site.url, self.given.0.clone());
        let line = line.map_err(Failure)?;
        let outcome = match line.ready().await {
            Ok(permit) => line.send(permit, &self.dispatch).await,
            Err(reason) => Outcome::NotTaken(reason),
        };
        line.close().await;
        let (_open, mut received) = unbounded_channel();
        match self.taken(outcome)? {
            Some(carrier_id) if line.declares().receipts => self.wait_for(&carrier_id, &mut received, wait).await,
            Some(_) | None => Ok(()),
        }
    }

    async fn by_smtp(&mut self, smtp: &Smtp) -> Result<(), Failure> {
        let line = SmtpLine::open(&self.route.name, smtp, &self.settings.site.domain, self.given.0.clone());
        let line = line.map_err(Failure)?;
        let outcome = match line.ready().await {
            Ok(permit) => line.send(permit, &self.dispatch).await,
            Err(reason) => Outcome::NotTaken(reason),
        };
        line.close().await;
        self.taken(outcome).map(drop)
    }

    /// The carrier's id of the message, if it took it and gave one.
    fn taken(&mut self, outcome: Outcome) -> Result<Option<String>, Failure> {
        let (state, reason) = match outcome {
            Outcome::Accepted { carrier_id } => {
                let named = carrier_id.as_ref().map(|id| format!("by {} as {id}", self.route.name));
                self.step("accepted", Some(named.unwrap_or_else(|| format!("by {}", self.route.name))))?;
                return Ok(carrier_id);
            }
            Outcome::Delivered => {
                self.step("delivered", None)?;
                return Ok(None);
            }
            Outcome::Rejected(reason) | Outcome::NotTaken(reason) => ("rejected", reason),
            Outcome::Ambiguous(reason) => ("ambiguous", reason),
        };
        self.step(state, Some(reason.name().into()))?;
        Err(Failure(format!("route {} did not take the message: {}", self.route.name, in_words(reason))))
    }

    async fn kept(&self, app: &Arc<App>, carrier_id: &str, since: Timestamp) -> Option<Receipt> {
        let number = self.dispatch.destination.expose();
        let key = |number| CarrierKey::of(app, &self.route.name, carrier_id, number);
        let input = ([key(Some(number)), key(None)], since);
        let kept = app.db.read(input, |tx, (keys, since)| Box::pin(carrier_message::waiting(tx, keys, *since)));
        kept.await.ok().flatten()
    }

    /// Waits for the receipt here, and for the one that a running server was told instead.
    async fn wait_for(
        &mut self,
        carrier_id: &str,
        received: &mut UnboundedReceiver<Receipt>,
        wait: Duration,
    ) -> Result<(), Failure> {
        let server = ledger(self.settings, self.given).await;
        let since = self.dispatch.expires_at.minus(VALIDITY).minus(CLOCKS_APART);
        let until = Instant::now() + wait;
        while Instant::now() < until {
            let told = timeout_at(until.min(Instant::now() + LOOK_EVERY), received.recv()).await;
            let told = match (told, &server) {
                (Ok(told), _) => told,
                (Err(_), Some(app)) => self.kept(app, carrier_id, since).await,
                (Err(_), None) => None,
            };
            let Some(receipt) = told else { continue };
            let (state, ended) = match receipt {
                Receipt::EnRoute => ("en_route", None),
                Receipt::Delivered => ("delivered", Some(Ok(()))),
                Receipt::Undelivered => ("undelivered", Some(Err("it was not delivered"))),
                Receipt::Expired => ("expired", Some(Err("it could not be delivered in time"))),
                Receipt::Rejected => {
                    ("rejected", Some(Err("the carrier, or the network behind it, refused it after all")))
                }
                Receipt::Unknown => ("unknown", Some(Err("the carrier does not know what became of it"))),
            };
            if self.steps.last().is_none_or(|last| last.state != state) {
                self.step(state, None)?;
            }
            if let Some(ended) = ended {
                return ended.map_err(|told| Failure(format!("route {}: {told}", self.route.name)));
            }
        }
        Err(Failure(format!(
            "route {} took the message, and no receipt came within {} s: if the message arrived, ask the carrier for receipts; \
             where it gives none, set receipts = false",
            self.route.name,
            wait.as_secs()
        )))
    }
}

/// What a server shares, to look into its ledger; none if it has none yet.
async fn ledger(settings: &Settings, (clock, random): (&Clock, &Random)) -> Option<Arc<App>> {
    // A file that is not there would be made.
    settings.database.file().is_none_or(Path::exists).then_some(())?;
    let keys = KeyRing::load(&settings.keys_file).ok()?;
    let db = Db::open(&settings.database).await.ok()?;
    migrate::check(&db).await.ok()?;
    App::new(settings, (db, keys), (clock.clone(), random.clone())).ok().map(|(app, _)| app)
}

/// Hands on the receipts of the message, once its carrier's id is known. Those of others' messages come here too, for a carrier
/// tells them to any connection: they are not taken, so that they are told again, to the server.
fn tell(receipts: UnboundedSender<Receipt>, name: watch::Receiver<Option<String>>) -> Tell {
    Box::new(move |news| {
        let (receipts, mut name) = (receipts.clone(), name.clone());
        let told = async move {
            let News::Receipt(CarrierReceipt { carrier_id, receipt, .. }) = news else { return true };
            let ours = name.wait_for(Option::is_some).await.ok().and_then(|name| name.clone());
            ours.is_some_and(|ours| spellings(&carrier_id).contains(&folded(&ours))) && receipts.send(receipt).is_ok()
        };
        told.boxed()
    })
}

fn dispatch(
    (settings, route): (&Settings, &Route),
    to: &Destination,
    (clock, random): (&Clock, &Random),
) -> Result<Dispatch, Failure> {
    let texts = Texts::load().map_err(|error| Failure(error.to_string()))?;
    let Written { subject, text, html } = written(&texts, settings, (route, to.channel()));
    Ok(Dispatch {
        id: MessageId::from_bytes(*uuid::Builder::from_random_bytes(random.bytes()).as_uuid().as_bytes()),
        channel: to.channel(),
        destination: Secret::new(to.address().to_owned()),
        language: settings.site.language,
        subject,
        text,
        html,
        expires_at: clock.now().plus(VALIDITY),
    })
}

fn written(texts: &Texts, settings: &Settings, (route, channel): (&Route, Channel)) -> Written {
    let (language, brand) = (settings.site.language, &settings.site.name);
    let args = [("brand", Arg::from(brand)), ("route", Arg::from(&route.name))];
    if channel == Channel::Sms {
        let text = Secret::new(texts.get(language, "route-test-sms", &args));
        return Written { subject: None, text, html: None };
    }
    let title = texts.get(language, "route-test-title", &[]);
    let subject = texts.get(language, "email-subject", &[("brand", brand.into()), ("title", (&title).into())]);
    let body = texts.get(language, "route-test-body", &args);
    let footer = texts.get(language, "email-footer", &[("brand", brand.into())]);
    let said = Said { language, brand, subject: &subject, title: &title, body: &body, footer: &footer, code: "" };
    let html = Some(html::page(&said));
    Written { subject: Some(subject), text: Secret::new(format!("{body}\n\n---\n{footer}\n")), html }
}

/// Why the route did not take it, and what to do.
const fn in_words(reason: Reason) -> &'static str {
    match reason {
        Reason::RouteDown => "it cannot be reached; `nidan doctor` tells why",
        Reason::LoginRefused => "it refuses our name and password: check them, and whether this address may connect",
        Reason::Throttled => "it wants us to be slower: lower rate_per_second",
        Reason::QueueFull => "its queue is full: try again later, and ask the carrier if it stays so",
        Reason::CarrierFault => "it has a fault of its own: ask the carrier",
        Reason::DestinationRefused => {
            "it refuses that number or address: try another, and ask the carrier what it serves"
        }
        Reason::MessageRefused => "it refuses what was sent: check the sender, and ask the carrier which it allows",
        Reason::NoAnswer => "no answer came in time, so the message may arrive all the same",
        Reason::LinkLost => "the connection was lost before the answer, so the message may arrive all the same",
        Reason::NoRoute | Reason::CostCap | Reason::WorkerLost | Reason::Receipt => "it gave no reason of its own",
    }
}
