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
    /// The code, or reference, that stands at the end of a paragraph of the body; empty where there is none.
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
    Steps { title: &'a str, steps: Vec<&'a str> },
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

/// A paragraph that ends with the code shows it large; what stands before names it. Lines that are numbered are steps of
/// what the line before them names.
fn block<'a>(paragraph: &'a str, code: &'a str) -> Block<'a> {
    if let Some(label) = paragraph.strip_suffix(code).filter(|_| !code.is_empty()) {
        return Block::Code { label: label.trim_end().trim_end_matches(':'), code };
    }
    let lines: Vec<&str> = paragraph.lines().collect();
    if let [title, numbered @ ..] = &lines[..] {
        let steps = (1..).zip(numbered).map(|(number, line)| line.strip_prefix(&format!("{number}. ")));
        match steps.collect() {
            Some(steps) if !numbered.is_empty() => return Block::Steps { title, steps },
            _ => {}
        }
    }
    Block::Lines(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(brand: &str, body: &str, code: &str) -> String {
        let said =
            Said { language: Language::En, brand, subject: "A subject", title: "A title", body, footer: "a\nb", code };
        let html = page(&said).expose().clone();
        let (_, card) = html.split_once("</h1>").expect("a title");
        card.lines().map(without_style).collect::<Vec<_>>().join("\n")
    }

    fn without_style(line: &str) -> String {
        let mut parts = line.split(" style=\"");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.filter_map(|part| part.split_once('"')).fold(first, |line, (_, rest)| line + rest)
    }

    #[test]
    fn code_steps_and_lines_are_told_apart() {
        let body = "Hello\nthere\n\nCode: 482916\n\nTo do\n1. One\n2. Two\n\nNot\n2. Steps\n\n482916 is it.";
        let html = written("Example", body, "482916");
        for part in [
            "<p>Hello<br>\nthere</p>",
            "<p class=\"quiet\">Code</p>\n<p class=\"code\">482916</p>",
            "<p>To do</p>\n<ol><li>One</li><li>Two</li></ol>",
            "<p>Not<br>\n2. Steps</p>",
            "<p>482916 is it.</p>",
            "<p class=\"quiet\">a<br>\nb</p>",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!written("Example", "Hello", "").contains("class=\"code\""));
    }

    #[test]
    fn a_brand_is_no_markup() {
        let html = written("<b>A&B</b>", "From <b>A&B</b>", "");
        assert!(html.contains("<p>From &#60;b&#62;A&#38;B&#60;/b&#62;</p>"), "{html}");
    }
}
