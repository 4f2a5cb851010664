//! The routes of this server, each with its line: the one place where the kinds of routes meet.

use std::sync::Arc;

use nidan_core::ledger::Reason;
use nidan_core::message::Channel;
use nidan_core::phone::PhoneNumber;
use nidan_core::route::{Carries, Cost, order};

use super::demo_phone::{Delivery, DemoChannel, DemoPhone};
use super::receipts::Receipts;
use super::route::{Dispatch, Outcome};
use super::smtp::{self, SmtpLine};
use crate::app::App;
use crate::config::Settings;
use crate::config::ways::Way;

/// What carries messages to their owners.
enum Line {
    Demo(DemoPhone, Arc<App>),
    Smtp(SmtpLine),
}

/// A place on a line: who holds it may send one message.
pub(super) enum Permit {
    Demo,
    Smtp(smtp::Permit),
}

/// A way messages leave by.
pub struct Route {
    /// What records and metrics call it.
    pub name: String,
    /// What it carries.
    pub carries: Carries,
    /// What it costs, if anybody counts.
    pub cost: Option<Cost>,
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
            let line = Line::open((&route.name, &route.way), app, demo)
                .map_err(|wrong| format!("route {}: {wrong}", route.name))?;
            let cost = route.cost.map(|cost| Cost { per_message: cost.per_message, day_max: cost.day_max });
            let (countries, number_kinds) = (route.countries.clone(), route.number_kinds.clone());
            let carries = Carries { channel: route.channel, countries, number_kinds };
            Ok(Arc::new(Route { name: route.name.clone(), carries, cost, line }))
        });
        Ok(Self { all: routes.collect::<Result<_, String>>()?, receipts })
    }

    /// Everything to a demo phone.
    pub fn to_demo_phone(app: &Arc<App>, phone: &DemoPhone) -> Self {
        let route = |channel: Channel| {
            let carries = Carries { channel, countries: None, number_kinds: None };
            let line = Line::Demo(phone.clone(), app.clone());
            Arc::new(Route { name: format!("demo-{}", channel.name()), carries, cost: None, line })
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

    /// The routes that carry a message, the one to be tried first at the front.
    pub(super) fn carrying(&self, app: &App, channel: Channel, number: Option<&PhoneNumber>) -> Vec<Arc<Route>> {
        let known = self.all.iter().map(|route| (&route.carries, app.routes_health.of(&route.name)));
        order(known, channel, number).into_iter().map(|place| self.all[place].clone()).collect()
    }

    /// Closes every line, after the answers that are under way.
    pub(super) async fn close(&self) {
        futures_util::future::join_all(self.all.iter().map(|route| route.close())).await;
    }
}

impl Line {
    fn open((name, way): (&str, &Way), app: &Arc<App>, demo: Option<&DemoPhone>) -> Result<Self, String> {
        match (way, demo) {
            (Way::Demo, Some(phone)) => Ok(Self::Demo(phone.clone(), app.clone())),
            (Way::Demo, None) => Err("is demo, but the demo phone is not enabled: remove the route".into()),
            (Way::Smtp(smtp), _) => SmtpLine::open(name, smtp, &app.site.domain, app.clock.clone()).map(Self::Smtp),
            (Way::Smpp(_) | Way::Http(_), _) => {
                Err(format!("is {}, which this version does not carry: remove the route", way.name()))
            }
        }
    }
}

impl Route {
    /// Whether the carrier tells what became of a message.
    pub fn expects_receipts(&self) -> bool {
        match &self.line {
            Line::Demo(..) | Line::Smtp(_) => false,
        }
    }

    /// Whether a receipt may come without the number that its message went to.
    pub(super) fn may_leave_out_number(&self) -> bool {
        match &self.line {
            Line::Demo(..) | Line::Smtp(_) => false,
        }
    }

    /// Waits until a message may go.
    ///
    /// # Errors
    /// None may, as it looks.
    pub(super) async fn ready(&self) -> Result<Permit, Reason> {
        match &self.line {
            Line::Demo(..) => Ok(Permit::Demo),
            Line::Smtp(line) => line.ready().await.map(Permit::Smtp),
        }
    }

    /// Sends one message.
    pub(super) async fn send(&self, permit: Permit, dispatch: &Dispatch) -> Outcome {
        match (&self.line, permit) {
            (Line::Demo(phone, app), Permit::Demo) => {
                phone.deliver(Delivery {
                    id: dispatch.id.to_string(),
                    to: dispatch.destination.expose().clone(),
                    channel: match dispatch.channel {
                        Channel::Sms => DemoChannel::Sms,
                        Channel::Email => DemoChannel::Email,
                    },
                    subject: dispatch.subject.clone(),
                    text: dispatch.text.expose().clone(),
                    language: dispatch.language.tag(),
                    at: app.clock.now(),
                });
                Outcome::Delivered
            }
            (Line::Smtp(line), Permit::Smtp(permit)) => line.send(permit, dispatch).await,
            // A place on another line is none on this one.
            (Line::Demo(..) | Line::Smtp(_), _) => Outcome::NotTaken(Reason::RouteDown),
        }
    }

    async fn close(&self) {
        match &self.line {
            Line::Demo(..) => {}
            Line::Smtp(line) => line.close().await,
        }
    }
}
