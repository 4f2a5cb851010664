//! The HTML part of an e-mail, made of the same lines as the plain one.
//!
//! One file for every kind and language. It loads nothing and leads nowhere: no images, no links, nothing that tells the
//! sender that it was read.

use askama::Template;
use nidan_core::language::Language;
use nidan_core::secret::Secret;

/// What an e-mail says, before it is a text or a page.
pub struct Said<'a> {
    /// Its language.
    pub language: Language,
    /// Who says it.
    pub brand: &'a str,
    /// The subject.
    pub subject: &'a str,
    /// What it is about.
    pub title: &'a str,
    /// Paragraphs, an empty line between them.
    pub body: &'a str,
    /// What stands small below.
    pub footer: &'a str,
    /// The code that stands at the end of a line of the body; empty where there is none.
    pub code: &'a str,
}

#[derive(Template)]
#[template(path = "mail/message.html")]
struct Page<'a> {
    language: Language,
    brand: &'a str,
    subject: &'a str,
    title: &'a str,
    blocks: Vec<Block<'a>>,
    footer: Vec<&'a str>,
}

enum Block<'a> {
    Lines(Vec<&'a str>),
    Code { label: &'a str, code: &'a str },
}

/// Writes the HTML part.
pub fn page(said: &Said<'_>) -> Secret<String> {
    let page = Page {
        language: said.language,
        brand: said.brand,
        subject: said.subject,
        title: said.title,
        blocks: said.body.split("\n\n").map(|paragraph| block(paragraph, said.code)).collect(),
        footer: said.footer.lines().collect(),
    };
    Secret::new(page.render().expect("writing into a string cannot fail, and the template calls nothing else that can"))
}

/// A paragraph that ends with the code shows it large; what stands before names it.
fn block<'a>(paragraph: &'a str, code: &'a str) -> Block<'a> {
    match paragraph.strip_suffix(code) {
        Some(label) if !code.is_empty() => Block::Code { label: label.trim_end().trim_end_matches(':'), code },
        _ => Block::Lines(paragraph.lines().collect()),
    }
}
