//! Every operation on tensors gives on every layout what an index-by-index oracle gives: on permuted, stepped, reversed,
//! broadcast, sliced, empty and rank-0 tensors, in `f32` and `f64`.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "support/arbitrary.rs"]
mod arbitrary;
#[path = "support/compare.rs"]
mod compare;
#[path = "support/oracle.rs"]
mod oracle;

use arbitrary::{Case, Dice, cases, embed, item, partner};
use compare::{Outcome, close, identical, same, same_number};
use oracle::{Model, Take, indices};
use proptest::prelude::*;
use rensa::{Axes, Ellipsis, Float, NewAxis, Tensor, keep, slice};

/// Instantiates generic properties for both native scalars.
macro_rules! properties {
    ($($(#[$meta:meta])* $name:ident)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
            $(
                $(#[$meta])*
                #[test]
                fn $name(case in cases()) {
                    properties::$name::<f32>(&case)?;
                    properties::$name::<f64>(&case)?;
                }
            )*
        }
    };
}
properties! {
    trap_11_12_chains_of_views
    reading
    reshaping
    reordering
    slicing
    assigning
    trap_10_a_write_is_never_seen_elsewhere
    joining_and_splitting
    trap_1_arithmetic_broadcasts
    arithmetic_in_place
    scalars
    comparisons_and_selection
    exact_reductions
    trap_14_16_17_extrema
    rounded_reductions
    truth
    scans
    trap_15_matmul
    indexing
    adding_by_index
}

mod properties {
    use super::*;

    pub(super) fn trap_11_12_chains_of_views<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        same("a chain of views", &x, &m)?;
        same("embedded", &embed(&m, T::nan(), &mut case.dice()), &m)?;
        same("contiguous", &x.to_contiguous(), &m)?;
        same("cloned", &x.clone(), &m)
    }

    pub(super) fn reading<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        let found: Vec<T> = x.iter().copied().collect();
        prop_assert_eq!(&found, &m.data);
        prop_assert_eq!(x.iter().len(), m.data.len());
        prop_assert_eq!((&x).into_iter().count(), m.data.len());
        prop_assert_eq!((x.len(), x.ndim(), x.is_empty()), (m.data.len(), m.shape.len(), m.data.is_empty()));
        for index in indices(&m.shape) {
            prop_assert_eq!(x.get(&index), Some(&m.get(&index)));
        }
        prop_assert_eq!(x.get(&[&m.shape[..], &[0]].concat()), None);
        for axis in 0..m.shape.len() {
            let mut outside = vec![0; m.shape.len()];
            outside[axis] = m.shape[axis];
            prop_assert_eq!(x.get(&outside), None);
        }
        if let Some(slice) = x.as_slice() {
            prop_assert_eq!(slice, &m.data[..]);
        }
        if let ([value], Some(first)) = (&m.data[..], x.iter().next()) {
            prop_assert_eq!((x.item(), *first), (*value, *value));
        }
        prop_assert!(x == x.to_contiguous());
        Ok(())
    }

    pub(super) fn reshaping<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        let mut dice = case.dice();
        same("flatten", &x.flatten(), &m.reshape(&[m.data.len()]))?;
        // Factors of the number of elements, with ones among them, or the same shape with neighbours merged.
        let mut shape = vec![];
        let mut left = m.data.len();
        while shape.len() < 4 {
            let divisors: Vec<usize> = (1..=left.max(1)).filter(|d| left.is_multiple_of(*d)).collect();
            let d = dice.pick(&divisors);
            shape.push(d);
            left /= d;
        }
        shape.push(left);
        same("reshape", &x.reshape(&shape[..]), &m.reshape(&shape))?;
        if left > 0 {
            let unknown = dice.below(5);
            let mut signed: [isize; 5] = std::array::from_fn(|a| shape[a] as isize);
            signed[unknown] = -1;
            same("reshape with −1", &x.reshape(signed), &m.reshape(&shape))?;
        }
        if m.shape.len() >= 2 {
            let at = dice.below(m.shape.len() - 1);
            let merged = [&m.shape[..at], &[m.shape[at] * m.shape[at + 1]], &m.shape[at + 2..]].concat();
            let y = x.reshape(&merged[..]);
            same("two axes merged", &y, &m.reshape(&merged))?;
            same("and divided", &y.reshape(&m.shape[..]), &m)?;
        }
        let at = dice.below(m.shape.len() + 1);
        let mut shape = m.shape.clone();
        shape.insert(at, 1);
        let y = x.unsqueeze(at as isize);
        same("unsqueeze", &y, &m.reshape(&shape))?;
        same("unsqueeze from the back", &x.unsqueeze(at as isize - m.shape.len() as isize - 1), &m.reshape(&shape))?;
        same("squeeze", &y.squeeze(at as isize), &m)
    }

    pub(super) fn reordering<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        let mut dice = case.dice();
        let rank = m.shape.len();
        let order = dice.permutation(rank);
        let signed: Vec<isize> =
            order.iter().map(|&a| if dice.chance(2) { a as isize } else { a as isize - rank as isize }).collect();
        same("permute", &x.permute(&signed), &m.permute(&order))?;
        let mut swapped: Vec<usize> = (0..rank).collect();
        if rank >= 2 {
            swapped.swap(rank - 2, rank - 1);
        }
        same("t", &x.t(), &m.permute(&swapped))?;
        if rank > 0 {
            let (a, b) = (dice.below(rank), dice.below(rank));
            let mut swapped: Vec<usize> = (0..rank).collect();
            swapped.swap(a, b);
            same("swapaxes", &x.swapaxes(a as isize, b as isize - rank as isize), &m.permute(&swapped))?;
        }
        let axes = dice.subset(rank);
        let flipped = axes.iter().fold(m.clone(), |m, &a| m.flip(a));
        same("flip", &x.flip(&axes[..]), &flipped)?;
        same("flip all", &x.flip(..), &(0..rank).fold(m.clone(), |m, a| m.flip(a)))
    }

    /// Random items for `slice!` and what they take of `shape`, with negative indices and open ends among them.
    fn random_items(shape: &[usize], dice: &mut Dice) -> (Vec<rensa::SliceItem>, Vec<Take>) {
        let mut takes = vec![];
        let mut items = vec![];
        for &size in &shape[..dice.below(shape.len() + 1)] {
            if dice.chance(5) {
                takes.push(Take::NewAxis);
                items.push(NewAxis.into());
            }
            let take = if size > 0 && dice.chance(3) {
                Take::Index(dice.below(size))
            } else {
                let start = dice.below(size + 1);
                Take::Range {
                    start,
                    end: start + dice.below(size - start + 1),
                    step: dice.pick(&[1, 1, 2, 3, -1, -2, -9]),
                }
            };
            takes.push(take);
            items.push(if dice.chance(2) { item(take) } else { from_the_back(take, size as isize) });
        }
        (items, takes)
    }

    fn from_the_back(take: Take, size: isize) -> rensa::SliceItem {
        use rensa::SliceItem;
        match take {
            Take::Index(i) => SliceItem::Index(i as isize - size),
            Take::Range { start, end, step } => {
                let start = if (start as isize) < size { start as isize - size } else { start as isize };
                SliceItem::Range { start, end: Some(end as isize - size).filter(|&end| end < 0), step }
            }
            Take::NewAxis => NewAxis.into(),
        }
    }

    pub(super) fn slicing<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        let mut dice = case.dice();
        let (mut items, takes) = random_items(&m.shape, &mut dice);
        let y = x.slice(&items[..]);
        same("slice", &y, &m.slice(&takes))?;
        // Storage of one element lies in the tensor itself and is never shared.
        prop_assert!(y.shares_storage(&x) || !x.shares_storage(&x), "a slice is a view");
        items.push(Ellipsis.into());
        same("slice with …", &x.slice(items), &m.slice(&takes))?;
        let rank = m.shape.len();
        if rank == 0 {
            return Ok(());
        }
        let axis = dice.below(rank);
        let (start, step) = (dice.below(m.shape[axis] + 1), 1 + dice.below(3));
        let len = dice.below(m.shape[axis] - start + 1);
        same("narrow", &x.narrow(axis as isize, start, len), &m.narrow(axis, start, len))?;
        let width = 1 + dice.below(4);
        same("windows", &x.windows(axis as isize - rank as isize, width, step), &m.windows(axis, width, step))?;
        let last = Take::Range { start: 0, end: m.shape[rank - 1], step: -1 };
        let takes: Vec<Take> = (0..rank - 1).map(|a| Take::Range { start: 0, end: m.shape[a], step: 1 }).collect();
        same("the last axis reversed", &x.slice(slice![Ellipsis, ..;-1]), &m.slice(&[&takes[..], &[last]].concat()))
    }

    pub(super) fn assigning<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        let mut dice = case.dice();
        let (items, takes) = random_items(&m.shape, &mut dice);
        let part = m.slice(&takes);
        let mut sizes = part.shape[dice.below(part.shape.len() + 1)..].to_vec();
        sizes.iter_mut().for_each(|size| *size = if dice.chance(3) { 1 } else { *size });
        let value = Model::from_fn(&sizes, |_| T::of(dice.number()));
        let (mut y, mut expected) = (x.clone(), m.clone());
        y.assign(&items[..], &embed(&value, T::nan(), &mut dice));
        expected.assign(&takes, &value);
        same("assigned", &y, &expected)?;
        same("the clone's original", &x, &m)
    }

    pub(super) fn trap_10_a_write_is_never_seen_elsewhere<T: Float>(case: &Case) -> Outcome {
        let (parent, parent_model) = Case { views: vec![], ..case.clone() }.build::<T>();
        let (view, view_model) = case.build::<T>();
        // `build` starts from the same numbers; here the views are taken of this very parent.
        let mut dice = case.dice();
        let one = T::one();
        let written = |index: &[usize], m: &Model<T>| {
            let mut m = m.clone();
            m.set(index, one);
            m
        };
        let (x, m) = case.views_of(&parent, &parent_model);
        same("the same views", &x, &view_model)?;
        same("the same views", &view, &m)?;
        if m.data.is_empty() {
            return Ok(());
        }
        let index: Vec<usize> = m.shape.iter().map(|&size| dice.below(size)).collect();
        let mut changed = x.clone();
        *changed.at_mut(&index) = one;
        same("written through a view", &changed, &written(&index, &m))?;
        same("the view's clone", &x, &m)?;
        same("its parent", &parent, &parent_model)?;
        let mut changed_parent = parent.clone();
        changed_parent.make_mut().iter_mut().for_each(|x| *x = one);
        same("a written parent", &changed_parent, &parent_model.map(|_| one))?;
        same("seen through the view", &x, &m)?;
        // With nobody else left, a view may write in place; each of its elements is still its own.
        drop((parent, changed, changed_parent));
        let mut alone = x;
        *alone.at_mut(&index) = one;
        same("written alone", &alone, &written(&index, &m))?;
        let (mut alone, m) = case.build::<T>();
        alone += T::one();
        same("added alone", &alone, &m.map(|x| x + one))
    }

    trait At<T> {
        fn at_mut(&mut self, index: &[usize]) -> &mut T;
    }

    impl<T: Clone> At<T> for Tensor<T> {
        fn at_mut(&mut self, index: &[usize]) -> &mut T {
            match *index {
                [] => &mut self[[]],
                [i] => &mut self[[i]],
                [i, j] => &mut self[[i, j]],
                [i, j, k] => &mut self[[i, j, k]],
                [i, j, k, l] => &mut self[[i, j, k, l]],
                [i, j, k, l, m] => &mut self[[i, j, k, l, m]],
                _ => unreachable!("ranks up to 5"),
            }
        }
    }

    pub(super) fn joining_and_splitting<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        let mut dice = case.dice();
        let rank = m.shape.len();
        let at = dice.below(rank + 1);
        let other = m.map(|x| x + T::one());
        let parts = [x.clone(), embed(&other, T::nan(), &mut dice), x.clone()];
        let models = [m.clone(), other.clone(), m.clone()];
        same("stack", &Tensor::stack(&parts, at as isize), &Model::stack(&models, at))?;
        same("stack from the back", &Tensor::stack(&parts, -1), &Model::stack(&models, rank))?;
        if rank == 0 {
            return Ok(());
        }
        let axis = dice.below(rank);
        let (size, signed) = (m.shape[axis], axis as isize - rank as isize);
        let len = dice.below(size + 1);
        let models = [m.narrow(axis, 0, len), other, m.clone()];
        let parts = [x.narrow(signed, 0, len), parts[1].clone(), x.clone()];
        same("concat", &Tensor::concat(&parts, signed), &Model::concat(&models, axis))?;
        let sizes = [dice.below(len + 1), 0, size - len];
        let sizes = [sizes[0], len - sizes[0], sizes[1], sizes[2]];
        let mut start = 0;
        let pieces = x.split(&sizes, signed);
        prop_assert_eq!(pieces.len(), 4);
        for (piece, size) in pieces.iter().zip(sizes) {
            same("split", piece, &m.narrow(axis, start, size))?;
            start += size;
        }
        let count = 1 + dice.below(5);
        let chunks = x.chunk(count, axis as isize);
        prop_assert!(chunks.len() <= count && !chunks.is_empty());
        same("chunks joined", &Tensor::concat(&chunks, signed), &m)?;
        let equal = chunks.iter().take(chunks.len() - 1).all(|c| c.shape()[axis] == chunks[0].shape()[axis]);
        prop_assert!(equal && chunks.iter().all(|c| c.shape()[axis] <= chunks[0].shape()[axis]));
        Ok(())
    }

    pub(super) fn trap_1_arithmetic_broadcasts<T: Float>(case: &Case) -> Outcome {
        let (a, ma) = case.build_special::<T>();
        let mut dice = case.dice();
        let mb = partner::<T>(&ma.shape, &mut dice, Dice::special);
        let b = embed(&mb, T::nan(), &mut dice);
        for (x, mx, y, my) in [(&a, &ma, &b, &mb), (&b, &mb, &a, &ma)] {
            macro_rules! all_forms {
                ($op:tt) => {{
                    let expected = mx.zip(my, |x, y| x $op y);
                    same(concat!("&x ", stringify!($op), " &y"), &(x $op y), &expected)?;
                    same(concat!("x ", stringify!($op), " &y"), &(x.clone() $op y), &expected)?;
                    same(concat!("&x ", stringify!($op), " y"), &(x $op y.clone()), &expected)?;
                    same(concat!("x ", stringify!($op), " y"), &(x.clone() $op y.clone()), &expected)?;
                    // Operands that nobody else holds, whose buffers may be reused.
                    let (u, v) = (mx.tensor(), my.tensor());
                    same(concat!("unshared x ", stringify!($op), " y"), &(u $op v), &expected)?;
                    same(concat!("&x ", stringify!($op), " unshared y"), &(x $op my.tensor()), &expected)?;
                }};
            }
            all_forms!(+);
            all_forms!(-);
            all_forms!(*);
            all_forms!(/);
            same("zip", &x.zip(y, |x, y| x + y + y), &mx.zip(my, |x, y| x + y + y))?;
        }
        same("the operand", &a, &ma)?;
        same("the other operand", &b, &mb)
    }

    pub(super) fn arithmetic_in_place<T: Float>(case: &Case) -> Outcome {
        let (a, ma) = case.build::<T>();
        let mut dice = case.dice();
        let sizes = &ma.shape[dice.below(ma.shape.len() + 1)..];
        let sizes: Vec<usize> = sizes.iter().map(|&size| if dice.chance(3) { 1 } else { size }).collect();
        let mb = Model::from_fn(&sizes, |_| T::of(dice.number()));
        let b = embed(&mb, T::nan(), &mut dice);
        let two = T::of(2.0);
        macro_rules! assigns {
            ($($op:tt, $assign:tt;)*) => { $(
                let mut x = a.clone();
                x $assign &b;
                same(stringify!($assign), &x, &ma.zip(&mb, |x, y| x $op y))?;
                let mut x = ma.tensor();
                x $assign &b;
                same(concat!("unshared ", stringify!($assign)), &x, &ma.zip(&mb, |x, y| x $op y))?;
                x = a.clone();
                x $assign two;
                same(concat!("scalar ", stringify!($assign)), &x, &ma.map(|x| x $op two))?;
            )* };
        }
        assigns! { +, +=; -, -=; *, *=; /, /=; }
        let mut x = a.clone();
        x += &x.clone();
        same("added to itself", &x, &ma.map(|x| x + x))?;
        same("the operand", &a, &ma)?;
        same("the other operand", &b, &mb)
    }

    pub(super) fn scalars<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build_special::<T>();
        let s = T::of(case.dice().number());
        same("&x + s", &(&x + s), &m.map(|x| x + s))?;
        same("x + s", &(x.clone() + s), &m.map(|x| x + s))?;
        same("&x − s", &(&x - s), &m.map(|x| x - s))?;
        same("x − s, unshared", &(m.tensor() - s), &m.map(|x| x - s))?;
        same("&x · s", &(&x * s), &m.map(|x| x * s))?;
        same("x / s", &(x.clone() / s), &m.map(|x| x / s))?;
        same("−x", &-&x, &m.map(|x| -x))?;
        same("−x, owned", &-x.clone(), &m.map(|x| -x))?;
        same("−x, unshared", &-m.tensor(), &m.map(|x| -x))?;
        same("map", &x.map(|x| x * x + s), &m.map(|x| x * x + s))?;
        same("cast to f64", &x.cast::<f64>(), &m.to_f64())?;
        same("cast to f32", &x.cast::<f32>(), &m.to_f64().map(|x| x as f32))?;
        same("the operand", &x, &m)
    }

    pub(super) fn comparisons_and_selection<T: Float>(case: &Case) -> Outcome {
        let (a, ma) = case.build_special::<T>();
        let mut dice = case.dice();
        let mb = partner::<T>(&ma.shape, &mut dice, Dice::special);
        let b = embed(&mb, T::nan(), &mut dice);
        identical("=", &a.equal(&b), &ma.zip(&mb, |a, b| a == b))?;
        identical("≠", &a.not_equal(&b), &ma.zip(&mb, |a, b| a != b))?;
        identical("<", &a.less(&b), &ma.zip(&mb, |a, b| a < b))?;
        identical("≤", &b.less_equal(&a), &mb.zip(&ma, |b, a| b <= a))?;
        identical(">", &b.greater(&a), &mb.zip(&ma, |b, a| b > a))?;
        identical("≥", &a.greater_equal(&b), &ma.zip(&mb, |a, b| a >= b))?;
        identical("NaN", &a.is_nan(), &ma.map(|x| x.is_nan()))?;
        identical("finite", &a.is_finite(), &ma.map(|x| x.is_finite()))?;
        let mc = Model::from_fn(&ma.zip(&mb, |a, _| a).shape, |_| dice.chance(2));
        let c = embed(&mc, true, &mut dice);
        let expected = mc.zip(&ma.zip(&mb, |a, b| (a, b)), |c, (a, b)| if c { a } else { b });
        same("select", &Tensor::where_cond(&c, &a, &b), &expected)?;
        let small = partner::<f64>(&expected.shape, &mut dice, Dice::number).map(|x| x > 0.0);
        let expected = small.zip(&ma.zip(&mb, |a, b| (a, b)), |c, (a, b)| if c { a } else { b });
        same("select, broadcast", &Tensor::where_cond(&embed(&small, true, &mut dice), &a, &b), &expected)?;
        same("to float", &c.to_float::<T>(), &mc.map(|c| if c { T::one() } else { T::zero() }))
    }

    /// Some axes of a tensor, in any order, counted from either end, as a reduction takes them.
    fn random_axes(rank: usize, dice: &mut Dice) -> (Vec<usize>, bool, Axes) {
        let folded = if dice.chance(4) { (0..rank).collect() } else { dice.subset(rank) };
        let signed: Vec<isize> =
            folded.iter().map(|&a| if dice.chance(2) { a as isize } else { a as isize - rank as isize }).collect();
        let axes = if folded.len() == rank && dice.chance(2) { Axes::from(..) } else { Axes::from(&signed[..]) };
        let kept = dice.chance(2);
        (folded, kept, if kept { keep(axes) } else { axes })
    }

    pub(super) fn exact_reductions<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        let mut dice = case.dice();
        for _ in 0..4 {
            let (folded, kept, axes) = random_axes(m.shape.len(), &mut dice);
            let sum = |group: &[T]| group.iter().fold(T::zero(), |s, &x| s + x);
            same("sum", &x.sum(axes.clone()), &m.reduce(&folded, kept, sum))?;
            let mean = |group: &[T]| sum(group) / T::of(group.len() as f64);
            same("mean", &x.mean(axes), &m.reduce(&folded, kept, mean))?;
        }
        Ok(())
    }

    /// Whether a reduction over `folded` would have to choose from nothing.
    fn chooses_from_none<T>(m: &Model<T>, folded: &[usize]) -> bool {
        let kept = (0..m.shape.len()).filter(|a| !folded.contains(a));
        folded.iter().any(|&a| m.shape[a] == 0) && kept.into_iter().all(|a| m.shape[a] > 0)
    }

    pub(super) fn trap_14_16_17_extrema<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build_special::<T>();
        let mut dice = case.dice();
        fn best<T: Float>(group: &[T], better: impl Fn(T, T) -> bool) -> usize {
            match group.iter().position(|x| x.is_nan()) {
                Some(nan) => nan,
                None => (0..group.len()).find(|&i| group.iter().all(|&x| !better(x, group[i]))).unwrap_or(usize::MAX),
            }
        }
        for _ in 0..4 {
            let (folded, kept, axes) = random_axes(m.shape.len(), &mut dice);
            if chooses_from_none(&m, &folded) {
                continue;
            }
            let max = m.reduce(&folded, kept, |group| group[best(group, |x, y| x > y)]);
            same("max", &x.max(axes.clone()), &max)?;
            let min = m.reduce(&folded, kept, |group| group[best(group, |x, y| x < y)]);
            same("min", &x.min(axes), &min)?;
        }
        for axis in 0..m.shape.len() {
            if chooses_from_none(&m, &[axis]) {
                continue;
            }
            let signed = axis as isize - m.shape.len() as isize;
            let expected = m.reduce(&[axis], false, |group| best(group, |x, y| x > y));
            identical("argmax", &x.argmax(axis as isize), &expected)?;
            identical("argmin", &x.argmin(signed), &m.reduce(&[axis], false, |group| best(group, |x, y| x < y)))?;
        }
        Ok(())
    }

    pub(super) fn rounded_reductions<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        let (x, m) = (x / T::of(4.0), m.to_f64().map(|x| x / 4.0));
        let mut dice = case.dice();
        for _ in 0..3 {
            let (folded, kept, axes) = random_axes(m.shape.len(), &mut dice);
            let near_one = |x: f64| 1.0 + x / 64.0;
            let product = m.map(near_one).reduce(&folded, kept, |group| group.iter().product());
            close("prod", &(&x / T::of(64.0) + T::one()).prod(axes.clone()), &product)?;
            for ddof in [0, 1, 3] {
                let variance = m.reduce(&folded, kept, |group| {
                    let mean = group.iter().sum::<f64>() / group.len() as f64;
                    let squares: f64 = group.iter().map(|x| (x - mean).powi(2)).sum();
                    if group.len() > ddof { squares / (group.len() - ddof) as f64 } else { f64::NAN }
                });
                close("var", &x.var(axes.clone(), ddof), &variance)?;
                close("std", &x.std(axes.clone(), ddof), &variance.map(f64::sqrt))?;
            }
            let lse = m.reduce(&folded, kept, |group| group.iter().map(|x| x.exp()).sum::<f64>().ln());
            close("logsumexp", &x.logsumexp(axes), &lse)?;
        }
        Ok(())
    }

    pub(super) fn truth<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        let limit = T::of(5.0);
        let (b, mb) = (x.greater(&Tensor::scalar(limit)), m.map(|x| x > limit));
        let mut dice = case.dice();
        let b = if dice.chance(2) { b } else { embed(&mb, true, &mut dice) };
        let (folded, kept, axes) = random_axes(m.shape.len(), &mut dice);
        identical("any", &b.any(axes.clone()), &mb.reduce(&folded, kept, |group| group.iter().any(|&b| b)))?;
        identical("all", &b.all(axes), &mb.reduce(&folded, kept, |group| group.iter().all(|&b| b)))
    }

    pub(super) fn scans<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        for axis in 0..m.shape.len() {
            let expected = Model::from_fn(&m.shape, |index| {
                (0..=index[axis]).fold(T::zero(), |sum, k| {
                    let mut at = index.clone();
                    at[axis] = k;
                    sum + m.get(&at)
                })
            });
            same("cumsum", &x.cumsum(axis as isize), &expected)?;
        }
        Ok(())
    }

    pub(super) fn trap_15_matmul<T: Float>(case: &Case) -> Outcome {
        let mut dice = case.dice();
        let (a, ma) = case.build::<T>();
        if ma.shape.is_empty() {
            return Ok(());
        }
        let k = ma.shape[ma.shape.len() - 1];
        let batch = &ma.shape[..ma.shape.len().saturating_sub(2)];
        let batch = partner::<T>(batch, &mut dice, Dice::number).shape;
        let n = dice.pick(&[0, 1, 2, 3, 5, 9, 17]);
        for shape in [vec![k], vec![k, n], [&batch[..], &[k, n]].concat()] {
            let mb = Model::from_fn(&shape, |_| T::of(dice.number()));
            let b = embed(&mb, T::nan(), &mut dice);
            let expected = ma.to_f64().matmul(&mb.to_f64()).map(|x| T::of(x));
            same("matmul", &a.matmul(&b), &expected)?;
            if shape.len() >= 2 && ma.shape.len() >= 2 {
                let swap = |y: &Model<T>| {
                    let n = y.shape.len();
                    let order: Vec<usize> = (0..n - 2).chain([n - 1, n - 2]).collect();
                    y.permute(&order)
                };
                same("transposed matmul", &b.t().matmul(&a.t()), &swap(&expected))?;
            }
        }
        // A batch that repeats one matrix with stride 0, on either side.
        let m = Model::from_fn(&[3, k], |_| T::of(dice.number()));
        let repeated = embed(&m, T::nan(), &mut dice).broadcast_to([2, 3, k]);
        let columns = Model::from_fn(&[2, k, 4], |_| T::of(dice.number()));
        let expected = m.broadcast_to(&[2, 3, k]).to_f64().matmul(&columns.to_f64()).map(|x| T::of(x));
        same("matmul of a repeated batch", &repeated.matmul(&columns.tensor()), &expected)
    }

    pub(super) fn indexing<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        let mut dice = case.dice();
        let rank = m.shape.len();
        for axis in 0..rank {
            let signed = axis as isize - rank as isize;
            let size = m.shape[axis];
            let count = if size == 0 { 0 } else { dice.below(6) };
            let picks = Model::from_fn(&[count], |_| dice.below(size));
            let index = embed(&picks, usize::MAX, &mut dice);
            let expected = m.index_select(axis, &picks.data);
            same("index_select", &x.index_select(axis as isize, &index), &expected)?;
            let whole = m.map(|x| x > T::zero()).index_select(axis, &picks.data);
            identical("of bools", &x.greater(&Tensor::scalar(T::zero())).index_select(signed, &index), &whole)?;
            let mut shape = m.shape.clone();
            shape[axis] = if size == 0 { 0 } else { dice.below(4) };
            let picks = Model::from_fn(&shape, |_| dice.below(size));
            let index = embed(&picks, usize::MAX, &mut dice);
            same("gather", &x.gather(signed, &index), &m.gather(axis, &picks))?;
        }
        Ok(())
    }

    pub(super) fn adding_by_index<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        let mut dice = case.dice();
        let rank = m.shape.len();
        for axis in 0..rank {
            let size = m.shape[axis];
            let mut shape = m.shape.clone();
            shape[axis] = if size == 0 { 0 } else { dice.below(4) };
            let picks = Model::from_fn(&shape, |_| dice.below(size));
            let source = Model::from_fn(&shape, |_| T::of(dice.number()));
            let mut expected = m.clone();
            for index in indices(&shape) {
                let mut at = index.clone();
                at[axis] = picks.get(&index);
                expected.set(&at, expected.get(&at) + source.get(&index));
            }
            let (p, s) = (embed(&picks, usize::MAX, &mut dice), embed(&source, T::nan(), &mut dice));
            same("scatter_add", &x.scatter_add(axis as isize - rank as isize, &p, &s), &expected)?;

            let n = dice.below(4) + usize::from(size > 0);
            let picks = Model::from_fn(&[size], |_| dice.below(n));
            let mut shape = m.shape.clone();
            shape[axis] = n;
            let mut expected = Model::from_fn(&shape, |_| T::zero());
            for index in indices(&m.shape) {
                let mut at = index.clone();
                at[axis] = picks.data[index[axis]];
                expected.set(&at, expected.get(&at) + m.get(&index));
            }
            let p = embed(&picks, usize::MAX, &mut dice);
            same("index_add", &Tensor::index_add(&x, axis as isize, &p, n), &expected)?;
        }
        same("the operand", &x, &m)
    }
}

/// Sizes at which elementwise work, reductions and products are divided among threads.
mod large {
    use super::*;

    fn numbers<T: Float>(shape: &[usize], seed: u64) -> Model<T> {
        let mut dice = Dice(seed);
        let len = shape.iter().product();
        Model::new(shape, (0..len).map(|_| T::of(dice.number())).collect())
    }

    fn sums<T: Float>() -> Outcome {
        for shape in [[300, 700], [700, 300], [2, 90_000], [90_000, 2], [1, 200_000]] {
            let m = numbers::<T>(&shape, 1);
            let (rows, columns) = (shape[0], shape[1]);
            let mut by_row = vec![T::zero(); rows];
            let mut by_column = vec![T::zero(); columns];
            for (place, &x) in m.data.iter().enumerate() {
                by_row[place / columns] = by_row[place / columns] + x;
                by_column[place % columns] = by_column[place % columns] + x;
            }
            let total = by_row.iter().fold(T::zero(), |s, &x| s + x);
            let dense = m.tensor();
            let transposed = dense.t().to_contiguous().t();
            let reversed = dense.flip(..).to_contiguous().flip(..);
            for x in [dense, transposed, reversed] {
                same("sum of rows", &x.sum(1), &Model::new(&[rows], by_row.clone()))?;
                same("sum of columns", &x.sum(0), &Model::new(&[columns], by_column.clone()))?;
                same("sum", &x.sum(..), &Model::new(&[], vec![total]))?;
            }
        }
        Ok(())
    }

    #[test]
    fn sums_f32() {
        sums::<f32>().unwrap();
    }

    #[test]
    fn sums_f64() {
        sums::<f64>().unwrap();
    }

    /// Images by channel: groups of many runs.
    #[test]
    fn sums_over_several_axes() {
        for [n, c, h, w] in [[8, 5, 30, 40], [30, 3, 7, 19], [3, 40, 12, 11]] {
            let m = numbers::<f32>(&[n, c, h, w], 8);
            let mut expected = vec![0.0; c];
            m.data.iter().enumerate().for_each(|(place, x)| expected[place / (h * w) % c] += x);
            let expected = Model::new(&[c], expected);
            let x = m.tensor();
            same("sum", &x.sum([0, 2, 3]), &expected).unwrap();
            same("sum of permuted", &x.permute(&[3, 1, 0, 2]).sum([0, 2, 3]), &expected).unwrap();
            let last = x.permute(&[0, 2, 3, 1]).to_contiguous();
            same("sum, channels last", &last.sum([0, 1, 2]), &expected).unwrap();
        }
    }

    #[test]
    fn elementwise_of_200_000_elements() {
        let (a, b) = (numbers::<f32>(&[400, 500], 2), numbers::<f32>(&[500, 400], 3));
        let (x, y) = (a.tensor(), b.tensor());
        let place = |i: usize, j: usize, m: &Model<f32>| m.data[i * m.shape[1] + j];
        let sum = &x + &y.t();
        let difference = &x.t() - &y;
        let row = &x + &y.narrow(1, 7, 1).t();
        for (i, j) in (0..400).flat_map(|i| (0..500).map(move |j| (i, j))) {
            assert_eq!(sum[[i, j]], place(i, j, &a) + place(j, i, &b));
            assert_eq!(difference[[j, i]], place(i, j, &a) - place(j, i, &b));
            assert_eq!(row[[i, j]], place(i, j, &a) + place(j, 7, &b));
        }
        assert_eq!((&x * 2.0).to_vec(), a.map(|x| x * 2.0).data);
        assert_eq!(x.cumsum(0).narrow(0, 399, 1).squeeze(0), x.sum(0));
        assert_eq!(x.cumsum(1).narrow(1, 499, 1).squeeze(1), x.sum(1));
        assert_eq!(x.t().max(0), x.max(1));
        assert_eq!(x.t().argmax(0), x.argmax(1));
    }

    fn product<T: Float>() {
        let (m, k, n) = (260, 300, 280);
        let (a, b) = (numbers::<T>(&[m, k], 4), numbers::<T>(&[k, n], 5));
        let mut expected = vec![T::zero(); m * n];
        for i in 0..m {
            for l in 0..k {
                for j in 0..n {
                    expected[i * n + j] = expected[i * n + j] + a.data[i * k + l] * b.data[l * n + j];
                }
            }
        }
        let expected = Model::new(&[m, n], expected);
        let stored =
            |m: &Model<T>| [m.tensor(), m.tensor().t().to_contiguous().t(), m.tensor().flip(0).to_contiguous().flip(0)];
        for x in stored(&a) {
            for y in stored(&b) {
                same("matmul", &x.matmul(&y), &expected).unwrap();
            }
        }
    }

    #[test]
    fn a_product_of_260_300_280() {
        product::<f32>();
        product::<f64>();
    }

    #[test]
    fn many_products() {
        let (a, b) = (numbers::<f32>(&[64, 40, 70], 6), numbers::<f32>(&[64, 70, 50], 7));
        let y = a.tensor().matmul(&b.tensor());
        for batch in [0, 1, 31, 63] {
            let part = |m: &Model<f32>| m.tensor().narrow(0, batch, 1).squeeze(0);
            assert_eq!(y.narrow(0, batch, 1).squeeze(0), part(&a).matmul(&part(&b)));
        }
        assert!(y.iter().all(|&x| same_number(x, x)));
    }
}
