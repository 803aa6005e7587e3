//! Names of what stands inside a net.

use std::fmt;

/// Where something stands in a net, printed as a dotted name: `encoder.0.weight`. A chain of borrowed parts, so that visiting
/// parameters allocates nothing.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    part: Part<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Part<'a> {
    Name(&'a str),
    Index(usize),
    /// Belongs to the name before it.
    Suffix(&'a str),
}

impl<'a> Path<'a> {
    /// The path of the module itself.
    pub const ROOT: Path<'static> = Path { parent: None, part: Part::Name("") };

    /// The path of what is called `name` here. What has no name, `""`, stands at this path itself.
    pub fn join(&'a self, name: &'a str) -> Path<'a> {
        if name.is_empty() { *self } else { Path { parent: Some(self), part: Part::Name(name) } }
    }

    /// This path with `suffix` behind its last name, without a dot.
    pub fn suffixed(&'a self, suffix: &'a str) -> Path<'a> {
        Path { parent: Some(self), part: Part::Suffix(suffix) }
    }

    /// The path of number `index` here.
    pub fn index(&'a self, index: usize) -> Path<'a> {
        Path { parent: Some(self), part: Part::Index(index) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
            if parent.parent.is_some() && !matches!(self.part, Part::Suffix(_)) {
                f.write_str(".")?;
            }
        }
        match self.part {
            Part::Name(name) | Part::Suffix(name) => f.write_str(name),
            Part::Index(index) => write!(f, "{index}"),
        }
    }
}
