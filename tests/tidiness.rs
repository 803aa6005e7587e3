//! What can be held of the project's tidiness by looking at its source: layers, `unsafe`, `unwrap`, docs, sizes, and that every
//! op is in the registry. Each check is a function from text to complaints, and is shown a bad sample first.

#[path = "support/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};

use rensa::ops::registry;
use rensa::{Tape, Var};
use source::{Source, code, sources, without_tests};

/// All complaints about the files under `src`.
fn complaints(check: impl Fn(&str, &str) -> Vec<String>) -> String {
    let about = |file: Source| check(&file.path, &file.text).into_iter().map(move |c| format!("{}: {c}", file.path));
    sources("src").into_iter().flat_map(about).collect::<Vec<_>>().join("\n")
}

/// The numbered lines on which `is_bad` holds, as complaints.
fn lines(text: &str, is_bad: impl Fn(&str) -> bool) -> Vec<String> {
    let numbered = text.lines().enumerate().filter(|(_, line)| is_bad(line));
    numbered.map(|(i, line)| format!("line {}: {}", i + 1, line.trim())).collect()
}

// ---- the registry ------------------------------------------------------------------------------------------------------

/// The names that the ops in this text declare: literals in `fn name` of an `impl Op`, and the entries of `pointwise!`.
fn declared_ops(text: &str) -> BTreeSet<String> {
    let (mut names, mut in_impl, mut in_name, mut in_table) = (BTreeSet::new(), false, false, false);
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        in_impl |= line.starts_with("impl") && line.contains(" Op<") && line.contains(" for ");
        in_name |= in_impl && line.trim_start().starts_with("fn name(");
        in_table |= line.starts_with("pointwise! {");
        if in_name {
            names.extend(line.split('"').skip(1).step_by(2).map(String::from));
            (in_name, in_impl) = if line == "    }" { (false, false) } else { (true, true) };
        }
        if in_table && line.starts_with("    ") && !line.starts_with("     ") && line.contains(" = ") {
            names.extend(line.split_whitespace().next().map(String::from));
        }
        in_table &= line != "}";
    }
    names
}

/// The names of all nodes that appear when every specimen is differentiated twice.
fn seen_ops() -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for specimen in registry::<f64>() {
        for case in &specimen.cases {
            let tape = Tape::<f64>::new();
            let leaf = |shape: &Vec<usize>| tape.leaf(rensa::Tensor::full(&shape[..], 0.9));
            let xs: Vec<Var<'_, f64>> = case.iter().map(leaf).collect();
            let loss = (specimen.apply)(&xs).sum(..);
            for &x in &xs {
                let Ok([first]) = loss.grad([x]) else { continue };
                let again = first.sum(..);
                xs.iter().for_each(|&x| drop(again.grad([x])));
            }
            seen.extend(tape.vars().map(|var| var.name().to_string()));
        }
    }
    seen
}

#[test]
fn every_op_is_in_the_registry() {
    let sample = "impl<T: Float> Op<T> for X {\n    fn name(&self) -> &'static str {\n        \"one\"\n    }\n}\n\
                  pointwise! {\n    /// y = 2\n    two = Two on 1.0..2.0\n        => |x| x;\n}\n";
    assert_eq!(declared_ops(sample).into_iter().collect::<Vec<_>>(), ["one", "two"]);

    let files =
        sources("src").into_iter().filter(|file| file.path.starts_with("src/ops/") || file.path.ends_with("fan.rs"));
    let declared: BTreeSet<String> = files.flat_map(|file| declared_ops(&file.text)).collect();
    assert!(declared.len() > 60, "only {declared:?}");
    let missing: Vec<_> = declared.difference(&seen_ops()).cloned().collect();
    assert!(missing.is_empty(), "ops that no specimen reaches, at first or second order: {missing:?}");
}

/// A node that a method appends on its own behalf must carry the caller's line too: here, a line among the specimens.
#[test]
fn nodes_of_every_method_carry_the_callers_line() {
    let first_line: BTreeMap<String, u32> = sources("src/ops")
        .into_iter()
        .filter_map(|file| {
            let line = file.text.lines().position(|line| line.starts_with("pub(super) fn specimens"))?;
            Some((file.path, line as u32 + 1))
        })
        .collect();
    for specimen in registry::<f64>() {
        let tape = Tape::<f64>::new();
        let leaf = |shape: &Vec<usize>| tape.leaf(rensa::Tensor::full(&shape[..], 0.9));
        let xs: Vec<Var<'_, f64>> = specimen.cases[0].iter().map(leaf).collect();
        (specimen.apply)(&xs);
        for node in tape.vars().skip(xs.len()) {
            let (file, line) = (node.location().file(), node.location().line());
            let is_table = file == "src/ops/pointwise.rs"; // there all is one macro, on one line
            let is_macro = specimen.name.starts_with("pairs");
            let among = first_line.get(file).is_some_and(|&first| line >= first);
            assert!(is_table || is_macro || among, "{}: {node:?} is not a line of the specimens", specimen.name);
        }
    }
}

// ---- layers ------------------------------------------------------------------------------------------------------------

/// The modules, lowest first; a module may use itself and the rows above it.
const LAYERS: [&[&str]; 15] = [
    &["error", "float", "storage"],
    &["shape"],
    &["tensor"],
    &["scalar"],
    &["file"],
    &["kernel"],
    &["graph"],
    &["ops"],
    &["functional"],
    &["nn"],
    &["check"],
    &["optim", "data"],
    &["io"],
    &["viz"],
    &["train"],
];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

/// What stands at the crate's root, by the module that it comes from: re-exports, and macros.
fn homes() -> BTreeMap<String, String> {
    let mut homes = BTreeMap::new();
    for file in sources("src") {
        let module = module_of(&file.path).to_string();
        let lines: Vec<&str> = file.text.lines().collect();
        for (export, line) in lines.iter().zip(lines.iter().skip(1)) {
            if let Some(name) = line.trim().strip_prefix("macro_rules! ").filter(|_| export.contains("macro_export")) {
                homes.insert(name.trim_end_matches(" {").to_string(), module.clone());
            }
        }
        if file.path == "src/lib.rs" {
            for statement in code(&file.text).split(';').filter_map(|s| s.trim().split_once("pub use ")) {
                let (module, names) = statement.1.split_once("::").unwrap_or((statement.1, ""));
                let names = names.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|name| !name.is_empty());
                homes.extend(names.map(|name| (name.to_string(), module.to_string())));
            }
        }
    }
    homes
}

fn module_of(path: &str) -> &str {
    path.strip_prefix("src/").unwrap_or(path).split(['/', '.']).next().unwrap_or_default()
}

/// The first part of every path that starts at the crate's root.
fn uses(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, start) in code.match_indices("crate::") {
        let rest = &code[at + start.len()..];
        let word = |text: &str| text.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().map(String::from);
        match rest.strip_prefix('{') {
            None => found.extend(word(rest)),
            Some(list) => {
                let (mut depth, mut item) = (0, String::new());
                for c in list.chars() {
                    match c {
                        '}' if depth == 0 => break,
                        ',' if depth == 0 => found.extend(word(&std::mem::take(&mut item))),
                        _ => item.push(c),
                    }
                    depth += i32::from(c == '{') - i32::from(c == '}');
                }
                found.extend(word(&item));
            }
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

fn breaches(path: &str, text: &str, homes: &BTreeMap<String, String>) -> Vec<String> {
    let own = module_of(path);
    if own == "lib" || own == "prelude" {
        return Vec::new();
    }
    let Some(row) = layer(own) else { return vec![format!("module {own} has no layer")] };
    let may_use = |name: &str| {
        let module = homes.get(name).map_or(name, String::as_str);
        module == own || layer(module).is_some_and(|other| other < row || (row == 0 && other == 0))
    };
    uses(&code(text)).into_iter().filter(|name| !may_use(name)).map(|name| format!("may not use `{name}`")).collect()
}

#[test]
fn every_module_uses_only_layers_above_it() {
    let homes = homes();
    let sample = "// crate::viz is not used\nuse crate::{error::Error, graph::{Tape, Var}, Reduction};\nfn f() { crate::nn::g(); }\n";
    assert_eq!(uses(&code(sample)), ["error", "graph", "Reduction", "nn"]);
    assert_eq!(breaches("src/kernel/map.rs", sample, &homes).len(), 3);
    assert_eq!(breaches("src/train/mod.rs", sample, &homes).len(), 0);
    assert_eq!(breaches("src/data/mod.rs", "use crate::optim::Sgd;", &homes).len(), 1, "of the same row only itself");
    assert_eq!(breaches("src/other.rs", "", &homes).len(), 1);

    let found = complaints(|path, text| breaches(path, text, &homes));
    assert!(found.is_empty(), "{found}");
}

// ---- unsafe, unwrap, leftovers -----------------------------------------------------------------------------------------

fn unsafe_code(path: &str, text: &str) -> Vec<String> {
    let allowed = path.starts_with("src/kernel/") || path == "src/storage.rs";
    let (code, written): (String, Vec<&str>) = (code(text), text.lines().collect());
    let mut found = Vec::new();
    for (i, line) in code.lines().enumerate() {
        // The type of an unsafe function is no use of one.
        let Some(at) = line.find("unsafe ").filter(|&at| !line[at..].starts_with("unsafe fn(")) else { continue };
        let is_declaration = line[at..].starts_with("unsafe fn");
        let above = written[..i].iter().rev().map(|line| line.trim());
        let argued = above.take_while(|l| l.starts_with("//") || l.starts_with("#[") || !l.ends_with([';', '{', '}']));
        let mut argued = argued.chain(i.checked_sub(1).map(|i| written[i].trim()));
        if !allowed {
            found.push(format!("line {}: unsafe outside kernel/ and storage.rs", i + 1));
        } else if !is_declaration && !argued.any(|line| line.starts_with("// SAFETY:")) {
            found.push(format!("line {}: unsafe without `// SAFETY:`", i + 1));
        }
    }
    found
}

#[test]
fn unsafe_code_is_in_kernels_and_argued_for() {
    let good = "// SAFETY: it is in bounds.\nunsafe { f() }\n/// As `unsafe { }` is.\ntype F = unsafe fn(usize);\n";
    let bad = "let x = 1;\nunsafe { f() }\n";
    assert_eq!(unsafe_code("src/kernel/x.rs", good).len(), 0);
    assert_eq!(unsafe_code("src/kernel/x.rs", bad).len(), 1);
    assert_eq!(unsafe_code("src/ops/x.rs", good).len(), 1);

    let found = complaints(unsafe_code);
    assert!(found.is_empty(), "{found}");
}

fn unwraps(_: &str, text: &str) -> Vec<String> {
    lines(&without_tests(&code(text)), |line| line.contains(concat!(".unwrap", "()")))
}

#[test]
fn nothing_is_unwrapped_outside_tests() {
    let bad = concat!("fn f() { g().unwrap", "(); }\n");
    let good =
        format!("// {bad}/// {bad}const S: &str = \"{}\";\n#[cfg(test)]\nmod tests {{\n    {bad}}}\n", bad.trim());
    assert_eq!(unwraps("", &good).len(), 0, "{:?}", unwraps("", &good));
    assert_eq!(unwraps("", &format!("{good}{bad}")).len(), 1);

    let found = complaints(unwraps);
    assert!(found.is_empty(), "{found}");
}

fn leftovers(text: &str) -> Vec<String> {
    let marks = [concat!("#[ign", "ore"), concat!("to", "do!("), concat!("unimpl", "emented!("), concat!("db", "g!(")];
    lines(&code(text), |line| marks.iter().any(|mark| line.contains(mark)))
}

#[test]
fn nothing_is_left_undone() {
    assert_eq!(leftovers(concat!("// to", "do!()\nfn f() { to", "do!() }\n#[ign", "ore = \"slow\"]\n")).len(), 2);
    for file in ["src", "tests", "examples", "benches"].iter().flat_map(|directory| sources(directory)) {
        assert!(leftovers(&file.text).is_empty(), "{}: {:?}", file.path, leftovers(&file.text));
    }
}

// ---- docs and sizes ----------------------------------------------------------------------------------------------------

/// Public methods of `Var` whose doc lacks `Shapes:` or `# Gradient`.
fn undocumented(text: &str) -> Vec<String> {
    let (mut found, mut doc, mut in_var) = (Vec::new(), String::new(), false);
    for line in text.lines() {
        let bare = line.trim();
        if bare.starts_with("impl") && bare.ends_with('{') {
            in_var = bare.contains(" Var<'t, T> {") || bare.contains(" Var<'_, T> {");
        }
        if bare.starts_with("///") || bare.starts_with("$(#[$doc])*") {
            doc.push_str(bare);
        } else if in_var && bare.starts_with("pub fn ") {
            // An entry of the table of elementwise functions has its gradient there, which is looked at below.
            let elsewhere = |what: &str| what == "# Gradient" && doc.contains("$(#[$doc])*");
            let lacks = |what: &str| !doc.contains(what) && !elsewhere(what);
            found.extend(["Shapes:", "# Gradient"].iter().filter(|w| lacks(w)).map(|w| format!("{bare} lacks `{w}`")));
            doc.clear();
        } else if !bare.starts_with("#[") {
            doc.clear();
        }
    }
    let table =
        text.split_once("pointwise! {\n").map_or("", |(_, table)| table.split("\n}\n").next().unwrap_or_default());
    for entry in table.split("\n\n").filter(|entry| !entry.trim().is_empty() && !entry.contains("# Gradient")) {
        found.push(format!("an entry lacks `# Gradient`: {}", entry.trim().lines().next().unwrap_or_default()));
    }
    found
}

#[test]
fn every_differentiable_method_states_its_shapes_and_gradient() {
    let bad = "impl<'t, T: Float> Var<'t, T> {\n    /// Shapes: any\n    ///\n    /// # Gradient\n    #[inline]\n    pub fn f() {\n    }\n\
               \n    /// Shapes: any\n    pub fn g() {\n    }\n}\npointwise! {\n    /// # Gradient\n    a = A;\n\n    /// None\n    b = B;\n}\n";
    assert_eq!(undocumented(bad).len(), 2, "{:?}", undocumented(bad));
    let found = complaints(|path, text| {
        if path.starts_with("src/ops/") || path.ends_with("fan.rs") { undocumented(text) } else { Vec::new() }
    });
    assert!(found.is_empty(), "{found}");
}

fn untidy(_: &str, text: &str) -> Vec<String> {
    let length = text.lines().count();
    let long = (length > 600).then(|| format!("{length} lines"));
    // Put together here, so that this file names none either.
    let places = ["work", "tmp", "home", "root"].map(|directory| format!("/{directory}/"));
    long.into_iter().chain(lines(text, |line| places.iter().any(|place| line.contains(place)))).collect()
}

#[test]
fn files_are_short_and_name_no_local_path() {
    assert_eq!(untidy("", &"x\n".repeat(601)).len(), 1);
    assert_eq!(untidy("", &format!("// see /{}/x\nfine\n", "home")).len(), 1);
    let found = complaints(untidy);
    assert!(found.is_empty(), "{found}");
}
