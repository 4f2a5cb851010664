//! The routes of this server, each with its line: the one place where the kinds of routes meet.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use nidan_core::ledger::Reason;
use nidan_core::message::Channel;
use nidan_core::phone::PhoneNumber;
use nidan_core::route::{Carries, Cost, order};
use nidan_core::time::Timestamp;
use nidan_wire::sms_text::GSM7_LIMIT;

use super::demo_phone::{Delivery, DemoChannel, DemoPhone};
use super::http::{self, HttpLine};
use super::receipts::Receipts;
use super::route::{Dispatch, Outcome};
use super::smpp::{self, News, SmppLine, Tell};
use super::smtp::{self, SmtpLine};
use crate::app::App;
use crate::config::ways::Way;
use crate::config::{self, Settings};
use crate::web::callbacks::Callbacks;

/// A carrier inside this process, as simulations have it: it answers at once, and its receipts go to [`Routes::receipts`].
pub trait Carrier: Send + Sync {
    /// Takes a message, or does not.
    fn send(&self, dispatch: &Dispatch) -> Outcome;
}

/// What carries messages to their owners.
enum Line {
    Demo(DemoPhone, Arc<App>),
    Simulated(Arc<dyn Carrier>),
    Smpp { line: SmppLine, receipts: bool },
    Http(Arc<HttpLine>),
    Smtp(SmtpLine),
}

/// A place on a line: who holds it may send one message.
pub(super) enum Permit {
    Demo,
    Simulated,
    Smpp(smpp::Permit),
    Http(http::Permit),
    Smtp(Box<smtp::Permit>),
}

/// A way messages leave by.
pub struct Route {
    /// What records and metrics call it.
    pub name: String,
    /// What it carries.
    pub carries: Carries,
    /// What it costs, if anybody counts.
    pub cost: Option<Cost>,
    /// Units that an SMS without Japanese has on it.
    pub sms_units: usize,
    line: Line,
}

/// The routes of this server, in the order of the settings. Cheap to clone.
#[derive(Clone)]
pub struct Routes {
    all: Arc<[Arc<Route>]>,
    receipts: Receipts,
}

impl Routes {
    /// Opens every route of the settings. `demo` is the phone that routes of that kind show their messages on.
    ///
    /// # Errors
    /// The route's name, what is wrong with its settings, and the remedy.
    pub fn open(settings: &Settings, app: &Arc<App>, demo: Option<&DemoPhone>) -> Result<Self, String> {
        let receipts = Receipts::new(app.clone());
        let routes = settings.routes.iter().map(|route| {
            let line = Line::open(route, (app, &receipts), demo);
            let line = line.map_err(|wrong| format!("route {}: {wrong}", route.name))?;
            Ok(Arc::new(Route {
                name: route.name.clone(),
                carries: route.carries(),
                cost: route.cost,
                sms_units: route.sms_units(),
                line,
            }))
        });
        Ok(Self { all: routes.collect::<Result<_, String>>()?, receipts })
    }

    /// Everything to a demo phone.
    pub fn to_demo_phone(app: &Arc<App>, phone: &DemoPhone) -> Self {
        Self::all_to(app, "demo", || Line::Demo(phone.clone(), app.clone()))
    }

    /// Everything to a simulated carrier.
    pub fn to_carrier(app: &Arc<App>, carrier: &Arc<dyn Carrier>) -> Self {
        Self::all_to(app, "simulated", || Line::Simulated(carrier.clone()))
    }

    /// One route for each channel.
    fn all_to(app: &Arc<App>, name: &str, line: impl Fn() -> Line) -> Self {
        let route = |channel: Channel| {
            let carries = Carries { channel, countries: None, number_kinds: None };
            let name = format!("{name}-{}", channel.name());
            Arc::new(Route { name, carries, cost: None, sms_units: GSM7_LIMIT, line: line() })
        };
        Self { all: Channel::ALL.map(route).into(), receipts: Receipts::new(app.clone()) }
    }

    /// Every route.
    pub fn all(&self) -> &[Arc<Route>] {
        &self.all
    }

    /// Where receipts go.
    pub fn receipts(&self) -> &Receipts {
        &self.receipts
    }

    /// Where gateways call back.
    pub fn callbacks(&self) -> Callbacks {
        let http = self.all.iter().filter_map(|route| match &route.line {
            Line::Http(line) => Some((route.name.clone(), line.clone())),
            Line::Demo(..) | Line::Simulated(_) | Line::Smpp { .. } | Line::Smtp(_) => None,
        });
        let receipts = self.receipts.clone();
        let keep = move |route: String, receipt| -> BoxFuture<'static, bool> {
            let tell = tell(route.into(), receipts.clone());
            tell(News::Receipt(receipt))
        };
        Callbacks::new(http.collect(), Arc::new(keep))
    }

    /// The routes that carry a message, the one to be tried first at the front, without those that are stopped.
    pub(super) fn carrying(&self, app: &App, channel: Channel, number: Option<&PhoneNumber>) -> Vec<Arc<Route>> {
        let known = self.all.iter().map(|route| (&route.carries, app.routes_health.of(&route.name)));
        let carrying = order(known, channel, number).into_iter().map(|place| self.all[place].clone());
        carrying.filter(|route| app.alarm.route_goes(&route.name)).collect()
    }

    /// Closes every line, after the answers that are under way.
    pub(super) async fn close(&self) {
        futures_util::future::join_all(self.all.iter().map(|route| route.close())).await;
    }
}

impl Line {
    fn open(
        route: &config::Route,
        (app, receipts): (&Arc<App>, &Receipts),
        demo: Option<&DemoPhone>,
    ) -> Result<Self, String> {
        let name = &route.name;
        match (&route.way, demo) {
            (Way::Demo, Some(phone)) => Ok(Self::Demo(phone.clone(), app.clone())),
            (Way::Demo, None) => Err("is demo, but the demo phone is not enabled: remove the route".into()),
            (Way::Smpp(settings), _) => {
                let given = (app.clock.clone(), app.random.clone());
                let line = SmppLine::open(name, settings, tell(name.as_str().into(), receipts.clone()), given)?;
                Ok(Self::Smpp { line, receipts: settings.receipts })
            }
            (Way::Smtp(settings), _) => {
                SmtpLine::open(name, settings, &app.site.domain, app.clock.clone()).map(Self::Smtp)
            }
            (Way::Http(settings), _) => {
                let line = HttpLine::open(name, settings, &app.site.url, app.clock.clone())?;
                Ok(Self::Http(Arc::new(line)))
            }
        }
    }
}

/// What a carrier tells goes to the ledger; what could not be kept is logged, and comes again.
fn tell(route: Arc<str>, receipts: Receipts) -> Tell {
    Box::new(move |news| {
        let (route, receipts) = (route.clone(), receipts.clone());
        Box::pin(async move {
            let kept = match news {
                News::Receipt(receipt) => receipts.record(&route, receipt).await,
                News::Late { message, carrier_id } => receipts.late(message, &carrier_id).await,
            };
            if let Err(error) = &kept {
                tracing::error!(%error, route = &*route, "what a carrier told could not be kept");
            }
            kept.is_ok()
        })
    })
}

impl Route {
    /// Whether the carrier tells what became of a message.
    pub fn expects_receipts(&self) -> bool {
        match &self.line {
            Line::Demo(..) | Line::Smtp(_) => false,
            Line::Simulated(_) => self.carries.channel == Channel::Sms,
            Line::Smpp { receipts, .. } => *receipts,
            Line::Http(line) => line.declares().receipts,
        }
    }

    /// Whether a receipt may come without the number that its message went to.
    pub(super) fn may_leave_out_number(&self) -> bool {
        match &self.line {
            Line::Demo(..) | Line::Simulated(_) | Line::Smpp { .. } | Line::Smtp(_) => false,
            Line::Http(line) => !line.names_number(),
        }
    }

    /// Waits until a message may go.
    ///
    /// # Errors
    /// None may now, and why.
    pub(super) async fn ready(&self) -> Result<Permit, Reason> {
        match &self.line {
            Line::Demo(..) => Ok(Permit::Demo),
            Line::Simulated(_) => Ok(Permit::Simulated),
            Line::Smpp { line, .. } => line.ready().await.map(Permit::Smpp),
            Line::Http(line) => line.ready().await.map(Permit::Http),
            Line::Smtp(line) => line.ready().await.map(|permit| Permit::Smtp(Box::new(permit))),
        }
    }

    /// Sends one message.
    pub(super) async fn send(&self, permit: Permit, dispatch: &Dispatch) -> Outcome {
        match (&self.line, permit) {
            (Line::Demo(phone, app), Permit::Demo) => {
                phone.deliver(delivery(dispatch, app.clock.now()));
                Outcome::Delivered
            }
            (Line::Simulated(carrier), Permit::Simulated) => carrier.send(dispatch),
            (Line::Smpp { line, .. }, Permit::Smpp(permit)) => line.send(permit, dispatch).await,
            (Line::Http(line), Permit::Http(permit)) => line.send(permit, dispatch).await,
            (Line::Smtp(line), Permit::Smtp(permit)) => line.send(*permit, dispatch).await,
            // A permit is one of the line that gave it: nothing has left.
            (Line::Demo(..) | Line::Simulated(_) | Line::Smpp { .. } | Line::Http(_) | Line::Smtp(_), _) => {
                Outcome::NotTaken(Reason::RouteDown)
            }
        }
    }

    async fn close(&self) {
        match &self.line {
            Line::Demo(..) | Line::Simulated(_) => {}
            Line::Smpp { line, .. } => line.close().await,
            Line::Http(line) => line.close().await,
            Line::Smtp(line) => line.close().await,
        }
    }
}

/// A message as the demo phone shows it.
fn delivery(dispatch: &Dispatch, at: Timestamp) -> Delivery {
    Delivery {
        id: dispatch.id.to_string(),
        to: dispatch.destination.expose().clone(),
        channel: match dispatch.channel {
            Channel::Sms => DemoChannel::Sms,
            Channel::Email => DemoChannel::Email,
        },
        subject: dispatch.subject.clone(),
        text: dispatch.text.expose().clone(),
        language: dispatch.language.tag(),
        at,
    }
}
