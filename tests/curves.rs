//! Charts: well-formed files, marks inside their frames, no extreme lost, nothing broken by odd data or odd names.

use std::collections::BTreeMap;

use rensa::viz::curves::{Curve, Panel, svg};

/// One tag with its attributes, and the text that follows it.
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
}

impl Element {
    fn number(&self, attribute: &str) -> f64 {
        self.attributes[attribute].parse().expect("a number")
    }

    /// The points of a polyline.
    fn points(&self) -> Vec<(f64, f64)> {
        let pair = |text: &str| {
            let (x, y) = text.split_once(',').expect("a comma between x and y");
            (x.parse().expect("x"), y.parse().expect("y"))
        };
        self.attributes["points"].split(' ').map(pair).collect()
    }
}

/// The elements of a file in the order of their opening tags.
///
/// Panics unless tags balance, attributes are quoted and named once, and every entity is one of XML's own.
fn elements(xml: &str) -> Vec<Element> {
    let (mut open, mut found) = (Vec::new(), Vec::new());
    assert!(xml.starts_with('<') && xml.trim_end().ends_with('>'), "text outside of the root");
    for piece in xml.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').expect("an unclosed tag");
        assert!(!text.contains('>'), "a raw > in {text:?}");
        entities(text);
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "the closing tag");
            assert!(!open.is_empty() || text.trim().is_empty(), "text after the root");
            continue;
        }
        let (name, rest) = tag.trim_end_matches('/').split_once(' ').unwrap_or((tag.trim_end_matches('/'), ""));
        if !tag.ends_with('/') {
            open.push(name.to_string());
        }
        found.push(Element { name: name.into(), attributes: attributes(rest), text: text.into() });
    }
    assert!(open.is_empty(), "left open: {open:?}");
    found
}

fn attributes(mut rest: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    while let Some((name, tail)) = rest.trim_start().split_once("=\"") {
        let (value, tail) = tail.split_once('"').expect("an unclosed quote");
        assert!(
            name.chars().all(|c| c.is_ascii_lowercase() || "-B:".contains(c) || c.is_ascii_alphanumeric()),
            "{name}"
        );
        entities(value);
        assert!(found.insert(name.to_string(), value.to_string()).is_none(), "{name} twice");
        rest = tail;
    }
    assert!(rest.trim().is_empty(), "not an attribute: {rest:?}");
    found
}

fn entities(text: &str) {
    for tail in text.split('&').skip(1) {
        let known = ["amp;", "lt;", "gt;", "quot;", "#39;"].iter().any(|entity| tail.starts_with(entity));
        assert!(known, "a raw & in {text:?}");
    }
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "a control character in {text:?}");
}

fn named<'a>(all: &'a [Element], name: &str) -> Vec<&'a Element> {
    all.iter().filter(|element| element.name == name).collect()
}

/// Left, top, right and bottom of the first panel's frame, from the path of its two axes.
fn frame(all: &[Element]) -> [f64; 4] {
    let spine = named(all, "path").into_iter().find(|path| path.attributes["stroke"] == "#333").expect("the axes");
    let numbers: Vec<f64> = spine.attributes["d"]
        .split(['M', ' ', 'V', 'H'])
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().expect("a coordinate"))
        .collect();
    [numbers[0], numbers[1], numbers[3], numbers[2]]
}

/// Text and vertical position of the labels left of the frame; an exponent follows `^`.
fn vertical_labels(all: &[Element]) -> Vec<(String, f64)> {
    let mut labels: Vec<(String, f64)> = Vec::new();
    for element in all {
        match labels.last_mut() {
            Some((label, _)) if element.name == "tspan" => *label += &format!("^{}", element.text),
            _ if element.attributes.get("text-anchor").is_some_and(|anchor| anchor == "end") => {
                labels.push((element.text.trim_end().to_string(), element.number("y")));
            }
            _ => {}
        }
    }
    labels
}

fn one(points: &[(f64, f64)]) -> String {
    svg(&[Panel::new("title", "x", "y").with_curve("curve", points)])
}

/// A chart of `points` is a well-formed file, and whatever it draws is inside its frame.
fn assert_sound(panel: Panel<'_>) {
    let text = svg(&[panel]);
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    let all = elements(&text);
    let [left, top, right, bottom] = frame(&all);
    let dots = named(&all, "circle").into_iter().map(|dot| (dot.number("cx"), dot.number("cy")));
    let lines = named(&all, "polyline").into_iter().flat_map(Element::points);
    for (x, y) in dots.chain(lines) {
        assert!(x >= left - 0.1 && x <= right + 0.1 && y >= top - 0.1 && y <= bottom + 0.1, "({x}, {y})");
    }
    let labels = vertical_labels(&all);
    assert!((3..=16).contains(&labels.len()), "{labels:?}");
    // Labels stand 4 pixels below what they mark.
    assert!(labels.iter().all(|(_, y)| (top..=bottom).contains(&(y - 4.0))), "{labels:?}");
    assert!(labels.windows(2).all(|pair| pair[0].0 != pair[1].0 && pair[0].1 > pair[1].1), "{labels:?}");
}

#[test]
fn odd_data_gives_sound_charts() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let cases: [&[(f64, f64)]; 14] = [
        &[],
        &[(3.0, 4.0)],
        &[(0.0, 0.0)],
        &[(0.0, 2.5), (1.0, 2.5), (2.0, 2.5)],
        &[(7.0, 1.0), (7.0, 2.0)],
        &[(nan, 1.0), (2.0, nan), (inf, 3.0), (4.0, -inf)],
        &[(0.0, 1.0), (1.0, nan), (2.0, 3.0), (3.0, 2.0)],
        &[(0.0, 1e300), (1.0, -1e300), (2.0, 1.0)],
        &[(0.0, 1e279), (1.0, -1e279)],
        &[(0.0, 1e-279), (1.0, 3e-279), (2.0, 5e-324)],
        &[(0.0, 1e8), (1.0, 1e8 + 1.0)],
        &[(1e8, 1e8), (1e8, 1e8 + 1e-7)],
        &[(-3.0, -0.0), (5.0, 1e-12)],
        &[(0.0, 9.99), (1.0, 10.01), (0.5, 10.0)],
    ];
    for points in cases {
        assert_sound(Panel::new("", "", "").with_curve("", points));
        assert_sound(Panel::new("", "", "").with_curve("", points).with_log_y());
        assert_sound(Panel::new("", "", "").with_curve("", points).with_smooth(3));
    }
}

#[test]
fn every_range_has_distinct_ticks_inside_its_frame() {
    for low in [-1e12, -730.0, -1.0, -1e-5, 1e-12, 0.003, 0.97, 41.0, 12_345.0, 1e9] {
        for span in [1e-6, 0.0123, 0.1, 0.5, 1.0, 3.7, 10.0, 99.0, 1e7] {
            let points = [(0.0, low), (1.0, low + span * f64::abs(low))];
            assert_sound(Panel::new("", "", "").with_curve("", &points));
            assert_sound(Panel::new("", "", "").with_curve("", &points.map(|(x, y)| (x, y.abs()))).with_log_y());
        }
    }
}

#[test]
fn ticks_are_round_numbers() {
    let text = |points: &[(f64, f64)]| {
        let labels = vertical_labels(&elements(&one(points)));
        labels.into_iter().map(|label| label.0).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(text(&[(0.0, 0.0), (1.0, 1.0)]), "0 0.2 0.4 0.6 0.8 1.0");
    assert_eq!(text(&[(0.0, -2.0), (1.0, 2.3)]), "−2 −1 0 1 2");
    assert_eq!(text(&[(0.0, 0.0), (1.0, 60_000.0)]), "0 10k 20k 30k 40k 50k 60k");
    assert_eq!(text(&[(0.0, 0.0), (1.0, 4e-5)]), "0 1e−5 2e−5 3e−5 4e−5");
    assert_eq!(text(&[(0.0, 0.971), (1.0, 0.984)]), "0.972 0.974 0.976 0.978 0.980 0.982 0.984");
}

#[test]
fn a_logarithmic_axis_marks_powers_of_ten() {
    let labels = |low: f64, high: f64| {
        let text = svg(&[Panel::new("", "", "").with_curve("", &[(0.0, low), (1.0, high)]).with_log_y()]);
        vertical_labels(&elements(&text)).into_iter().map(|label| label.0).collect::<Vec<_>>()
    };
    assert_eq!(labels(1e-3, 1.0), ["10^−3", "10^−2", "10^−1", "10^0"]);
    assert_eq!(labels(0.03, 2.0), ["0.05", "0.1", "0.2", "0.5", "1", "2"]);
    assert_eq!(labels(2.0, 2.3), ["2.00", "2.05", "2.10", "2.15", "2.20", "2.25", "2.30"]);
    assert!(labels(1e-200, 1e200).len() < 16);
}

#[test]
fn long_labels_do_not_touch() {
    let all = elements(&one(&[(1_700_000_000.0, 0.0), (1_700_000_030.0, 1.0)]));
    let labels = all.iter().filter(|element| element.attributes.get("y").is_some_and(|y| y == "257.0"));
    let labels: Vec<_> = labels.map(|label| (label.number("x"), label.text.trim_end().chars().count())).collect();
    assert!(labels.len() >= 2, "{labels:?}");
    // Half a label on either side, at 6 pixels a digit.
    assert!(labels.windows(2).all(|pair| pair[1].0 - pair[0].0 > 6.0 * pair[0].1 as f64), "{labels:?}");
}

#[test]
fn equal_ratios_are_equal_distances_on_a_logarithmic_axis() {
    let text = svg(&[Panel::new("", "", "").with_curve("", &[(0.0, 0.01), (1.0, 0.1), (2.0, 1.0)]).with_log_y()]);
    let line = named(&elements(&text), "polyline")[0].points();
    assert!((line[0].1 - line[1].1 - (line[1].1 - line[2].1)).abs() < 0.03, "{line:?}");
}

#[test]
fn text_is_escaped() {
    let odd = "<b> & \"q\" 'a' \u{0}\u{7}\n]]>";
    let panel = Panel::new(odd, odd, odd).with_curve(odd, &[(0.0, 1.0), (1.0, 2.0)]);
    let all = elements(&svg(&[panel]));
    assert!(!all.iter().any(|element| element.name == "b"));
    let title = named(&all, "title")[0];
    assert_eq!(title.text, "&lt;b&gt; &amp; &quot;q&quot; &#39;a&#39; \u{FFFD}\u{FFFD}\u{FFFD}]]&gt;");
}

#[test]
fn long_text_is_cut_to_its_room() {
    let long = "a name that goes on and on ".repeat(1000);
    let panel = Panel::new(&long, &long, &long).with_curve(&long, &[(0.0, 1.0), (1.0, 2.0)]);
    let all = elements(&svg(&[panel]));
    let texts = named(&all, "text");
    assert_eq!(texts.iter().filter(|text| text.text.trim_end().ends_with('…')).count(), 4);
    assert!(texts.iter().all(|text| text.text.chars().count() < 80));
}

#[test]
fn a_point_that_is_not_finite_breaks_its_line() {
    let gap = [(0.0, 1.0), (1.0, 2.0), (2.0, f64::NAN), (3.0, 1.0), (4.0, f64::INFINITY), (5.0, 2.0), (6.0, 0.0)];
    let all = elements(&one(&gap));
    let lines: Vec<_> = named(&all, "polyline").iter().map(|line| line.points().len()).collect();
    assert_eq!(lines, [2, 2]);
    assert_eq!(named(&all, "circle").len(), 1, "a point between two gaps is a dot");
}

#[test]
fn a_logarithmic_axis_breaks_lines_at_zero_and_below() {
    let curve = [(0.0, 1.0), (1.0, 2.0), (2.0, 0.0), (3.0, -1.0), (4.0, 3.0), (5.0, 4.0)];
    let all = elements(&svg(&[Panel::new("", "", "").with_curve("", &curve).with_log_y()]));
    assert_eq!(named(&all, "polyline").len(), 2);
}

#[test]
fn thinning_keeps_extremes_and_ends() {
    let mut points: Vec<_> = (0..100_000).map(|i| (f64::from(i), f64::from(i % 7) * 0.01)).collect();
    (points[54_321].1, points[77_777].1, points[99_999].1) = (5.0, -5.0, 0.035);
    let all = elements(&one(&points));
    let lines = named(&all, "polyline");
    assert_eq!(lines.len(), 1);
    let (line, [left, top, right, bottom]) = (lines[0].points(), frame(&all));
    assert!((500..=2000).contains(&line.len()), "{}", line.len());
    assert!(line.windows(2).all(|pair| pair[0].0 <= pair[1].0), "out of order");
    let (first, last) = (line[0].0, line[line.len() - 1].0);
    assert!((first - left).abs() < 0.1 && (last - right).abs() < 0.1, "{first} {last}");
    let height = |fraction: f64| bottom - fraction * (bottom - top);
    let near = |x: f64, y: f64| line.iter().any(|p| (p.0 - x).abs() < 0.1 && (p.1 - y).abs() < 0.1);
    // The margins are 4 % of the range, above and below.
    assert!(near(left + 0.54321 * (right - left), height(1.04 / 1.08)), "the maximum is gone");
    assert!(near(left + 0.77777 * (right - left), height(0.04 / 1.08)), "the minimum is gone");
    // Neither the least nor the greatest of its stretch, so that only being the last keeps it.
    let data = |place: f64| (bottom - place) / (bottom - top) * 10.8 - 5.4;
    assert!((data(line[line.len() - 1].1) - 0.035).abs() < 1e-3, "the last point is gone");
}

#[test]
fn thinning_keeps_gaps_and_stays_small() {
    let gap: Vec<_> = (0..10_000).map(|i| (f64::from(i), if i / 2500 % 2 == 1 { f64::NAN } else { 1.0 })).collect();
    assert_eq!(named(&elements(&one(&gap)), "polyline").len(), 2);
    let comb: Vec<_> = (0..1_000_000).map(|i| (f64::from(i), if i % 2 == 1 { f64::NAN } else { 1.0 })).collect();
    assert!(one(&comb).len() < 200_000);
}

#[test]
fn the_moving_mean_starts_at_the_data_and_smooths_it() {
    let points: Vec<_> = (0..1000).map(|i| (f64::from(i), if i % 2 == 0 { 1.0 } else { 3.0 })).collect();
    let all = elements(&svg(&[Panel::new("", "", "").with_curve("", &points).with_smooth(101)]));
    let lines = named(&all, "polyline");
    let (raw, mean) = (lines[0].points(), lines[1].points());
    assert_eq!((raw.len(), mean.len(), raw[0]), (1000, 1000, mean[0]));
    let middle = (raw[0].1 + raw[1].1) / 2.0;
    assert!(mean[200..].iter().all(|place| (place.1 - middle).abs() < 2.0), "not smooth");
}

#[test]
fn the_legend_names_curves_and_leaves_them_free() {
    let falling: Vec<_> = (0..50).map(|i| (f64::from(i), 1.0 / (1.0 + f64::from(i)))).collect();
    let rising: Vec<_> = falling.iter().map(|&(x, y)| (x, 1.0 - y)).collect();
    let height = |points: &[(f64, f64)]| {
        let all = elements(&one(points));
        all.iter().find(|element| element.name == "text" && element.text.trim() == "curve").expect("a name").number("y")
    };
    assert!(height(&falling) < 100.0, "a falling curve leaves the top free");
    assert!(height(&rising) > 150.0, "a rising one leaves the bottom free");
    let anonymous = svg(&[Panel::new("", "", "").with_curve("", &rising)]);
    assert_eq!(named(&elements(&anonymous), "rect").len(), 1, "no legend without names: the background only");
}

#[test]
fn many_curves_differ_in_colour_or_dash() {
    let points = [(0.0, 0.0), (1.0, 1.0)];
    let curves = vec![Curve { name: "c", points: &points }; 24];
    let panel = Panel { curves, ..Panel::new("", "", "") };
    let all = elements(&svg(&[panel]));
    let style = |line: &&Element| (line.attributes["stroke"].clone(), line.attributes.get("stroke-dasharray").cloned());
    let mut styles: Vec<_> = named(&all, "polyline").iter().map(style).collect();
    styles.sort();
    styles.dedup();
    assert_eq!(styles.len(), 24);
    assert!(all.iter().any(|element| element.text.trim() == "… and 16 more"));
}

#[test]
fn panels_stand_side_by_side() {
    let text = |n: usize| svg(&vec![Panel::new("t", "x", "y"); n]);
    let width = |n: usize| {
        let all = elements(&text(n));
        let (width, view) = (all[0].number("width"), &all[0].attributes["viewBox"]);
        assert_eq!(*view, format!("0 0 {width} {}", all[0].number("height")), "the page scales to any size");
        width
    };
    assert_eq!((width(2), width(3)), (2.0 * width(1), 3.0 * width(1)));
    assert_eq!(width(0), width(1), "no panels: an empty page");
    assert_eq!(text(2), text(2), "equal panels give equal bytes");
}
