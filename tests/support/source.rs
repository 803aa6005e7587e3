//! The project's own source, as text to be looked at.

#![allow(dead_code, unreachable_pub, reason = "a module of tests, of which every file uses its own part")]

use std::fs;
use std::path::Path;

/// A file, by its path from the project's root.
pub struct Source {
    pub path: String,
    pub text: String,
}

/// Every `.rs` file under a directory of the project, in order.
pub fn sources(directory: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut waiting) = (Vec::new(), vec![root.join(directory)]);
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a directory of the project");
            waiting.extend(entries.map(|entry| entry.expect("an entry of it").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).expect("it is under the root").to_string_lossy().replace('\\', "/");
            found.push(Source { path: name, text: fs::read_to_string(&path).expect("a source file") });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The text with the inside of comments and string literals blanked, line by line as before.
pub fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (mut out, mut i) = (String::with_capacity(text.len()), 0);
    let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
    while i < chars.len() {
        let rest = &chars[i..];
        let end = match rest {
            ['/', '/', ..] => rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => rest.windows(2).position(|w| w == ['*', '/']).map_or(rest.len(), |at| at + 2),
            ['\'', '\\', _, '\'', ..] => 4,
            ['\'', _, '\'', ..] => 3,
            ['r', '#', '"', ..] => {
                rest.windows(2).skip(3).position(|w| w == ['"', '#']).map_or(rest.len(), |at| at + 5)
            }
            ['"', ..] => closing_quote(rest),
            _ => 0,
        };
        if end == 0 {
            out.push(chars[i]);
            i += 1;
        } else {
            out.extend(rest[..end].iter().map(|&c| blank(c)));
            i += end;
        }
    }
    out
}

fn closing_quote(rest: &[char]) -> usize {
    let mut i = 1;
    while i < rest.len() && rest[i] != '"' {
        i += if rest[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(rest.len())
}

/// Code without the items under `#[cfg(test)]`, line by line as before.
pub fn without_tests(code: &str) -> String {
    let (mut out, mut depth, mut skipping) = (String::new(), 0i32, false);
    for line in code.lines() {
        if line.trim() == "#[cfg(test)]" {
            (skipping, depth) = (true, 0);
        } else if skipping {
            depth += line.matches('{').count() as i32 - line.matches('}').count() as i32;
            let ends = line.trim_end().ends_with([';', '}', ',']) && !line.trim().starts_with('#');
            skipping = depth > 0 || !ends;
        } else {
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}
