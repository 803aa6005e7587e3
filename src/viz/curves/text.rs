//! Text that goes into a chart: its width without a font, cut to its room, escaped.

/// How wide the text is, in letters of a Latin alphabet; those of East Asia are twice as wide.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

fn width(c: char) -> usize {
    if c < '\u{1100}' || ('\u{2000}'..'\u{2E80}').contains(&c) { 1 } else { 2 }
}

/// The text, cut to `room` columns.
pub(super) fn shortened(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.into();
    }
    let mut used = width('…');
    let fits = |&c: &char| {
        used += width(c);
        used <= room
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// The text as XML content or attribute; control characters, which XML does not have, become U+FFFD.
pub(super) fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            '\0'..' ' | '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            c => out.push(c),
        }
        out
    })
}
