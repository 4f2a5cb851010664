//! The commented default settings, made from the tables they are read by.

use std::fmt::Write as _;

use super::route_table::{Kind, kinds, shared};
use super::table::{Fallback, Section, Setting, sections};

const HEAD: &str = "\
# Settings of Nidan. Every key is shown with its default; what has none is shown with an example to replace.
# A variable NIDAN__SECTION__KEY (e.g. NIDAN__LISTEN__PUBLIC) goes before the file. Where it says so, key_file may name
# a file that holds the value. Relative paths are seen from the directory of this file. Unknown keys are mistakes:
# `nidan config check --config FILE` tells all of them at once.
";

/// How wide a line of comment may be, in characters.
const WIDTH: usize = 118;

/// What `nidan config print` prints: a file that can be used once site name, domain and address are the site's own.
pub fn print_default() -> String {
    let mut text = String::from(HEAD);
    for section in sections() {
        print_section(&mut text, &section);
    }
    text
}

fn print_section(text: &mut String, section: &Section) {
    text.push('\n');
    comment(text, section.about);
    if section.repeated {
        kinds().iter().for_each(|kind| print_example(text, kind));
        return;
    }
    let _ = writeln!(text, "[{}]", section.name);
    section.settings.iter().for_each(|setting| print_setting(text, setting));
}

/// A route of one kind as it would be written, each line put into a comment. The first explains the keys of every kind.
fn print_example(text: &mut String, kind: &Kind) {
    let mut example = String::from("[[route]]\n");
    let (name, channel) = kind.example;
    for setting in shared() {
        let value = match setting.key {
            "name" => name,
            "channel" => channel.name(),
            "kind" => kind.name,
            _ if kind.settings.is_empty() => {
                print_setting(&mut example, &setting);
                continue;
            }
            _ => continue,
        };
        if kind.settings.is_empty() {
            comment(&mut example, &setting.about);
        }
        let _ = writeln!(example, "{} = \"{value}\"", setting.key);
    }
    kind.settings.iter().for_each(|setting| print_setting(&mut example, setting));
    text.push_str("#\n");
    comment(text, kind.about);
    example.lines().for_each(|line| text.extend(["# ", line, "\n"]));
}

fn print_setting(text: &mut String, setting: &Setting) {
    let (off, value, note) = match &setting.fallback {
        Fallback::Default(value) => ("", value.as_str(), ""),
        Fallback::Required(example) => ("", *example, " Must be set."),
        Fallback::Optional(example) => ("# ", *example, ""),
    };
    let file = if setting.secret { format!(" Or {}_file.", setting.key) } else { String::new() };
    comment(text, &format!("{}{note}{file}", setting.about));
    let _ = writeln!(text, "{off}{} = {value}", setting.key);
}

fn comment(text: &mut String, about: &str) {
    let mut width = 0;
    for word in about.split_whitespace() {
        let letters = word.chars().count() + 1;
        if width == 0 || width + letters > WIDTH {
            text.push_str(if width == 0 { "#" } else { "\n#" });
            width = 1;
        }
        text.push(' ');
        text.push_str(word);
        width += letters;
    }
    text.push('\n');
}
