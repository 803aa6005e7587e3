//! Tensors of random shapes on random layouts, each with its model.

#![allow(dead_code, unreachable_pub, reason = "a module of tests, of which every file uses its own part")]

use proptest::prelude::*;
use rensa::{Float, Tensor};

use crate::oracle::Model;

/// At most so many elements in a tensor.
const MAX_ELEMENTS: usize = 400;
const MAX_RANK: usize = 5;

/// A small generator of choices, so that one number drawn by proptest decides many.
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        // Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators" (2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    pub fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    pub fn pick<I: Copy>(&mut self, items: &[I]) -> I {
        items[self.below(items.len())]
    }

    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        (1..n).rev().for_each(|i| order.swap(i, self.below(i + 1)));
        order
    }

    /// Any subset of `0..n`, in any order.
    pub fn subset(&mut self, n: usize) -> Vec<usize> {
        self.permutation(n).into_iter().filter(|_| self.chance(2)).collect()
    }

    /// A quarter of a small whole number: sums and products of these are exact, in whatever order.
    pub fn number(&mut self) -> f64 {
        self.below(65) as f64 / 4.0 - 8.0
    }

    /// Now and then NaN, an infinity, a zero of either sign.
    pub fn special(&mut self) -> f64 {
        match self.below(24) {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => f64::NEG_INFINITY,
            3 => 0.0,
            4 => -0.0,
            _ => (self.number() / 2.0).round(),
        }
    }
}

/// What a random tensor is made from: the shape of its storage, and views taken of it one after the other.
#[derive(Clone, Debug)]
pub struct Case {
    pub shape: Vec<usize>,
    pub views: Vec<u64>,
    pub seed: u64,
}

pub fn cases() -> impl Strategy<Value = Case> {
    let size = prop_oneof![1 => Just(0usize), 3 => Just(1usize), 12 => 2usize..8];
    let shape = prop::collection::vec(size, 0..=MAX_RANK)
        .prop_filter("few elements", |shape| shape.iter().product::<usize>() <= MAX_ELEMENTS);
    (shape, prop::collection::vec(any::<u64>(), 0..5), any::<u64>()).prop_map(|(shape, views, seed)| Case {
        shape,
        views,
        seed,
    })
}

impl Case {
    pub fn dice(&self) -> Dice {
        Dice(self.seed)
    }

    /// The tensor and its model, of exact numbers.
    pub fn build<T: Float>(&self) -> (Tensor<T>, Model<T>) {
        self.build_from(Dice::number)
    }

    /// The tensor and its model, of numbers with specials among them.
    pub fn build_special<T: Float>(&self) -> (Tensor<T>, Model<T>) {
        self.build_from(Dice::special)
    }

    fn build_from<T: Float>(&self, number: impl Fn(&mut Dice) -> f64) -> (Tensor<T>, Model<T>) {
        let mut dice = Dice(!self.seed);
        let model = Model::from_fn(&self.shape, |_| T::of(number(&mut dice)));
        self.views_of(&model.tensor(), &model)
    }

    /// The case's views of another tensor and its model.
    pub fn views_of<T: Clone>(&self, x: &Tensor<T>, m: &Model<T>) -> (Tensor<T>, Model<T>) {
        self.views.iter().fold((x.clone(), m.clone()), |(x, m), &seed| view(x, m, &mut Dice(seed)))
    }
}

/// A random view of both; the same ones where the chosen view does not apply.
fn view<T: Clone>(x: Tensor<T>, m: Model<T>, dice: &mut Dice) -> (Tensor<T>, Model<T>) {
    let rank = m.shape.len();
    let kind = dice.below(8);
    if rank == 0 && kind != 4 && kind != 5 {
        return (x, m);
    }
    let axis = dice.below(rank.max(1));
    let size = m.shape.get(axis).copied().unwrap_or(1);
    match kind {
        0 => {
            let order = dice.permutation(rank);
            let signed: Vec<isize> = order.iter().map(|&a| a as isize).collect();
            (x.permute(&signed), m.permute(&order))
        }
        1 | 2 => {
            let start = dice.below(size + 1);
            let end = start + dice.below(size - start + 1);
            let step = dice.pick(&[1, 2, 3, -1, -2]);
            let take = crate::oracle::Take::Range { start, end, step };
            slice_axis(&x, &m, axis, take)
        }
        3 => (x.flip(axis), m.flip(axis)),
        4 if rank < MAX_RANK => {
            let times = dice.below(4);
            let shape = [&[times], &m.shape[..]].concat();
            if shape.iter().product::<usize>() > MAX_ELEMENTS {
                return (x, m);
            }
            (x.broadcast_to(shape.clone()), m.broadcast_to(&shape))
        }
        5 if rank < MAX_RANK => {
            let at = dice.below(rank + 1);
            let mut shape = m.shape.clone();
            shape.insert(at, 1);
            let x = x.unsqueeze(at as isize);
            let m = m.reshape(&shape);
            shape[at] = 1 + dice.below(3);
            if shape.iter().product::<usize>() > MAX_ELEMENTS {
                return (x, m);
            }
            (x.broadcast_to(shape.clone()), m.broadcast_to(&shape))
        }
        6 if rank < MAX_RANK && size > 0 => {
            let (width, step) = (1 + dice.below(size), 1 + dice.below(3));
            let windows = m.windows(axis, width, step);
            if windows.data.len() > MAX_ELEMENTS {
                return (x, m);
            }
            (x.windows(axis as isize, width, step), windows)
        }
        7 if size > 0 => slice_axis(&x, &m, axis, crate::oracle::Take::Index(dice.below(size))),
        _ => (x, m),
    }
}

fn slice_axis<T: Clone>(x: &Tensor<T>, m: &Model<T>, axis: usize, take: crate::oracle::Take) -> (Tensor<T>, Model<T>) {
    use crate::oracle::Take;
    use rensa::SliceItem;
    let whole = |a: usize| Take::Range { start: 0, end: m.shape[a], step: 1 };
    let takes: Vec<Take> = (0..axis).map(whole).chain([take]).collect();
    let items: Vec<SliceItem> = takes.iter().map(|&take| item(take)).collect();
    (x.slice(items), m.slice(&takes))
}

/// The item of `slice!` that takes the same.
pub fn item(take: crate::oracle::Take) -> rensa::SliceItem {
    use crate::oracle::Take;
    use rensa::SliceItem;
    match take {
        Take::Index(i) => SliceItem::Index(i as isize),
        Take::Range { start, end, step } => SliceItem::Range { start: start as isize, end: Some(end as isize), step },
        Take::NewAxis => SliceItem::NewAxis,
    }
}

/// A tensor equal to `m` whose storage has other elements between, before and behind, in another order of axes, some of them
/// backwards.
pub fn embed<T: Clone>(m: &Model<T>, poison: T, dice: &mut Dice) -> Tensor<T> {
    let rank = m.shape.len();
    let steps: Vec<isize> = (0..rank).map(|_| dice.pick(&[1, 1, 1, 2, -1, -2])).collect();
    let before: Vec<usize> = (0..rank).map(|_| dice.pick(&[0, 0, 1, 2])).collect();
    let end: Vec<usize> = (0..rank).map(|a| before[a] + m.shape[a] * steps[a].unsigned_abs()).collect();
    let sizes: Vec<usize> = (0..rank).map(|a| end[a] + dice.pick(&[0, 0, 1])).collect();
    let order = if dice.chance(2) { (0..rank).collect() } else { dice.permutation(rank) };
    let stored: Vec<usize> = order.iter().map(|&a| sizes[a]).collect();
    let mut storage = Model::from_fn(&stored, |_| poison.clone());
    for index in crate::oracle::indices(&m.shape) {
        let place = |a: usize| {
            let k = index[a] * steps[a].unsigned_abs();
            if steps[a] > 0 { before[a] + k } else { end[a] - 1 - k }
        };
        storage.set(&order.iter().map(|&a| place(a)).collect::<Vec<_>>(), m.get(&index));
    }
    let back: Vec<isize> = (0..rank).map(|a| order.iter().position(|&o| o == a).unwrap_or(a) as isize).collect();
    let items: Vec<rensa::SliceItem> = (0..rank)
        .map(|a| rensa::SliceItem::Range { start: before[a] as isize, end: Some(end[a] as isize), step: steps[a] })
        .collect();
    storage.tensor().permute(&back).slice(items)
}

/// A random model of a shape that broadcasts with `shape`: axes dropped in front, or of size 1, or added.
pub fn partner<T: Float>(shape: &[usize], dice: &mut Dice, number: impl Fn(&mut Dice) -> f64) -> Model<T> {
    let keep = dice.below(shape.len() + 1);
    let mut sizes = if dice.chance(2) { shape.to_vec() } else { shape[keep..].to_vec() };
    sizes.iter_mut().for_each(|size| {
        if dice.chance(3) {
            *size = if *size == 1 { dice.below(4) } else { 1 }
        }
    });
    let stretched = crate::oracle::broadcast_shapes(shape, &sizes).expect("made to broadcast");
    if stretched.iter().product::<usize>() > MAX_ELEMENTS {
        sizes.clear();
    }
    if sizes.len() == shape.len() && sizes.len() < MAX_RANK && dice.chance(6) {
        sizes.insert(0, 1);
    }
    Model::from_fn(&sizes, |_| T::of(number(dice)))
}
