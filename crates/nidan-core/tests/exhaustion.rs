//! Every sequence of what can happen to one sign-in, to length 7, with the invariants checked after each
//! step. The machine under test is the real one; the model beside it knows only what has happened.

use nidan_core::ceremony::{
    Attempt, Awaited, Ceremony, Challenge, Holder, Newest, Purpose, Resend, Stage, Verdict, check,
};
use nidan_core::code::{Binding, Code, CodeKey, Digits, challenge_id, derive};
use nidan_core::id::{AuthenticatorId, CeremonyId};
use nidan_core::ledger::State;
use nidan_core::message::Channel;
use nidan_core::policy::Policy;
use nidan_core::secret::Secret;
use nidan_core::time::{Span, Timestamp};
use nidan_core::token::TokenHash;

const LENGTH: usize = 7;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Right,
    Wrong,
    Resend,
    WaitPastExpiry,
    OtherDevice,
    StoreAndReload,
    EpochMoves,
}

const STEPS: [Step; 7] = [
    Step::Right,
    Step::Wrong,
    Step::Resend,
    Step::WaitPastExpiry,
    Step::OtherDevice,
    Step::StoreAndReload,
    Step::EpochMoves,
];

/// What the database keeps of a ceremony and its challenge: plain numbers.
struct Stored {
    purpose: i64,
    holder: [u8; 32],
    stage: i64,
    tries: i64,
    sec_epoch: i64,
    ceremony_expires_ms: i64,
    digits: i64,
    challenge_expires_ms: i64,
    sent: i64,
    last_sent_ms: i64,
}

#[derive(Clone, Copy)]
struct World {
    ceremony: Ceremony,
    challenge: Challenge,
    now: Timestamp,
    epoch: i64,
    // The model.
    evaluated: u8,
    accepted: u8,
    messages: u8,
    dead: bool,
}

fn holder(byte: u8) -> Holder {
    Holder::Browser(TokenHash::from_bytes([byte; 32]))
}

fn code() -> Code {
    let ceremony = CeremonyId::from_bytes([5; 16]);
    let authenticator = Some(AuthenticatorId::from_bytes([6; 16]));
    let binding = Binding {
        challenge: challenge_id(ceremony, authenticator),
        purpose: Purpose::SignIn,
        authenticator,
        digits: Digits::Six,
    };
    derive(&CodeKey::new(&Secret::new([1; 32])), &binding)
}

fn start(policy: &Policy) -> World {
    let now = Timestamp::from_ms(1_800_000_000_000);
    World {
        ceremony: Ceremony {
            purpose: Purpose::SignIn,
            holder: holder(1),
            stage: Stage::Open,
            tries: 0,
            sec_epoch: 4,
            expires_at: now.plus(policy.sign_in_life),
        },
        challenge: Challenge::open(Digits::Six, now, policy),
        now,
        epoch: 4,
        evaluated: 0,
        accepted: 0,
        messages: 1,
        dead: false,
    }
}

fn store_and_reload(world: &World) -> (Ceremony, Challenge) {
    let Holder::Browser(hash) = world.ceremony.holder else { unreachable!("begun in a browser") };
    let stored = Stored {
        purpose: world.ceremony.purpose.stored(),
        holder: *hash.as_bytes(),
        stage: world.ceremony.stage.stored(),
        tries: world.ceremony.tries.into(),
        sec_epoch: world.ceremony.sec_epoch,
        ceremony_expires_ms: world.ceremony.expires_at.ms(),
        digits: world.challenge.digits.count() as i64,
        challenge_expires_ms: world.challenge.expires_at.ms(),
        sent: world.challenge.sent.into(),
        last_sent_ms: world.challenge.last_sent_at.ms(),
    };
    let ceremony = Ceremony {
        purpose: Purpose::from_stored(stored.purpose).expect("a purpose"),
        holder: Holder::Browser(TokenHash::from_bytes(stored.holder)),
        stage: Stage::from_stored(stored.stage).expect("a stage"),
        tries: stored.tries as u8,
        sec_epoch: stored.sec_epoch,
        expires_at: Timestamp::from_ms(stored.ceremony_expires_ms),
    };
    let challenge = Challenge {
        digits: Digits::from_count(stored.digits).expect("digits"),
        expires_at: Timestamp::from_ms(stored.challenge_expires_ms),
        sent: stored.sent as u8,
        last_sent_at: Timestamp::from_ms(stored.last_sent_ms),
    };
    (ceremony, challenge)
}

fn attempt(world: &mut World, code: &Code, presented: &Holder, typed: &str, policy: &Policy) -> Option<Verdict> {
    let attempt = Attempt { presented, typed, next: None, epoch: world.epoch, now: world.now };
    let checked = check(world.ceremony, &Awaited::Sent(&world.challenge, code), &attempt, policy)?;
    world.ceremony = checked.ceremony;
    Some(checked.verdict)
}

/// One step; panics where an invariant does not hold.
fn take(mut world: World, step: Step, code: &Code, policy: &Policy) -> World {
    world.now = world.now.plus(Span::seconds(31));
    match step {
        Step::Right => try_code(&mut world, code, code.expose(), policy),
        Step::Wrong => try_code(&mut world, code, if code.expose() == "000000" { "000001" } else { "000000" }, policy),
        Step::Resend => resend(&mut world, policy),
        Step::WaitPastExpiry => {
            world.now = world.now.plus(policy.code_life);
            world.dead = true;
        }
        Step::OtherDevice => {
            assert_eq!(attempt(&mut world, code, &holder(2), code.expose(), policy), None);
            assert_eq!(attempt(&mut world, code, &Holder::Site, code.expose(), policy), None);
        }
        Step::StoreAndReload => (world.ceremony, world.challenge) = store_and_reload(&world),
        Step::EpochMoves => {
            world.epoch += 1;
            world.dead = true;
        }
    }
    assert!(world.evaluated <= policy.code_tries_max, "at most five codes evaluated");
    assert!(world.accepted <= 1, "accepted at most once");
    assert!(world.messages <= policy.sms_per_challenge_max, "at most three messages");
    assert_eq!(world.ceremony.tries, world.evaluated, "every evaluated code is counted, and nothing else");
    assert_eq!(world.ceremony.stage == Stage::Finished, world.accepted == 1);
    world
}

fn try_code(world: &mut World, code: &Code, typed: &str, policy: &Policy) {
    let right = code.expose() == typed;
    match attempt(world, code, &holder(1), typed, policy) {
        Some(Verdict::Accepted) => {
            assert!(right && !world.dead, "a wrong or dead code was accepted");
            world.evaluated += 1;
            world.accepted += 1;
        }
        Some(Verdict::Wrong { tries_left }) => {
            assert!(!right && !world.dead && world.accepted == 0);
            world.evaluated += 1;
            assert_eq!(tries_left, policy.code_tries_max - world.evaluated);
        }
        Some(Verdict::Expired) => assert!(world.dead),
        Some(Verdict::AlreadyUsed) => assert_eq!(world.accepted, 1),
        Some(Verdict::UsedUp) => assert_eq!(world.evaluated, policy.code_tries_max),
        verdict => panic!("a code of six digits cannot be {verdict:?}"),
    }
}

fn resend(world: &mut World, policy: &Policy) {
    let newest = Newest { state: State::Delivered, channel: Channel::Sms, stalled: false };
    match world.challenge.resend(&newest, world.now, policy) {
        Resend::Send { n } => {
            world.messages += 1;
            assert_eq!(n, world.messages);
            world.challenge = Challenge { sent: n, last_sent_at: world.now, ..world.challenge };
        }
        Resend::TooEarly { at } => assert!(at > world.now && at <= world.now.plus(Span::seconds(120))),
        Resend::NoMore => assert_eq!(world.messages, policy.sms_per_challenge_max),
        Resend::Expired => assert!(world.dead),
        Resend::OnItsWay { .. } | Resend::Held { .. } => panic!("it was delivered"),
    }
}

fn walk(world: World, depth: usize, code: &Code, policy: &Policy) -> u64 {
    if depth == 0 {
        return 1;
    }
    STEPS.iter().map(|step| walk(take(world, *step, code, policy), depth - 1, code, policy)).sum()
}

#[test]
fn every_sequence_of_seven_steps_keeps_the_invariants() {
    let policy = Policy::default();
    let sequences = walk(start(&policy), LENGTH, &code(), &policy);
    assert_eq!(sequences, 7u64.pow(7));
}

#[test]
fn an_epoch_that_moves_kills_a_right_code_only_before_it_was_used() {
    let policy = Policy::default();
    let code = code();
    let moved = take(start(&policy), Step::EpochMoves, &code, &policy);
    assert_eq!(take(moved, Step::Right, &code, &policy).accepted, 0);
    let used = take(start(&policy), Step::Right, &code, &policy);
    assert_eq!(take(used, Step::EpochMoves, &code, &policy).accepted, 1);
}
