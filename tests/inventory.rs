//! The README's list of what there is comes from the code. `UPDATE_README=1 cargo test --test inventory` writes it anew.

#[path = "support/source.rs"]
mod source;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use source::{Source, code, sources, without_tests};

const DOCS: &str = "https://docs.rs/rensa/latest/rensa";
const START: &str = "<!-- what there is: begin -->\n";
const END: &str = "<!-- what there is: end -->\n";

/// The modules whose public items are listed, with the title of each list.
const MODULES: [(&str, &str); 9] = [
    ("nn", "Nets"),
    ("optim", "Optimizers and schedules"),
    ("train", "Training"),
    ("data", "Data"),
    ("io", "Files"),
    ("functional", "Derivatives of functions"),
    ("check", "Checks"),
    ("scalar", "Scalars"),
    ("viz", "Pictures"),
];

/// The first sentence of a file's own doc, without its full stop.
fn title(text: &str) -> String {
    let doc: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    doc.join(" ").split(". ").next().unwrap_or_default().trim().trim_end_matches('.').replace('`', "")
}

/// The public methods of `Var` in this file, in order; the entries of the table of elementwise functions are among them.
fn methods(text: &str) -> Vec<String> {
    let (mut found, mut in_var, mut in_table) = (Vec::new(), false, false);
    for line in without_tests(&code(text)).lines() {
        let bare = line.trim();
        if bare.starts_with("impl") && bare.ends_with('{') {
            in_var = bare.contains(" Var<");
        }
        in_table |= ["pointwise! {", "comparisons! {"].contains(&line);
        if in_var && let Some(rest) = bare.strip_prefix("pub fn ") {
            found.push(rest.split(['<', '(']).next().unwrap_or_default().to_string());
        }
        if in_table && line.starts_with("    ") && !line.starts_with("     ") && line.contains([' ', '=']) {
            found.extend(bare.split_whitespace().next().filter(|word| !word.is_empty()).map(String::from));
        }
        in_table &= line != "}";
    }
    found.retain(|name| !name.starts_with('$') && name.chars().all(|c| c.is_alphanumeric() || c == '_'));
    found
}

/// The names in the `pub use` lines of a module's root, or its public functions where it is a single file.
fn exports(root: &str) -> Vec<String> {
    let text = code(root).replace('\n', " ");
    let mut names = Vec::new();
    for item in text.split(';').filter_map(|item| item.split_once("pub use ").map(|(_, item)| item.trim())) {
        let list = item.split_once('{').map_or(item, |(_, list)| list);
        let paths = list.split([',', '{', '}', ' ']).filter(|path| !path.is_empty());
        names.extend(paths.map(|path| path.rsplit("::").next().unwrap_or(path).to_string()));
    }
    names.extend(
        root.lines()
            .filter_map(|line| line.strip_prefix("pub fn "))
            .map(|rest| rest.split(['<', '(']).next().unwrap_or_default().to_string()),
    );
    names
}

/// What kind of item this is in the module's sources, or in all where it comes from elsewhere, as the names of its documentation's pages
/// have it.
fn kind(name: &str, files: &[&Source], all: &[Source]) -> &'static str {
    let kinds = [("struct", "struct"), ("fn", "fn"), ("trait", "trait"), ("enum", "enum"), ("type", "type")];
    let declared = |file: &Source, keyword: &str| {
        let start = format!("pub {keyword} {name}");
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        file.text.lines().any(|line| line.trim().strip_prefix(&start).is_some_and(ends))
    };
    let here = kinds.iter().find(|(keyword, _)| files.iter().any(|file| declared(file, keyword)));
    let found = here.or_else(|| kinds.iter().find(|(keyword, _)| all.iter().any(|file| declared(file, keyword))));
    found.map_or("struct", |(_, page)| page)
}

/// The list, as Markdown.
fn inventory() -> String {
    let mut list = String::from(START);
    list.push_str("| | |\n|---|---|\n");
    let mut row = |title: &str, links: Vec<String>| {
        if !links.is_empty() {
            list.push_str(&format!("| {title} | {} |\n", links.join(" ")));
        }
    };
    for file in sources("src/ops").iter().chain(&sources("src/graph")).filter(|file| !file.path.ends_with("/mod.rs")) {
        if file.path.starts_with("src/graph/") && !file.path.ends_with("fan.rs") {
            continue;
        }
        let link = |name: &String| format!("[`{name}`]({DOCS}/struct.Var.html#method.{name})");
        row(&title(&file.text), methods(&file.text).iter().map(link).collect());
    }
    let all = sources("src");
    for (module, title) in MODULES {
        let files: Vec<&Source> = all.iter().filter(|file| belongs(&file.path, module)).collect();
        let root = files
            .iter()
            .find(|file| file.path == format!("src/{module}/mod.rs") || file.path == format!("src/{module}.rs"));
        let Some(root) = root else { continue };
        let link = |name: &String| format!("[`{name}`]({DOCS}/{module}/{}.{name}.html)", kind(name, &files, &all));
        row(title, exports(&root.text).iter().map(link).collect());
    }
    list + END
}

fn belongs(path: &str, module: &str) -> bool {
    path == format!("src/{module}.rs") || path.starts_with(&format!("src/{module}/"))
}

#[test]
fn the_readmes_list_of_what_there_is_comes_from_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).expect("the project has a README");
    let (before, rest) = readme.split_once(START).expect("the README marks where the list begins");
    let (found, after) = rest.split_once(END).expect("and where it ends");
    let expected = inventory();
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&path, format!("{before}{expected}{after}")).expect("the README can be written");
        return;
    }
    let found = format!("{START}{found}{END}");
    let differs = found.lines().zip(expected.lines()).find(|(a, b)| a != b);
    assert!(
        found == expected,
        "README.md is behind the code, from {differs:?} on; UPDATE_README=1 cargo test --test inventory"
    );
}

#[test]
fn the_list_is_read_from_sources_as_they_are_written() {
    let text = "//! Sums of\n//! things. And more.\nimpl<'t, T: Float> Var<'t, T> {\n    pub fn sum<A>(self) {}\n    fn not(self) {}\n}\n\
                pointwise! {\n    /// e\n    exp = Exp on 1.0 => |x| x.exp(),\n        |x, y| y;\n}\nimpl Tensor {\n    pub fn other(&self) {}\n}\n";
    assert_eq!((title(text).as_str(), methods(text)), ("Sums of things", vec!["sum".to_string(), "exp".to_string()]));
    let names =
        exports("mod a;\npub use a::{One, two};\npub use b::Three;\npub use {c::Five};\npub fn four<T>(x: T) {}\n");
    assert_eq!(names, ["One", "two", "Three", "Five", "four"]);
    let source = |text: &str| Source { path: String::new(), text: text.into() };
    let (file, all) = (source("pub fn two() {}\npub struct TwoMore;\npub trait One {}\n"), [source("pub fn far() {}")]);
    let kinds = ["One", "two", "TwoMore", "far"].map(|name| kind(name, &[&file], &all));
    assert_eq!(kinds, ["trait", "fn", "struct", "fn"]);
    let all = inventory();
    let ops: BTreeMap<&str, usize> = ["exp", "matmul", "where_cond", "greater", "sum_to"]
        .map(|op| (op, all.matches(&format!("[`{op}`]")).count()))
        .into();
    assert!(ops.values().all(|&n| n == 1), "{ops:?}");
    assert!(
        all.contains("nn/struct.Linear.html")
            && all.contains("optim/type.Sgd.html")
            && all.contains("functional/fn.hvp.html")
    );
}
