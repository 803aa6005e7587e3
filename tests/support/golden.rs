//! Golden values, as the scripts in `tests/golden/` write them.
//!
//! One tensor a line, `name sizes... | values...`, row-major; a scalar has no sizes; lines that begin with `#` are
//! comments. Values are `f64` as the shortest text that reads back as the same bits, or `inf`, `-inf`, `nan`.

use std::collections::BTreeMap;

/// Shape and values of each tensor, by name.
///
/// # Panics
/// With the number of the line, if one is malformed, has more or fewer values than its shape holds, or repeats a name.
pub(crate) fn load(text: &str) -> BTreeMap<String, (Vec<usize>, Vec<f64>)> {
    let mut tensors = BTreeMap::new();
    for (i, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, shape, values) = tensor(line).unwrap_or_else(|problem| panic!("golden line {}: {problem}", i + 1));
        let earlier = tensors.insert(name.clone(), (shape, values));
        assert!(earlier.is_none(), "golden line {}: `{name}` is there already", i + 1);
    }
    tensors
}

fn tensor(line: &str) -> Result<(String, Vec<usize>, Vec<f64>), String> {
    let (head, values) = line.split_once('|').ok_or("no `|` between the sizes and the values")?;
    let mut head = head.split_whitespace();
    let name = head.next().ok_or("no name")?.to_string();
    let size = |word: &str| word.parse().map_err(|_| format!("`{name}` has `{word}` for a size"));
    let shape: Vec<usize> = head.map(size).collect::<Result<_, _>>()?;
    let value = |word: &str| word.parse().map_err(|_| format!("`{name}` has `{word}` for a value"));
    let values: Vec<f64> = values.split_whitespace().map(value).collect::<Result<_, _>>()?;
    let len: usize = shape.iter().product();
    if values.len() == len {
        Ok((name, shape, values))
    } else {
        Err(format!("`{name}` has {} values where {shape:?} holds {len}", values.len()))
    }
}
