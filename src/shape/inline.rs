//! A short list of numbers held in place, as long as there are at most four of them.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// How many numbers fit without an allocation. Four axes cover images in batches and attention heads, and keep a tensor's
/// header under the 128 bytes up to which a move is a few vector instructions rather than a call.
const HERE: usize = 4;

/// A list of numbers, one per axis.
#[derive(Clone)]
pub(crate) enum Inline<I> {
    Here { len: u8, items: [I; HERE] },
    Heap(Vec<I>),
}

impl<I: Copy + Default> Inline<I> {
    #[inline]
    pub(crate) fn new() -> Self {
        Inline::Here { len: 0, items: [I::default(); HERE] }
    }

    #[inline]
    pub(crate) fn filled(value: I, len: usize) -> Self {
        if len <= HERE { Inline::Here { len: len as u8, items: [value; HERE] } } else { Inline::Heap(vec![value; len]) }
    }

    #[inline]
    pub(crate) fn of(list: &[I]) -> Self {
        if list.len() > HERE {
            return Inline::Heap(list.to_vec());
        }
        let mut items = [I::default(); HERE];
        items[..list.len()].copy_from_slice(list);
        Inline::Here { len: list.len() as u8, items }
    }

    #[inline]
    pub(crate) fn push(&mut self, item: I) {
        match self {
            Inline::Here { len, items } if (*len as usize) < HERE => {
                items[*len as usize] = item;
                *len += 1;
            }
            Inline::Here { items, .. } => {
                let mut list = Vec::with_capacity(2 * HERE);
                list.extend_from_slice(items);
                list.push(item);
                *self = Inline::Heap(list);
            }
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
        **self == **other
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
