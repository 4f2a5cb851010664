//! Finding a setting's value: in the environment, in the file, in a file of its own, or in the table of defaults.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Mistake;
use super::table::{Fallback, Section, Setting, sections};

const PREFIX: &str = "NIDAN__";

/// A value before anybody knows what it means.
pub(super) enum Given<'v> {
    Toml(&'v DeValue<'v>),
    /// From the environment or a file: its type is what the setting wants.
    Plain(&'v str),
}

/// What is wrong with a value and what to do about it.
#[derive(Clone)]
pub(super) struct Wrong {
    pub(super) problem: String,
    pub(super) remedy: String,
}

impl Wrong {
    pub(super) fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { problem: problem.into(), remedy: remedy.into() }
    }
}

impl Given<'_> {
    pub(super) fn text(&self) -> Result<String, Wrong> {
        let text = match self {
            Self::Plain(text) => text.trim(),
            Self::Toml(DeValue::String(text)) => text.trim(),
            Self::Toml(_) => return Err(Wrong::new("is not a text", "put it in quotation marks")),
        };
        match text {
            "" => Err(Wrong::new("is empty", "write a text here")),
            text => Ok(text.to_owned()),
        }
    }

    pub(super) fn truth(&self) -> Result<bool, Wrong> {
        match self {
            Self::Toml(DeValue::Boolean(truth)) => Ok(*truth),
            Self::Plain("true") => Ok(true),
            Self::Plain("false") => Ok(false),
            _ => Err(Wrong::new("is neither true nor false", "write true or false, without quotation marks")),
        }
    }

    pub(super) fn texts(&self) -> Result<Vec<String>, Wrong> {
        match self {
            Self::Plain(text) => Ok(split(text).map(str::to_owned).collect()),
            Self::Toml(DeValue::Array(list)) => list.iter().map(|item| Given::Toml(item.get_ref()).text()).collect(),
            Self::Toml(_) => Err(Wrong::new("is not a list", "write it as [\"…\", \"…\"]")),
        }
    }

    /// A number with at most three places, in thousandths.
    pub(super) fn thousandths(&self) -> Result<i64, Wrong> {
        let written = match self {
            Self::Plain(text) => Some(text.trim()),
            Self::Toml(DeValue::Float(float)) => Some(float.as_str()),
            Self::Toml(DeValue::Integer(integer)) if integer.radix() == 10 => Some(integer.as_str()),
            Self::Toml(_) => None,
        };
        let remedy = "write digits with at most three behind a point, as 8.25, without quotation marks or currency";
        written.and_then(thousandths).ok_or_else(|| Wrong::new("is not an amount", remedy))
    }

    /// Texts by name, as `{ name = "text" }`.
    pub(super) fn named_texts(&self) -> Result<Vec<(String, String)>, Wrong> {
        let Self::Toml(DeValue::Table(table)) = self else {
            return Err(Wrong::new("is not a list of names and texts", "write it as { name = \"text\" }"));
        };
        let named = table.iter().map(|(name, text)| {
            let text = Given::Toml(text.get_ref()).text();
            let text = text
                .map_err(|wrong| Wrong::new(format!("has {}, which {}", name.get_ref(), wrong.problem), wrong.remedy));
            Ok((name.get_ref().to_string(), text?))
        });
        named.collect()
    }

    /// One whole number, or a list of them.
    pub(super) fn integers(&self) -> Result<Vec<i64>, Wrong> {
        let integers: Option<Vec<i64>> = match self {
            Self::Plain(text) => split(text).map(|part| part.parse().ok()).collect(),
            Self::Toml(DeValue::Array(list)) => list.iter().map(|item| integer(item.get_ref())).collect(),
            Self::Toml(value) => integer(value).map(|value| vec![value]),
        };
        integers.ok_or_else(|| Wrong::new("is not a whole number", "write digits, without quotation marks or unit"))
    }
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let written = value.as_integer()?;
    i64::from_str_radix(written.as_str(), written.radix()).ok()
}

/// `8.25` is 8250.
fn thousandths(written: &str) -> Option<i64> {
    let (whole, places) = written.split_once('.').unwrap_or((written, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || places.len() > 3 || !digits(whole) || !digits(places) {
        return None;
    }
    format!("{whole}{places:0<3}").parse().ok()
}

/// A list in the environment: `a, b` or `["a", "b"]`.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let inner = text.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    inner.split(',').map(|part| part.trim().trim_matches('"')).filter(|part| !part.is_empty())
}

/// A file and an environment under reading; collects what is wrong with them.
pub(super) struct Reader<'t> {
    text: &'t str,
    file: DeTable<'t>,
    env: &'t BTreeMap<String, String>,
    base: &'t Path,
    sections: Vec<Section>,
    /// Lines that are not TOML. Nothing more is said of them, and what could not be read is not called missing.
    garbled: Vec<Option<usize>>,
    pub(super) mistakes: Vec<Mistake>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, env: &'t BTreeMap<String, String>, base: &'t Path) -> Self {
        let (file, errors) = DeTable::parse_recoverable(text);
        let mut reader = Self {
            text,
            file: file.into_inner(),
            env,
            base,
            sections: sections(),
            garbled: Vec::new(),
            mistakes: Vec::new(),
        };
        for error in errors {
            let line = error.span().map(|span| line_of(text, span.start));
            let remedy = "write it as TOML: key = \"text\", key = 1, key = true or key = [\"…\"] under a [section]";
            let problem = format!("is not TOML here ({})", error.message());
            reader.mistake(line, "the file", Wrong::new(problem, remedy));
            reader.garbled.push(line);
        }
        reader.find_unknown();
        reader
    }

    pub(super) fn mistake(&mut self, line: Option<usize>, key: impl Into<String>, wrong: Wrong) {
        if line.is_some() && self.garbled.contains(&line) {
            return;
        }
        self.mistakes.push(Mistake { line, key: key.into(), problem: wrong.problem, remedy: wrong.remedy });
    }

    /// The line where `section.key` is set, for a mistake found later.
    pub(super) fn line(&self, section: &str, key: &str) -> Option<usize> {
        let value = self.file.get(section)?.get_ref().as_table()?.get(key)?;
        Some(line_of(self.text, value.span().start))
    }

    /// The value of a setting, read by `read`. None if it is optional and not set, or if a mistake was noted.
    pub(super) fn value<T>(
        &mut self,
        section: &'static str,
        key: &'static str,
        read: impl Fn(&Given<'_>) -> Result<T, Wrong>,
    ) -> Option<T> {
        let table = self.file.get(section).and_then(|table| table.get_ref().as_table());
        let setting = self.setting(section, key);
        let found = match self.find_in_env(section, setting) {
            Some(found) => found,
            None => self.find_in_file(&Place { section, table, line: None }, setting),
        };
        let value = found.and_then(|found| found.read(read));
        self.note(value)
    }

    /// Likewise, of a setting in one table of a section that may be written often.
    pub(super) fn value_in<T>(
        &mut self,
        one: &Repeated<'_>,
        setting: &Setting,
        read: impl Fn(&Given<'_>) -> Result<T, Wrong>,
    ) -> Option<T> {
        let place = Place { section: one.section, table: Some(&one.table), line: Some(one.line) };
        let value = self.find_in_file(&place, setting).and_then(|found| found.read(read));
        self.note(value)
    }

    fn note<T>(&mut self, value: Result<Option<T>, Misread>) -> Option<T> {
        value.unwrap_or_else(|Misread { line, key, wrong }| {
            self.mistake(line, key, wrong);
            None
        })
    }

    /// The environment goes before the file, and in each the value before the file that holds it.
    fn find_in_env(&self, section: &str, setting: &Setting) -> Option<Result<Found<'_>, Misread>> {
        let value = variable(section, setting.key);
        let file = format!("{value}_FILE");
        match (self.env.get(&value), self.env.get(&file).filter(|_| setting.secret)) {
            (Some(_), Some(_)) => Some(Err(Misread { line: None, wrong: both(&value, &file), key: value })),
            (Some(text), None) => Some(Ok(Found::Plain { line: None, key: value, text: text.clone() })),
            (None, Some(path)) => Some(self.contents(path, None, file)),
            (None, None) => None,
        }
    }

    fn find_in_file<'v>(&self, place: &Place<'v>, setting: &Setting) -> Result<Found<'v>, Misread> {
        let key_file = format!("{}_file", setting.key);
        let entry = |key: &str| place.table.and_then(|table| table.get(key));
        let line = |value: &Spanned<DeValue<'_>>| Some(line_of(self.text, value.span().start));
        let key = format!("{}.{}", place.section, setting.key);
        match (entry(setting.key), entry(&key_file).filter(|_| setting.secret)) {
            (Some(value), Some(_)) => Err(Misread { line: line(value), key, wrong: both(setting.key, &key_file) }),
            (Some(value), None) => Ok(Found::Toml { line: line(value), key, value: value.get_ref() }),
            (None, Some(path)) => {
                let (line, key) = (line(path), format!("{}.{key_file}", place.section));
                match Given::Toml(path.get_ref()).text() {
                    Ok(path) => self.contents(&path, line, key),
                    Err(wrong) => Err(Misread { line, key, wrong }),
                }
            }
            (None, None) => match &setting.fallback {
                Fallback::Default(value) => Ok(Found::Default { key, value: value.clone() }),
                Fallback::Required(_) if !self.garbled.is_empty() => Ok(Found::Nothing),
                Fallback::Required(example) => {
                    Err(Misread { line: place.line, key, wrong: missing(place, setting, example) })
                }
                Fallback::Optional(_) => Ok(Found::Nothing),
            },
        }
    }

    fn contents<'v>(&self, path: &str, line: Option<usize>, key: String) -> Result<Found<'v>, Misread> {
        let path = self.base.join(path);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Found::Plain { line, key, text }),
            Err(error) => Err(Misread { line, key, wrong: unreadable(&path, &error) }),
        }
    }

    fn setting(&self, section: &str, key: &str) -> &Setting {
        let section = self.sections.iter().find(|known| known.name == section);
        let setting = section.and_then(|section| section.settings.iter().find(|known| known.key == key));
        setting.expect("what is asked for is in the table: a test asks for all")
    }

    /// The path, seen from where the settings file is.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// The tables under `[[section]]`; they can be taken once.
    pub(super) fn repeated(&mut self, section: &'static str) -> Vec<Repeated<'t>> {
        let Some(value) = self.file.remove(section) else { return Vec::new() };
        let line = line_of(self.text, value.span().start);
        let tables = match value.into_inner() {
            DeValue::Array(list) => list.into_iter().map(|table| self.repeated_one(section, table)).collect(),
            _ => None,
        };
        tables.unwrap_or_else(|| {
            let remedy = format!("begin each with a line [[{section}]]");
            self.mistake(Some(line), section, Wrong::new("is not written as a list of sections", remedy));
            Vec::new()
        })
    }

    fn repeated_one(&self, section: &'static str, table: Spanned<DeValue<'t>>) -> Option<Repeated<'t>> {
        let line = line_of(self.text, table.span().start);
        let DeValue::Table(table) = table.into_inner() else { return None };
        Some(Repeated { section, line, table })
    }

    /// The keys of one table of a repeated section, each with its line.
    pub(super) fn keys_in(&self, one: &Repeated<'_>) -> Vec<(usize, String)> {
        one.table.keys().map(|key| (line_of(self.text, key.span().start), key.get_ref().to_string())).collect()
    }

    /// The line of a key in one table of a repeated section; of the table itself if it is not there.
    pub(super) fn line_in(&self, one: &Repeated<'_>, key: &str) -> Option<usize> {
        Some(one.table.get(key).map_or(one.line, |value| line_of(self.text, value.span().start)))
    }

    /// The names that may stand in a section.
    fn keys_of(&self, section: &str) -> Vec<String> {
        let sections = self.sections.iter().filter(|known| known.name == section);
        sections.flat_map(|section| section.settings.iter().flat_map(Setting::names)).collect()
    }

    fn find_unknown(&mut self) {
        let mut found = Vec::new();
        let names: Vec<String> = self.sections.iter().map(|section| section.name.into()).collect();
        for (name, value) in &self.file {
            let line = line_of(self.text, name.span().start);
            let Some(section) = self.sections.iter().find(|section| section.name == name.get_ref().as_ref()) else {
                found.push((Some(line), name.get_ref().to_string(), unknown("section", name.get_ref(), &names)));
                continue;
            };
            match value.get_ref() {
                _ if section.repeated => {}
                DeValue::Table(table) => {
                    let keys = self.keys_of(section.name);
                    for key in table.keys().filter(|key| !keys.iter().any(|known| known == key.get_ref())) {
                        let line = line_of(self.text, key.span().start);
                        let named = format!("{}.{}", section.name, key.get_ref());
                        found.push((Some(line), named, unknown("key", key.get_ref(), &keys)));
                    }
                }
                _ => {
                    let remedy = format!("begin it with a line [{name}]", name = section.name);
                    found.push((Some(line), section.name.into(), Wrong::new("is not written as a section", remedy)));
                }
            }
        }
        let single = self.sections.iter().filter(|section| !section.repeated);
        let variables: Vec<String> = single
            .flat_map(|section| self.keys_of(section.name).into_iter().map(|key| variable(section.name, &key)))
            .collect();
        for name in self.env.keys().filter(|name| name.starts_with(PREFIX) && !variables.contains(name)) {
            found.push((None, name.clone(), unknown("environment variable", name, &variables)));
        }
        for (line, key, wrong) in found {
            self.mistake(line, key, wrong);
        }
    }
}

/// One table of a section that may be written often.
pub(super) struct Repeated<'t> {
    section: &'static str,
    /// Where it begins.
    pub(super) line: usize,
    table: DeTable<'t>,
}

/// A table of the file under which a setting is looked for.
struct Place<'v> {
    section: &'static str,
    table: Option<&'v DeTable<'v>>,
    /// Where it begins, if it is one of many.
    line: Option<usize>,
}

/// A value, with the name and line by which a mistake in it is told.
enum Found<'v> {
    Plain { line: Option<usize>, key: String, text: String },
    Toml { line: Option<usize>, key: String, value: &'v DeValue<'v> },
    Default { key: String, value: String },
    Nothing,
}

struct Misread {
    line: Option<usize>,
    key: String,
    wrong: Wrong,
}

impl Found<'_> {
    fn read<T>(self, read: impl Fn(&Given<'_>) -> Result<T, Wrong>) -> Result<Option<T>, Misread> {
        let (line, key, value) = match self {
            Self::Plain { line, key, text } => (line, key, read(&Given::Plain(&text))),
            Self::Toml { line, key, value } => (line, key, read(&Given::Toml(value))),
            Self::Default { key, value } => {
                let value = DeValue::parse(&value).expect("defaults are TOML: a test reads them all").into_inner();
                (None, key, read(&Given::Toml(&value)))
            }
            Self::Nothing => return Ok(None),
        };
        value.map(Some).map_err(|wrong| Misread { line, key, wrong })
    }
}

fn both(key: &str, key_file: &str) -> Wrong {
    Wrong::new(format!("is set twice, as {key} and as {key_file}"), "remove one of the two")
}

fn missing(place: &Place<'_>, setting: &Setting, example: &str) -> Wrong {
    let under = match place.line {
        Some(_) => format!("this [[{}]]", place.section),
        None => format!("[{}]", place.section),
    };
    Wrong::new("is missing", format!("write {} = {example} under {under}", setting.key))
}

/// The mistake of a file that is named and cannot be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Wrong {
    let problem = format!("the file {} cannot be read: {error}", path.display());
    Wrong::new(problem, "name a file that this user may read")
}

/// The environment variable that goes before a key of the file.
fn variable(section: &str, key: &str) -> String {
    format!("{PREFIX}{section}__{key}").to_uppercase()
}

/// The line, from 1, in which the byte at `offset` stands.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count()
}

/// The mistake of a name that is not known.
pub(super) fn unknown(what: &str, name: &str, known: &[String]) -> Wrong {
    let nearest = known.iter().map(|known| (distance(name, known), known)).min();
    let remedy = match nearest {
        Some((distance, nearest)) if distance <= 1 + name.len() / 4 => format!("did you mean {nearest}?"),
        _ => "remove it; `nidan config print` shows what there is".into(),
    };
    Wrong::new(format!("is no {what} that Nidan knows"), remedy)
}

/// How many letters must be inserted, removed or replaced to make one word the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (column, other) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_of_words() {
        for (one, other, expected) in
            [("", "abc", 3), ("kitten", "sitting", 3), ("name", "name", 0), ("nmae", "name", 2)]
        {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn lines_are_counted_from_one() {
        assert_eq!([0, 1, 2, 3, 99].map(|offset| line_of("a\nb\n", offset)), [1, 1, 2, 2, 3]);
    }
}
