//! What an equation of `einsum` says: a label for every axis.

use std::fmt;

use crate::shape::Shape;

/// Names an axis, in all operands that have it.
pub(super) type Label = u32;

/// Labels from here on stand for the axes of an ellipsis, counted from the last one.
const ELLIPSIS: Label = u32::MAX / 2;

/// The axes of the operands and of the result, by label, and the size of each.
#[derive(Debug)]
pub(super) struct Labels {
    pub(super) inputs: Vec<Vec<Label>>,
    pub(super) output: Vec<Label>,
    pub(super) sizes: Vec<(Label, usize)>,
}

/// An equation, with the shapes that it is to fit, for messages.
struct Equation<'a> {
    text: &'a str,
    shapes: &'a [Shape],
}

impl fmt::Display for Equation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "einsum: \"{}\" of ", self.text)?;
        for (i, shape) in self.shapes.iter().enumerate() {
            write!(f, "{}{shape:?}", if i > 0 { ", " } else { "" })?;
        }
        if self.shapes.is_empty() { write!(f, "no operand") } else { Ok(()) }
    }
}

/// Reads `text` for operands of these shapes.
///
/// # Panics
/// If it is no equation, or does not fit them, at the caller, with all of it.
#[track_caller]
pub(super) fn parse(text: &str, shapes: &[Shape]) -> Labels {
    match (Equation { text, shapes }).parse() {
        Ok(labels) => labels,
        Err(problem) => panic!("{}: {problem}", Equation { text, shapes }),
    }
}

impl Equation<'_> {
    fn parse(&self) -> Result<Labels, String> {
        let text: String = self.text.chars().filter(|c| !c.is_whitespace()).collect();
        let (left, right) = match text.split_once("->") {
            Some((left, right)) => (left, Some(right)),
            None => (&text[..], None),
        };
        let parts: Vec<&str> = left.split(',').collect();
        if parts.len() != self.shapes.len() {
            return Err(format!("it names {} operands, there are {}", parts.len(), self.shapes.len()));
        }
        let mut inputs = Vec::with_capacity(parts.len());
        for (part, shape) in parts.iter().zip(self.shapes) {
            inputs.push(labels_of(part, shape)?);
        }
        let sizes = self.sizes(&inputs)?;
        let ellipsis = sizes.iter().map(|&(label, _)| label).filter(|&label| label >= ELLIPSIS).max();
        let output = match right {
            Some(right) => output_of(right, ellipsis, &sizes)?,
            None => implicit_output(&inputs, ellipsis),
        };
        Ok(Labels { inputs, output, sizes })
    }

    /// The size of every label: one for each letter, and what the sizes of an ellipsis broadcast to.
    fn sizes(&self, inputs: &[Vec<Label>]) -> Result<Vec<(Label, usize)>, String> {
        let mut sizes: Vec<(Label, usize)> = Vec::new();
        for (labels, shape) in inputs.iter().zip(self.shapes) {
            for (&label, &size) in labels.iter().zip(shape.iter()) {
                match sizes.iter_mut().find(|(known, _)| *known == label) {
                    None => sizes.push((label, size)),
                    Some((_, known)) if *known == size => {}
                    Some((_, known)) if label >= ELLIPSIS && *known == 1 => *known = size,
                    Some(_) if label >= ELLIPSIS && size == 1 => {}
                    Some((_, known)) => {
                        return Err(format!("{} has size {known} and size {size}", name(label)));
                    }
                }
            }
        }
        Ok(sizes)
    }
}

/// How a message calls a label.
fn name(label: Label) -> String {
    match char::from_u32(label) {
        Some(letter) if label < ELLIPSIS => format!("'{letter}'"),
        _ => format!("axis {} of the ellipsis", -1 - (label - ELLIPSIS) as isize),
    }
}

/// The labels of letters.
fn letters(text: &str) -> Result<Vec<Label>, String> {
    match text.chars().find(|c| !c.is_ascii_alphabetic()) {
        Some(other) => Err(format!("'{other}' is no letter")),
        None => Ok(text.chars().map(Label::from).collect()),
    }
}

/// The labels of an ellipsis of `n` axes.
fn ellipsis(n: usize) -> impl Iterator<Item = Label> {
    (0..n as Label).rev().map(|axis| ELLIPSIS + axis)
}

/// The labels of the axes of an operand.
fn labels_of(part: &str, shape: &Shape) -> Result<Vec<Label>, String> {
    let Some((before, behind)) = part.split_once("...") else {
        let labels = letters(part)?;
        let fits = labels.len() == shape.ndim();
        return if fits { Ok(labels) } else { Err(format!("\"{part}\" does not name the axes of {shape:?}")) };
    };
    let (before, behind) = (letters(before)?, letters(behind)?);
    match shape.ndim().checked_sub(before.len() + behind.len()) {
        Some(n) => Ok(before.into_iter().chain(ellipsis(n)).chain(behind).collect()),
        None => Err(format!("\"{part}\" names more axes than {shape:?} has")),
    }
}

/// The labels of a result that is written out; `last` is the one farthest to the left in the longest ellipsis.
fn output_of(text: &str, last: Option<Label>, sizes: &[(Label, usize)]) -> Result<Vec<Label>, String> {
    let count = last.map_or(0, |label| (label - ELLIPSIS) as usize + 1);
    let output: Vec<Label> = match text.split_once("...") {
        None => letters(text)?,
        Some((before, behind)) => letters(before)?.into_iter().chain(ellipsis(count)).chain(letters(behind)?).collect(),
    };
    for (i, &label) in output.iter().enumerate() {
        if output[..i].contains(&label) {
            return Err(format!("{} stands twice in the result", name(label)));
        }
        if !sizes.iter().any(|&(known, _)| known == label) {
            return Err(format!("{} of the result is in no operand", name(label)));
        }
    }
    Ok(output)
}

/// The axes of the ellipsis, and the letters that stand once, in the order of the alphabet.
fn implicit_output(inputs: &[Vec<Label>], last: Option<Label>) -> Vec<Label> {
    let mut all: Vec<Label> = inputs.iter().flatten().copied().filter(|&label| label < ELLIPSIS).collect();
    all.sort_unstable();
    let once = all.chunk_by(|a, b| a == b).filter(|same| same.len() == 1).map(|same| same[0]);
    ellipsis(last.map_or(0, |label| (label - ELLIPSIS) as usize + 1)).chain(once).collect()
}
