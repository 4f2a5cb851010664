//! The load: hashes alone, whole sign-ins, codes alone.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use futures_util::future::try_join_all;
use nidan_core::code::Code;
use nidan_core::id::{self, Scoped};
use nidan_core::secret::Secret;
use serde_json::json;
use tokio::time::Instant;

use super::client::{Answer, Connection};
use super::seed::{self, Owner};
use crate::app::App;
use crate::commands::Failure;

/// Tries that a sign-in has: so many wrong codes are judged.
const TRIES: usize = 5;
/// Clients per core at most while passwords are hashed, so that the queue for hashing turns none of them away.
const SIGNING_IN_PER_CORE: usize = 32;

/// What something took.
#[derive(Clone, Copy, Default)]
pub struct Measured {
    /// How often it was done.
    pub count: u64,
    /// In seconds of the wall clock.
    pub seconds: f64,
    /// In CPU milliseconds of this whole process: server, worker, and the bench's own clients.
    pub cpu_ms: f64,
}

impl Measured {
    /// How often in a second.
    pub fn per_second(&self) -> f64 {
        self.count as f64 / self.seconds
    }

    /// CPU milliseconds of one.
    pub fn cpu_ms_each(&self) -> f64 {
        self.cpu_ms / self.count as f64
    }

    pub(super) fn add(&mut self, other: Self) {
        self.count += other.count;
        self.seconds += other.seconds;
        self.cpu_ms += other.cpu_ms;
    }
}

/// All that is measured.
pub struct Figures {
    /// One Argon2id hash, on all cores at once.
    pub hash: Measured,
    /// Password, SMS handed to the demo phone, code, session.
    pub sign_in: Measured,
    /// Codes that are right, each on another account than the one before.
    pub right_code: Measured,
    /// Codes that are wrong, likewise.
    pub wrong_code: Measured,
}

/// A running server with accounts, and what to put on it.
pub struct Load {
    /// What the server shares.
    pub app: Arc<App>,
    /// Where it answers.
    pub address: SocketAddr,
    /// A key for its API.
    pub key: Secret<String>,
    /// Whose accounts there are.
    pub owners: Vec<Owner>,
    /// The password of all of them.
    pub password: Secret<String>,
    /// Connections at once.
    pub clients: usize,
    /// How long each thing is measured.
    pub time: Duration,
}

impl Load {
    /// Measures everything, one after another.
    ///
    /// # Errors
    /// Something was not answered as it should be.
    pub async fn measure(&self) -> Result<Figures, Failure> {
        Ok(Figures {
            hash: self.hashes().await?,
            sign_in: self.sign_ins().await?,
            right_code: self.codes(1, 200, |code| code.expose().to_owned()).await?,
            wrong_code: self.codes(TRIES, 422, |code| wrong(code.expose())).await?,
        })
    }

    async fn hashes(&self) -> Result<Measured, Failure> {
        let end = Instant::now() + self.time;
        let work = (0..cores()).map(async |_| {
            let mut count = 0;
            while Instant::now() < end {
                let hashed = self.app.passwords.hash(self.password.clone(), self.app.random.bytes()).await;
                hashed.map_err(|busy| Failure(busy.to_string()))?;
                count += 1;
            }
            Ok(count)
        });
        measured(try_join_all(work)).await
    }

    async fn sign_ins(&self) -> Result<Measured, Failure> {
        let (end, next) = (Instant::now() + self.time, Cell::new(0));
        let clients = self.clients.min(SIGNING_IN_PER_CORE * cores());
        let sign_in = async |connection: &mut Connection| {
            if Instant::now() >= end {
                return Ok(false);
            }
            let owner = &self.owners[next.replace(next.get() + 1) % self.owners.len()];
            self.sign_in(connection, owner).await.map(|()| true)
        };
        self.drive(clients, sign_in).await
    }

    async fn sign_in(&self, connection: &mut Connection, owner: &Owner) -> Result<(), Failure> {
        let client = json!({"ip": owner.ip.to_string(), "user_agent": "nidan bench"});
        let begin = json!({"account": {"email": owner.email}, "password": self.password.expose(), "client": client});
        let begun = expect(201, connection.post("/api/v1/sign-ins", &begin.to_string()).await?)?.json();
        let sign_in = begun["id"].as_str().unwrap_or_default();
        let scoped: Scoped<id::Ceremony> = sign_in.parse().map_err(|_| Failure("a sign-in without an id".into()))?;
        let code = seed::code(&self.app, scoped, owner.sms)?;
        let (path, body) = asking(sign_in, code.expose());
        expect(200, connection.post(&path, &body).await?).map(drop)
    }

    /// `times` codes on each of fresh challenges, one challenge for each account, again and again until the time is over.
    async fn codes(&self, times: usize, status: u16, typed: fn(&Code) -> String) -> Result<Measured, Failure> {
        let mut total = Measured::default();
        while total.seconds < self.time.as_secs_f64() {
            let opened = seed::challenges(&self.app, &self.owners).await?;
            let requests = opened.iter().zip(&self.owners).map(|(sign_in, owner)| {
                let code = seed::code(&self.app, *sign_in, owner.sms)?;
                Ok(asking(&sign_in.to_string(), &typed(&code)))
            });
            let requests: Vec<(String, String)> = requests.collect::<Result<_, Failure>>()?;
            let next = Cell::new(0);
            let check = async |connection: &mut Connection| {
                let at = next.replace(next.get() + 1);
                if at >= requests.len() * times {
                    return Ok(false);
                }
                let (path, body) = &requests[at % requests.len()];
                expect(status, connection.post(path, body).await?).map(|_| true)
            };
            total.add(self.drive(self.clients, check).await?);
        }
        Ok(total)
    }

    /// Has each of so many clients do `step` until it says that there is nothing left.
    async fn drive(
        &self,
        clients: usize,
        step: impl AsyncFn(&mut Connection) -> Result<bool, Failure>,
    ) -> Result<Measured, Failure> {
        let mut connections = try_join_all((0..clients).map(|_| Connection::open(self.address, &self.key))).await?;
        let work = connections.iter_mut().map(async |connection| {
            let mut count = 0;
            while step(connection).await? {
                count += 1;
            }
            Ok(count)
        });
        measured(try_join_all(work)).await
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn asking(sign_in: &str, code: &str) -> (String, String) {
    (format!("/api/v1/sign-ins/{sign_in}/code"), format!(r#"{{"code":"{code}"}}"#))
}

fn wrong(code: &str) -> String {
    let number: u32 = code.parse().unwrap_or_default();
    format!("{:06}", (number + 1) % 1_000_000)
}

fn expect(status: u16, answer: Answer) -> Result<Answer, Failure> {
    match answer.status == status {
        true => Ok(answer),
        false => Err(Failure(format!("the server answered {} where {status} was expected", answer.status))),
    }
}

pub(super) async fn measured(work: impl Future<Output = Result<Vec<u64>, Failure>>) -> Result<Measured, Failure> {
    let (began, cpu) = (Instant::now(), cpu_ms()?);
    let count = work.await?.iter().sum();
    Ok(Measured { count, seconds: began.elapsed().as_secs_f64(), cpu_ms: cpu_ms()? - cpu })
}

/// CPU time of this process so far: `utime` and `stime` of proc(5), which Linux counts in hundredths of a second.
fn cpu_ms() -> io::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    Ok(fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * 10.0)
}
