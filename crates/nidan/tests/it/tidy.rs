//! What keeps the code readable without anybody having to remember it: short functions and files, documents that name only
//! what exists, SQL in `store/` alone, rules in `nidan-core` alone. Each check is a plain function from text to complaints;
//! `planted` shows that each of them finds what it is there for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of one function, signature and braces included.
const FUNCTION_LINES_MAX: usize = 60;
/// Lines of one file.
const FILE_LINES_MAX: usize = 600;

/// What is longer, with the lines it has now and the reason. The numbers may only shrink: one that is too large, or for
/// something that is no longer too long, fails the test as surely as one that is too small. A function is named
/// `path::function`.
const LONGER: &[(&str, usize, &str)] = &[];

/// Endings of files that people write, and that have to stay short.
const WRITTEN: &[&str] = &["rs", "sql", "html", "css", "js", "mjs", "sh", "ftl"];

// ---- reading Rust without a parser ----

/// Rust source taken apart: both texts have the lines of the source, everything else is blank.
struct Source {
    /// Code, without what comments, strings and characters say.
    code: String,
    /// What string literals say.
    strings: String,
}

impl Source {
    fn read(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let mut source = Self { code: String::new(), strings: String::new() };
        let mut at = 0;
        while at < chars.len() {
            let rest = &chars[at..];
            at += match rest {
                ['/', '/', ..] => source.blank(&rest[..line_length(rest)]),
                ['/', '*', ..] => source.blank(&rest[..comment_length(rest)]),
                ['"', ..] => source.string(&rest[..string_length(rest)]),
                ['r', '"' | '#', ..] if !in_word(&chars, at) && raw_string_length(rest) > 0 => {
                    source.string(&rest[..raw_string_length(rest)])
                }
                ['\'', '\\', _, ..] => source.blank(&rest[..3 + line_until(&rest[3..], '\'') + 1]),
                ['\'', _, '\'', ..] => source.blank(&rest[..3]),
                _ => source.keep(rest[0]),
            };
        }
        source
    }

    fn keep(&mut self, c: char) -> usize {
        self.code.push(c);
        self.strings.push(if c == '\n' { c } else { ' ' });
        1
    }

    fn blank(&mut self, part: &[char]) -> usize {
        for &c in part {
            let c = if c == '\n' { c } else { ' ' };
            self.code.push(c);
            self.strings.push(c);
        }
        part.len()
    }

    fn string(&mut self, part: &[char]) -> usize {
        self.code.extend(part.iter().map(|&c| if c == '\n' { c } else { ' ' }));
        self.strings.extend(part);
        part.len()
    }
}

/// Whether the character before belongs to the same word, as in `for"`; `b` and `c` may stand before a raw string.
fn in_word(chars: &[char], at: usize) -> bool {
    let word: String = chars[..at].iter().rev().take_while(|c| c.is_alphanumeric() || **c == '_').copied().collect();
    !matches!(word.as_str(), "" | "b" | "c")
}

fn line_length(rest: &[char]) -> usize {
    line_until(rest, '\n')
}

fn line_until(rest: &[char], end: char) -> usize {
    rest.iter().position(|&c| c == end).unwrap_or(rest.len().saturating_sub(1))
}

fn comment_length(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_length(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    rest.len().min(at + 1)
}

/// Length of the raw string that starts here, 0 when none does.
fn raw_string_length(rest: &[char]) -> usize {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let mut end = vec!['"'];
    end.extend(std::iter::repeat_n('#', hashes));
    let body = 2 + hashes;
    rest[body..].windows(end.len()).position(|w| w == end).map_or(rest.len(), |at| body + at + end.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `word` stands as a word of its own.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        !code[..at].chars().next_back().is_some_and(is_word)
            && !code[at + word.len()..].chars().next().is_some_and(is_word)
    })
}

/// The identifier that `text` starts with, if it does.
fn identifier(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Every function with a body: its name and how many lines it has.
fn functions(code: &str) -> Vec<(&str, usize)> {
    words(code, "fn")
        .filter_map(|at| {
            let name = identifier(code[at + 2..].trim_start());
            let end = body_end(&code[at..])?;
            (!name.is_empty()).then(|| (name, code[at..at + end].matches('\n').count() + 1))
        })
        .collect()
}

/// Where the body ends of the function that starts here; none when it has no body.
fn body_end(code: &str) -> Option<usize> {
    let (mut braces, mut brackets) = (0, 0);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if braces == 0 && brackets == 0 => return None,
            '{' => braces += 1,
            '}' if braces == 1 => return Some(at + 1),
            '}' => braces -= 1,
            _ => {}
        }
    }
    None
}

// ---- the checks ----

/// What is too long: `path` or `path::function`, with its lines.
fn too_long(path: &str, text: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        found.push((path.to_owned(), lines));
    }
    if path.ends_with(".rs") {
        let source = Source::read(text);
        let long = functions(&source.code).into_iter().filter(|(_, lines)| *lines > FUNCTION_LINES_MAX);
        found.extend(long.map(|(name, lines)| (format!("{path}::{name}"), lines)));
    }
    found
}

/// Holds what is too long against the exceptions, both ways.
fn ratchet(found: &[(String, usize)], allowed: &[(&str, usize, &str)]) -> Vec<String> {
    let grown = found.iter().filter_map(|(what, lines)| match allowed.iter().find(|(name, ..)| name == what) {
        None => Some(format!("{what} has {lines} lines: take it apart")),
        Some((_, most, _)) if lines > most => Some(format!("{what} grew from {most} to {lines} lines")),
        Some((_, most, _)) if lines < most => Some(format!("{what} shrank to {lines} lines: lower its exception")),
        Some(_) => None,
    });
    let stale = allowed.iter().filter(|(name, ..)| !found.iter().any(|(what, _)| what == name));
    grown.chain(stale.map(|(name, ..)| format!("{name} is no longer too long: drop its exception"))).collect()
}

/// SQL, or the names of database drivers, in a file outside `store/`.
fn sql_outside_store(path: &str, source: &Source) -> Vec<String> {
    const SQL: &[&str] = &[
        "SELECT ",
        "INSERT INTO ",
        "UPDATE ",
        "DELETE FROM ",
        "CREATE TABLE ",
        "ALTER TABLE ",
        "DROP TABLE ",
        "PRAGMA ",
    ];
    const DRIVERS: &[&str] = &["rusqlite", "tokio_postgres", "deadpool_postgres"];
    if !path.contains("/src/") || path.contains("/src/store/") {
        return Vec::new();
    }
    let sql = SQL.iter().flat_map(|sql| source.strings.match_indices(sql).map(|(at, sql)| (at, sql.trim_end())));
    let drivers = DRIVERS.iter().flat_map(|driver| words(&source.code, driver).map(|at| (at, *driver)));
    sql.chain(drivers)
        .map(|(at, what)| format!("{path}:{}: {what} belongs into store/", line_of(&source.code, at)))
        .collect()
}

/// Rules in handlers: a handler asks a flow and shows the verdict. It neither calls what decides in the core, nor holds a
/// number of the policy against anything, nor reads the store.
fn rules_in_handlers(path: &str, source: &Source) -> Vec<String> {
    const DECIDING: &[&str] = &["ceremony", "code", "device", "ledger", "methods", "totp"];
    const STORE: &[&str] = &["crate::store", ".transact("];
    if !path.contains("/src/web/") {
        return Vec::new();
    }
    let mut found: Vec<(usize, String)> = Vec::new();
    for module in DECIDING {
        for at in words(&source.code, module).filter(|&at| is_of_core(&source.code, module, at)) {
            let called = source.code[at + module.len()..].strip_prefix("::").map(called_in).unwrap_or_default();
            found.extend(called.iter().map(|name| (at, format!("{module}::{name} decides"))));
        }
    }
    for store in STORE {
        found.extend(source.code.match_indices(store).map(|(at, _)| (at, format!("{store} is for flows"))));
    }
    for (at, _) in source.code.match_indices("policy.") {
        if compares(&source.code, at) {
            found.push((at, "a number of the policy is compared".to_owned()));
        }
    }
    found
        .into_iter()
        .map(|(at, what)| format!("{path}:{}: {what}: move it behind a flow", line_of(&source.code, at)))
        .collect()
}

/// Whether the module named at `at` is the core's: by its path, or because the file imports it from there.
fn is_of_core(code: &str, module: &str, at: usize) -> bool {
    let path = code[..at].trim_end();
    let within_use = path.rsplit_once("use nidan_core::").is_some_and(|(_, rest)| !rest.contains(';'));
    let imported = code.split("use nidan_core::").skip(1).filter_map(|rest| rest.split(';').next());
    let mut imported = imported.flat_map(|names| words(names, module).map(|at| &names[at + module.len()..]));
    within_use
        || path.ends_with("nidan_core::")
        || (!path.ends_with("::") && imported.any(|rest| !rest.starts_with("::")))
}

/// The functions named behind `module::`, alone or in braces. Types begin with a capital letter, constants are capitals.
fn called_in(rest: &str) -> Vec<&str> {
    let names = match rest.strip_prefix('{') {
        Some(list) => list.split('}').next().unwrap_or_default().split(',').collect(),
        None => vec![rest],
    };
    names
        .into_iter()
        .map(|name| identifier(name.trim()))
        .filter(|name| name.starts_with(|c: char| c.is_lowercase()) && *name != "self")
        .collect()
}

/// Whether the line of `at` compares something.
fn compares(code: &str, at: usize) -> bool {
    let line = code.lines().nth(line_of(code, at) - 1).unwrap_or_default();
    [" < ", " > ", " <= ", " >= ", " == ", " != "].iter().any(|sign| line.contains(sign))
}

/// HTTP outside `web/` and `send/`: what decides and what keeps must not know how it is asked.
fn http_below_web(path: &str, source: &Source) -> Vec<String> {
    let below = path.starts_with("crates/nidan-core/") || path.contains("/src/flow/") || path.contains("/src/store/");
    if !below {
        return Vec::new();
    }
    ["StatusCode", "axum", "hyper"]
        .iter()
        .flat_map(|what| words(&source.code, what).map(move |at| (at, what)))
        .map(|(at, what)| format!("{path}:{}: {what} belongs into web/", line_of(&source.code, at)))
        .collect()
}

/// What a document names that does not exist. Named is: what stands in backquotes and is a path of this repository, and
/// where a link leads.
fn missing_paths(document: &str, text: &str, files: &BTreeSet<String>) -> Vec<String> {
    let text = without_fences(text);
    let quoted = text.split('`').skip(1).step_by(2).filter(|token| is_path(token, files));
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    let linked =
        linked.filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"));
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    quoted
        .chain(linked)
        .filter(|path| !exists(path, folder, files))
        .map(|path| format!("{document} names {path}, which does not exist"))
        .collect()
}

/// Documents that a comment names and that do not exist.
fn missing_documents(path: &str, text: &str, files: &BTreeSet<String>) -> Vec<String> {
    const COMMENT: &[&str] = &["//", "--", "#"];
    let comments =
        text.lines().enumerate().filter(|(_, line)| COMMENT.iter().any(|c| line.trim_start().starts_with(c)));
    let words =
        comments.flat_map(|(at, line)| line.split(|c: char| !is_word(c) && !"./-".contains(c)).map(move |w| (at, w)));
    words
        .map(|(at, word)| (at + 1, word.trim_matches('.')))
        .filter(|(_, word)| word.len() > 3 && word.ends_with(".md") && !exists(word, "", files))
        .map(|(line, word)| format!("{path}:{line} names {word}, which does not exist"))
        .collect()
}

/// The text without its blocks of commands and listings.
fn without_fences(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// Whether a word in backquotes means a file or folder of ours: it has an ending that our files have, or begins with a folder of ours.
fn is_path(token: &str, files: &BTreeSet<String>) -> bool {
    const ENDINGS: &[&str] = &[".rs", ".md", ".sql", ".css", ".js", ".mjs", ".html", ".ftl"];
    let plain = token.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c)) && !token.starts_with('/');
    let token = token.strip_prefix("./").unwrap_or(token);
    let ending = ENDINGS.iter().any(|ending| token.len() > ending.len() && token.ends_with(ending));
    let first = token.split_once('/').map_or("", |(first, _)| first);
    let ours = !first.is_empty() && files.iter().any(|file| file.split('/').any(|folder| folder == first));
    plain && (ending || ours)
}

/// From the root, from the document's folder, or as the end of a path that is clear enough (`store/db.rs`).
fn exists(path: &str, folder: &str, files: &BTreeSet<String>) -> bool {
    let path = path.strip_prefix("./").unwrap_or(path).trim_end_matches('/');
    let beside = resolve(folder, path);
    files.iter().any(|file| {
        [path, &beside].iter().any(|path| file == path || file.starts_with(&format!("{path}/")))
            || file.ends_with(&format!("/{path}"))
            || file.contains(&format!("/{path}/"))
    })
}

fn resolve(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

// ---- the repository ----

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate lies two folders deep").to_owned()
}

/// Every file that people wrote, as a path from the root with `/`.
fn files() -> BTreeSet<String> {
    const NOT_OURS: &[&str] = &["target", "node_modules", ".git", "out", "nidan-demo"];
    let root = root();
    let mut found = BTreeSet::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("folders of the repository can be read") {
            let entry = entry.expect("folders of the repository can be read");
            let path = entry.path();
            if path.is_file() {
                let path = path.strip_prefix(&root).expect("it was found below the root");
                found.insert(path.to_string_lossy().replace('\\', "/"));
            } else if !NOT_OURS.iter().any(|name| entry.file_name() == *name) {
                folders.push(path);
            }
        }
    }
    found
}

fn texts(files: &BTreeSet<String>, endings: &[&str]) -> Vec<(String, String)> {
    let wanted = files.iter().filter(|file| endings.iter().any(|end| file.ends_with(&format!(".{end}"))));
    wanted.map(|file| (file.clone(), fs::read_to_string(root().join(file)).expect("it is UTF-8 text"))).collect()
}

fn complain(found: &[String]) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

fn every_source(check: impl Fn(&str, &Source) -> Vec<String>) {
    let sources = texts(&files(), &["rs"]);
    assert!(!sources.is_empty());
    let found: Vec<String> = sources.iter().flat_map(|(path, text)| check(path, &Source::read(text))).collect();
    complain(&found);
}

#[test]
fn functions_and_files_are_short() {
    let found: Vec<_> = texts(&files(), WRITTEN).iter().flat_map(|(path, text)| too_long(path, text)).collect();
    complain(&ratchet(&found, LONGER));
}

#[test]
fn documents_name_what_exists() {
    let files = files();
    let documents = texts(&files, &["md"]);
    let found: Vec<_> = documents.iter().flat_map(|(path, text)| missing_paths(path, text, &files)).collect();
    complain(&found);
}

#[test]
fn comments_name_documents_that_exist() {
    let files = files();
    let sources = texts(&files, &["rs", "sql", "toml", "mjs", "js"]);
    let found: Vec<_> = sources.iter().flat_map(|(path, text)| missing_documents(path, text, &files)).collect();
    complain(&found);
}

#[test]
fn sql_stays_in_store() {
    every_source(sql_outside_store);
}

#[test]
fn rules_stay_out_of_handlers() {
    every_source(rules_in_handlers);
}

#[test]
fn http_stays_in_web() {
    every_source(http_below_web);
}

mod planted {
    use super::*;

    #[test]
    fn source_is_taken_apart() {
        let text = "let a = \"x { // y\\\"\"; // {\nlet b = r#\"{ \"q\" {\"#; /* { /* { */ { */ let c: &'a str = '{'; '\\''; br\"{\"";
        let source = Source::read(text);
        assert!(!source.code.contains('{'), "{}", source.code);
        assert!(source.code.contains("let c: &'a str ="), "{}", source.code);
        assert!(source.strings.contains("{ \"q\" {"), "{}", source.strings);
        assert!(!source.strings.contains("let"), "{}", source.strings);
        assert_eq!(source.code.lines().count(), 2);
    }

    #[test]
    fn a_long_function_is_found() {
        let body = "    let x = \"}\";\n".repeat(FUNCTION_LINES_MAX - 1);
        let long = format!("trait T {{ fn bare(a: [u8; 2]); }}\nimpl T {{\n  async fn grown() {{\n{body}  }}\n}}\n");
        assert_eq!(too_long("a.rs", &long), [("a.rs::grown".to_owned(), FUNCTION_LINES_MAX + 1)]);
        let short = long.replacen("    let x = \"}\";\n", "", 1);
        assert_eq!(too_long("a.rs", &short), []);
        assert_eq!(too_long("a.css", &"x\n".repeat(FILE_LINES_MAX + 1)), [("a.css".to_owned(), FILE_LINES_MAX + 1)]);
        assert_eq!(too_long("a.css", &"x\n".repeat(FILE_LINES_MAX)), []);
    }

    #[test]
    fn exceptions_only_shrink() {
        let found = [("a.rs::f".to_owned(), 70)];
        assert_eq!(ratchet(&found, &[("a.rs::f", 70, "reason")]), Vec::<String>::new());
        assert_eq!(ratchet(&found, &[]).len(), 1);
        assert_eq!(ratchet(&found, &[("a.rs::f", 69, "reason")]), ["a.rs::f grew from 69 to 70 lines"]);
        assert_eq!(ratchet(&found, &[("a.rs::f", 71, "reason")]), ["a.rs::f shrank to 70 lines: lower its exception"]);
        assert_eq!(ratchet(&[], &[("a.rs::f", 70, "reason")]), ["a.rs::f is no longer too long: drop its exception"]);
    }

    #[test]
    fn sql_elsewhere_is_found() {
        let source = Source::read("// SELECT a\nconst A: &str =\n    \"SELECT a FROM account\";\nuse rusqlite::Row;");
        let found = sql_outside_store("crates/nidan/src/flow/a.rs", &source);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("a.rs:3: SELECT"), "{found:?}");
        assert_eq!(sql_outside_store("crates/nidan/src/store/a.rs", &source), Vec::<String>::new());
    }

    #[test]
    fn a_rule_in_a_handler_is_found() {
        let web = "crates/nidan/src/web/pages/a.rs";
        for planted in [
            "use nidan_core::code::{Verdict, check};",
            "use nidan_core::{token::Token, code::check};",
            "use nidan_core::{code, token::Token}; fn f() { code::check(c) }",
            "let verdict = nidan_core::totp::verify(seed);",
            "if tries >= app.policy.code_tries_max { refuse() }",
            "use crate::store::account;",
        ] {
            assert_eq!(rules_in_handlers(web, &Source::read(planted)).len(), 1, "{planted}");
            assert_eq!(rules_in_handlers("crates/nidan/src/flow/a.rs", &Source::read(planted)), Vec::<String>::new());
        }
        for fine in [
            "use nidan_core::code::Verdict;",
            "flow::device::revoke(app)",
            "page(app.policy.code_life)",
            "code: String",
        ] {
            assert_eq!(rules_in_handlers(web, &Source::read(fine)), Vec::<String>::new(), "{fine}");
        }
    }

    #[test]
    fn http_in_a_flow_is_found() {
        let source = Source::read("use axum::http::StatusCode; // hyper");
        assert_eq!(http_below_web("crates/nidan/src/flow/a.rs", &source).len(), 2);
        assert_eq!(http_below_web("crates/nidan/src/web/a.rs", &source), Vec::<String>::new());
    }

    #[test]
    fn a_path_that_is_gone_is_found() {
        let files: BTreeSet<String> =
            ["crates/nidan/src/store/db.rs", "docs/glossary.md", "docs/decisions/0001-a.md", "check"]
                .map(Into::into)
                .into();
        let fine = "`store/db.rs` `docs/` `./check` `/sign-in` `a.b` [w](glossary.md#x) [d](https://a.example/b) [c](../check)\n\
                    ```\n`docs/none.md`\n```";
        assert_eq!(missing_paths("docs/a.md", fine, &files), Vec::<String>::new());
        for gone in ["`store/dc.rs`", "`docs/none/`", "`none.md`", "[x](none.md)", "![p](pictures/a.png)"] {
            assert_eq!(missing_paths("docs/a.md", gone, &files).len(), 1, "{gone}");
        }
    }

    #[test]
    fn a_document_that_is_gone_is_found() {
        let files: BTreeSet<String> = ["docs/glossary.md".to_owned()].into();
        let text = "/// As (docs/glossary.md), glossary.md. And\n    // gone.md §1, \nlet a = \"none.md\";";
        assert_eq!(missing_documents("a.rs", text, &files), ["a.rs:2 names gone.md, which does not exist"]);
    }
}
