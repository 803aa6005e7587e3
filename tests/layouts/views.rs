//! Reading, views, writing through them, joining and splitting.

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
            Take::Range { start, end: start + dice.below(size - start + 1), step: dice.pick(&[1, 1, 2, 3, -1, -2, -9]) }
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
