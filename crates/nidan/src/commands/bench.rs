//! `nidan bench`.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use nidan_core::language::Language;
use nidan_core::secret::Secret;
use nidan_core::time::Span;
use nidan_wire::smpp::Coding;
use serde_json::{Value, json};

use super::start::{Schema, Started, bind, start};
use super::{Failure, answer, api_key, tell};
use crate::app::{App, Clock, Random};
use crate::bench::{Figures, Load, Measured, Place, seed, smpp, wide};
use crate::config::{Settings, ways};
use crate::flow::FlowError;
use crate::send::demo_phone::DemoPhone;
use crate::send::lines::Routes;
use crate::send::worker;
use crate::store::migrate::{self, SchemaMismatch};
use crate::store::{DatabaseUrl, Db, account};
use crate::web;
use crate::web::callbacks::Callbacks;
use crate::web::server::{Limits, serve};

/// Measures this machine: sign-ins and code checks over HTTP, beside the password hash alone.
///
/// The server runs in this process, with a database of its own, and is asked by clients in the same process: their share of
/// the CPU time is counted in.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// An empty database, which is not empty afterwards; a temporary SQLite file unless given.
    #[arg(long, value_name = "URL")]
    database: Option<DatabaseUrl>,
    /// Accounts with two confirmed methods.
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    accounts: u32,
    /// Connections at once.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=800))]
    clients: u16,
    /// How long each thing is measured.
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Part {
    /// Cold start and idle memory of `nidan demo` instead, started ten times on a temporary directory.
    Start {
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Messages through one SMPP route instead, beside a bare client of the same short message centre.
    Smpp(Smpp),
}

/// What `nidan bench smpp` is told.
#[derive(Args)]
struct Smpp {
    /// A short message centre for tests: it gets as many messages as it can take, to +819000000000.
    #[arg(long, value_name = "HOST:PORT")]
    smsc: String,
    /// The name to bind by.
    #[arg(long, value_name = "NAME", default_value = "nidan")]
    system_id: String,
    /// The password to bind by, which is no secret.
    #[arg(long, value_name = "PASSWORD", default_value = "secret")]
    password: String,
    /// Messages without an answer at once.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    window: u16,
    /// How long each of the two is measured.
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    if cfg!(debug_assertions) {
        tell("this program was built without --release: its figures say little");
    }
    match &arguments.part {
        Some(Part::Start { json }) => run_start(*json),
        Some(Part::Smpp(smpp)) => run_smpp(smpp).await,
        None => run_load(arguments).await,
    }
}

fn run_start(json: bool) -> Result<(), Failure> {
    let start = crate::bench::start::measure()?;
    let (first, median, idle) = (start.first_ms, start.median_ms, start.idle_kib);
    if json {
        return answer(&json!({"first_start_ms": first, "start_ms": median, "idle_pss_kib": idle}).to_string());
    }
    answer(&format!("first start, to the first answer of /health/ready  {first:7.1} ms"))?;
    answer(&format!("later starts, median                               {median:7.1} ms"))?;
    answer(&format!("memory after two idle seconds (PSS)                {:7.1} MiB", idle as f64 / 1024.0))
}

async fn run_smpp(arguments: &Smpp) -> Result<(), Failure> {
    let found = arguments.smsc.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = found.ok_or_else(|| Failure("--smsc is no HOST:PORT".into()))?;
    let settings = ways::Smpp {
        host: host.trim_matches(['[', ']']).into(),
        port,
        tls: false,
        ca_file: None,
        system_id: arguments.system_id.clone(),
        password: Secret::new(arguments.password.clone()),
        system_type: String::new(),
        bind: ways::Bind::Transceiver,
        connections: 1,
        window: arguments.window,
        rate_per_second: 1_000_000,
        sender: "Nidan".into(),
        sender_ton: None,
        sender_npi: None,
        alphabet: Coding::Gsm7,
        enquire_after: Span::seconds(30),
        answer_within: Span::seconds(10),
        receipts: false,
    };
    let time = Duration::from_secs(arguments.seconds);
    // Where the worker's tasks are: on a thread that sees to its connections itself.
    let measuring = tokio::spawn(async move { smpp::measure(&settings, time).await });
    let smpp::Figures { route, peak, bare } = measuring.await.map_err(|error| Failure(error.to_string()))??;
    let share = route.per_second() / bare.per_second();
    if arguments.json {
        let figures = json!({"route": of(&route), "peak": peak, "bare": of(&bare), "route_per_bare": share});
        return answer(&figures.to_string());
    }
    answer(&head())?;
    answer(&line("SMPP route", &route))?;
    answer(&line("bare client", &bare))?;
    answer(&format!("the route has {:.0} % of the bare client, with {peak} messages in flight at most", share * 100.0))
}

async fn run_load(arguments: &Arguments) -> Result<(), Failure> {
    let place = Place::new()?;
    let listener = bind(([127, 0, 0, 1], 0).into(), "see what holds all ports of this machine").await?;
    let mut settings = Settings::demo(listener.local_addr()?, &place.path(""), Language::Ja);
    wide(&mut settings.policy);
    if let Some(database) = &arguments.database {
        settings.database = database.clone();
    }
    refuse_used(&settings.database).await?;
    let Started { settings, db, keys, listener } = start(settings, listener, Schema::Migrate).await?;
    let given = (Clock::system(), Random::system());
    let (app, messages) = App::new(&settings, (db, keys), given).map_err(|error| Failure(error.to_string()))?;
    let demo = DemoPhone::default();
    let worker = worker::start(app.clone(), messages, Routes::to_demo_phone(&app, &demo));
    let service = web::service(app.clone(), &settings, Some(demo), Callbacks::default());
    let (mut outcome, load) = (None, async { prepare(&app, &settings, arguments).await?.measure().await });
    serve(service, listener, Limits::default(), async { outcome = Some(load.await) }).await;
    worker.stop().await;
    let figures = outcome.unwrap_or_else(|| Err(Failure("the server stopped too early".into())))?;
    answer(&match arguments.json {
        true => document(&figures, &settings, arguments).to_string(),
        false => table(&figures, &settings, arguments).join("\n"),
    })
}

/// The bench's accounts are nobody's, and everybody could sign in to them: they do not go to where others are.
async fn refuse_used(url: &DatabaseUrl) -> Result<(), Failure> {
    let db = Db::open(url).await?;
    match migrate::check(&db).await {
        Err(SchemaMismatch::Older { found: 0, .. }) => Ok(()),
        Err(mismatch) => Err(mismatch.into()),
        Ok(()) => match db.read((), |tx, ()| Box::pin(account::any(tx))).await? {
            false => Ok(()),
            true => Err(Failure(format!("there are accounts in {url}: name an empty database with --database"))),
        },
    }
}

/// Makes the accounts, under a password that nobody gets to know.
async fn prepare(app: &Arc<App>, settings: &Settings, arguments: &Arguments) -> Result<Load, Failure> {
    let failed = |error: FlowError| Failure(error.to_string());
    let key = api_key::replace(&app.db, "bench", (&app.random, app.clock.now())).await?;
    let password = Secret::new(URL_SAFE_NO_PAD.encode(app.random.bytes::<24>()));
    let hash = app.passwords.hash(password.clone(), app.random.bytes()).await.map_err(|busy| failed(busy.into()))?;
    let owners = seed::owners(app, arguments.accounts as usize, &hash).await.map_err(failed)?;
    Ok(Load {
        app: app.clone(),
        address: settings.listen.public,
        key,
        owners,
        password,
        clients: arguments.clients.into(),
        time: Duration::from_secs(arguments.seconds),
    })
}

fn table(figures: &Figures, settings: &Settings, arguments: &Arguments) -> Vec<String> {
    let Arguments { accounts, clients, .. } = arguments;
    vec![
        format!("{accounts} accounts, {clients} clients, {}", settings.database),
        head(),
        line("password hash alone", &figures.hash),
        line("whole sign-in", &figures.sign_in),
        line("code check, right code", &figures.right_code),
        line("code check, wrong code", &figures.wrong_code),
        format!("a sign-in costs {:.2} of the hash in it", ratio(figures)),
        "CPU time is that of the whole process, the clients of the bench included.".into(),
    ]
}

fn head() -> String {
    format!("{:24}{:>12}{:>14}{:>12}", "", "per second", "CPU ms each", "measured")
}

fn line(name: &str, measured: &Measured) -> String {
    let (per_second, cpu_ms, count) = (measured.per_second(), measured.cpu_ms_each(), measured.count);
    format!("{name:24}{per_second:>12.1}{cpu_ms:>14.3}{count:>12}")
}

fn of(measured: &Measured) -> Value {
    let (per_second, cpu_ms) = (measured.per_second(), measured.cpu_ms_each());
    json!({"per_second": per_second, "cpu_ms_each": cpu_ms, "count": measured.count})
}

fn document(figures: &Figures, settings: &Settings, arguments: &Arguments) -> Value {
    json!({
        "database": settings.database.to_string(),
        "accounts": arguments.accounts,
        "clients": arguments.clients,
        "hash": of(&figures.hash),
        "sign_in": of(&figures.sign_in),
        "sign_in_per_hash": ratio(figures),
        "right_code": of(&figures.right_code),
        "wrong_code": of(&figures.wrong_code),
    })
}

fn ratio(figures: &Figures) -> f64 {
    figures.sign_in.cpu_ms_each() / figures.hash.cpu_ms_each()
}
