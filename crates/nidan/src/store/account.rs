//! Accounts, and the keys by which they are found.

use nidan_core::email::EmailAddress;
use nidan_core::id::AccountId;
use nidan_core::ladder::Guesses;
use nidan_core::language::Language;
use nidan_core::message::Channel;
use nidan_core::password_known::Closure;
use nidan_core::secret::Secret;
use nidan_core::time::Timestamp;

use super::audit::NOBODY;
use super::{Row, StoreError, Tx, Value, sql};
use crate::app::{App, Random};
use crate::keys::{DataKey, KeyError, KeyRing, Lookup, Place};
use crate::password_hash::StoredHash;

sql! {
    LOAD = "SELECT state, data_key, email, email_verified_ms, external_id, password, language, site_groups, sec_epoch,
                   two_step_since_ms, last_seen_ms, created_ms, guesses, lane_closed_ms, lane_told_ms, lane_stopped,
                   password_changed_ms
              FROM account WHERE account_id = $1";
    /// SQLite has one writer at a time anyway.
    HOLD = sqlite "SELECT state, data_key, email, email_verified_ms, external_id, password, language, site_groups, sec_epoch,
                          two_step_since_ms, last_seen_ms, created_ms, guesses, lane_closed_ms, lane_told_ms, lane_stopped,
                          password_changed_ms
                     FROM account WHERE account_id = $1",
           postgres "SELECT state, data_key, email, email_verified_ms, external_id, password, language, site_groups, sec_epoch,
                            two_step_since_ms, last_seen_ms, created_ms, guesses, lane_closed_ms, lane_told_ms, lane_stopped,
                            password_changed_ms
                       FROM account WHERE account_id = $1 FOR UPDATE";
    INSERT = "INSERT INTO account (account_id, state, data_key, email, email_verified_ms, external_id, password, language,
                                   site_groups, sec_epoch, serial_day, serial_sms, serial_email, two_step_since_ms,
                                   last_seen_ms, created_ms, hash_class)
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, 0, 0, 0, NULL, $10, $11, $12)";
    BUMP_EPOCH = "UPDATE account SET sec_epoch = sec_epoch + 1 WHERE account_id = $1 RETURNING sec_epoch";
    ACTIVATE = "UPDATE account SET state = 1, email_verified_ms = COALESCE(email_verified_ms, $2), last_seen_ms = $2
                 WHERE account_id = $1";
    SEEN = "UPDATE account SET last_seen_ms = $2 WHERE account_id = $1";
    TWO_STEP_SINCE = "UPDATE account SET two_step_since_ms = $2 WHERE account_id = $1 AND two_step_since_ms IS NULL";
    SET_GUESSES = "UPDATE account SET guesses = $2 WHERE account_id = $1";
    SET_CLOSURE = "UPDATE account SET lane_closed_ms = $2, lane_told_ms = $3, lane_stopped = $4 WHERE account_id = $1";
    PASSWORD_CHANGED = "UPDATE account SET password_changed_ms = $2 WHERE account_id = $1";
    CHANGE_PASSWORD = "UPDATE account SET password = $2, hash_class = NULL, password_changed_ms = $3 WHERE account_id = $1";
    CHANGE = "UPDATE account SET language = $2, site_groups = $3 WHERE account_id = $1";
    REHASH = "UPDATE account SET password = $3, hash_class = NULL WHERE account_id = $1 AND password = $2";
    CLASSES = "SELECT hash_class, COUNT(*) AS accounts FROM account WHERE state = 1 AND password IS NOT NULL
                GROUP BY hash_class";
    SERIAL = "UPDATE account SET serial_sms = CASE WHEN serial_day = $2 THEN serial_sms ELSE 0 END + $3,
                                 serial_email = CASE WHEN serial_day = $2 THEN serial_email ELSE 0 END + $4,
                                 serial_day = $2
               WHERE account_id = $1 RETURNING serial_sms, serial_email";
    ANY = "SELECT account_id FROM account LIMIT 1";
    NEWEST_KEY = "SELECT account_id, data_key FROM account ORDER BY account_id DESC LIMIT 1";
    PENDING_BEFORE = "SELECT account_id FROM account WHERE state = 0 AND created_ms < $1 LIMIT 500";

    CLAIM = "INSERT INTO login_key (key_hash, account_id, claimed_ms) VALUES ($1, $2, $3)
             ON CONFLICT (key_hash) DO NOTHING";
    CLAIMED_BY = "SELECT account_id, claimed_ms FROM login_key WHERE key_hash = $1";
    TAKE_OVER = "UPDATE login_key SET account_id = $2, claimed_ms = $3
                  WHERE key_hash = $1 AND account_id = $4 AND claimed_ms = $5";
    RELEASE = "DELETE FROM login_key WHERE key_hash = $1 AND account_id = $2";

    ERASE_AUTHENTICATORS = "DELETE FROM authenticator WHERE account_id = $1";
    ERASE_CEREMONIES = "DELETE FROM ceremony WHERE account_id = $1";
    ERASE_CHALLENGES = "DELETE FROM challenge WHERE account_id = $1";
    ERASE_DEVICES = "DELETE FROM device WHERE account_id = $1";
    ERASE_SESSIONS = "DELETE FROM session WHERE account_id = $1";
    ERASE_MESSAGES = "DELETE FROM message WHERE account_id = $1";
    ERASE_SETUP_NUMBERS = "DELETE FROM setup_number WHERE account_id = $1";
    ERASE_REQUESTS = "DELETE FROM request WHERE account_id = $1";
    ERASE_AUDIT = "DELETE FROM audit WHERE account_id = $1";
    ERASE_ACCOUNT = "DELETE FROM account WHERE account_id = $1";
    ERASE_PENDING = "DELETE FROM account WHERE account_id = $1 AND state = 0";
}

/// Every table whose rows belong to an account, for [`erase`]: first the account itself, whose row orders what is done.
const ERASE: [&super::Sql; 10] = [
    &ERASE_ACCOUNT,
    &ERASE_AUTHENTICATORS,
    &ERASE_CEREMONIES,
    &ERASE_CHALLENGES,
    &ERASE_DEVICES,
    &ERASE_SESSIONS,
    &ERASE_MESSAGES,
    &ERASE_SETUP_NUMBERS,
    &ERASE_REQUESTS,
    &ERASE_AUDIT,
];

/// An account as the flows need it, opened with its data key.
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Whether its e-mail address, or a site, vouches for it. Others cannot be signed in to.
    pub active: bool,
    /// Its e-mail address.
    pub email: EmailAddress,
    /// When the address was confirmed.
    pub email_verified_at: Option<Timestamp>,
    /// The site's own name for it.
    pub external_id: Option<String>,
    /// Its language.
    pub language: Language,
    /// The groups that the site put it into.
    pub groups: Vec<String>,
    /// Counts the events after which nothing older is accepted.
    pub sec_epoch: i64,
    /// Since when two methods are confirmed.
    pub two_step_since: Option<Timestamp>,
    /// When its owner was last signed in.
    pub last_seen_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// What devices that nobody knows have guessed in the last year.
    pub guesses: Guesses,
    /// Whether its unknown devices get no messages, because somebody else has the password.
    pub closure: Closure,
    /// When the password was last changed, by its owner or by the word of a site.
    pub password_changed_at: Option<Timestamp>,
    password: Option<Vec<u8>>,
    sealing: Sealing,
}

/// The data key of an account, with the randomness for nonces: seals and opens its columns.
pub struct Sealing {
    key: DataKey,
    random: Random,
}

impl Sealing {
    /// With a key that is kept nowhere: what it seals is as long as if somebody could open it.
    pub fn kept_nowhere(app: &App, account: AccountId) -> Self {
        let (key, _) = app.keys.new_data_key(account, &app.random);
        Self { key, random: app.random.clone() }
    }

    /// Encrypts a value for `column` of the row `row` of this account.
    pub fn seal(&self, column: &'static str, row: &[u8], value: &[u8]) -> Vec<u8> {
        self.key.seal(Place { column, row }, value, &self.random)
    }

    /// Decrypts what [`Sealing::seal`] made for the same place.
    ///
    /// # Errors
    /// It was made for another place or altered.
    pub fn open(&self, column: &'static str, row: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, StoreError> {
        self.key.open(Place { column, row }, sealed).map_err(|_| StoreError::corrupt(column, "it does not open"))
    }

    /// [`Sealing::open`] for text.
    ///
    /// # Errors
    /// Likewise, or what was sealed is no text.
    pub fn open_text(&self, column: &'static str, row: &[u8], sealed: &[u8]) -> Result<Secret<String>, StoreError> {
        let bytes = self.open(column, row, sealed)?;
        let text =
            String::from_utf8(bytes.expose().clone()).map_err(|_| StoreError::corrupt(column, "it is no text"))?;
        Ok(Secret::new(text))
    }
}

const EMAIL: &str = "account.email";
const EXTERNAL_ID: &str = "account.external_id";
const PASSWORD: &str = "account.password";

impl Account {
    /// Seals and opens the account's columns.
    pub fn sealing(&self) -> &Sealing {
        &self.sealing
    }

    /// The stored password hash, in PHC format or as imported; none where the site keeps its own passwords.
    ///
    /// # Errors
    /// It does not open.
    pub fn password(&self) -> Result<Option<Secret<String>>, StoreError> {
        let sealed = self.password.as_deref();
        sealed.map(|sealed| self.sealing.open_text(PASSWORD, self.id.as_bytes(), sealed)).transpose()
    }

    fn read(app: &App, id: AccountId, row: &Row) -> Result<Self, StoreError> {
        let key = app
            .keys
            .open_data_key(id, row.blob(1)?)
            .map_err(|_| StoreError::corrupt("account.data_key", "no key of the key file opens it"))?;
        let sealing = Sealing { key, random: app.random.clone() };
        let email = sealing.open_text(EMAIL, id.as_bytes(), row.blob(2)?)?;
        let external_id =
            row.opt_blob(4)?.map(|sealed| sealing.open_text(EXTERNAL_ID, id.as_bytes(), sealed)).transpose()?;
        Ok(Self {
            id,
            active: row.flag(0)?,
            email: EmailAddress::parse(email.expose()).map_err(|_| StoreError::corrupt(EMAIL, "it is no address"))?,
            email_verified_at: row.opt_time(3)?,
            external_id: external_id.map(|text| text.expose().clone()),
            language: language(row.text(6)?)?,
            groups: serde_json::from_str(row.text(7)?)
                .map_err(|_| StoreError::corrupt("account.site_groups", "no list"))?,
            sec_epoch: row.int(8)?,
            two_step_since: row.opt_time(9)?,
            last_seen_at: row.opt_time(10)?,
            created_at: row.time(11)?,
            guesses: Guesses::from_stored(row.opt_blob(12)?.unwrap_or_default())
                .ok_or_else(|| StoreError::corrupt("account.guesses", "not readable"))?,
            closure: Closure {
                closed_at: row.opt_time(13)?,
                told_at: row.opt_time(14)?,
                stopped: u32::try_from(row.int(15)?)
                    .map_err(|_| StoreError::corrupt("account.lane_stopped", "no count"))?,
            },
            password_changed_at: row.opt_time(16)?,
            password: row.opt_blob(5)?.map(<[u8]>::to_vec),
            sealing,
        })
    }
}

/// A stored language tag.
pub(super) fn language(tag: &str) -> Result<Language, StoreError> {
    Language::from_tag(tag).ok_or_else(|| StoreError::corrupt("language", "not a language of this version"))
}

/// What a new account starts with.
pub struct NewAccount {
    /// Its e-mail address.
    pub email: EmailAddress,
    /// Whether somebody vouches for the address.
    pub email_verified: bool,
    /// The site's own name for it.
    pub external_id: Option<String>,
    /// The password's hash.
    pub password: Option<Secret<String>>,
    /// Its language.
    pub language: Language,
    /// The groups that the site put it into.
    pub groups: Vec<String>,
    /// When its owner was last seen by the site it comes from.
    pub last_seen_at: Option<Timestamp>,
}

/// Adds an account, which can be signed in to at once if it is `active`, and gives it back opened.
pub async fn insert(
    tx: &mut Tx<'_>,
    app: &App,
    (id, active): (AccountId, bool),
    new: &NewAccount,
    now: Timestamp,
) -> Result<Account, StoreError> {
    let (key, wrapped) = app.keys.new_data_key(id, &app.random);
    let sealing = Sealing { key, random: app.random.clone() };
    let row = id.as_bytes();
    let password = new.password.as_ref().map(|phc| sealing.seal(PASSWORD, row, phc.expose().as_bytes()));
    let email_verified_at = new.email_verified.then_some(now);
    let groups = serde_json::to_string(&new.groups).unwrap_or_default();
    let external_id = new.external_id.as_ref().map(|text| sealing.seal(EXTERNAL_ID, row, text.as_bytes()));
    let values = [
        id.into(),
        active.into(),
        wrapped.into(),
        sealing.seal(EMAIL, row, new.email.as_str().as_bytes()).into(),
        email_verified_at.into(),
        external_id.into(),
        Value::from(password.clone()),
        new.language.tag().into(),
        groups.into(),
        new.last_seen_at.into(),
        now.into(),
        hash_class(new)?.into(),
    ];
    tx.execute(&INSERT, &values).await?;
    Ok(Account {
        id,
        active,
        email: new.email.clone(),
        email_verified_at,
        external_id: new.external_id.clone(),
        language: new.language,
        groups: new.groups.clone(),
        sec_epoch: 1,
        two_step_since: None,
        last_seen_at: new.last_seen_at,
        created_at: now,
        guesses: Guesses::default(),
        closure: Closure::default(),
        password_changed_at: None,
        password,
        sealing,
    })
}

/// Function and cost of an imported hash; none for ours, or without a password.
fn hash_class(new: &NewAccount) -> Result<Option<String>, StoreError> {
    let stored = new.password.as_ref().map(|text| StoredHash::parse(text.expose())).transpose();
    let stored = stored.map_err(|_| StoreError::corrupt(PASSWORD, "no hash of this version"))?;
    Ok(stored.filter(|stored| !stored.is_current()).map(|stored| stored.class()))
}

/// How many active accounts have a hash of which class; none: of ours.
pub async fn hash_classes(tx: &mut Tx<'_>) -> Result<Vec<(Option<String>, u64)>, StoreError> {
    let rows = tx.rows(&CLASSES, &[]).await?;
    let class = |row: &Row| {
        let accounts = u64::try_from(row.int(1)?).map_err(|_| StoreError::corrupt("account.hash_class", "no count"))?;
        Ok((row.opt_text(0)?.map(str::to_owned), accounts))
    };
    rows.iter().map(class).collect()
}

/// The account, if there is one. In a transaction that may write its row is held to the end: what is done to one account
/// is done one after the other, so that a flow may decide by what it has read, and no two flows wait for each other's rows.
/// Whoever changes rows of an account begins with this.
pub async fn load(tx: &mut Tx<'_>, app: &App, id: AccountId) -> Result<Option<Account>, StoreError> {
    let row = tx.optional(if tx.may_write() { &HOLD } else { &LOAD }, &[id.into()]).await?;
    row.map(|row| Account::read(app, id, &row)).transpose()
}

/// Does what it costs to open an account, where there is none.
pub fn open_nobody(app: &App) {
    let (row, sealing) = (NOBODY.as_bytes(), Sealing::kept_nowhere(app, NOBODY));
    for column in [EMAIL, PASSWORD] {
        // About as long as an address is, or a hash; what comes of it is of no use to anybody.
        let _ = std::hint::black_box(sealing.open_text(column, row, &sealing.seal(column, row, &[b'0'; 64])));
    }
}

/// Ends everything that was made under the epoch so far; gives the new one.
pub async fn bump_epoch(tx: &mut Tx<'_>, id: AccountId) -> Result<i64, StoreError> {
    tx.one(&BUMP_EPOCH, &[id.into()]).await?.int(0)
}

/// The e-mail address was confirmed: the account is one that can be signed in to.
pub async fn activate(tx: &mut Tx<'_>, id: AccountId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(&ACTIVATE, &[id.into(), now.into()]).await.map(drop)
}

/// Its owner is here now.
pub async fn seen(tx: &mut Tx<'_>, id: AccountId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(&SEEN, &[id.into(), now.into()]).await.map(drop)
}

/// Two methods are confirmed. `true` if that is news.
pub async fn set_two_step(tx: &mut Tx<'_>, id: AccountId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.execute(&TWO_STEP_SINCE, &[id.into(), now.into()]).await? == 1)
}

/// Stores the guesses as they are in `account` now.
pub async fn save_guesses(tx: &mut Tx<'_>, account: &Account, now: Timestamp) -> Result<(), StoreError> {
    let stored = account.guesses.to_stored(now);
    let stored = (!stored.is_empty()).then_some(stored);
    tx.execute(&SET_GUESSES, &[account.id.into(), stored.into()]).await.map(drop)
}

/// Stores whether unknown devices get messages, as it is in `account` now.
pub async fn save_closure(tx: &mut Tx<'_>, account: &Account) -> Result<(), StoreError> {
    let Closure { closed_at, told_at, stopped } = account.closure;
    let values = [account.id.into(), closed_at.into(), told_at.into(), i64::from(stopped).into()];
    tx.execute(&SET_CLOSURE, &values).await.map(drop)
}

/// The password is another since `now`: nothing before that tells who knows it.
pub async fn password_changed(tx: &mut Tx<'_>, id: AccountId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(&PASSWORD_CHANGED, &[id.into(), now.into()]).await.map(drop)
}

/// Its owner has chosen another password, of this hash; what [`password_changed`] says is true of it too.
pub async fn change_password(
    tx: &mut Tx<'_>,
    account: &Account,
    phc: &Secret<String>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sealed = account.sealing.seal(PASSWORD, account.id.as_bytes(), phc.expose().as_bytes());
    tx.execute(&CHANGE_PASSWORD, &[account.id.into(), sealed.into(), now.into()]).await.map(drop)
}

/// Stores language and groups as they are in `account` now.
pub async fn save(tx: &mut Tx<'_>, account: &Account) -> Result<(), StoreError> {
    let groups = serde_json::to_string(&account.groups).unwrap_or_default();
    tx.execute(&CHANGE, &[account.id.into(), account.language.tag().into(), groups.into()]).await.map(drop)
}

/// Replaces the password's hash by a stronger one of the same password, unless it was changed meanwhile.
pub async fn rehash(tx: &mut Tx<'_>, account: &Account, phc: &Secret<String>) -> Result<(), StoreError> {
    let sealed = account.sealing.seal(PASSWORD, account.id.as_bytes(), phc.expose().as_bytes());
    tx.execute(&REHASH, &[account.id.into(), account.password.clone().into(), sealed.into()]).await.map(drop)
}

/// The next number of the account's messages with a code by `channel` on `day` (a day number in the site's zone).
pub async fn next_serial(tx: &mut Tx<'_>, id: AccountId, channel: Channel, day: i64) -> Result<i64, StoreError> {
    let is = |counted| Value::from(channel == counted);
    let row = tx.one(&SERIAL, &[id.into(), day.into(), is(Channel::Sms), is(Channel::Email)]).await?;
    match channel {
        Channel::Sms => row.int(0),
        Channel::Email => row.int(1),
    }
}

/// Whether there is an account at all.
pub async fn any(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    Ok(tx.optional(&ANY, &[]).await?.is_some())
}

/// Whether `keys` open the newest account's data key; none if there is no account.
pub async fn opens_with(tx: &mut Tx<'_>, keys: &KeyRing) -> Result<Option<Result<(), KeyError>>, StoreError> {
    let Some(row) = tx.optional(&NEWEST_KEY, &[]).await? else { return Ok(None) };
    Ok(Some(keys.open_data_key(row.id(0)?, row.blob(1)?).map(drop)))
}

/// Some accounts made before `before` whose address was never confirmed.
pub async fn pending_before(tx: &mut Tx<'_>, before: Timestamp) -> Result<Vec<AccountId>, StoreError> {
    tx.rows(&PENDING_BEFORE, &[before.into()]).await?.iter().map(|row| row.id(0)).collect()
}

/// What a site or a person calls an account by.
#[derive(Clone, Copy, Debug)]
pub struct LoginKey([u8; 32]);

impl LoginKey {
    /// By e-mail address.
    pub fn email(app: &App, email: &EmailAddress) -> Self {
        Self(app.keys.lookup(Lookup::Email, email.as_str().as_bytes()))
    }

    /// The keyed hash that it is.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// By the site's own name for it.
    pub fn external_id(app: &App, external_id: &str) -> Self {
        Self(app.keys.lookup(Lookup::ExternalId, external_id.as_bytes()))
    }
}

/// Who holds a login key.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The account: the key is its own if it is active; else it is being made, or its making or erasing was cut short.
    pub account: AccountId,
    /// When it was claimed.
    pub claimed_at: Timestamp,
}

/// Claims a key for an account, unless it is claimed already.
pub async fn claim(tx: &mut Tx<'_>, key: LoginKey, account: AccountId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.execute(&CLAIM, &[key.0.into(), account.into(), now.into()]).await? == 1)
}

/// Who holds the key.
pub async fn claimed_by(tx: &mut Tx<'_>, key: LoginKey) -> Result<Option<Claim>, StoreError> {
    let row = tx.optional(&CLAIMED_BY, &[key.0.into()]).await?;
    row.map(|row| Ok(Claim { account: row.id(0)?, claimed_at: row.time(1)? })).transpose()
}

/// Takes a claim over whose account is not there; `false` if somebody else was quicker.
pub async fn take_over(
    tx: &mut Tx<'_>,
    key: LoginKey,
    account: AccountId,
    dead: &Claim,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let values = [key.0.into(), account.into(), now.into(), dead.account.into(), dead.claimed_at.into()];
    Ok(tx.execute(&TAKE_OVER, &values).await? == 1)
}

/// Gives a key back.
pub async fn release(tx: &mut Tx<'_>, key: LoginKey, account: AccountId) -> Result<(), StoreError> {
    tx.execute(&RELEASE, &[key.0.into(), account.into()]).await.map(drop)
}

/// Erases an account and every row that belongs to it (its login keys are released apart). With its data key all that was
/// sealed is gone, in backups too if the keys are kept apart from them.
pub async fn erase(tx: &mut Tx<'_>, id: AccountId) -> Result<(), StoreError> {
    for statement in ERASE {
        tx.execute(statement, &[id.into()]).await?;
    }
    Ok(())
}

/// [`erase`]s an account unless its address was confirmed meanwhile.
pub async fn erase_pending(tx: &mut Tx<'_>, id: AccountId) -> Result<(), StoreError> {
    match tx.execute(&ERASE_PENDING, &[id.into()]).await? {
        0 => Ok(()),
        _ => erase(tx, id).await,
    }
}
