//! Where a tensor's elements live: inline when there is one, else in a shared block that is recycled when its last owner goes.
//!
//! Knows nothing of shapes. A training step asks for the same sizes again and again, and the system's allocator gives large
//! blocks back between steps at the price of page faults; so a block whose element type keeps a free list returns there whole,
//! reference count included. Recycled blocks come back *dirty*: whoever takes one overwrites it.

#![allow(unreachable_pub, reason = "a hidden hook of the public `Float` names these types")]

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::thread::LocalKey;

#[cfg(feature = "mmap")]
use crate::error::{Error, Result};
use crate::float::Float;

/// The free list of one element type on one thread.
pub type LocalFreeList<T> = &'static LocalKey<RefCell<FreeList<T>>>;

thread_local! {
    /// Whether blocks that this thread makes are recycled.
    static RECYCLES: Cell<bool> = const { Cell::new(true) };
}

/// From now on blocks that this thread makes are freed in the end: for one that makes tensors which others drop. Recycled, they would
/// pile up in the free list of a thread that never asks for blocks of that size.
pub(crate) fn recycle_nothing() {
    RECYCLES.set(false);
}

/// Elements on the heap, and what becomes of them when nobody holds them any more.
pub struct Block<T> {
    data: Box<[T]>,
    /// Where the elements begin: a larger block's at a cache line, since a vector that reaches over two takes twice as long.
    start: usize,
    recycle: Option<fn(Arc<Block<T>>)>,
}

/// Bytes of a cache line, and of the widest vectors.
const LINE: usize = 64;

impl<T> Block<T> {
    /// A block that begins at a cache line has so many elements more than were asked for.
    const SPARE: usize = (LINE / size_of::<T>()).saturating_sub(1);

    fn elements(&self) -> &[T] {
        &self.data[self.start..]
    }

    fn elements_mut(&mut self) -> &mut [T] {
        &mut self.data[self.start..]
    }
}

impl<T: Float> Block<T> {
    /// A block of this class.
    fn new(class: SizeClass) -> Self {
        let spare = if class.len() > SizeClass::EXACT { Self::SPARE } else { 0 };
        let data: Box<[T]> = vec![T::zero(); class.len() + spare].into();
        let start = data.as_ptr().align_offset(LINE).min(spare);
        Block { data, start, recycle: RECYCLES.get().then_some(give_back::<T>) }
    }

    /// The class that it was made for.
    fn class(&self) -> SizeClass {
        let len = self.data.len();
        SizeClass::of(if len > SizeClass::EXACT { len - Self::SPARE } else { len })
    }
}

/// One element held inline, or a shared block. `Shared(None)` is storage that is being dropped, or was let go of.
pub(crate) enum Storage<T> {
    One([T; 1]),
    Shared(Option<Arc<Block<T>>>),
}

impl<T> Storage<T> {
    /// Storage that takes over `data`, and frees it in the end.
    pub(crate) fn from_vec(data: Vec<T>) -> Self {
        match <[T; 1]>::try_from(data) {
            Ok(one) => Storage::One(one),
            Err(data) => Storage::Shared(Some(Arc::new(Block { data: data.into(), start: 0, recycle: None }))),
        }
    }

    /// Storage of no element that costs nothing.
    pub(crate) const fn empty() -> Self {
        Storage::Shared(None)
    }

    /// Lets go of a shared block.
    pub(crate) fn release(&mut self) {
        if let Storage::Shared(_) = self {
            *self = Storage::empty();
        }
    }

    /// Whether it holds nothing.
    #[inline]
    pub(crate) fn is_released(&self) -> bool {
        matches!(self, Storage::Shared(None))
    }

    /// Every element, those outside a view included; a recycled block may be longer than what was asked for.
    #[inline]
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Storage::One(one) => one,
            Storage::Shared(Some(block)) => block.elements(),
            Storage::Shared(None) => &[],
        }
    }

    /// Every element for writing, if nobody else holds them.
    #[inline]
    pub(crate) fn as_mut_slice(&mut self) -> Option<&mut [T]> {
        match self {
            Storage::One(one) => Some(one),
            Storage::Shared(Some(block)) => Arc::get_mut(block).map(Block::elements_mut),
            Storage::Shared(None) => Some(&mut []),
        }
    }

    /// Whether the two are the same memory.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Storage::Shared(Some(a)), Storage::Shared(Some(b))) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl<T: Float> Storage<T> {
    /// Storage of at least `n` elements of unspecified value.
    #[inline]
    pub(crate) fn dirty(n: usize) -> Self {
        if n == 1 {
            return Storage::One([T::zero()]);
        }
        let Some(list) = T::free_list() else { return Storage::from_vec(vec![T::zero(); n]) };
        // During a thread's exit its list may be gone already; a fresh block serves then.
        let recycled = list.try_with(|list| list.borrow_mut().take(n)).ok().flatten();
        Storage::Shared(Some(recycled.unwrap_or_else(|| Arc::new(Block::new(SizeClass::of(n))))))
    }
}

fn give_back<T: Float>(block: Arc<Block<T>>) {
    if let Some(list) = T::free_list() {
        // On a thread that is exiting the block is freed instead.
        let _ = list.try_with(|list| list.borrow_mut().put(block));
    }
}

impl<T: Clone> Clone for Storage<T> {
    #[inline]
    fn clone(&self) -> Self {
        match self {
            Storage::One(one) => Storage::One(one.clone()),
            Storage::Shared(block) => Storage::Shared(block.clone()),
        }
    }
}

impl<T> Drop for Storage<T> {
    #[inline]
    fn drop(&mut self) {
        if let Storage::Shared(slot) = self
            && let Some(mut block) = slot.take()
            && let Some(Block { recycle: Some(recycle), .. }) = Arc::get_mut(&mut block)
        {
            let recycle = *recycle;
            recycle(block);
        }
    }
}

/// A size that blocks are rounded up to: four classes to each power of two, so at most a quarter is wasted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct SizeClass(usize);

impl SizeClass {
    /// Sizes up to this are a class each.
    const EXACT: usize = 8;

    /// The smallest class that holds `n` elements.
    fn of(n: usize) -> Self {
        if n <= Self::EXACT {
            return SizeClass(n);
        }
        let exponent = n.ilog2() as usize;
        let quarters = n.div_ceil(1 << (exponent - 2)); // 4 to 8 of them
        SizeClass(Self::EXACT + 1 + (exponent - 3) * 4 + quarters - 4)
    }

    /// How many elements a block of this class has.
    fn len(self) -> usize {
        if self.0 <= Self::EXACT {
            return self.0;
        }
        let (octave, quarters) = ((self.0 - Self::EXACT - 1) / 4, (self.0 - Self::EXACT - 1) % 4 + 4);
        quarters << (octave + 1)
    }
}

/// Blocks that wait to be used again, by size class.
#[derive(Default)]
pub struct FreeList<T> {
    classes: Vec<Vec<Arc<Block<T>>>>,
    bytes: usize,
}

impl<T: Float> FreeList<T> {
    /// What one thread may keep for one element type; blocks beyond it are freed.
    const MAX_BYTES: usize = 1 << 30;

    /// An empty list.
    pub const fn new() -> Self {
        FreeList { classes: Vec::new(), bytes: 0 }
    }

    #[inline]
    fn take(&mut self, n: usize) -> Option<Arc<Block<T>>> {
        let block = self.classes.get_mut(SizeClass::of(n).0)?.pop()?;
        self.bytes -= size_of_val(&*block.data);
        Some(block)
    }

    #[inline]
    fn put(&mut self, block: Arc<Block<T>>) {
        let bytes = size_of_val(&*block.data);
        if self.bytes + bytes > Self::MAX_BYTES {
            return;
        }
        let class = block.class().0;
        if self.classes.len() <= class {
            self.classes.resize_with(class + 1, Vec::new);
        }
        self.classes[class].push(block);
        self.bytes += bytes;
    }
}

/// The bytes of a file in the address space of the process, which the system reads when they are looked at.
///
/// # Examples
/// ```
/// # #![allow(unsafe_code)]
/// use rensa::data::Mapping;
/// let path = std::env::temp_dir().join(format!("rensa-mapping-{}", std::process::id()));
/// std::fs::write(&path, "abc")?;
/// // SAFETY: nobody else knows this file.
/// let mapping = unsafe { Mapping::open(&path)? };
/// assert_eq!(mapping.bytes(), b"abc");
/// # drop(mapping);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "mmap")]
#[derive(Clone, Debug)]
pub struct Mapping {
    bytes: Arc<memmap2::Mmap>,
    path: Arc<std::path::PathBuf>,
}

#[cfg(feature = "mmap")]
#[allow(unsafe_code, reason = "no system promises that a file stays as it is; the caller does")]
impl Mapping {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// If the system refuses it.
    ///
    /// # Safety
    /// As long as the mapping or a clone of it lives nobody may write into the file or shorten it, in this process or in another. To
    /// replace it by another file of its name, as [`write_atomically`](crate::io::write_atomically) does, is harmless.
    pub unsafe fn open(path: impl AsRef<std::path::Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
        // SAFETY: the caller promises that the bytes do not change while they are borrowed.
        let bytes = unsafe { memmap2::Mmap::map(&file) }.map_err(|e| Error::io(path, e))?;
        Ok(Mapping { bytes: Arc::new(bytes), path: Arc::new(path.into()) })
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the file was when it was mapped.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A block that goes back under its own length is found again under every length that it was made for.
        #[test]
        fn size_classes_are_idempotent(n in 0usize..1 << 40) {
            let class = SizeClass::of(n);
            prop_assert!(class.len() >= n);
            prop_assert_eq!(SizeClass::of(class.len()), class);
            prop_assert!(n <= SizeClass::EXACT || class.len() <= n + n / 4 + 1);
        }
    }

    #[test]
    fn larger_blocks_begin_at_a_cache_line() {
        for n in [9, 10, 50, 1000, 99_999] {
            let (single, double) = (Storage::<f32>::dirty(n), Storage::<f64>::dirty(n));
            assert!(single.as_slice().len() >= n && double.as_slice().len() >= n);
            assert_eq!(
                (single.as_slice().as_ptr() as usize % LINE, double.as_slice().as_ptr() as usize % LINE),
                (0, 0)
            );
        }
    }

    #[test]
    fn a_dropped_block_is_used_again() {
        let first = Storage::<f64>::dirty(1000);
        let address = first.as_slice().as_ptr();
        drop(first);
        assert_eq!(Storage::<f64>::dirty(990).as_slice().as_ptr(), address);
    }

    #[test]
    fn a_shared_block_is_not_recycled_early() {
        let first = Storage::<f64>::dirty(2000);
        let second = first.clone();
        drop(first);
        assert_ne!(Storage::<f64>::dirty(2000).as_slice().as_ptr(), second.as_slice().as_ptr());
    }
}
