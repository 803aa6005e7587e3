//! A short list of numbers held in place, as long as there are at most four of them.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// How many numbers fit without an allocation. Four axes cover images in batches and attention heads, and keep a tensor's
/// header under the 128 bytes up to which a move is a few vector instructions rather than a call.
const HERE: usize = 4;

/// How many of the places count. It is as wide as the items of a [`Layout`](super::Layout), and marks by its unused values a list on the
/// heap: so a header is whole words without gaps. Of a byte among words a copy would be made of pieces across their borders, and the next
/// copy would have to wait until these have reached the cache.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Len {
    Zero,
    One,
    Two,
    Three,
    Four,
}

impl Len {
    /// The number, if it is at most [`HERE`].
    #[inline]
    fn of(len: usize) -> Option<Self> {
        Some(match len {
            0 => Len::Zero,
            1 => Len::One,
            2 => Len::Two,
            3 => Len::Three,
            4 => Len::Four,
            _ => return None,
        })
    }
}

/// A list of numbers, one per axis.
#[derive(Clone)]
pub(crate) enum Inline<I> {
    Here { len: Len, items: [I; HERE] },
    Heap(Vec<I>),
}

impl<I: Copy + Default> Inline<I> {
    #[inline]
    pub(crate) fn new() -> Self {
        Self::filled(I::default(), 0)
    }

    #[inline]
    pub(crate) fn filled(value: I, len: usize) -> Self {
        match Len::of(len) {
            Some(len) => Inline::Here { len, items: [value; HERE] },
            None => Inline::Heap(vec![value; len]),
        }
    }

    #[inline]
    pub(crate) fn of(list: &[I]) -> Self {
        let Some(len) = Len::of(list.len()) else { return Inline::Heap(list.to_vec()) };
        let mut items = [I::default(); HERE];
        items.iter_mut().zip(list).for_each(|(item, &x)| *item = x);
        Inline::Here { len, items }
    }

    #[inline]
    pub(crate) fn push(&mut self, item: I) {
        match self {
            Inline::Here { len, items } => match Len::of(*len as usize + 1) {
                Some(more) => {
                    items[*len as usize] = item;
                    *len = more;
                }
                None => {
                    let mut list = Vec::with_capacity(2 * HERE);
                    list.extend_from_slice(items);
                    list.push(item);
                    *self = Inline::Heap(list);
                }
            },
            Inline::Heap(list) => list.push(item),
        }
    }
}

impl<I> Deref for Inline<I> {
    type Target = [I];

    #[inline]
    fn deref(&self) -> &[I] {
        match self {
            Inline::Here { len, items } => &items[..*len as usize],
            Inline::Heap(list) => list,
        }
    }
}

impl<I> DerefMut for Inline<I> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [I] {
        match self {
            Inline::Here { len, items } => &mut items[..*len as usize],
            Inline::Heap(list) => list,
        }
    }
}

impl<I: Copy + Default> Default for Inline<I> {
    fn default() -> Self {
        Inline::new()
    }
}

impl<I: Copy + Default> FromIterator<I> for Inline<I> {
    #[inline]
    fn from_iter<S: IntoIterator<Item = I>>(items: S) -> Self {
        let mut list = Inline::new();
        for item in items {
            list.push(item);
        }
        list
    }
}

impl<I: PartialEq> PartialEq for Inline<I> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        // Of slices the compiler would make a call.
        self.len() == other.len() && self.iter().zip(other.iter()).all(|(a, b)| a == b)
    }
}

impl<I: Eq> Eq for Inline<I> {}

impl<I: std::hash::Hash> std::hash::Hash for Inline<I> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl<I: fmt::Debug> fmt::Debug for Inline<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &**self)
    }
}
