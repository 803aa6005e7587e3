//! Text as numbers: characters or bytes as tokens, and windows of them for language models.

use std::collections::HashMap;
use std::path::Path;

use super::{Dataset, Examples};
use crate::error::{Error, Result};
use crate::file;
use crate::tensor::Tensor;

/// The text in the file at `path`.
///
/// # Errors
/// If the file cannot be read or is no UTF-8.
pub fn read(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    String::from_utf8(file::read(path)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let found = error.as_bytes().get(at).copied().unwrap_or_default();
        Error::format(path, "text in UTF-8", format!("{found:02x} as byte {at}"))
    })
}

/// The lines of the file at `path`, without spaces around them and without empty ones: a list of names, say.
///
/// # Errors
/// If the file cannot be read or is no UTF-8.
pub fn lines(path: impl AsRef<Path>) -> Result<Vec<String>> {
    Ok(read(path)?.lines().map(str::trim).filter(|line| !line.is_empty()).map(String::from).collect())
}

/// The tokens that a text is made of, each a number: characters or bytes, and special ones that mark beginnings and ends.
///
/// # Examples
/// ```
/// use rensa::data::text::Vocabulary;
/// let vocabulary = Vocabulary::chars("hello").with_special("<end>");
/// assert_eq!(vocabulary.encode("hole")?, [1, 3, 2, 0]); // e h l o <end>
/// assert_eq!((vocabulary.len(), vocabulary.id("<end>")), (5, Some(4)));
/// assert_eq!(vocabulary.decode(&[1, 0, 2, 2, 3, 4])?, "hello<end>");
/// assert!(vocabulary.encode("help").is_err(), "p is no token");
/// # Ok::<(), rensa::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// None where the tokens are the 256 bytes.
    chars: Option<Vec<char>>,
    ids: HashMap<char, usize>,
    special: Vec<String>,
}

/// The first line of a file of a vocabulary, up to its kind.
const TITLE: &str = "rensa vocabulary of ";
/// The line before the special tokens.
const SPECIAL: &str = "special";

impl Vocabulary {
    /// The characters that occur in `text`, in the order of their code points.
    pub fn chars(text: &str) -> Self {
        let mut chars: Vec<char> = text.chars().collect();
        chars.sort_unstable();
        chars.dedup();
        Self::of(chars)
    }

    fn of(chars: Vec<char>) -> Self {
        let ids = chars.iter().enumerate().map(|(id, &c)| (c, id)).collect();
        Vocabulary { chars: Some(chars), ids, special: Vec::new() }
    }

    /// The 256 bytes: every text can be encoded, in UTF-8.
    pub fn bytes() -> Self {
        Vocabulary { chars: None, ids: HashMap::new(), special: Vec::new() }
    }

    /// With one more token, behind the others, that encoding a text never gives.
    ///
    /// # Panics
    /// If it is empty or there already.
    #[track_caller]
    pub fn with_special(mut self, token: &str) -> Self {
        assert!(!token.is_empty() && self.id(token).is_none(), "with_special: `{token}` is empty or there already");
        self.special.push(token.into());
        self
    }

    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.first_special() + self.special.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn first_special(&self) -> usize {
        self.chars.as_ref().map_or(256, Vec::len)
    }

    /// The number of a special token, or of a single character or ASCII byte.
    pub fn id(&self, token: &str) -> Option<usize> {
        if let Some(i) = self.special.iter().position(|special| special == token) {
            return Some(self.first_special() + i);
        }
        match (token.as_bytes(), &self.chars) {
            ([byte], None) => Some((*byte).into()),
            (_, None) => None,
            (_, Some(_)) => {
                let mut chars = token.chars();
                let id = self.ids.get(&chars.next()?).copied();
                id.filter(|_| chars.next().is_none())
            }
        }
    }

    /// The tokens of `text`.
    ///
    /// # Errors
    /// If a character is no token: says which, and where.
    pub fn encode(&self, text: &str) -> Result<Vec<usize>> {
        if self.chars.is_none() {
            return Ok(text.bytes().map(usize::from).collect());
        }
        let id = |(at, c): (usize, char)| {
            let unknown =
                || Error::Text { at, expected: "a character of the vocabulary".into(), found: format!("{c:?}") };
            self.ids.get(&c).copied().ok_or_else(unknown)
        };
        text.char_indices().map(id).collect()
    }

    /// The text of `tokens`, special ones as they are called. Bytes that are no UTF-8 become `�`.
    ///
    /// # Errors
    /// If a number is that of no token.
    pub fn decode(&self, tokens: &[usize]) -> Result<String> {
        let mut bytes = Vec::with_capacity(tokens.len());
        for (at, &token) in tokens.iter().enumerate() {
            let special = token.checked_sub(self.first_special()).map(|i| self.special.get(i));
            match (special, &self.chars) {
                (Some(Some(special)), _) => bytes.extend(special.bytes()),
                (None, Some(chars)) => bytes.extend(chars[token].to_string().bytes()),
                (None, None) => bytes.push(token as u8),
                (Some(None), _) => {
                    let expected = format!("one of {} tokens", self.len());
                    return Err(Error::Text { at, expected, found: token.to_string() });
                }
            }
        }
        Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// Writes the tokens, one a line in their order, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written; an old one is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let kind = if self.chars.is_some() { "chars" } else { "bytes" };
        let chars = self.chars.iter().flatten().map(|c| escaped(&c.to_string()));
        let special = self.special.iter().map(|token| escaped(token));
        let lines = std::iter::once(format!("{TITLE}{kind}")).chain(chars).chain([SPECIAL.to_string()]).chain(special);
        let text: String = lines.flat_map(|line| [line, "\n".into()]).collect();
        file::write_atomically(path, text.as_bytes())
    }

    /// The tokens in a file that [`Vocabulary::save`] wrote.
    ///
    /// # Errors
    /// If the file cannot be read or is malformed, or a token stands twice: says in which line.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = read(path)?;
        let wrong = |line: usize, expected: &str, found: &str| {
            let found: String = found.chars().take(40).collect();
            Error::format(path, format!("{expected} in line {}", line + 1), format!("`{found}`"))
        };
        let mut lines = text.split_terminator('\n').enumerate();
        let (_, title) = lines.next().unwrap_or_default();
        let mut vocabulary = match title.strip_prefix(TITLE) {
            Some("chars") => Self::of(Vec::new()),
            Some("bytes") => Self::bytes(),
            _ => return Err(wrong(0, &format!("`{TITLE}chars` or `{TITLE}bytes`"), title)),
        };
        let mut special = false;
        for (i, line) in lines {
            let token = unescaped(line).ok_or_else(|| wrong(i, "a token", line))?;
            if !special && line == SPECIAL {
                special = true;
            } else if token.is_empty() || vocabulary.id(&token).is_some() {
                return Err(wrong(i, "a token that is not there yet", line));
            } else if special {
                vocabulary.special.push(token);
            } else {
                let mut chars = token.chars();
                let (Some(c), None, Some(tokens)) = (chars.next(), chars.next(), &mut vocabulary.chars) else {
                    return Err(wrong(i, "a single character", line));
                };
                vocabulary.ids.insert(c, tokens.len());
                tokens.push(c);
            }
        }
        if special { Ok(vocabulary) } else { Err(Error::format(path, format!("a line `{SPECIAL}`"), "none")) }
    }
}

/// The token on one line: backslashes and what is not printed are written as code points.
fn escaped(token: &str) -> String {
    let escape = |c: char| c == '\\' || c.is_control() || c.is_whitespace();
    token.chars().map(|c| if escape(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

/// What was [`escaped`].
fn unescaped(line: &str) -> Option<String> {
    let mut parts = line.split("\\u{");
    let mut token = parts.next()?.to_string();
    for part in parts {
        let (code, rest) = part.split_once('}')?;
        token.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
        token.push_str(rest);
    }
    // Nothing else begins with a backslash.
    let written = line.matches('\\').count();
    (written == line.matches("\\u{").count()).then_some(token)
}

/// Pieces of a text for a model that predicts each token from those before: `length` tokens, and the same moved on by one.
///
/// Shapes: a batch is a [`Dataset`] of `inputs` and `labels`, both `[n, length]`.
///
/// # Examples
/// ```
/// use rensa::data::{Examples, text::Windows};
/// let windows = Windows::new(vec![5, 6, 7, 8, 9], 3);
/// assert_eq!(windows.len(), 2);
/// let batch = windows.batch(&[1])?;
/// assert_eq!((batch.inputs.to_vec(), batch.labels.to_vec()), (vec![6, 7, 8], vec![7, 8, 9]));
/// # Ok::<(), rensa::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Windows {
    tokens: Tokens,
    length: usize,
    step: usize,
}

#[derive(Clone, Debug)]
enum Tokens {
    Here(Tensor<usize>),
    #[cfg(feature = "mmap")]
    Mapped(super::MappedArray),
}

impl Windows {
    /// All pieces of `length` tokens that have another one behind them.
    ///
    /// # Panics
    /// If `length` is 0.
    #[track_caller]
    pub fn new(tokens: Vec<usize>, length: usize) -> Self {
        let n = tokens.len();
        Self::of(Tokens::Here(Tensor::from_elements(tokens, [n].into())), length)
    }

    /// The same of tokens in a mapped file.
    ///
    /// # Panics
    /// If `length` is 0, or the array is not of rank 1.
    #[cfg(feature = "mmap")]
    #[track_caller]
    pub fn mapped(tokens: super::MappedArray, length: usize) -> Self {
        assert!(tokens.shape().len() == 1, "Windows: tokens of shape {:?}, not of rank 1", tokens.shape());
        Self::of(Tokens::Mapped(tokens), length)
    }

    #[track_caller]
    fn of(tokens: Tokens, length: usize) -> Self {
        assert!(length > 0, "Windows: of no token");
        Windows { tokens, length, step: 1 }
    }

    /// Only every `step`-th piece; with `step` the length they do not overlap.
    ///
    /// # Panics
    /// If `step` is 0.
    #[track_caller]
    pub fn with_step(mut self, step: usize) -> Self {
        assert!(step > 0, "Windows: a step of 0");
        self.step = step;
        self
    }

    fn tokens(&self) -> usize {
        match &self.tokens {
            Tokens::Here(tokens) => tokens.len(),
            #[cfg(feature = "mmap")]
            Tokens::Mapped(tokens) => tokens.shape()[0],
        }
    }

    /// `length + 1` tokens from `start`.
    fn piece(&self, start: usize) -> Result<Tensor<usize>> {
        match &self.tokens {
            Tokens::Here(tokens) => Ok(tokens.narrow(0, start, self.length + 1)),
            #[cfg(feature = "mmap")]
            Tokens::Mapped(tokens) => tokens.narrow(start, self.length + 1),
        }
    }
}

impl Examples for Windows {
    type Batch = Dataset<usize>;

    fn len(&self) -> usize {
        self.tokens().checked_sub(self.length + 1).map_or(0, |last| last / self.step + 1)
    }

    fn batch(&self, index: &[usize]) -> Result<Dataset<usize>> {
        let mut tokens = Vec::with_capacity(index.len() * (self.length + 1));
        for &i in index {
            assert!(i < self.len(), "Windows: piece {i} of {}", self.len());
            tokens.extend(self.piece(i * self.step)?.iter().copied());
        }
        let pieces = Tensor::from_vec(tokens, [index.len(), self.length + 1])?;
        Dataset::new(pieces.narrow(1, 0, self.length), pieces.narrow(1, 1, self.length))
    }
}
