//! Tables of numbers and classes in CSV files.
//!
//! The `csv` crate takes lines apart; what stands in them is checked here, and errors say the line and the column.
//!
//! Source: RFC 4180.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::csv::{ErrorKind, ReaderBuilder, StringRecord};

use crate::error::{Error, Result};
use crate::file;
use crate::float::Float;
use crate::tensor::Tensor;

/// How a file is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Whether the first line names the columns; otherwise they are called `0`, `1`, … `true` by default.
    pub header: bool,
    /// What stands between two cells; a comma by default.
    pub delimiter: u8,
}

impl Default for Options {
    fn default() -> Self {
        Options { header: true, delimiter: b',' }
    }
}

/// A table of cells of text, to be taken as numbers or as classes column by column.
///
/// # Examples
/// ```
/// use rensa::data::{Dataset, csv::Table};
/// let path = std::env::temp_dir().join(format!("rensa-table-{}.csv", std::process::id()));
/// std::fs::write(&path, "width,height,kind\n1.5,2,cat\n3,4.25,dog\n2,2,cat\n")?;
/// let table = Table::read(&path, Default::default())?;
/// let (labels, kinds) = table.classes("kind")?;
/// let data = Dataset::<f64>::new(table.numbers(&["height", "width"])?, labels)?;
/// assert_eq!((data.inputs.to_vec(), data.labels.to_vec()), (vec![2.0, 1.5, 4.25, 3.0, 2.0, 2.0], vec![0, 1, 0]));
/// assert_eq!(kinds, ["cat", "dog"]);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    columns: Vec<String>,
    /// The line in which each row begins.
    lines: Vec<u64>,
    /// All cells, row by row, and where each ends.
    text: String,
    ends: Vec<usize>,
}

impl Table {
    /// The table in the file at `path`.
    ///
    /// # Errors
    /// If the file cannot be read, is no UTF-8, its rows are not all as long, or two columns have the same name.
    pub fn read(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        let path = path.as_ref();
        let bytes = file::read(path)?;
        let mut reader =
            ReaderBuilder::new().has_headers(options.header).delimiter(options.delimiter).from_reader(&bytes[..]);
        let header = reader.headers().map_err(|e| malformed(path, &bytes, &e))?.clone();
        let columns: Vec<String> = if options.header {
            header.iter().map(|name| name.trim().to_string()).collect()
        } else {
            (0..header.len()).map(|i| i.to_string()).collect()
        };
        let mut names = BTreeMap::new();
        for (i, name) in columns.iter().enumerate() {
            if let Some(first) = names.insert(name, i) {
                let found = format!("`{name}` in columns {} and {}", first + 1, i + 1);
                return Err(Error::format(path, "columns of different names in line 1", found));
            }
        }
        let mut table = Table { path: path.into(), columns, lines: Vec::new(), text: String::new(), ends: Vec::new() };
        let mut row = StringRecord::new();
        while reader.read_record(&mut row).map_err(|e| malformed(path, &bytes, &e))? {
            table.lines.push(line(&bytes, row.position()));
            for cell in &row {
                table.text.push_str(cell.trim());
                table.ends.push(table.text.len());
            }
        }
        Ok(table)
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The number of rows, the header not counted.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The numbers in these columns, in this order.
    ///
    /// Shapes: `[rows, columns.len()]`.
    ///
    /// # Errors
    /// If there is no such column, or a cell is not a finite number.
    pub fn numbers<T: Float>(&self, columns: &[&str]) -> Result<Tensor<T>> {
        let at = columns.iter().map(|name| self.column(name)).collect::<Result<Vec<_>>>()?;
        let mut numbers = Vec::with_capacity(self.len().saturating_mul(at.len()));
        for row in 0..self.len() {
            for &column in &at {
                let number = self.cell(row, column).parse().ok().filter(|x: &f64| x.is_finite());
                numbers.push(T::of(number.ok_or_else(|| self.wrong("a finite number", row, column))?));
            }
        }
        Tensor::from_vec(numbers, [self.len(), at.len()])
    }

    /// The classes in this column, numbered in the order of their names, and the names.
    ///
    /// Shapes: `[rows]`.
    ///
    /// # Errors
    /// If there is no such column, or a cell is empty.
    pub fn classes(&self, column: &str) -> Result<(Tensor<usize>, Vec<String>)> {
        let column = self.column(column)?;
        let mut names = BTreeMap::new();
        for row in 0..self.len() {
            match self.cell(row, column) {
                "" => return Err(self.wrong("the name of a class", row, column)),
                name => drop(names.insert(name, 0)),
            }
        }
        names.values_mut().enumerate().for_each(|(i, class)| *class = i);
        let classes = (0..self.len()).filter_map(|row| names.get(self.cell(row, column)).copied()).collect();
        Ok((Tensor::from_vec(classes, [self.len()])?, names.into_keys().map(String::from).collect()))
    }

    fn column(&self, name: &str) -> Result<usize> {
        let at = self.columns.iter().position(|column| column == name);
        at.ok_or_else(|| {
            let found = format!("`{}`", self.columns.join("`, `"));
            Error::format(&self.path, format!("a column `{name}`"), found)
        })
    }

    /// Without spaces around it.
    fn cell(&self, row: usize, column: usize) -> &str {
        let i = row * self.columns.len() + column;
        let start = i.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[i]]
    }

    fn wrong(&self, expected: &str, row: usize, column: usize) -> Error {
        let (line, name) = (self.lines[row], &self.columns[column]);
        let expected = format!("{expected} in line {line}, column {} (`{name}`)", column + 1);
        let start: String = self.cell(row, column).chars().take(40).collect();
        Error::format(&self.path, expected, if start.is_empty() { "none".into() } else { format!("`{start}`") })
    }
}

/// The line in which a row begins: its position is where the row before ended, and there may be empty lines in between.
fn line(bytes: &[u8], position: Option<&::csv::Position>) -> u64 {
    let Some(position) = position else { return 0 };
    let start = usize::try_from(position.byte()).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
    let ends = start.iter().take_while(|&&byte| byte == b'\r' || byte == b'\n').filter(|&&byte| byte == b'\n');
    position.line() + ends.count() as u64
}

fn malformed(path: &Path, bytes: &[u8], error: &::csv::Error) -> Error {
    let line = line(bytes, error.position());
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Error::format(path, format!("{expected_len} cells in line {line}"), len.to_string())
        }
        ErrorKind::Utf8 { err, .. } => Error::format(
            path,
            format!("UTF-8 in line {line}"),
            format!("something else in column {}", err.field() + 1),
        ),
        _ => Error::format(path, "a CSV file", error.to_string()),
    }
}
