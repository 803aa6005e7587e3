//! Line charts as one standalone SVG string: losses, accuracies, learning rates.
//!
//! Knows pairs of numbers and text; no tensor, no tape, no file. A chart never fails: points that cannot be drawn break
//! their line, and panels without any data still have axes. Equal panels give equal bytes.
//!
//! Source of the colours: Okabe and Ito, Color Universal Design (2008).

mod axis;
mod text;

use std::ops::Range;

use axis::{Axis, Tick};
use text::{columns, escaped, shortened};

/// Width and height of a panel, in pixels.
const PANEL: (f64, f64) = (430.0, 290.0);
/// Free space above, right of and below the frame, in pixels; the space left of it depends on the tick labels.
const TOP: f64 = 34.0;
const RIGHT: f64 = 20.0;
const BOTTOM: f64 = 48.0;
/// Average width of a letter of tick labels and legends, in pixels: no font is at hand to measure.
const EM: f64 = 6.6;
/// Points a curve may have before it is thinned out, and the number of buckets it is thinned to, at four points each.
const MOST: usize = 2000;
const BUCKETS: usize = 500;
/// Names a legend spells out.
const NAMES: usize = 8;
/// The magnitude up to which values are drawn, so that no difference or padding overflows.
const LARGE: f64 = 1e280;
/// Where a logarithmic axis can start.
const SMALL: f64 = 1e-280;
/// Okabe and Ito's colours, those with the most contrast on white first.
const COLOURS: [&str; 8] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442"];
/// Dashes that tell curves apart once the colours repeat.
const DASHES: [&str; 3] = ["", " stroke-dasharray=\"6 3\"", " stroke-dasharray=\"2 2\""];

/// A named sequence of points, joined in their order.
///
/// A point that is not finite (or not positive, on a logarithmic axis) breaks the line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Curve<'a> {
    /// What the legend calls it; a curve without a name is not in the legend.
    pub name: &'a str,
    /// The pairs `(x, y)`.
    pub points: &'a [(f64, f64)],
}

/// One chart: curves that share their axes.
///
/// # Examples
/// ```
/// use rensa::viz::curves::{Panel, svg};
///
/// let loss: Vec<_> = (0..100).map(|i| (f64::from(i), (-0.05 * f64::from(i)).exp())).collect();
/// let panel = Panel::new("Loss", "step", "cross-entropy (nats)").with_curve("train", &loss).with_log_y();
/// assert!(svg(&[panel]).starts_with("<svg"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Panel<'a> {
    /// The text above the frame.
    pub title: &'a str,
    /// What the horizontal axis counts, with its unit.
    pub x_label: &'a str,
    /// What the vertical axis measures, with its unit.
    pub y_label: &'a str,
    /// The curves, the first one drawn lowest.
    pub curves: Vec<Curve<'a>>,
    /// Whether the vertical axis is logarithmic.
    pub log_y: bool,
    /// Points that a moving mean takes in: it is drawn over each curve, which pales. None at 0 or 1.
    pub smooth: usize,
}

impl<'a> Panel<'a> {
    /// A chart without curves, both of its axes linear.
    pub fn new(title: &'a str, x_label: &'a str, y_label: &'a str) -> Self {
        Panel { title, x_label, y_label, ..Panel::default() }
    }

    /// The same chart with one more curve.
    pub fn with_curve(mut self, name: &'a str, points: &'a [(f64, f64)]) -> Self {
        self.curves.push(Curve { name, points });
        self
    }

    /// The same chart with a logarithmic vertical axis.
    pub fn with_log_y(mut self) -> Self {
        self.log_y = true;
        self
    }

    /// The same chart with the moving mean of `window` points over each curve.
    pub fn with_smooth(mut self, window: usize) -> Self {
        self.smooth = window;
        self
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.curves.iter().flat_map(|curve| curve.points).copied().filter(|&point| self.can_draw(point))
    }

    fn can_draw(&self, (x, y): (f64, f64)) -> bool {
        x.abs() <= LARGE && y.abs() <= LARGE && (!self.log_y || y >= SMALL)
    }
}

/// The panels side by side, as the text of an SVG file.
///
/// Curves of more than 2000 points are thinned to the first, lowest, highest and last point of each of 500 stretches,
/// which at this size looks the same.
///
/// Source of the thinning: Jugel, Jerzak, Hackenbroich and Markl, M4: A Visualization-Oriented Time Series Data
/// Aggregation (2014).
pub fn svg(panels: &[Panel<'_>]) -> String {
    let axes: Vec<_> = panels.iter().map(Axes::new).collect();
    // One left margin for all panels, so that their frames are of one size.
    let digits = axes.iter().flat_map(|axes| axes.y.ticks()).map(|tick| columns(&tick.label)).max().unwrap_or(0);
    let left = 34.0 + EM * digits as f64;
    let (width, height) = (PANEL.0 * panels.len().max(1) as f64, PANEL.1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" \
         font-size=\"11\" fill=\"#333\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (i, (panel, axes)) in panels.iter().zip(axes).enumerate() {
        out += &format!("<g transform=\"translate({},0)\">\n", PANEL.0 * i as f64);
        let frame = Area { left, top: TOP, right: PANEL.0 - RIGHT, bottom: PANEL.1 - BOTTOM };
        Chart { panel, axes, frame }.draw(&mut out);
        out += "</g>\n";
    }
    out + "</svg>\n"
}

struct Axes {
    x: Axis,
    y: Axis,
}

impl Axes {
    fn new(panel: &Panel<'_>) -> Self {
        let y = panel.points().map(|point| point.1);
        Axes {
            x: Axis::snapped(panel.points().map(|point| point.0)),
            y: if panel.log_y { Axis::log(y) } else { Axis::padded(y) },
        }
    }
}

/// A place in a panel, in pixels from its upper left corner.
type Place = (f64, f64);

#[derive(Clone, Copy)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Area {
    fn contains(&self, (x, y): Place) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }
}

struct Chart<'a> {
    panel: &'a Panel<'a>,
    axes: Axes,
    frame: Area,
}

impl Chart<'_> {
    fn draw(&self, out: &mut String) {
        let grid = "stroke=\"#e4e4e4\" stroke-width=\"0.8\"";
        self.vertical_axis(out, grid);
        self.horizontal_axis(out, grid);
        self.titles(out);
        let traces: Vec<_> = self.panel.curves.iter().map(|curve| self.trace(curve.points)).collect();
        self.curves(out, &traces);
        let Area { left, top, right, bottom } = self.frame;
        let spine = format!("M{left:.1} {top:.1}V{bottom:.1}H{right:.1}");
        *out += &format!("<path d=\"{spine}\" fill=\"none\" stroke=\"#333\" stroke-width=\"0.9\"/>\n");
        self.legend(out, &traces);
    }

    fn vertical_axis(&self, out: &mut String, grid: &str) {
        let Area { left, right, .. } = self.frame;
        for Tick { value, label } in self.axes.y.ticks() {
            let y = self.y(value);
            // An exponent follows `^`; not every viewer knows how to shift a baseline, every one knows `dy`.
            let (base, power) = label.split_once('^').unwrap_or((&label, ""));
            let power = match power {
                "" => String::new(),
                power => format!("<tspan dy=\"-4\" font-size=\"8.5\">{power}</tspan>"),
            };
            *out += &format!(
                "<path d=\"M{left:.1} {y:.1}H{right:.1}\" {grid}/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{base}{power}</text>\n",
                left - 6.0,
                y + 4.0
            );
        }
    }

    fn horizontal_axis(&self, out: &mut String, grid: &str) {
        let Area { left, top, right, bottom } = self.frame;
        let ticks = self.axes.x.ticks();
        let widest = ticks.iter().map(|tick| columns(&tick.label)).max().unwrap_or(0);
        // Long labels, of large numbers that differ by little, would run into each other.
        let stride = ((widest + 2) as f64 * EM * ticks.len() as f64 / (right - left)).ceil() as usize;
        for (i, Tick { value, label }) in ticks.into_iter().enumerate() {
            let x = self.x(value);
            *out += &format!("<path d=\"M{x:.1} {top:.1}V{bottom:.1}\" {grid}/>\n");
            if i % stride.max(1) == 0 {
                let place = format!("x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\"", bottom + 15.0);
                *out += &format!("<text {place}>{label}</text>\n");
            }
        }
    }

    fn titles(&self, out: &mut String) {
        let Area { left, top, right, bottom } = self.frame;
        let (middle, centre) = ((left + right) / 2.0, (top + bottom) / 2.0);
        let mut text = |text: &str, place: &str, size: f64, room: f64| {
            let text = escaped(&shortened(text, (room * 11.0 / (EM * size)) as usize));
            *out += &format!("<text {place} text-anchor=\"middle\" font-size=\"{size}\">{text}</text>\n");
        };
        text(self.panel.title, &format!("x=\"{middle:.1}\" y=\"20\" font-weight=\"bold\""), 13.0, right - left);
        text(self.panel.x_label, &format!("x=\"{middle:.1}\" y=\"{:.1}\"", PANEL.1 - 12.0), 12.0, right - left);
        text(self.panel.y_label, &format!("transform=\"translate(17,{centre:.1}) rotate(-90)\""), 12.0, bottom - top);
    }

    fn curves(&self, out: &mut String, traces: &[Trace]) {
        for (i, (curve, trace)) in self.panel.curves.iter().zip(traces).enumerate() {
            *out += &format!("<g>\n<title>{}</title>\n", escaped(curve.name));
            match &trace.mean {
                Some(mean) => {
                    lines(out, &trace.line, colour(i), "stroke-width=\"0.7\" opacity=\"0.3\"");
                    lines(out, mean, colour(i), &format!("stroke-width=\"1.8\"{}", dashes(i)));
                }
                None => {
                    let width = if curve.points.len() > MOST { 0.8 } else { 1.5 };
                    lines(out, &trace.line, colour(i), &format!("stroke-width=\"{width}\"{}", dashes(i)));
                }
            }
            *out += "</g>\n";
        }
    }

    /// The names, in the corner that the curves leave the most free.
    fn legend(&self, out: &mut String, traces: &[Trace]) {
        let named: Vec<_> = self.panel.curves.iter().enumerate().filter(|(_, curve)| !curve.name.is_empty()).collect();
        let mut names: Vec<_> = named.iter().take(NAMES).map(|(_, curve)| shortened(curve.name, 24)).collect();
        if named.len() > NAMES {
            names.push(format!("… and {} more", named.len() - NAMES));
        }
        let Some(longest) = names.iter().map(|name| columns(name)).max() else { return };
        let size = (38.0 + EM * longest as f64, 6.0 + 16.0 * names.len() as f64);
        let Area { left, top, right, bottom } = self.emptiest_corner(size, traces);
        *out += &format!(
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"2\" fill=\"#fff\" \
             fill-opacity=\"0.85\"/>\n",
            right - left,
            bottom - top
        );
        for (row, name) in names.iter().enumerate() {
            let y = top + 11.0 + 16.0 * row as f64;
            if let Some(&(i, _)) = named.get(row).filter(|_| row < NAMES) {
                let stroke = format!("stroke=\"{}\" stroke-width=\"1.8\"{}", colour(i), dashes(i));
                *out += &format!("<path d=\"M{:.1} {y:.1}h20\" {stroke}/>\n", left + 6.0);
            }
            *out += &format!("<text x=\"{:.1}\" y=\"{:.1}\">{}</text>\n", left + 32.0, y + 4.0, escaped(name));
        }
    }

    fn emptiest_corner(&self, (width, height): (f64, f64), traces: &[Trace]) -> Area {
        let Area { left, top, right, bottom } = self.frame;
        let across = [right - 4.0 - width, left + 6.0];
        let down = [top + 4.0, bottom - 6.0 - height];
        let corners = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(x, y)| Area {
            left: across[x],
            right: across[x] + width,
            top: down[y],
            bottom: down[y] + height,
        });
        let crowd = |corner: &Area| traces.iter().map(|trace| trace.length_in(corner)).sum::<usize>();
        corners.into_iter().min_by_key(crowd).unwrap_or(self.frame)
    }

    fn trace(&self, points: &[(f64, f64)]) -> Trace {
        let places: Vec<_> = points.iter().map(|&point| self.place(point)).collect();
        let kept = thinned(&places);
        let mean = (self.panel.smooth > 1)
            .then(|| kept.iter().map(|&i| places[i].and_then(|_| self.place(self.mean_at(points, i)))).collect());
        Trace { line: kept.iter().map(|&i| places[i]).collect(), mean }
    }

    /// The mean of the window around point `i`, at its `x`.
    ///
    /// The window shrinks on both sides where the curve begins, because a loss falls steeply there and half a window
    /// would start too low; where the curve ends it shrinks on one, or its last point would be as noisy as the data.
    fn mean_at(&self, points: &[(f64, f64)], i: usize) -> (f64, f64) {
        let half = (self.panel.smooth / 2).min(i);
        let window = &points[i - half..(i + half + 1).min(points.len())];
        let drawn = || window.iter().filter(|&&point| self.panel.can_draw(point));
        let count = drawn().count() as f64;
        (points[i].0, drawn().map(|point| point.1 / count).sum())
    }

    fn place(&self, point: (f64, f64)) -> Option<Place> {
        self.panel.can_draw(point).then(|| (self.x(point.0), self.y(point.1)))
    }

    fn x(&self, value: f64) -> f64 {
        self.frame.left + self.axes.x.fraction(value) * (self.frame.right - self.frame.left)
    }

    fn y(&self, value: f64) -> f64 {
        self.frame.bottom - self.axes.y.fraction(value) * (self.frame.bottom - self.frame.top)
    }
}

/// What is drawn of one curve, `None` where a line breaks.
struct Trace {
    line: Vec<Option<Place>>,
    mean: Option<Vec<Option<Place>>>,
}

impl Trace {
    /// How much of the line lies in `area`, in sixteenths of its segments.
    fn length_in(&self, area: &Area) -> usize {
        let between = |(a, b): (Place, Place), t: f64| (a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1));
        let segments = self.line.windows(2).filter_map(|pair| pair[0].zip(pair[1]));
        segments.map(|ends| (0..16).filter(|&k| area.contains(between(ends, f64::from(k) / 16.0))).count()).sum()
    }
}

fn colour(i: usize) -> &'static str {
    COLOURS[i % COLOURS.len()]
}

fn dashes(i: usize) -> &'static str {
    DASHES[i / COLOURS.len() % DASHES.len()]
}

/// The unbroken runs as polylines, and points that stand alone as dots.
fn lines(out: &mut String, trace: &[Option<Place>], colour: &str, style: &str) {
    for run in trace.split(Option::is_none) {
        if let &[Some((x, y))] = run {
            *out += &format!("<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"2\" fill=\"{colour}\"/>\n");
        } else if !run.is_empty() {
            let points: Vec<_> = run.iter().flatten().map(|(x, y)| format!("{x:.2},{y:.2}")).collect();
            let (points, join) = (points.join(" "), "fill=\"none\" stroke-linejoin=\"round\"");
            *out += &format!("<polyline points=\"{points}\" stroke=\"{colour}\" {join} {style}/>\n");
        }
    }
}

/// Which places to draw: all, or those of each bucket that its pixels depend on.
fn thinned(places: &[Option<Place>]) -> Vec<usize> {
    let n = places.len();
    if n <= MOST {
        return (0..n).collect();
    }
    let size = n.div_ceil(BUCKETS);
    (0..n).step_by(size).flat_map(|start| outline(places, start..n.min(start + size))).collect()
}

/// The first, highest, lowest and last place of a bucket, and a break if there is one.
fn outline(places: &[Option<Place>], bucket: Range<usize>) -> Vec<usize> {
    let drawn = || bucket.clone().filter_map(|i| places[i].map(|place| (i, place.1)));
    let highest = drawn().min_by(|a, b| a.1.total_cmp(&b.1));
    let lowest = drawn().max_by(|a, b| a.1.total_cmp(&b.1));
    let ends = [drawn().next(), highest, lowest, drawn().next_back()];
    let gap = bucket.clone().find(|&i| places[i].is_none());
    let mut kept: Vec<_> = ends.iter().flatten().map(|drawn| drawn.0).chain(gap).collect();
    kept.sort_unstable();
    kept.dedup();
    kept
}
