//! What the kernels of `f32` and `f64` ask of an instruction set, and which one this processor has.
//!
//! A kernel is written once over [`Simd`] and compiled for each instruction set; a table of [`Kernels`] holds the results.

use std::any::Any;

use super::tile::Tile;
use super::{avx2, avx512};
use crate::float::Float;

/// The vectors of one element type in one instruction set.
///
/// # Safety
/// Every function asks that the processor has the instruction set. Where a mask is given, only the lanes that it holds are read or written.
pub(super) trait Simd: 'static {
    type Element: Float;
    type Vector: Copy;
    type Mask: Copy;

    /// How many lanes a vector has, 16 at most.
    const WIDTH: usize;

    /// The mask of the first `lanes` lanes, of `WIDTH` at most.
    unsafe fn mask(lanes: usize) -> Self::Mask;
    unsafe fn zero() -> Self::Vector;
    unsafe fn splat(x: Self::Element) -> Self::Vector;
    unsafe fn load(from: *const Self::Element) -> Self::Vector;
    /// Zeros in the lanes that are not read.
    unsafe fn load_some(from: *const Self::Element, mask: Self::Mask) -> Self::Vector;
    unsafe fn store(to: *mut Self::Element, x: Self::Vector);
    unsafe fn store_some(to: *mut Self::Element, mask: Self::Mask, x: Self::Vector);
    unsafe fn add(x: Self::Vector, y: Self::Vector) -> Self::Vector;
    /// `x · y + z`, rounded once.
    unsafe fn fma(x: Self::Vector, y: Self::Vector, z: Self::Vector) -> Self::Vector;
    /// Transposes the square of the first `WIDTH` vectors.
    unsafe fn transpose(rows: &mut [Self::Vector; 16]);
}

/// Copies element `(p, q)` of a matrix with `strides` to `to[p · step + q]`, for `p` below `sizes[0]` and `q` below `sizes[1]`.
pub(super) type Pack<T> = unsafe fn(sizes: [usize; 2], from: *const T, strides: [isize; 2], to: *mut T, step: usize);

/// The kernels of one element type in one instruction set.
pub(super) struct Kernels<T: 'static> {
    /// How many lanes a vector has.
    pub(super) width: usize,
    /// Those on operands as they lie: for one vector of columns and for two, and in each for one row and more.
    pub(super) strided: [&'static [Tile<T>]; 2],
    /// Those on packed rows of A.
    pub(super) packed: [&'static [Tile<T>]; 2],
    pub(super) pack: Pack<T>,
}

impl<T> Kernels<T> {
    /// Rows of the largest tile.
    pub(super) fn rows(&self) -> usize {
        self.strided[0].len()
    }

    /// Columns of the largest tile.
    pub(super) fn columns(&self) -> usize {
        2 * self.width
    }
}

/// The kernels that run here, widest vectors first.
pub(super) fn all<T: Float>() -> impl Iterator<Item = &'static Kernels<T>> {
    let avx512: Option<[&'static dyn Any; 2]> =
        is_x86_feature_detected!("avx512f").then_some([&avx512::F32, &avx512::F64]);
    let avx2: Option<[&'static dyn Any; 2]> =
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some([&avx2::F32, &avx2::F64]);
    [avx512, avx2].into_iter().flatten().flatten().filter_map(|kernels| kernels.downcast_ref())
}

/// The kernels of an instruction set, `F32` and `F64`, compiled with its `features` for tiles of so many rows.
macro_rules! compiled {
    ($name:ident, $features:literal, $($rows:literal)*) => {
        pub(super) static F32: $crate::kernel::matmul::simd::Kernels<f32> = kernels::<$name<f32>>();
        pub(super) static F64: $crate::kernel::matmul::simd::Kernels<f64> = kernels::<$name<f64>>();

        struct $name<T>(std::marker::PhantomData<T>);

        use $crate::kernel::matmul::{pack, simd, tile};

        /// [`tile::tile`] with these instructions.
        ///
        /// # Safety
        /// As there.
        #[target_feature(enable = $features)]
        unsafe fn tile<S: simd::Simd, const R: usize, const V: usize, const PACKED: bool>(work: &tile::Work<S::Element>) {
            // SAFETY: the caller vouches for what is asked.
            unsafe { tile::tile::<S, R, V, PACKED>(work) }
        }

        /// [`pack::pack`] with these instructions.
        ///
        /// # Safety
        /// As there.
        #[target_feature(enable = $features)]
        unsafe fn pack<S: simd::Simd>(
            sizes: [usize; 2],
            from: *const S::Element,
            strides: [isize; 2],
            to: *mut S::Element,
            step: usize,
        ) {
            // SAFETY: the caller vouches for what is asked.
            unsafe { pack::pack::<S>(sizes, from, strides, to, step) }
        }

        struct Tiles<S, const V: usize, const PACKED: bool>(S);

        impl<S: simd::Simd, const V: usize, const PACKED: bool> Tiles<S, V, PACKED> {
            const ALL: &'static [tile::Tile<S::Element>] = &[$(tile::<S, $rows, V, PACKED>),*];
        }

        const fn kernels<S: simd::Simd>() -> simd::Kernels<S::Element> {
            simd::Kernels {
                width: S::WIDTH,
                strided: [Tiles::<S, 1, false>::ALL, Tiles::<S, 2, false>::ALL],
                packed: [Tiles::<S, 1, true>::ALL, Tiles::<S, 2, true>::ALL],
                pack: pack::<S>,
            }
        }
    };
}
pub(super) use compiled;

/// [`Simd`] for an element type by the names of its functions in the order of the trait.
macro_rules! simd {
    (
        $name:ident, $t:ty, $vector:ty, $mask:ty, $width:literal, $lanes:ident, $zero:ident, $splat:ident, $load:ident,
        $load_some:ident, $store:ident, $store_some:ident, $add:ident, $fma:ident, $transpose:ident
    ) => {
        impl $crate::kernel::matmul::simd::Simd for $name<$t> {
            type Element = $t;
            type Vector = $vector;
            type Mask = $mask;
            const WIDTH: usize = $width;

            #[inline(always)]
            unsafe fn mask(lanes: usize) -> $mask {
                // SAFETY: the caller vouches for the instruction set, here and below.
                unsafe { $lanes(lanes) }
            }

            #[inline(always)]
            unsafe fn zero() -> $vector {
                // SAFETY: as in `mask`.
                unsafe { $zero() }
            }

            #[inline(always)]
            unsafe fn splat(x: $t) -> $vector {
                // SAFETY: as in `mask`.
                unsafe { $splat(x) }
            }

            #[inline(always)]
            unsafe fn load(from: *const $t) -> $vector {
                // SAFETY: as in `mask`, and for the elements that are read.
                unsafe { $load(from) }
            }

            #[inline(always)]
            unsafe fn load_some(from: *const $t, mask: $mask) -> $vector {
                // SAFETY: as in `load`.
                unsafe { $load_some(mask, from) }
            }

            #[inline(always)]
            unsafe fn store(to: *mut $t, x: $vector) {
                // SAFETY: as in `mask`, and for the elements that are written.
                unsafe { $store(to, x) }
            }

            #[inline(always)]
            unsafe fn store_some(to: *mut $t, mask: $mask, x: $vector) {
                // SAFETY: as in `store`.
                unsafe { $store_some(to, mask, x) }
            }

            #[inline(always)]
            unsafe fn add(x: $vector, y: $vector) -> $vector {
                // SAFETY: as in `mask`.
                unsafe { $add(x, y) }
            }

            #[inline(always)]
            unsafe fn fma(x: $vector, y: $vector, z: $vector) -> $vector {
                // SAFETY: as in `mask`.
                unsafe { $fma(x, y, z) }
            }

            #[inline(always)]
            unsafe fn transpose(rows: &mut [$vector; 16]) {
                // SAFETY: as in `mask`.
                unsafe { $transpose(rows) }
            }
        }
    };
}
pub(super) use simd;
