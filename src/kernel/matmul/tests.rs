//! Each instruction set's kernels against plain loops, to the last bit, and against matrixmultiply.

use super::blocked::{DEPTH, blocked, copy, even, fills_more_as_rows, in_parts};
use super::matrix::{Block, Matrix};
use super::{Write, call, halves, simd};
use crate::float::Float;

/// Numbers between −1 and 1, no two sums of which round alike.
fn numbers<T: Float>(len: usize, seed: usize) -> Vec<T> {
    (0..len).map(|i| T::of(((i * 7919 + seed * 104_729) % 2003) as f64 / 1001.0 - 1.0)).collect()
}

/// How an operand lies in its storage.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lie {
    Rows,
    Columns,
    RowsWithGaps,
    ColumnsWithGaps,
    Backwards,
    Spread,
    OneRow,
    OneColumn,
}

const LIES: [Lie; 8] = [
    Lie::Rows,
    Lie::Columns,
    Lie::RowsWithGaps,
    Lie::ColumnsWithGaps,
    Lie::Backwards,
    Lie::Spread,
    Lie::OneRow,
    Lie::OneColumn,
];

/// Where a matrix lies: the offset of its first element, its strides, and how many elements there must be, none of them behind its last.
fn place([rows, columns]: [usize; 2], lie: Lie) -> (usize, [isize; 2], usize) {
    let (r, c) = (rows as isize, columns as isize);
    let (offset, strides) = match lie {
        Lie::Rows => (0, [c, 1]),
        Lie::Columns => (0, [1, r]),
        Lie::RowsWithGaps => (3, [c + 5, 1]),
        Lie::ColumnsWithGaps => (1, [1, r + 3]),
        Lie::Backwards => (rows * columns - 1, [-c, -1]),
        Lie::Spread => (0, [2 * c + 1, 2]),
        Lie::OneRow => (2, [0, 1]),
        Lie::OneColumn => (2, [1, 0]),
    };
    let reach = [(r - 1) * strides[0], (c - 1) * strides[1]].map(|end| end.max(0) as usize);
    (offset, strides, offset + reach[0] + reach[1] + 1)
}

/// The numbers of a matrix, as few as can be: a sanitizer sees it if more are read.
fn exactly<T: Float>(sizes: [usize; 2], lie: Lie, seed: usize) -> Box<[T]> {
    numbers(place(sizes, lie).2, seed).into()
}

fn matrix<T>(data: &[T], sizes: [usize; 2], lie: Lie) -> Matrix<'_, T> {
    let (offset, strides, _) = place(sizes, lie);
    Matrix::new(data, offset, sizes, strides)
}

fn at<T: Float>(x: &Matrix<'_, T>, row: usize, column: usize) -> T {
    let mut one = [T::nan()];
    x.read(row, column, &mut one);
    one[0]
}

/// The product by plain loops: of each part of the inner dimension a chain of fused multiplications, then one addition to C.
fn plain<T: Float>(a: &Matrix<'_, T>, b: &Matrix<'_, T>, c: &mut [T], row: usize, into: Write) {
    for i in 0..a.rows {
        for j in 0..b.columns {
            let c = &mut c[i * row + j];
            for (l, depth) in even(a.columns, DEPTH / size_of::<T>()) {
                let sum = (l..l + depth).fold(T::zero(), |sum, p| at(a, i, p).mul_add(at(b, p, j), sum));
                *c = if l == 0 && into == Write::Overwrite { sum } else { *c + sum };
            }
        }
    }
}

/// One product by every kernel there is. C is a block of a larger matrix, around which nothing may change; where it is overwritten it
/// must not be read, so there it is NaN.
fn check<T: Float>([m, k, n]: [usize; 3], lies: [Lie; 2], into: Write, pieces: usize) {
    let what = format!("{m} × {k} × {n}, {lies:?}, {}, in {pieces} pieces", std::any::type_name::<T>());
    let data: [Box<[T]>; 2] = [exactly([m, k], lies[0], m + k), exactly([k, n], lies[1], k + n)];
    let (a, b) = (matrix(&data[0], [m, k], lies[0]), matrix(&data[1], [k, n], lies[1]));
    let mut start: Vec<T> = numbers((m + 2) * (n + 3), n);
    let row = n + 3;
    if into == Write::Overwrite {
        (1..=m).for_each(|i| start[i * row + 2..][..n].fill(T::nan()));
    }
    let mut expected = start.clone();
    plain(&a, &b, &mut expected[row + 2..], row, into);
    for (i, kernels) in simd::all::<T>().enumerate() {
        let mut found = start.clone();
        let mut whole = Block::new(&mut found, m + 2, row);
        blocked(kernels, a, b, whole.part([1, 2], [m, n]), into, pieces);
        let wrong = found.iter().zip(&expected).position(|(x, y)| x != y);
        assert!(
            wrong.is_none(),
            "{what}, kernels {i}: wrong at row, column {:?}",
            wrong.map(|at| (at / row, at % row))
        );
    }
    let mut other = start;
    call(T::gemm().expect("it has one"), a, b, Block::new(&mut other, m + 2, row).part([1, 2], [m, n]), into);
    // Each of the two sums is within k · eps · Σ |a b| of the exact one, and here |a b| ≤ 1.
    let tolerance = T::of(2.0 * (k + 1) as f64 * (k + 1) as f64) * T::epsilon();
    let near = other.iter().zip(&expected).all(|(&x, &y)| (x - y).abs() <= tolerance);
    assert!(near, "{what}: matrixmultiply disagrees");
}

/// Sizes around those of tiles, vectors and parts of the inner dimension, in pseudorandom order.
fn sizes() -> impl Iterator<Item = [usize; 3]> {
    let rows = [1, 2, 3, 5, 6, 7, 8, 11, 12, 13, 14, 15, 20, 27, 28, 29, 43];
    let depths = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 255, 257, 511, 513, 1025];
    let columns = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 40, 50, 63, 65];
    let mut state = 1_u64;
    let mut draw = move |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    std::iter::repeat_with(move || [rows[draw(rows.len())], depths[draw(depths.len())], columns[draw(columns.len())]])
}

fn any_sizes_and_strides<T: Float>() {
    let mut sizes = sizes();
    for a in LIES {
        for b in LIES {
            for into in [Write::Overwrite, Write::Add] {
                check::<T>(sizes.next().expect("there is no end"), [a, b], into, 1);
            }
        }
    }
}

#[test]
fn products_of_any_sizes_and_strides_f32() {
    any_sizes_and_strides::<f32>();
}

#[test]
fn products_of_any_sizes_and_strides_f64() {
    any_sizes_and_strides::<f64>();
}

/// Of every height and width up to two of the largest tiles.
fn every_edge<T: Float>() {
    for m in 1..30 {
        check::<T>([m, 3, 17], [Lie::Rows; 2], Write::Overwrite, 1);
        check::<T>([m, 3, 17], [Lie::Rows, Lie::Columns], Write::Add, 1);
    }
    for n in 1..66 {
        check::<T>([5, 3, n], [Lie::Rows; 2], Write::Add, 1);
        check::<T>([5, 3, n], [Lie::Columns; 2], Write::Overwrite, 1);
    }
}

#[test]
fn tiles_of_every_size() {
    every_edge::<f32>();
    every_edge::<f64>();
}

/// On both sides of what is packed and of each block: inner dimension, columns of B, rows of A.
fn large<T: Float>(pieces: usize) {
    for sizes in
        [[20, 150, 260], [20, 300, 290], [15, 9, 1100], [30, 9, 200], [300, 20, 40], [2060, 2, 200], [130, 3, 530]]
    {
        for lies in [[Lie::Rows; 2], [Lie::Columns, Lie::Rows], [Lie::Rows, Lie::Columns]] {
            check::<T>(sizes, lies, Write::Add, pieces);
        }
    }
}

#[test]
fn products_beyond_a_block() {
    large::<f32>(1);
    large::<f64>(1);
}

#[test]
fn products_in_pieces() {
    for pieces in [2, 3, 5] {
        large::<f32>(pieces);
    }
    large::<f64>(4);
    assert_eq!(halves(5), (2, 3));
}

/// More than the second-level cache is for, so it is packed although its rows lie in one piece, but for few rows of A; in the last
/// product so much that threads share what is packed.
#[test]
fn products_with_a_large_right_side() {
    for rows in [42, 43] {
        check::<f64>([rows, 129, 1030], [Lie::Rows; 2], Write::Overwrite, 2);
    }
    check::<f32>([43, 129, 2040], [Lie::RowsWithGaps; 2], Write::Add, 3);
}

/// With columns of C that fill vectors badly, and rows that fill them well.
#[test]
fn products_that_are_transposed() {
    let is_so = |[m, k, n]: [usize; 3]| {
        let mut c = vec![0.0_f32; m * n];
        simd::all().next().map(|kernels| fills_more_as_rows(kernels, &Block::new(&mut c, m, n), k))
    };
    assert_ne!(is_so([128, 110, 50]), Some(false));
    assert_ne!(is_so([128, 110, 48]), Some(true));
    for (pieces, a, b) in [(1, Lie::Columns, Lie::Rows), (3, Lie::ColumnsWithGaps, Lie::Columns)] {
        check::<f32>([128, 110, 50], [a, b], Write::Overwrite, pieces);
        check::<f32>([131, 520, 33], [a, b], Write::Overwrite, pieces);
        check::<f64>([128, 160, 33], [a, b], Write::Overwrite, pieces);
        check::<f32>([128, 110, 50], [a, b], Write::Add, pieces);
    }
}

#[test]
fn nothing_is_skipped_because_it_is_zero() {
    for special in [f32::NAN, f32::INFINITY] {
        for kernels in simd::all::<f32>() {
            let (mut a, b, mut c) = ([0.0; 15 * 3], [0.0; 3 * 33], [0.0; 15 * 33]);
            a[3 * 7 + 1] = special;
            let (a, b) = (Matrix::new(&a, 0, [15, 3], [3, 1]), Matrix::new(&b, 0, [3, 33], [33, 1]));
            blocked(kernels, a, b, Block::new(&mut c, 15, 33), Write::Overwrite, 1);
            assert!(c.iter().enumerate().all(|(i, x)| x.is_nan() == (i / 33 == 7)));
        }
    }
}

/// B in parts that overlap and lie in any order, against one product after the other, to the last bit.
fn in_parts_like_products<T: Float>() {
    let (rows, columns, depth, parts) = (43, 67, 5, [0, 3, 1, 90]);
    let data: [Vec<T>; 2] = [numbers(rows * depth * parts.len(), 1), numbers(90 + 4 * 80 + columns, 2)];
    for lie in [Lie::Rows, Lie::Columns] {
        let a = matrix(&data[0], [rows, depth * parts.len()], lie);
        let b = Matrix::new(&data[1], 0, [depth, columns], [80, 1]);
        for (kernels, pieces) in simd::all::<T>().zip([1, 2]) {
            for into in [Write::Overwrite, Write::Add] {
                let start: Vec<T> =
                    if into == Write::Add { numbers(rows * columns, 3) } else { vec![T::nan(); rows * columns] };
                let (mut found, mut expected) = (start.clone(), start);
                in_parts(kernels, a, b, &parts, Block::new(&mut found, rows, columns), into, pieces);
                for (i, &part) in parts.iter().enumerate() {
                    let into = if i == 0 { into } else { Write::Add };
                    let c = Block::new(&mut expected, rows, columns);
                    blocked(kernels, a.columns(i * depth, depth), b.moved(part), c, into, 1);
                }
                assert_eq!(found, expected);
            }
        }
    }
}

#[test]
fn products_of_a_right_side_in_parts() {
    in_parts_like_products::<f32>();
    in_parts_like_products::<f64>();
}

#[test]
#[should_panic(expected = "a matrix outside its storage")]
fn no_part_lies_outside_of_the_storage() {
    let b = [1.0_f64; 9];
    Matrix::new(&b, 0, [2, 4], [4, 1]).moved(1).moved(1);
}

#[test]
fn copies_of_any_strides() {
    for lie in LIES {
        for sizes in [[1, 1], [3, 50], [33, 17], [16, 16], [40, 7]] {
            let data: Box<[f32]> = exactly(sizes, lie, 4);
            let a = matrix(&data, sizes, lie);
            let expected: Vec<f32> = (0..sizes[0]).flat_map(|i| (0..sizes[1]).map(move |j| at(&a, i, j))).collect();
            for kernels in simd::all() {
                let mut found = vec![f32::NAN; expected.len()];
                copy(kernels, a, &mut found);
                assert_eq!(found, expected, "{sizes:?}, {lie:?}");
            }
        }
    }
}
