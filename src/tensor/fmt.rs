//! Printing, as NumPy prints. `Display` shows the values, `Debug` also how they lie.
//!
//! Elements are only asked for their own `Display`; whether they are numbers with a fraction is seen from what they print.

use std::fmt::{self, Display, Formatter};

use super::Tensor;

/// From more than so many elements on, only those at the edges are shown, `EDGE` at either end of each axis.
const SHOWN: usize = 1000;
const EDGE: usize = 3;

/// The width in characters at which lines are broken.
const WIDTH: usize = 75;

/// The most digits behind the point.
const DIGITS: usize = 8;

impl<T: fmt::Debug> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let more = if self.len() > 8 { ", …" } else { "" };
        write!(f, "Tensor({:?}, [", self.layout)?;
        for (i, x) in self.iter().take(8).enumerate() {
            write!(f, "{}{x:?}", if i == 0 { "" } else { ", " })?;
        }
        write!(f, "{more}])")
    }
}

/// The elements in aligned columns and nested brackets; those in the middle are left out of a large tensor. With a precision,
/// as in `{:.3}`, every number has so many digits behind the point; without, as many as the longest needs, up to 8, in
/// scientific notation where the sizes differ much.
///
/// # Examples
/// ```
/// # use rensa::tensor;
/// assert_eq!(tensor![[1.0, -2.5], [10.0, 0.25]].to_string(), "[[ 1.   -2.5 ]\n [10.    0.25]]");
/// assert_eq!(format!("{:.1}", tensor![0.5, 2.0]), "[0.5 2.0]");
/// ```
/// Source: NumPy, `numpy/_core/arrayprint.py`.
impl<T: Display> Display for Tensor<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.ndim() {
            0 => self.iter().try_for_each(|x| x.fmt(f)),
            1 if self.is_empty() => f.write_str("[]"),
            _ if self.is_empty() => write!(f, "[], shape={:?}", self.shape()),
            _ => {
                let edges = self.len() > SHOWN;
                let mut elements = Vec::new();
                collect(self, &mut Vec::new(), edges, &mut elements);
                let words = words(&elements, f.precision());
                let mut page = Page { shape: self.shape(), edges, words: words.into_iter(), text: String::new() };
                page.write(0);
                f.write_str(&page.text)
            }
        }
    }
}

/// The indices that are shown of an axis, and whether there is a gap behind the third.
fn shown(size: usize, edges: bool) -> (impl Iterator<Item = usize>, bool) {
    let gap = edges && size > 2 * EDGE;
    ((0..size).filter(move |i| !gap || *i < EDGE || *i >= size - EDGE), gap)
}

/// Appends the elements that are shown, in the order in which they are written.
fn collect<'a, T>(x: &'a Tensor<T>, index: &mut Vec<usize>, edges: bool, elements: &mut Vec<&'a T>) {
    if index.len() == x.ndim() {
        elements.extend(x.get(index));
        return;
    }
    for i in shown(x.shape()[index.len()], edges).0 {
        index.push(i);
        collect(x, index, edges, elements);
        index.pop();
    }
}

/// Text in the making: brackets, line breaks, and words of equal width.
struct Page<'a> {
    shape: &'a [usize],
    edges: bool,
    words: std::vec::IntoIter<String>,
    text: String,
}

impl Page<'_> {
    /// Writes the part of the tensor that the next words make, at the given depth of brackets.
    fn write(&mut self, depth: usize) {
        self.text.push('[');
        if depth + 1 == self.shape.len() {
            self.write_row(depth);
        } else {
            let (indices, gap) = shown(self.shape[depth], self.edges);
            for (row, _) in indices.enumerate() {
                if row > 0 {
                    self.new_rows(depth);
                }
                if gap && row == EDGE {
                    self.text.push('…');
                    self.new_rows(depth);
                }
                self.write(depth + 1);
            }
        }
        self.text.push(']');
    }

    /// As many line breaks as brackets have just closed, and the indent.
    fn new_rows(&mut self, depth: usize) {
        self.text.extend(std::iter::repeat_n('\n', self.shape.len() - depth - 1));
        self.text.extend(std::iter::repeat_n(' ', depth + 1));
    }

    /// The innermost axis; its words are broken into lines that, with the closing brackets, fit the width.
    fn write_row(&mut self, depth: usize) {
        let (indices, gap) = shown(self.shape[depth], self.edges);
        let mut row: Vec<String> = self.words.by_ref().take(indices.count()).collect();
        if gap {
            row.insert(EDGE, "…".into());
        }
        let indent = depth + 1;
        let mut column = indent;
        for (i, word) in row.iter().enumerate() {
            let width = word.chars().count() + usize::from(i > 0);
            if column > indent && column + width > WIDTH - indent {
                self.text.truncate(self.text.trim_end().len());
                self.text.push('\n');
                self.text.extend(std::iter::repeat_n(' ', indent));
                column = indent;
            } else if i > 0 {
                self.text.push(' ');
                column += 1;
            }
            self.text.push_str(word);
            column += word.chars().count();
        }
    }
}

/// The elements as words of equal width.
fn words<T: Display>(elements: &[&T], precision: Option<usize>) -> Vec<String> {
    let plain = || elements.iter().map(|x| x.to_string()).collect();
    let words: Vec<String> = match precision {
        Some(digits) => elements.iter().map(|x| format!("{x:.digits$}")).collect(),
        None => numbers(elements).map_or_else(plain, |numbers| align_numbers(&numbers)),
    };
    let width = words.iter().map(|word| word.chars().count()).max().unwrap_or(0);
    words.into_iter().map(|word| format!("{word:>width$}")).collect()
}

/// A number with a fraction, or one that is not finite.
struct Number<'a> {
    shortest: String,
    /// The number rounded to so many digits behind the point.
    rounded: Box<dyn Fn(usize) -> String + 'a>,
    value: f64,
}

/// The elements as numbers, if each prints as one and one prints a fraction when asked to, as integers do not.
fn numbers<'a, T: Display>(elements: &[&'a T]) -> Option<Vec<Number<'a>>> {
    let number = |&x: &&'a T| {
        let shortest = x.to_string();
        let value = shortest.parse().ok()?;
        Some(Number { shortest, rounded: Box::new(move |digits| format!("{x:.digits$}")), value })
    };
    let numbers: Vec<Number> = elements.iter().map(number).collect::<Option<_>>()?;
    let fraction = |n: &Number| !n.value.is_finite() || (n.rounded)(1).contains('.');
    numbers.iter().all(fraction).then_some(numbers)
}

/// The numbers with their points below each other.
fn align_numbers(numbers: &[Number]) -> Vec<String> {
    let sizes = || numbers.iter().map(|n| n.value.abs()).filter(|v| v.is_finite() && *v != 0.0);
    let (largest, smallest) = (sizes().fold(0.0, f64::max), sizes().fold(f64::INFINITY, f64::min));
    let scientific = largest >= 1e8 || smallest < 1e-4 || largest / smallest > 1000.0;
    let parts: Vec<Option<[String; 3]>> = numbers
        .iter()
        .map(|n| n.value.is_finite().then(|| if scientific { n.scientific() } else { n.positional() }))
        .collect();
    let longest = |part: usize| parts.iter().flatten().map(|p| p[part].len()).max().unwrap_or(0);
    let (whole, fraction, exponent) = (longest(0), longest(1), longest(2));
    let word = |(n, parts): (&Number, &Option<[String; 3]>)| match parts {
        None => n.shortest.clone(),
        Some([w, f, e]) if scientific => {
            let (sign, size) = e.split_at(1);
            format!("{w:>whole$}.{f:0<fraction$}e{sign}{size:0>width$}", width = exponent - 1)
        }
        Some([w, f, _]) => format!("{w:>whole$}.{f:<fraction$}"),
    };
    numbers.iter().zip(&parts).map(word).collect()
}

impl Number<'_> {
    /// What stands before the point and behind it, the shortest that reads back as the same number, or rounded.
    fn positional(&self) -> [String; 3] {
        let (whole, fraction) = self.shortest.split_once('.').unwrap_or((&self.shortest, ""));
        if fraction.len() <= DIGITS {
            return [whole.into(), fraction.into(), String::new()];
        }
        let rounded = (self.rounded)(DIGITS);
        let (whole, fraction) = rounded.split_once('.').unwrap_or((&rounded, ""));
        [whole.into(), fraction.trim_end_matches('0').into(), String::new()]
    }

    /// The digit before the point, those behind it, and the exponent with its sign and at least two digits.
    fn scientific(&self) -> [String; 3] {
        let (digits, exponent) = significant(&self.shortest);
        let (digits, exponent) = if digits.len() <= DIGITS + 1 {
            (digits, exponent)
        } else {
            let behind = DIGITS as isize - exponent;
            let (digits, exponent) = significant(&(self.rounded)(behind.max(0) as usize));
            round(digits, exponent)
        };
        let sign = if self.shortest.starts_with('-') { "-" } else { "" };
        let (first, rest) = digits.split_at(digits.len().min(1));
        let first = if first.is_empty() { "0" } else { first };
        [format!("{sign}{first}"), rest.into(), format!("{exponent:+03}")]
    }
}

/// The digits of a decimal number from its first to its last that is not 0, and the power of ten of the first.
fn significant(decimal: &str) -> (String, isize) {
    let unsigned = decimal.trim_start_matches('-');
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = format!("{whole}{fraction}");
    let zeros = digits.len() - digits.trim_start_matches('0').len();
    let significant = digits.trim_matches('0').to_string();
    let exponent = if significant.is_empty() { 0 } else { whole.len() as isize - 1 - zeros as isize };
    (significant, exponent)
}

/// At most one digit more than [`DIGITS`], rounded to even.
fn round(digits: String, exponent: isize) -> (String, isize) {
    if digits.len() <= DIGITS + 1 {
        return (digits, exponent);
    }
    let (kept, rest) = digits.split_at(DIGITS + 1);
    let kept: u64 = kept.bytes().fold(0, |n, digit| 10 * n + u64::from(digit - b'0'));
    let up = rest > "5" || (rest == "5" && kept % 2 == 1);
    let rounded = (kept + u64::from(up)).to_string();
    let carried = (rounded.len() - (DIGITS + 1)) as isize;
    (rounded.trim_end_matches('0').into(), exponent + carried)
}
