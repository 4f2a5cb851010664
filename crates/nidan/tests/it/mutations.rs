//! The weakenings in `tests/mutations` keep up with the code. Whether the tests notice them: `./check mutations`.

use std::fs;
use std::path::{Path, PathBuf};

struct Patch {
    name: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate lies two folders deep").to_owned()
}

fn patches() -> Vec<Patch> {
    let folder = root().join("crates/nidan/tests/mutations");
    let files = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    let patches = files.filter(|path| path.extension().is_some_and(|ending| ending == "patch"));
    let patches = patches.map(|path| Patch {
        name: path.file_name().expect("a name").to_string_lossy().into_owned(),
        text: fs::read_to_string(&path).expect("a text"),
    });
    let patches: Vec<_> = patches.collect();
    assert!(patches.len() >= 12, "{} patches", patches.len());
    patches
}

impl Patch {
    /// Of each hunk: the file, and the lines that it expects there.
    fn expected(&self) -> Vec<(&str, String)> {
        let (mut file, mut hunks) = ("", Vec::new());
        for line in self.text.lines().filter(|line| !line.starts_with("--- ")) {
            match (line.strip_prefix("+++ b/"), line.chars().next(), hunks.last_mut()) {
                (Some(path), ..) => file = path,
                (None, Some('@'), _) => hunks.push((file, String::new())),
                (None, Some(' ' | '-'), Some((_, lines))) => *lines += &format!("{}\n", &line[1..]),
                _ => {}
            }
        }
        hunks
    }

    /// The tests that catch it: their kind and path.
    fn tests(&self) -> Vec<(&str, &str)> {
        let heads = self.text.lines().filter_map(|line| line.strip_prefix("caught-by: "));
        heads.map(|head| head.split_once(' ').expect("a kind and a path")).collect()
    }
}

/// Whether the test is a function of the file that its path says.
fn is_there(kind: &str, path: &str) -> bool {
    let folder = root().join(if kind == "core" { "crates/nidan-core/src" } else { "crates/nidan/tests/it" });
    let mut modules: Vec<&str> = path.split("::").collect();
    let function = format!("fn {}(", modules.pop().unwrap_or_default());
    modules.retain(|module| !module.starts_with("in_") && !module.starts_with("on_"));
    let inline = modules.iter().filter(|module| **module != "tests").copied().collect::<Vec<_>>().join("/");
    let modules = modules.join("/");
    let files = [format!("{modules}.rs"), format!("{modules}/mod.rs"), format!("{inline}.rs")];
    files.iter().any(|file| fs::read_to_string(folder.join(file)).is_ok_and(|text| text.contains(&function)))
}

#[test]
fn every_patch_still_applies() {
    for patch in patches() {
        let hunks = patch.expected();
        assert!(!hunks.is_empty(), "{} changes nothing", patch.name);
        for (file, lines) in hunks {
            let text = fs::read_to_string(root().join(file)).unwrap_or_default();
            assert!(text.contains(&lines), "{}: {file} has no longer these lines:\n{lines}", patch.name);
        }
    }
}

#[test]
fn every_patch_is_explained_and_names_tests_that_there_are() {
    let readme = fs::read_to_string(root().join("crates/nidan/tests/mutations/README.md")).expect("its list");
    for patch in patches() {
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{}` |", patch.name)));
        let row = row.unwrap_or_else(|| panic!("{} is not in the list", patch.name));
        assert!(!patch.tests().is_empty(), "{}: nothing catches it", patch.name);
        for (kind, path) in patch.tests() {
            assert!(is_there(kind, path), "{}: there is no test {path}", patch.name);
            let function = path.rsplit("::").next().unwrap_or_default();
            assert!(row.contains(&format!("`{function}`")), "{}: its line does not name {function}", patch.name);
        }
    }
}
