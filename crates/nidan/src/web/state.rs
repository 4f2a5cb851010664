//! What every handler gets.

use std::sync::Arc;

use axum::extract::FromRef;
use ipnet::IpNet;

use super::csrf::FormGuard;
use super::events::Streams;
use super::room::Room;
use crate::app::App;
use crate::config::Settings;
use crate::send::demo_phone::DemoPhone;

/// What every handler gets. Cheap to clone.
#[derive(Clone)]
pub struct Web {
    /// What the whole server shares.
    pub app: Arc<App>,
    /// What forms are checked with.
    pub guard: FormGuard,
    /// The proxies that are believed about the client's address.
    pub trusted_proxies: Arc<[IpNet]>,
    /// The demo phone, where there is one.
    pub demo_phone: Option<DemoPhone>,
    /// The pages that are told what becomes of a message.
    pub streams: Arc<Streams>,
}

impl Web {
    /// From the settings. Forms may come from the site's own address; in a demo, which answers on this machine only, under
    /// any of its names.
    pub fn new(app: Arc<App>, settings: &Settings, demo_phone: Option<DemoPhone>) -> Self {
        let mut origins = vec![settings.site.url.origin().ascii_serialization()];
        if demo_phone.is_some() {
            let port = settings.listen.public.port();
            origins.extend(["127.0.0.1", "localhost", "[::1]"].map(|host| format!("http://{host}:{port}")));
        }
        let guard = FormGuard::new(origins, Arc::clone(&app.keys));
        Self {
            app,
            guard,
            trusted_proxies: settings.listen.trusted_proxies.clone().into(),
            demo_phone,
            streams: Arc::new(Streams::new(Room::here().streams)),
        }
    }
}

impl FromRef<Web> for FormGuard {
    fn from_ref(web: &Web) -> Self {
        web.guard.clone()
    }
}
