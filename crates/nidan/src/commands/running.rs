//! What `nidan demo` and `nidan serve` do once they are prepared: answer until asked to stop, then finish what is under way.

use futures_util::FutureExt;

use super::start::{Started, bind, stop_signal};
use super::{Failure, answer};
use crate::app::{App, Clock, Random};
use crate::send::demo_phone::DemoPhone;
use crate::send::lines::Routes;
use crate::send::worker;
use crate::web;
use crate::web::room::Room;
use crate::web::server::{Limits, serve};

/// Answers until the process is asked to stop. Prints `ready` with the address to open.
pub(super) async fn until_stopped(started: Started) -> Result<(), Failure> {
    let Started { settings, db, keys, listener } = started;
    let stop = stop_signal()?;
    let admin = match settings.listen.admin {
        None => None,
        Some(address) => {
            Some(bind(address, "stop what listens there, or set [listen] admin to another address").await?)
        }
    };
    let given = (Clock::system(), Random::system());
    let (app, messages) = App::new(&settings, (db, keys), given).map_err(|error| Failure(error.to_string()))?;
    let demo = settings.demo_phone.then(DemoPhone::default);
    let routes = Routes::open(&settings, &app, demo.as_ref()).map_err(Failure)?;
    let callbacks = routes.callbacks();
    let worker = worker::start(app.clone(), messages, routes);
    let watching = web::watching(app.clone());
    let service = web::service(app, &settings, demo, callbacks);
    let Room { connections, streams } = Room::here();
    tracing::info!(connections, streams, "room within this process's limit of open files");
    let limits = Limits { connections_max: connections, ..Limits::default() };
    answer(&format!("ready {}", settings.site.url.as_str().trim_end_matches('/')))?;
    let stop = stop.shared();
    let public = serve(service, listener, limits, stop.clone());
    let finished = match admin {
        None => public.await,
        Some(admin) => {
            let (public, admin) = tokio::join!(public, serve(watching, admin, Limits::default(), stop));
            public && admin
        }
    };
    worker.stop().await;
    match finished {
        true => Ok(()),
        false => Err(Failure("stopped before all that was under way was finished".into())),
    }
}
