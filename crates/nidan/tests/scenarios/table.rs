//! Scenarios on many seeds, and the table of what was found.

use std::fmt;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What one seed of a scenario gives.
pub type Played = Pin<Box<dyn Future<Output = Vec<Figure>>>>;

/// A scenario.
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// What happens in it.
    pub input: &'static str,
    /// How many seeds are played in every run of the tests, and how many where there is time.
    pub seeds: (u64, u64),
    /// Plays one seed.
    pub play: fn(u64) -> Played,
}

/// What was found, beside what is promised.
pub struct Figure {
    what: &'static str,
    bound: Bound,
    found: i64,
    /// Whether it must hold in every scenario: then it is shown only where it does not.
    everywhere: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    AtMost(i64),
    AtLeast(i64),
    /// No promise: the greatest is shown.
    Shown,
    /// No promise: the sum over all seeds is shown.
    Counted,
    /// Of so many thousandths of the other number, over all seeds together.
    Share {
        of: i64,
        per_ten_thousand: i64,
    },
}

impl Figure {
    /// No more than `bound`.
    pub const fn at_most(what: &'static str, found: usize, bound: i64) -> Self {
        Self { what, bound: Bound::AtMost(bound), found: found as i64, everywhere: false }
    }

    /// No less than `bound`.
    pub const fn at_least(what: &'static str, found: usize, bound: i64) -> Self {
        Self { what, bound: Bound::AtLeast(bound), found: found as i64, everywhere: false }
    }

    /// It is so.
    pub const fn holds(what: &'static str, so: bool) -> Self {
        Self::at_least(what, so as usize, 1)
    }

    /// Nothing is promised.
    pub const fn shown(what: &'static str, found: usize) -> Self {
        Self { what, bound: Bound::Shown, found: found as i64, everywhere: false }
    }

    /// Nothing is promised; it adds up.
    pub const fn counted(what: &'static str, found: usize) -> Self {
        Self { what, bound: Bound::Counted, found: found as i64, everywhere: false }
    }

    /// Over all seeds together, no more of `of` than this.
    pub const fn share(what: &'static str, (found, of): (usize, usize), per_ten_thousand: i64) -> Self {
        Self { what, bound: Bound::Share { of: of as i64, per_ten_thousand }, found: found as i64, everywhere: false }
    }

    /// It must hold in every scenario.
    pub const fn everywhere(self) -> Self {
        Self { everywhere: true, ..self }
    }

    fn is_broken(&self) -> bool {
        match self.bound {
            Bound::AtMost(most) => self.found > most,
            Bound::AtLeast(least) => self.found < least,
            Bound::Share { of, per_ten_thousand } => self.found * 10_000 > of * per_ten_thousand,
            Bound::Shown | Bound::Counted => false,
        }
    }

    /// The worse of two seeds.
    fn and(&mut self, other: &Self) {
        match (&mut self.bound, other.bound) {
            (Bound::AtLeast(_), _) => self.found = self.found.min(other.found),
            (Bound::Counted, _) => self.found += other.found,
            (Bound::Share { of, .. }, Bound::Share { of: more, .. }) => {
                *of += more;
                self.found += other.found;
            }
            _ => self.found = self.found.max(other.found),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, found, .. } = self;
        let yes_or_no = |found| if found == 0 { "no" } else { "yes" }.to_owned();
        let (bound, found) = match self.bound {
            Bound::AtMost(most) => (format!("at most {most}"), found.to_string()),
            Bound::AtLeast(1) => ("yes".to_owned(), yes_or_no(*found)),
            Bound::AtLeast(least) => (format!("at least {least}"), found.to_string()),
            Bound::Shown | Bound::Counted => (String::new(), found.to_string()),
            Bound::Share { of, per_ten_thousand } => {
                (format!("at most {} %", per_ten_thousand as f64 / 100.0), format!("{found} of {of}"))
            }
        };
        let verdict = if self.is_broken() { "FAILED" } else { "ok" };
        write!(f, "      {what:<66} {bound:<12} {found:>11}  {verdict}")
    }
}

/// What is to be played.
pub struct Asked {
    names: Vec<String>,
    seeds: Option<u64>,
    only: Option<u64>,
    /// Whether there is time.
    pub full: bool,
}

impl Asked {
    /// By arguments and environment. Flags of the other tests' runner are none of ours.
    #[expect(clippy::disallowed_methods, reason = "these are no settings of the server")]
    pub fn by_whoever_runs_it() -> Self {
        let number = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number of seeds, or a seed"));
        let args: Vec<String> = std::env::args().skip(1).collect();
        Self {
            names: args.into_iter().filter(|arg| !arg.starts_with('-')).collect(),
            seeds: number("NIDAN_SEEDS"),
            only: number("NIDAN_SEED"),
            full: std::env::var("NIDAN_SCENARIOS").is_ok_and(|asked| asked == "full"),
        }
    }

    fn wants(&self, scenario: &Scenario) -> bool {
        // D7 stands for all of its parts.
        let whole = scenario.name.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
        let same = |name: &String| [scenario.name, whole].iter().any(|one| one.eq_ignore_ascii_case(name));
        self.names.is_empty() || self.names.iter().any(same)
    }

    fn seeds(&self, scenario: &Scenario) -> std::ops::Range<u64> {
        match (self.only, self.seeds) {
            (Some(seed), _) => seed..seed + 1,
            (None, Some(count)) => 0..count,
            (None, None) if self.full => 0..scenario.seeds.1,
            (None, None) => 0..scenario.seeds.0,
        }
    }
}

/// Plays what is asked for and prints the table; fails if a bound was broken.
pub fn play(scenarios: &[Scenario], asked: &Asked) -> ExitCode {
    let mut all_hold = true;
    for scenario in scenarios.iter().filter(|scenario| asked.wants(scenario)) {
        let seeds = asked.seeds(scenario);
        let (count, began) = (seeds.end - seeds.start, now());
        let run = Run { scenario, next: AtomicU64::new(seeds.start), end: seeds.end, found: Mutex::default() };
        let places = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| (0..places).for_each(|_| drop(scope.spawn(|| run.take_seeds()))));
        let found = run.found.into_inner().expect("nobody panicked holding it");
        all_hold &= print(scenario, (count, now() - began), &found);
    }
    if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::disallowed_methods, reason = "how long a run took is told to whoever waited for it")]
fn now() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

#[derive(Default)]
struct Found {
    figures: Vec<Figure>,
    broken: Vec<u64>,
}

struct Run<'a> {
    scenario: &'a Scenario,
    next: AtomicU64,
    end: u64,
    found: Mutex<Found>,
}

impl Run<'_> {
    fn take_seeds(&self) {
        loop {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.end {
                return;
            }
            let play = self.scenario.play;
            let played = catch_unwind(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(play(seed))
            });
            self.take_in(seed, played.ok());
        }
    }

    fn take_in(&self, seed: u64, played: Option<Vec<Figure>>) {
        let mut found = self.found.lock().expect("nobody panicked holding it");
        let of_one_seed = |figure: &Figure| figure.is_broken() && !matches!(figure.bound, Bound::Share { .. });
        if played.as_ref().is_none_or(|figures| figures.iter().any(of_one_seed)) {
            found.broken.push(seed);
        }
        let figures = played.unwrap_or_default();
        if found.figures.is_empty() {
            found.figures = figures;
        } else {
            found.figures.iter_mut().zip(&figures).for_each(|(worst, one)| worst.and(one));
        }
    }
}

/// Whether all holds.
fn print(scenario: &Scenario, (seeds, took): (u64, Duration), found: &Found) -> bool {
    let Scenario { name, input, .. } = scenario;
    let holds = found.broken.is_empty() && !found.figures.iter().any(Figure::is_broken);
    let verdict = if holds { "ok" } else { "FAILED" };
    println!("{name:<5} {input}: {verdict} ({seeds} seeds, {:.1} s)", took.as_secs_f64());
    let (everywhere, own): (Vec<&Figure>, Vec<&Figure>) = found.figures.iter().partition(|figure| figure.everywhere);
    let kept = everywhere.iter().filter(|figure| !figure.is_broken()).count();
    for figure in own.into_iter().chain(everywhere.iter().filter(|figure| figure.is_broken()).copied()) {
        println!("{figure}");
    }
    println!("      what must hold everywhere: {kept} of {}", everywhere.len());
    if let Some(first) = found.broken.iter().min() {
        let again = format!("NIDAN_SEED={first} cargo test -p nidan --test scenarios -- {name}");
        println!("      FAILED on {} of the seeds; one of them again: {again}", found.broken.len());
    }
    holds
}
