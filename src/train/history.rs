//! What was measured in a training, epoch by epoch.

use crate::viz::curves::{Panel, svg};

/// A table with a row for each epoch and a column for each thing that was measured.
///
/// # Examples
/// ```
/// use rensa::train::History;
/// let mut history = History::default();
/// history.push(&[("loss", 2.5)]);
/// history.push(&[("loss", 1.25), ("accuracy", 0.5)]);
/// assert_eq!(history.to_csv(), "epoch,loss,accuracy\n1,2.5,\n2,1.25,0.5\n");
/// assert_eq!(history.last("accuracy"), Some(0.5));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    columns: Vec<String>,
    /// As many numbers as there are columns; none where it was not measured.
    rows: Vec<Vec<Option<f64>>>,
}

impl History {
    /// The names of what was measured.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The number of epochs.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no epoch.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds an epoch. A name that is new becomes a column.
    pub fn push(&mut self, row: &[(&str, f64)]) {
        for (name, _) in row {
            if !self.columns.iter().any(|column| column == name) {
                self.columns.push((*name).into());
                self.rows.iter_mut().for_each(|row| row.push(None));
            }
        }
        let value = |column: &String| row.iter().find(|(name, _)| name == column).map(|(_, value)| *value);
        self.rows.push(self.columns.iter().map(value).collect());
    }

    /// What was measured under a name: pairs of the epoch, counted from 1, and the value.
    pub fn series(&self, name: &str) -> Vec<(f64, f64)> {
        let Some(k) = self.columns.iter().position(|column| column == name) else { return Vec::new() };
        let epochs = (1u32..).map(f64::from);
        epochs.zip(&self.rows).filter_map(|(epoch, row)| Some((epoch, row[k]?))).collect()
    }

    /// The latest value under a name.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.series(name).last().map(|&(_, value)| value)
    }

    /// The table as comma-separated values, a line for each epoch. Numbers are written so that they are read back with the same bits.
    pub fn to_csv(&self) -> String {
        let mut text =
            format!("epoch{}\n", self.columns.iter().map(|name| format!(",{}", quoted(name))).collect::<String>());
        for (epoch, row) in (1..).zip(&self.rows) {
            let cells: String = row.iter().map(|cell| cell.map_or(",".into(), |x| format!(",{x}"))).collect();
            text.push_str(&format!("{epoch}{cells}\n"));
        }
        text
    }

    /// The table that [`History::to_csv`] has written.
    ///
    /// # Errors
    /// If it is not one: says which line is wrong.
    pub(super) fn from_csv(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let header =
            lines.next().and_then(|line| line.strip_prefix("epoch")).ok_or("no header that begins with `epoch`")?;
        let columns: Vec<String> = cells(header).map_err(|()| "a header with an open quote".to_string())?;
        let mut history = History { columns, rows: Vec::new() };
        for (number, line) in (1usize..).zip(lines) {
            let wrong = || format!("line {}: {line:?}", number + 1);
            let rest = line.strip_prefix(&number.to_string()).ok_or_else(wrong)?;
            let cells = cells(rest).map_err(|()| wrong())?;
            let number = |cell: &String| if cell.is_empty() { Ok(None) } else { cell.parse().map(Some) };
            let row: Vec<Option<f64>> = cells.iter().map(number).collect::<Result<_, _>>().map_err(|_| wrong())?;
            if row.len() != history.columns.len() {
                return Err(wrong());
            }
            history.rows.push(row);
        }
        Ok(history)
    }

    /// The table as curves, an SVG picture: what is called a loss in one panel, on a logarithmic scale, and everything else in another.
    pub fn to_svg(&self) -> String {
        let is_loss = |name: &&String| name.contains("loss");
        let series = |names: Vec<&String>| -> Vec<(String, Vec<(f64, f64)>)> {
            names.into_iter().map(|name| (name.clone(), self.series(name))).collect()
        };
        let losses = series(self.columns.iter().filter(is_loss).collect());
        let others = series(self.columns.iter().filter(|name| !is_loss(name)).collect());
        let mut panels = Vec::new();
        if !losses.is_empty() {
            panels.push(curves(Panel::new("loss", "epoch", "loss").with_log_y(), &losses));
        }
        if !others.is_empty() {
            panels.push(curves(Panel::new("scores", "epoch", "score"), &others));
        }
        svg(&panels)
    }
}

fn curves<'a>(panel: Panel<'a>, series: &'a [(String, Vec<(f64, f64)>)]) -> Panel<'a> {
    series.iter().fold(panel, |panel, (name, points)| panel.with_curve(name, points))
}

/// A name as a cell: between quotes if it has a comma or a quote in it.
fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.into() }
}

/// The cells of a line, each of which begins with a comma.
fn cells(line: &str) -> Result<Vec<String>, ()> {
    let (mut cells, mut rest) = (Vec::new(), line);
    while let Some(cell) = rest.strip_prefix(',') {
        let Some(inside) = cell.strip_prefix('"') else {
            let end = cell.find(',').unwrap_or(cell.len());
            cells.push(cell[..end].to_string());
            rest = &cell[end..];
            continue;
        };
        // A quote ends the cell unless another follows it.
        let mut chars = inside.char_indices().peekable();
        let (mut text, mut end) = (String::new(), None);
        while let Some((i, c)) = chars.next() {
            match (c, chars.peek()) {
                ('"', Some((_, '"'))) => {
                    chars.next();
                    text.push('"');
                }
                ('"', _) => {
                    end = Some(i + 1);
                    break;
                }
                _ => text.push(c),
            }
        }
        rest = &inside[end.ok_or(())?..];
        cells.push(text);
    }
    if rest.is_empty() { Ok(cells) } else { Err(()) }
}
