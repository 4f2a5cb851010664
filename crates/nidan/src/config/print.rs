//! The commented default settings, made from the tables they are read by.

use std::fmt::Write as _;

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
    let _ = match section.repeated {
        true => writeln!(text, "# [[{}]]", section.name),
        false => writeln!(text, "[{}]", section.name),
    };
    for setting in &section.settings {
        print_setting(text, setting, section.repeated);
    }
}

fn print_setting(text: &mut String, setting: &Setting, repeated: bool) {
    let (off, value, note) = match &setting.fallback {
        Fallback::Default(value) => ("", value.as_str(), ""),
        Fallback::Required(example) => ("", *example, if repeated { "" } else { " Must be set." }),
        Fallback::Optional(example) => ("# ", *example, ""),
    };
    let file = if setting.secret { format!(" Or {}_file.", setting.key) } else { String::new() };
    comment(text, &format!("{}{note}{file}", setting.about));
    let off = if repeated { "# " } else { off };
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
