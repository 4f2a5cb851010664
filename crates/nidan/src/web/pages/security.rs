//! `/security`: what the owner has, what happened, and the ways to end it.

use axum::http::StatusCode;
use nidan_core::audit::Event;
use nidan_core::id::{DeviceId, SessionId};
use nidan_core::methods::Role;
use nidan_core::time::Timestamp;

use super::sign_in::{RAN_OUT, SIGNED_OUT_EVERYWHERE};
use super::{messages, method_kind};
use crate::flow::FlowError;
use crate::flow::accounts::{self, Overview};
use crate::flow::look::Way;
use crate::flow::messages::look;
use crate::flow::session::{Alive, End, Ending, Listed, end};
use crate::web::cookies::CookieName;
use crate::web::form::{Fields, Form, FromFields, NoFields};
use crate::web::moment;
use crate::web::problem::Problem;
use crate::web::session::SignedIn;
use crate::web::view::{
    Activity, ActivityRow, DeviceRow, MethodKind, MethodRole, MethodRow, Security, SecurityNotice, SessionRow,
};
use crate::web::visit::{Answer, Visit};

const DEVICE_REMOVED: &str = "/security?notice=device-removed";
const SESSION_ENDED: &str = "/security?notice=session-ended";
/// Where to go when the password was changed.
pub const PASSWORD_CHANGED: &str = "/security?notice=password-changed";

/// The page.
pub async fn page(SignedIn(visit, alive): SignedIn) -> Answer {
    let app = &visit.web.app;
    let Some(overview) = accounts::overview(app, alive.account).await? else { return visit.go(RAN_OUT) };
    let Some(ledger) = look(app, alive.account).await? else { return visit.go(RAN_OUT) };
    let notice = match visit.notice.as_deref() {
        Some("device-removed") => Some(SecurityNotice::DeviceRemoved),
        Some("session-ended") => Some(SecurityNotice::SessionEnded),
        Some("password-changed") => Some(SecurityNotice::PasswordChanged),
        _ => None,
    };
    let rows = Rows { visit: &visit, alive: &alive, overview: &overview };
    let since = overview.account.two_step_since;
    let page = Security {
        frame: visit.frame("/security"),
        email: overview.account.email.as_str(),
        two_step_since: &since.map(|at| moment::day(app, visit.origin.language, at)).unwrap_or_default(),
        methods: rows.methods(),
        devices: rows.devices(),
        sessions: rows.sessions(),
        activity: rows.activity(),
        password_changed: overview.account.password_changed_at.map(|at| rows.day(at)).unwrap_or_default(),
        messages: messages::summary(&visit, &ledger),
        notice,
    };
    visit.show(StatusCode::OK, &page)
}

struct Rows<'a> {
    visit: &'a Visit,
    alive: &'a Alive,
    overview: &'a Overview,
}

impl Rows<'_> {
    fn day(&self, at: Timestamp) -> String {
        moment::day(&self.visit.web.app, self.visit.origin.language, at)
    }

    fn day_and_clock(&self, at: Timestamp) -> String {
        moment::day_and_clock(&self.visit.web.app, self.visit.origin.language, at)
    }

    fn methods(&self) -> Vec<MethodRow> {
        let confirmed = self.overview.authenticators.iter().filter_map(|method| Some((method, method.confirmed_at?)));
        let row = |(method, at)| MethodRow {
            kind: method_kind(Way::of(method).kind),
            role: match method.method.role {
                Role::Primary => MethodRole::Primary,
                Role::Backup => MethodRole::Backup,
            },
            destination: Way::of(method).destination,
            since: self.day(at),
        };
        confirmed.map(row).collect()
    }

    fn devices(&self) -> Vec<DeviceRow> {
        let trusted = self.overview.devices.iter().filter(|known| known.device.trusted);
        let rows = trusted.map(|known| DeviceRow {
            device_id: known.id.to_string(),
            name: known.client.program.clone().unwrap_or_default(),
            this: Some(known.id) == self.alive.session.device,
            last_used: self.day_and_clock(known.device.last_used_at),
            until: self.day(known.device.expires_at(&self.visit.web.app.policy)),
        });
        let mut rows: Vec<DeviceRow> = rows.collect();
        rows.sort_by_key(|row| !row.this);
        rows
    }

    fn sessions(&self) -> Vec<SessionRow> {
        let row = |listed: &Listed| SessionRow {
            session_id: listed.session.id.to_string(),
            name: listed.client.program.clone().unwrap_or_default(),
            this: listed.session.id == self.alive.session.id,
            signed_in: self.day_and_clock(listed.session.auth_at),
            last_used: self.day_and_clock(listed.session.last_used_at),
        };
        let mut rows: Vec<SessionRow> = self.overview.sessions.iter().map(row).collect();
        rows.sort_by_key(|row| !row.this);
        rows
    }

    fn activity(&self) -> Vec<ActivityRow> {
        let shown = self.overview.recent.iter().filter_map(|recorded| {
            let what = activity(recorded.event, recorded.facts.about.as_deref().unwrap_or_default())?;
            let client = [&recorded.facts.client.program, &recorded.facts.client.address];
            let client: Vec<&str> = client.into_iter().flatten().map(String::as_str).collect();
            Some(ActivityRow { what, at: self.day_and_clock(recorded.at), client: client.join(" · ") })
        });
        shown.take(SHOWN).collect()
    }
}

/// How many things that happened the page shows.
const SHOWN: usize = 10;

/// What the owner is told of an event; `about` are the proofs or the kind of method that it was recorded with. `None`: what
/// is a part of something else that is told, or was done by others without getting anywhere.
fn activity(event: Event, about: &str) -> Option<Activity> {
    let by = |proof| about.split(' ').any(|part| part == proof);
    let kind = if by("sms") { MethodKind::Sms } else { MethodKind::App };
    match event {
        Event::AccountCreated => Some(Activity::SignedUp),
        Event::EmailConfirmed => Some(Activity::EmailConfirmed),
        Event::CodeWrong => Some(Activity::WrongCode),
        Event::SignInDenied => Some(Activity::SignInDenied),
        Event::SignedIn if by("trusted_device") => Some(Activity::SignedInTrusted),
        Event::SignedIn => Some(Activity::SignedIn(kind)),
        Event::MethodConfirmed => Some(Activity::MethodAdded(kind)),
        Event::TwoStepOn => Some(Activity::TwoStepOn),
        Event::DeviceTrusted => Some(Activity::DeviceTrusted),
        Event::DeviceRevoked => Some(Activity::DeviceRemoved),
        Event::DeviceTokenReused => Some(Activity::DeviceReused),
        Event::DeviceGuessed => Some(Activity::DeviceGuessed),
        Event::PasswordChanged => Some(Activity::PasswordChanged),
        Event::SignedOut => Some(Activity::SignedOut),
        Event::SessionRevoked => Some(Activity::SessionEnded),
        Event::SignedOutEverywhere => Some(Activity::SignedOutEverywhere),
        Event::AccountChanged
        | Event::SignUpWithAddressInUse
        | Event::PasswordWrong
        | Event::SignInStarted
        | Event::SetupEntered
        | Event::MethodAdded
        | Event::MethodRemoved => None,
    }
}

/// A device's id.
pub struct OfDevice(DeviceId);

impl FromFields for OfDevice {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        let id = fields.required("device_id")?.expose().parse();
        Ok(Self(id.map_err(|_| Problem::malformed("The field device_id is no id of a device."))?))
    }
}

/// A session's id.
pub struct OfSession(SessionId);

impl FromFields for OfSession {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        let id = fields.required("session_id")?.expose().parse();
        Ok(Self(id.map_err(|_| Problem::malformed("The field session_id is no id of a session."))?))
    }
}

/// A device is to be asked for codes again.
pub async fn revoke_device(SignedIn(visit, alive): SignedIn, Form(OfDevice(id)): Form<OfDevice>) -> Answer {
    finish(&visit, &alive, Ending::Device(id)).await?;
    visit.go(DEVICE_REMOVED)
}

/// Another session is to end.
pub async fn revoke_session(SignedIn(visit, alive): SignedIn, Form(OfSession(id)): Form<OfSession>) -> Answer {
    finish(&visit, &alive, Ending::Session(id)).await?;
    visit.go(SESSION_ENDED)
}

/// All sessions are to end, and no device is to be trusted.
pub async fn sign_out_everywhere(SignedIn(mut visit, alive): SignedIn, _: Form<NoFields>) -> Answer {
    finish(&visit, &alive, Ending::Everything).await?;
    for name in [CookieName::Session, CookieName::Device, CookieName::Flow] {
        visit.clear(name);
    }
    visit.go(SIGNED_OUT_EVERYWHERE)
}

async fn finish(visit: &Visit, alive: &Alive, what: Ending) -> Result<bool, FlowError> {
    end(&visit.web.app, End { account: alive.account, what, origin: visit.origin.clone() }).await
}
