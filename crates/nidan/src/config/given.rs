//! Finding a setting's value: in the environment, in the file, in a file of its own, or in the table of defaults.

use std::collections::BTreeMap;
use std::fs;
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
        let named = format!("{section}.{key}");
        match self.find(section, key) {
            Ok(Found::Plain(name, text)) => {
                let value = read(&Given::Plain(&text));
                value.map_err(|wrong| self.mistake(None, name, wrong)).ok()
            }
            Ok(Found::InFile) => {
                let value = read(&Given::Toml(self.file.get(section)?.get_ref().as_table()?.get(key)?.get_ref()));
                let line = self.line(section, key);
                value.map_err(|wrong| self.mistake(line, named, wrong)).ok()
            }
            Ok(Found::Default(value)) => {
                let value = DeValue::parse(&value).expect("defaults are TOML: a test reads them all").into_inner();
                read(&Given::Toml(&value)).map_err(|wrong| self.mistake(None, named, wrong)).ok()
            }
            Ok(Found::Nothing) => None,
            Err(wrong) => {
                let line = self.line(section, key);
                self.mistake(line, named, wrong);
                None
            }
        }
    }

    /// The environment goes before the file, and in each the value before the file that holds it.
    fn find(&self, section: &str, key: &str) -> Result<Found, Wrong> {
        let setting = self.setting(section, key);
        let in_env = variable(section, key);
        let (key_file, in_env_file) = (format!("{key}_file"), format!("{in_env}_FILE"));
        let table = self.file.get(section).and_then(|table| table.get_ref().as_table());
        let in_file = |key: &str| table.and_then(|table| table.get(key)).map(Spanned::get_ref);
        let both = || Wrong::new(format!("is set twice, as {key} and as {key_file}"), "remove one of the two");
        match (self.env.get(&in_env), self.env.get(&in_env_file).filter(|_| setting.secret)) {
            (Some(_), Some(_)) => return Err(both()),
            (Some(text), None) => return Ok(Found::Plain(in_env, text.clone())),
            (None, Some(path)) => return self.contents(path).map(|text| Found::Plain(in_env_file, text)),
            (None, None) => {}
        }
        match (in_file(key), in_file(&key_file).filter(|_| setting.secret)) {
            (Some(_), Some(_)) => return Err(both()),
            (Some(_), None) => return Ok(Found::InFile),
            (None, Some(path)) => {
                return self.contents(&Given::Toml(path).text()?).map(|text| Found::Plain(key_file, text));
            }
            (None, None) => {}
        }
        match &setting.fallback {
            Fallback::Default(value) => Ok(Found::Default(value.clone())),
            Fallback::Required(_) if !self.garbled.is_empty() => Ok(Found::Nothing),
            Fallback::Required(example) => {
                Err(Wrong::new("is missing", format!("write {key} = {example} under [{section}]")))
            }
            Fallback::Optional(_) => Ok(Found::Nothing),
        }
    }

    fn contents(&self, path: &str) -> Result<String, Wrong> {
        let path = self.base.join(path);
        fs::read_to_string(&path).map(|text| text.trim_end_matches(['\r', '\n']).to_owned()).map_err(|error| {
            Wrong::new(
                format!("the file {} cannot be read: {error}", path.display()),
                "name a file that this user may read",
            )
        })
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

    /// The tables under `[[section]]`.
    pub(super) fn repeated(&mut self, section: &'static str) -> Vec<Repeated> {
        let Some(value) = self.file.get(section) else { return Vec::new() };
        let line = line_of(self.text, value.span().start);
        let tables =
            value.get_ref().as_array().and_then(|list| list.iter().map(|table| self.repeated_one(table)).collect());
        tables.unwrap_or_else(|| {
            let remedy = format!("begin each with a line [[{section}]]");
            self.mistake(Some(line), section, Wrong::new("is not written as a list of sections", remedy));
            Vec::new()
        })
    }

    fn repeated_one(&self, table: &Spanned<DeValue<'_>>) -> Option<Repeated> {
        let values = table.get_ref().as_table()?.iter().map(|(key, value)| {
            let line = line_of(self.text, key.span().start);
            (key.get_ref().to_string(), (line, Given::Toml(value.get_ref()).text()))
        });
        Some(Repeated { line: line_of(self.text, table.span().start), values: values.collect() })
    }

    /// The names that may stand in a section.
    pub(super) fn keys_of(&self, section: &str) -> Vec<String> {
        let settings = self.sections.iter().filter(|known| known.name == section).flat_map(|section| &section.settings);
        settings
            .flat_map(|setting| {
                let file = setting.secret.then(|| format!("{}_file", setting.key));
                [Some(setting.key.to_owned()), file].into_iter().flatten()
            })
            .collect()
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

/// One table of a section that may be written often; its values are texts.
pub(super) struct Repeated {
    pub(super) line: usize,
    /// By key: the line, and the text.
    pub(super) values: BTreeMap<String, (usize, Result<String, Wrong>)>,
}

enum Found {
    /// Where from, and the text.
    Plain(String, String),
    InFile,
    Default(String),
    Nothing,
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
