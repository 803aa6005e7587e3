//! A net as a table: its layers, their output shapes, and how many parameters they have.

use std::fmt;

use super::{Layer, Part, Path};
use crate::float::Float;
use crate::graph::{Note, Tape, Var};

/// `y`, the output of `layer`, told to a tape that takes note of layers.
#[inline]
pub fn noted<'t, L: ?Sized, T: Float>(layer: &L, y: Var<'t, T>) -> Var<'t, T> {
    y.tape().note(|| {
        let Layer { kind, address, .. } = Layer::of(layer);
        (kind, address, y.shape())
    });
    y
}

/// A net's layers as a table, by [`Module::summary`](super::Module::summary).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    /// The layers, in order.
    pub rows: Vec<Row>,
    /// How many parameters there are that are not frozen.
    pub trainable: usize,
}

/// A layer of a [`Summary`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The dotted name; empty for the net itself.
    pub name: String,
    /// The name of its type, as [`Layer`] prints it.
    pub kind: String,
    /// The shape of its output; none if it did not compute, or does not tell.
    pub output: Option<Vec<usize>>,
    /// How many parameters it has, those of the layers inside it included.
    pub parameters: usize,
}

/// The summary of what `walk` finds, after a run in evaluation mode.
#[track_caller]
pub(super) fn of<T: Float>(
    walk: impl Fn(&mut dyn FnMut(&Path<'_>, Part<'_, T>)),
    run: impl for<'t> FnOnce(&'t Tape<T>) -> Var<'t, T>,
) -> Summary {
    let (mut rows, mut layers, mut modes, mut trainable) = (Vec::<Row>::new(), Vec::new(), Vec::new(), 0);
    walk(&mut |path, part| match part {
        Part::Layer(layer) => {
            rows.push(Row { name: path.to_string(), kind: layer.to_string(), output: None, parameters: 0 });
            layers.push(layer);
        }
        Part::Param(param) => {
            let (name, n) = (path.to_string(), param.value.len());
            let around = |row: &&mut Row| {
                row.name.is_empty() || name.strip_prefix(&row.name).is_some_and(|rest| rest.starts_with('.'))
            };
            rows.iter_mut().filter(around).for_each(|row| row.parameters += n);
            trainable += if param.is_frozen() { 0 } else { n };
        }
        Part::Mode(mode) => modes.push(mode.is_training()),
        _ => {}
    });
    let set_modes = |modes: &mut dyn Iterator<Item = bool>| {
        walk(&mut |_, part| {
            if let Part::Mode(mode) = part
                && let Some(training) = modes.next()
            {
                mode.set_training(training);
            }
        });
    };
    set_modes(&mut std::iter::repeat(false));
    for (kind, address, shape) in notes(run) {
        // Layers without fields lie anywhere: of those of one kind the first that has not computed yet.
        let is_it = |i: &usize| layers[*i].kind == kind && rows[*i].output.is_none();
        let exact = (0..rows.len()).filter(is_it).find(|&i| layers[i].address == address);
        if let Some(i) = exact.or_else(|| (0..rows.len()).find(is_it)) {
            rows[i].output = Some(shape.to_vec());
        }
    }
    set_modes(&mut modes.into_iter());
    Summary { rows, trainable }
}

/// What layers tell while `run` computes without recording.
#[track_caller]
fn notes<T: Float>(run: impl for<'t> FnOnce(&'t Tape<T>) -> Var<'t, T>) -> Vec<Note> {
    let tape = Tape::new();
    let _paused = tape.pause();
    tape.take_notes();
    run(&tape);
    tape.notes()
}

/// `1234567` as `1,234,567`.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let (mut text, len) = (String::new(), digits.len());
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (len - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = ["name", "layer", "output", "parameters"].map(String::from);
        let cells = self.rows.iter().map(|row| {
            let name = if row.name.is_empty() { "-" } else { &row.name };
            let output = row.output.as_ref().map_or("-".into(), |shape| format!("{shape:?}"));
            [name.into(), row.kind.clone(), output, grouped(row.parameters)]
        });
        let table: Vec<[String; 4]> = [title].into_iter().chain(cells).collect();
        let width = |k: usize| table.iter().map(|row| row[k].chars().count()).max().unwrap_or(0);
        let [a, b, c, d] = [0, 1, 2, 3].map(width);
        for [name, kind, output, parameters] in &table {
            writeln!(f, "{name:a$}  {kind:b$}  {output:c$}  {parameters:>d$}")?;
        }
        let all = self.rows.first().map_or(0, |row| row.parameters);
        writeln!(f, "in all {} parameters, of which {} can be trained", grouped(all), grouped(self.trainable))
    }
}
