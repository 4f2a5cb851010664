//! Every address there is.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use super::api;
use super::callbacks::{self, Callbacks};
use super::cookies::Cookies;
use super::edge::{Asked, Edge};
use super::error::References;
use super::events;
use super::form::{Form, NoFields};
use super::headers::SecurityHeaders;
use super::lang;
use super::pages::code::Door;
use super::pages::{
    CodeForm, assets, code, demo, health, home, messages, notice, other_ways, password, release, security, setup,
    sign_in, sign_out, sign_up,
};
use super::problem::{self, Problem};
use super::state::Web;
use super::view::{ErrorKind, ErrorPage, Frame, ICON_PATH, SCRIPT_PATH, style_sha256};
use super::visit::{Visit, render};
use crate::app::App;
use crate::config::Settings;
use crate::send::demo_phone::DemoPhone;

/// The whole server behind its listener.
pub fn service(app: Arc<App>, settings: &Settings, demo_phone: Option<DemoPhone>, callbacks: Callbacks) -> Arc<Edge> {
    let callbacks = callbacks::router(callbacks, &settings.site.url);
    let references = References::new(app.random.bytes());
    let web = Web::new(app, settings, demo_phone);
    let (dressing, counting, streams) = (web.clone(), web.app.clone(), web.streams.clone());
    let dress = Box::new(move |problem: &Problem, asked: &Asked| dress(&dressing, problem, asked));
    let edge = Edge::new(router(web).merge(callbacks), SecurityHeaders::new(&style_sha256()), references, dress);
    let edge = edge.counting(move |status| counting.metrics.request(status.as_u16()));
    Arc::new(edge.stopping(move || streams.close()))
}

/// What answers on the listener for machines that watch.
pub fn watching(app: Arc<App>) -> Arc<Edge> {
    let references = References::new(app.random.bytes());
    let router = health().route("/metrics", get(health::metrics)).with_state(app);
    Arc::new(Edge::new(router, SecurityHeaders::new(&style_sha256()), references, Box::new(|_, _| None)))
}

fn health() -> Router<Arc<App>> {
    Router::new().route("/health/live", get(health::live)).route("/health/ready", get(health::ready))
}

fn router(web: Web) -> Router {
    let (api, health) = (api::router(web.app.clone()), health().with_state(web.app.clone()));
    Router::new()
        .route("/", get(home))
        .merge(getting_in())
        .merge(signed_in())
        .route("/demo", get(demo::start))
        .route("/demo/phone", get(demo::phone))
        .route("/demo/phone.json", get(demo::phone_json))
        .route(SCRIPT_PATH, get(assets::script))
        .route(ICON_PATH, get(assets::icon))
        .with_state(web)
        .merge(health)
        .nest("/api/v1", api)
}

fn getting_in() -> Router<Web> {
    use Door::{SignIn, SignUp};
    type Code = Form<CodeForm>;
    type Button = Form<NoFields>;
    Router::new()
        .route("/sign-up", get(sign_up::page).post(sign_up::begin))
        .route(
            "/sign-up/code",
            get(|visit: Visit| code::page(visit, SignUp))
                .post(|visit: Visit, form: Code| code::check(visit, form, SignUp)),
        )
        .route("/sign-up/code/events", get(|visit: Visit| events::code(visit, SignUp)))
        .route("/sign-up/resend", post(|visit: Visit, form: Button| code::resend(visit, form, SignUp)))
        .route("/sign-in", get(sign_in::page).post(sign_in::begin))
        .route(
            "/sign-in/code",
            get(|visit: Visit| code::page(visit, SignIn))
                .post(|visit: Visit, form: Code| code::check(visit, form, SignIn)),
        )
        .route("/sign-in/code/events", get(|visit: Visit| events::code(visit, SignIn)))
        .route("/sign-in/resend", post(|visit: Visit, form: Button| code::resend(visit, form, SignIn)))
        .route("/sign-in/release", get(release::page).post(release::free))
        .route("/sign-in/release/send", post(release::send))
        .route("/sign-in/other-ways", get(other_ways::page).post(other_ways::choose))
        .route("/notice", get(notice::page).post(notice::look_up))
        .route("/notice/{id}", get(notice::event).post(notice::answer))
}

/// A form that was refused is shown at its own address: whoever asks for that again finds the page with the form.
fn signed_in() -> Router<Web> {
    Router::new()
        .route("/setup", get(setup::page))
        .route("/setup/phone", get(setup::back).post(setup::add_phone))
        .route("/setup/phone/code", get(setup::back).post(setup::confirm_phone))
        .route("/setup/phone/code/events", get(events::phone))
        .route("/setup/phone/resend", post(setup::resend))
        .route("/setup/phone/change", post(setup::change_phone))
        .route("/setup/app/start", post(setup::start_app))
        .route("/setup/app", get(setup::back).post(setup::confirm_app))
        .route("/security", get(security::page))
        .route("/security/messages", get(messages::page))
        .route("/security/messages/not-me", post(messages::not_me))
        .route("/security/password", get(password::page).post(password::change))
        .route("/security/devices/revoke", post(security::revoke_device))
        .route("/security/sessions/revoke", post(security::revoke_session))
        .route("/security/sign-out-everywhere", post(security::sign_out_everywhere))
        .route("/sign-out", get(sign_out::page).post(sign_out::leave))
}

/// Addresses that programs ask: they get problems as documents.
const FOR_PROGRAMS: [&str; 5] = ["/api/", "/callbacks/", "/health/", "/assets/", "/demo/phone.json"];

/// How the addresses end where the script of a page asks.
const EVENTS: &str = "/code/events";

/// A problem as a page.
fn dress(web: &Web, problem: &Problem, asked: &Asked) -> Option<Response> {
    let path = asked.uri.path();
    if FOR_PROGRAMS.iter().any(|start| path.starts_with(start)) || path.ends_with(EVENTS) {
        return None;
    }
    let kind = match problem.kind().status {
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        _ if *problem.kind() == problem::CROSS_SITE => ErrorKind::StaleForm,
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::TooMany { minutes: problem.wait_s().unwrap_or(1).div_ceil(60) },
        StatusCode::SERVICE_UNAVAILABLE => ErrorKind::Busy { seconds: problem.wait_s().unwrap_or(1) },
        status if status.is_client_error() => ErrorKind::BadRequest,
        _ => ErrorKind::Broken,
    };
    let cookies = Cookies::read(&asked.headers).ok();
    let language = lang::choose(cookies.as_ref(), None, &asked.headers, web.app.site.language);
    let frame = Frame {
        t: web.app.texts.of(language),
        brand: &web.app.site.name,
        // Not the address that was asked for: it may be anything.
        here: "/",
        csrf: "",
        signed_in: false,
        demo_phone: web.demo_phone.is_some(),
    };
    let reference = problem.get("reference").and_then(|reference| reference.as_str());
    render(problem.kind().status, &ErrorPage { frame, kind, reference }).ok()
}
