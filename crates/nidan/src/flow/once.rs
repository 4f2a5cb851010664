//! A request with an `Idempotency-Key` is carried out once; whoever repeats it gets the reply that it got.

use std::sync::Arc;

use nidan_core::id::ApiKeyId;
use nidan_core::secret::Secret;
use nidan_core::time::Span;

use super::{FlowError, Job};
use crate::app::App;
use crate::keys::{Lookup, ReplyKey};
use crate::store::{StoreError, Tx, idempotency};

/// A run that did not end for so long was cut off by a crash: no request takes so long.
const CUT_OFF_AFTER: Span = Span::seconds(60);

/// A request, as its repetition is known by.
pub struct Request {
    key: [u8; 32],
    request: [u8; 32],
    reply: ReplyKey,
}

/// What is to be done with it.
pub enum Begun {
    /// It is the first: it is to be carried out, and [`finish`]ed or [`abandon`]ed.
    First,
    /// It was carried out, with this reply.
    Replied(Secret<Vec<u8>>),
    /// It is under way.
    UnderWay,
    /// The key came with another request.
    AnotherRequest,
}

impl Request {
    /// The request that a site sent under `idempotency_key`; `asked` is its method, address and body.
    pub fn new(app: &App, site: ApiKeyId, idempotency_key: &str, asked: &Secret<Vec<u8>>) -> Self {
        let named = [site.as_bytes(), idempotency_key.as_bytes()].concat();
        let key = app.keys.lookup(Lookup::Idempotency, &named);
        Self { key, request: app.keys.request_hash(&named, asked.expose()), reply: app.keys.reply_key(&named) }
    }
}

/// Whether the request is to be carried out.
pub async fn begin(app: &Arc<App>, request: &Request) -> Result<Begun, FlowError> {
    let job = Job::new(app, (request.key, request.request));
    let seen = app.db.transact(job, |tx, job| Box::pin(job.begin(tx))).await?;
    Ok(match seen {
        Seen::First => Begun::First,
        Seen::AnotherRequest => Begun::AnotherRequest,
        Seen::UnderWay => Begun::UnderWay,
        Seen::Replied(sealed) => {
            let reply = request.reply.open(&request.key, &sealed);
            Begun::Replied(reply.map_err(|_| StoreError::corrupt("idempotency.reply", "it does not open"))?)
        }
    })
}

enum Seen {
    First,
    Replied(Vec<u8>),
    UnderWay,
    AnotherRequest,
}

impl Job<([u8; 32], [u8; 32])> {
    async fn begin(&self, tx: &mut Tx<'_>) -> Result<Seen, StoreError> {
        let (key, request) = self.input;
        if idempotency::begin(tx, key, request, self.now).await? {
            return Ok(Seen::First);
        }
        // Forgotten between the two statements: whoever comes next is the first.
        let Some(seen) = idempotency::find(tx, key).await? else { return Ok(Seen::UnderWay) };
        let age = self.now.since(seen.begun_at);
        if age >= self.app.policy.idempotency_life {
            return self.begin_anew(tx).await;
        }
        if seen.request != request {
            return Ok(Seen::AnotherRequest);
        }
        match seen.reply {
            Some(reply) => Ok(Seen::Replied(reply)),
            None if age >= CUT_OFF_AFTER && idempotency::resume(tx, key, seen.begun_at, self.now).await? => {
                Ok(Seen::First)
            }
            None => Ok(Seen::UnderWay),
        }
    }

    /// The key has had its time, and nobody has swept it away yet.
    async fn begin_anew(&self, tx: &mut Tx<'_>) -> Result<Seen, StoreError> {
        let (key, request) = self.input;
        idempotency::remove(tx, key).await?;
        let first = idempotency::begin(tx, key, request, self.now).await?;
        Ok(if first { Seen::First } else { Seen::UnderWay })
    }
}

/// Keeps the reply of a request that was carried out.
pub async fn finish(app: &Arc<App>, request: &Request, reply: &Secret<Vec<u8>>) -> Result<(), FlowError> {
    let sealed = request.reply.seal(&request.key, reply.expose(), &app.random);
    let input = (request.key, sealed);
    Ok(app.db.transact(input, |tx, (key, sealed)| Box::pin(idempotency::finish(tx, *key, sealed))).await?)
}

/// The request did nothing, or nobody knows what: it may be tried again.
pub async fn abandon(app: &Arc<App>, request: &Request) -> Result<(), FlowError> {
    Ok(app.db.transact(request.key, |tx, key| Box::pin(idempotency::abandon(tx, *key))).await?)
}
