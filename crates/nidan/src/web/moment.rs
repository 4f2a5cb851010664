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

/// Day and time of day.
pub fn day_and_clock(app: &App, language: Language, at: Timestamp) -> String {
    let (day, clock) = (day(app, language, at), clock(app, at));
    match language {
        Language::Ja => format!("{day} {clock}"),
        Language::En => format!("{day}, {clock}"),
    }
}
