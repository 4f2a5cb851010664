//! Times as readers of either language expect them, in the site's time zone.

use nidan_core::language::Language;
use nidan_core::time::Timestamp;

use crate::app::App;

/// The time of day: `09:41`.
pub fn clock(app: &App, at: Timestamp) -> String {
    app.zoned(at).strftime("%H:%M").to_string()
}

/// The time of day to the second: `09:41:30`.
pub fn clock_with_seconds(app: &App, at: Timestamp) -> String {
    app.zoned(at).strftime("%H:%M:%S").to_string()
}

/// The day: `2026年11月22日`, `22 November 2026`.
pub fn day(app: &App, language: Language, at: Timestamp) -> String {
    let form = match language {
        Language::Ja => "%Y年%-m月%-d日",
        Language::En => "%-d %B %Y",
    };
    app.zoned(at).strftime(form).to_string()
}

/// Day and time of day, without the year if it is this one: `11月22日 09:41`, `22 November, 09:41`.
pub fn lately(app: &App, language: Language, at: Timestamp) -> String {
    if app.zoned(at).year() != app.zoned(app.clock.now()).year() {
        return day_and_clock(app, language, at);
    }
    let form = match language {
        Language::Ja => "%-m月%-d日 %H:%M",
        Language::En => "%-d %B, %H:%M",
    };
    app.zoned(at).strftime(form).to_string()
}

/// Day and time of day.
pub fn day_and_clock(app: &App, language: Language, at: Timestamp) -> String {
    let (day, clock) = (day(app, language, at), clock(app, at));
    match language {
        Language::Ja => format!("{day} {clock}"),
        Language::En => format!("{day}, {clock}"),
    }
}

/// From when on something is possible: the time of day, with the day unless it is today; rounded up to the minute, so that it is not
/// too early then. None: it is possible now.
pub fn from(app: &App, language: Language, at: Timestamp) -> Option<String> {
    const MINUTE_MS: i64 = 60_000;
    let (now, up) = (app.clock.now(), at.ms().saturating_add(MINUTE_MS - 1).div_euclid(MINUTE_MS));
    let up = Timestamp::from_ms(up * MINUTE_MS);
    let today = app.zoned(now).date() == app.zoned(up).date();
    (at > now).then(|| if today { clock(app, up) } else { lately(app, language, up) })
}
