//! Diagonals, triangles, rolling, repetition, sorting, writing by index, norms and distances give on every layout what an
//! index-by-index oracle gives: on permuted, stepped, reversed, broadcast, sliced, empty and rank-0 tensors, in `f32` and `f64`.
//! That their gradients do too is in `rules`.

#[path = "support/arbitrary.rs"]
mod arbitrary;
#[path = "support/compare.rs"]
mod compare;
#[path = "support/oracle.rs"]
mod oracle;

use std::cmp::Ordering;

use arbitrary::{Case, Dice, cases, embed, partner};
use compare::{Outcome, close, identical, same};
use oracle::{Model, broadcast_shapes, indices};
use proptest::prelude::*;
use rensa::{Float, Tensor, keep};

macro_rules! properties {
    ($($name:ident)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
            $(
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
    trap_15_diagonals
    trap_15_triangles
    rolling
    trap_26_repetition
    running_products
    trap_16_17_sorting
    trap_26_scattering
    trap_26_several_indices
    filling_by_mask
    norms
    distances
}

/// Offsets near 0, and some far out.
fn offset(dice: &mut Dice) -> isize {
    dice.pick(&[0, 0, 1, -1, 2, -2, 5, -7, isize::MAX, isize::MIN, isize::MAX / 2])
}

/// `axis`, counted from either end.
fn signed(axis: usize, rank: usize, dice: &mut Dice) -> isize {
    axis as isize - if dice.chance(2) { rank as isize } else { 0 }
}

/// `index` with another value on one axis.
fn with(index: &[usize], axis: usize, value: usize) -> Vec<usize> {
    let mut other = index.to_vec();
    other[axis] = value;
    other
}

mod properties {
    use super::*;

    pub(super) fn trap_15_diagonals<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        let (mut dice, rank) = (case.dice(), m.shape.len());
        if rank < 2 {
            return Ok(());
        }
        let order = dice.permutation(rank);
        let ((a, b), offset) = ((order[0], order[1]), offset(&mut dice));
        let inside =
            |row: usize| usize::try_from(row as i128 + offset as i128).ok().filter(|&column| column < m.shape[b]);
        let rows: Vec<usize> = (0..m.shape[a]).filter(|&row| inside(row).is_some()).collect();
        let others: Vec<usize> = (0..rank).filter(|axis| ![a, b].contains(axis)).collect();
        let shape: Vec<usize> = others.iter().map(|&axis| m.shape[axis]).chain([rows.len()]).collect();
        let expected = Model::from_fn(&shape, |index| {
            let mut at = vec![0; rank];
            others.iter().zip(index).for_each(|(&axis, &i)| at[axis] = i);
            at[a] = rows[index[rank - 2]];
            at[b] = inside(at[a]).expect("it is a row of the diagonal");
            m.get(&at)
        });
        let (a, b) = (signed(a, rank, &mut dice), signed(b, rank, &mut dice));
        let found = x.diagonal(offset, a, b);
        same(&format!("diagonal {offset} of axes {a} and {b} of {:?}", m.shape), &found, &expected)?;
        if rank == 2 {
            let model = if (a, b) == (0, 1) {
                expected
            } else {
                Model::new(x.diagonal(offset, 0, 1).shape(), x.diagonal(offset, 0, 1).to_vec())
            };
            same("diag", &x.diag(offset), &model)?;
            let near = dice.below(7) as isize - 3;
            let size = model.shape[0] + near.unsigned_abs();
            let matrix = Model::from_fn(&[size, size], |i| {
                let on = i[1] as isize - i[0] as isize == near;
                if on { model.get(&[i[0].min(i[1])]) } else { T::zero() }
            });
            same("diag of a vector", &x.diag(offset).diag(near), &matrix)?;
        }
        Ok(())
    }

    pub(super) fn trap_15_triangles<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build_special::<T>();
        let (offset, rank) = (offset(&mut case.dice()), m.shape.len());
        if rank < 2 {
            return Ok(());
        }
        let ahead = |index: &[usize]| index[rank - 1] as i128 - index[rank - 2] as i128;
        let part = |keeps: &dyn Fn(i128) -> bool| {
            Model::from_fn(&m.shape, |index| if keeps(ahead(index)) { m.get(index) } else { T::zero() })
        };
        same("tril", &x.tril(offset), &part(&|ahead| ahead <= offset as i128))?;
        same("triu", &x.triu(offset), &part(&|ahead| ahead >= offset as i128))
    }

    pub(super) fn rolling<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        let (mut dice, rank) = (case.dice(), m.shape.len());
        let axes = dice.subset(rank);
        let shifts: Vec<isize> = axes.iter().map(|_| offset(&mut dice)).collect();
        let expected = Model::from_fn(&m.shape, |index| {
            let mut at = index.clone();
            for (&axis, &shift) in axes.iter().zip(&shifts) {
                at[axis] = (index[axis] as i128 - shift as i128).rem_euclid(m.shape[axis] as i128) as usize;
            }
            m.get(&at)
        });
        let axes: Vec<isize> = axes.iter().map(|&axis| signed(axis, rank, &mut dice)).collect();
        same(&format!("roll by {shifts:?} along {axes:?}"), &x.roll(&shifts, &axes), &expected)
    }

    pub(super) fn trap_26_repetition<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        let (mut dice, rank) = (case.dice(), m.shape.len());
        let times: Vec<usize> = (0..dice.below(rank + 3)).map(|_| dice.pick(&[0, 1, 1, 1, 2, 2, 3])).collect();
        let all = rank.max(times.len());
        let in_front = |list: &[usize]| [&vec![1; all - list.len()][..], list].concat();
        let (sizes, counts) = (in_front(&m.shape), in_front(&times));
        let shape: Vec<usize> = sizes.iter().zip(&counts).map(|(n, k)| n * k).collect();
        if shape.iter().product::<usize>() < 2000 {
            let wide = m.reshape(&sizes);
            let expected =
                Model::from_fn(&shape, |i| wide.get(&i.iter().zip(&sizes).map(|(i, n)| i % n).collect::<Vec<_>>()));
            same(&format!("tile {times:?}"), &x.tile(&times), &expected)?;
            same(&format!("repeat {counts:?}"), &x.repeat(&counts), &expected)?;
        }
        for axis in 0..rank {
            let times = dice.below(4);
            let expected = Model::from_fn(&with(&m.shape, axis, m.shape[axis] * times), |i| {
                m.get(&with(i, axis, i[axis] / times))
            });
            let axis = signed(axis, rank, &mut dice);
            same("repeat_interleave", &x.repeat_interleave(times, axis), &expected)?;
        }
        Ok(())
    }

    pub(super) fn running_products<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        for axis in 0..m.shape.len() {
            let expected = Model::from_fn(&m.shape, |index| {
                (0..=index[axis]).fold(T::one(), |product, k| product * m.get(&with(index, axis, k)))
            });
            same("cumprod", &x.cumprod(axis as isize - m.shape.len() as isize), &expected)?;
        }
        Ok(())
    }

    pub(super) fn trap_16_17_sorting<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build_special::<T>();
        let (mut dice, rank) = (case.dice(), m.shape.len());
        for axis in 0..rank {
            let (descending, largest, n) = (dice.chance(2), dice.chance(2), m.shape[axis]);
            let k = dice.below(n + 1);
            // Insertion behind all that come before or are equal: stable by itself.
            let ranked = |index: &[usize], before: &dyn Fn(T, T) -> Ordering| {
                let mut places: Vec<usize> = Vec::new();
                for place in 0..n {
                    let value = |place: usize| m.get(&with(index, axis, place));
                    let at = places.iter().position(|&p| before(value(place), value(p)) == Ordering::Less);
                    places.insert(at.unwrap_or(places.len()), place);
                }
                places
            };
            let by_size = |a: T, b: T, descending: bool| {
                let order = if a < b {
                    Ordering::Less
                } else if a > b {
                    Ordering::Greater
                } else {
                    Ordering::Equal
                };
                if descending { order.reverse() } else { order }
            };
            let nan_last = |a: T, b: T| a.is_nan().cmp(&b.is_nan()).then(by_size(a, b, descending));
            let nan_first = |a: T, b: T| b.is_nan().cmp(&a.is_nan()).then(by_size(a, b, largest));
            let places = Model::from_fn(&m.shape, |i| ranked(i, &nan_last)[i[axis]]);
            let at = signed(axis, rank, &mut dice);
            let (y, found) = x.sort(at, descending);
            identical("places of sort", &found, &places)?;
            same("sort", &y, &m.gather(axis, &places))?;
            identical("argsort", &x.argsort(at, descending), &places)?;

            let places = Model::from_fn(&with(&m.shape, axis, k), |i| ranked(i, &nan_first)[i[axis]]);
            let (y, found) = x.topk(k, at, largest);
            identical("places of topk", &found, &places)?;
            same("topk", &y, &m.gather(axis, &places))?;
            if k > 0 {
                let extremum = if largest { x.max(keep(at)) } else { x.min(keep(at)) };
                let first = y.narrow(at, 0, 1);
                same("the first of topk", &first, &Model::new(extremum.shape(), extremum.to_vec()))?;
            }
        }
        Ok(())
    }

    pub(super) fn trap_26_scattering<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        let (mut dice, rank) = (case.dice(), m.shape.len());
        for axis in 0..rank {
            let size = m.shape[axis];
            let shape = with(&m.shape, axis, if size == 0 { 0 } else { dice.below(4) });
            let picks = Model::from_fn(&shape, |_| dice.below(size));
            let source = Model::from_fn(&shape, |_| T::of(dice.number()));
            let mut expected = m.clone();
            for index in indices(&shape) {
                expected.set(&with(&index, axis, picks.get(&index)), source.get(&index));
            }
            let (p, s) = (embed(&picks, usize::MAX, &mut dice), embed(&source, T::nan(), &mut dice));
            same("scatter", &x.scatter(signed(axis, rank, &mut dice), &p, &s), &expected)?;
        }
        Ok(())
    }

    pub(super) fn trap_26_several_indices<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        let (mut dice, rank) = (case.dice(), m.shape.len());
        if rank == 0 {
            return Ok(());
        }
        let k = 1 + dice.below(rank);
        let (leading, block) = m.shape.split_at(k);
        let picked: Vec<usize> =
            (0..dice.below(3)).map(|_| if leading.contains(&0) { 0 } else { dice.below(4) }).collect();
        if leading.contains(&0) && !picked.contains(&0) {
            return Ok(()); // there is nothing to index
        }
        let lists: Vec<Model<usize>> = leading
            .iter()
            .map(|&n| Model::from_fn(&partner::<T>(&picked, &mut dice, Dice::number).shape, |_| dice.below(n.max(1))))
            .collect();
        let Some(picked) = lists.iter().try_fold(vec![], |shape, l| broadcast_shapes(&shape, &l.shape)) else {
            return Ok(());
        };
        if picked.iter().product::<usize>() > 100 || (leading.contains(&0) && !picked.contains(&0)) {
            return Ok(());
        }
        let wide: Vec<Model<usize>> = lists.iter().map(|l| l.broadcast_to(&picked)).collect();
        let place = |i: &[usize]| {
            [wide.iter().map(|l| l.get(&i[..picked.len()])).collect(), i[picked.len()..].to_vec()].concat()
        };
        let read = [&picked[..], block].concat();
        let tensors: Vec<Tensor<usize>> = lists.iter().map(|l| embed(l, usize::MAX, &mut dice)).collect();
        let tensors: Vec<&Tensor<usize>> = tensors.iter().collect();
        same("index_get", &x.index_get(&tensors), &Model::from_fn(&read, |i| m.get(&place(i))))?;

        let small: Vec<usize> = read.iter().map(|&n| if dice.chance(3) { 1 } else { n }).collect();
        let values = Model::from_fn(&small[dice.below(small.iter().take_while(|&&n| n == 1).count() + 1)..], |_| {
            T::of(dice.number())
        });
        let (mut put, mut added) = (m.clone(), m.clone());
        let full = values.broadcast_to(&read);
        for i in indices(&read) {
            put.set(&place(&i), full.get(&i));
            added.set(&place(&i), added.get(&place(&i)) + full.get(&i));
        }
        let values = embed(&values, T::nan(), &mut dice);
        same("index_put", &x.index_put(&tensors, &values, false), &put)?;
        same("index_put with accumulate", &x.index_put(&tensors, &values, true), &added)
    }

    pub(super) fn filling_by_mask<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build_special::<T>();
        let mut dice = case.dice();
        let small: Vec<usize> = m.shape.iter().map(|&n| if dice.chance(3) { 1 } else { n }).collect();
        let mask = Model::from_fn(&small[dice.below(small.len() + 1)..], |_| dice.chance(2));
        let Some(true) = broadcast_shapes(&mask.shape, &m.shape).map(|shape| shape == m.shape) else { return Ok(()) };
        let expected = m.zip(&mask.broadcast_to(&m.shape), |x, masked| if masked { T::of(0.5) } else { x });
        same("masked_fill", &x.masked_fill(&embed(&mask, true, &mut dice), T::of(0.5)), &expected)
    }

    pub(super) fn norms<T: Float>(case: &Case) -> Outcome {
        let (x, m) = case.build::<T>();
        let (mut dice, rank) = (case.dice(), m.shape.len());
        let axes = dice.subset(rank);
        let signed: Vec<isize> = axes.iter().map(|&axis| signed(axis, rank, &mut dice)).collect();
        for order in [1.0, 1.5, 2.0, 3.0, f64::INFINITY] {
            let norm = |group: &[f64]| {
                let sizes = group.iter().map(|x| x.abs());
                if order.is_infinite() {
                    sizes.fold(0.0, f64::max)
                } else {
                    sizes.map(|x| x.powf(order)).sum::<f64>().powf(1.0 / order)
                }
            };
            let what = format!("norm of order {order} over {signed:?}");
            close(&what, &x.vector_norm(order, &signed[..]), &m.to_f64().reduce(&axes, false, norm))?;
            close(&what, &x.vector_norm(order, keep(&signed[..])), &m.to_f64().reduce(&axes, true, norm))?;
        }
        let other = partner(&m.shape, &mut dice, Dice::number);
        let Some(shape) = broadcast_shapes(&m.shape, &other.shape) else { return Ok(()) };
        for axis in 0..shape.len() {
            let (a, b) = (m.to_f64().broadcast_to(&shape), other.broadcast_to(&shape));
            let length = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-3);
            let (a_norm, b_norm) = (a.reduce(&[axis], false, length), b.reduce(&[axis], false, length));
            let product = a.zip(&b, |a, b| a * b).reduce(&[axis], false, |x| x.iter().sum::<f64>());
            let expected = product.zip(&a_norm.zip(&b_norm, |a, b| a * b), |product, norms| product / norms);
            let y = embed(&other.map(T::of), T::nan(), &mut dice);
            close("cosine_similarity", &x.cosine_similarity(&y, axis as isize, 1e-3), &expected)?;
        }
        Ok(())
    }

    pub(super) fn distances<T: Float>(case: &Case) -> Outcome {
        let (mut dice, rank) = (case.dice(), case.shape.len());
        if rank < 2 {
            return Ok(());
        }
        // Some with more coordinates than one vector instruction takes.
        let coordinates = dice.pick(&[0, 1, 2, 3, 8, 9, 19]);
        let m = Model::from_fn(&with(&case.shape, rank - 1, coordinates), |_| T::of(dice.number()));
        let x = embed(&m, T::nan(), &mut dice);
        let batch = partner::<T>(&m.shape[..rank - 2], &mut dice, Dice::number).shape;
        let Some(wide) = broadcast_shapes(&m.shape[..rank - 2], &batch) else { return Ok(()) };
        if wide.iter().product::<usize>() * m.shape[rank - 2] > 200 {
            return Ok(());
        }
        let other = Model::from_fn(&[&batch[..], &[dice.below(4), m.shape[rank - 1]]].concat(), |_| dice.number());
        let (points, others) = (m.shape[rank - 2], other.shape[other.shape.len() - 2]);
        let full = |m: &Model<f64>| m.broadcast_to(&[&wide[..], &m.shape[m.shape.len() - 2..]].concat());
        let (a, b) = (full(&m.to_f64()), full(&other));
        let y = embed(&other.map(T::of), T::nan(), &mut dice);
        for order in [1.0, 2.0, 3.0, f64::INFINITY] {
            let expected = Model::from_fn(&[&wide[..], &[points, others]].concat(), |index| {
                let (outer, ij) = index.split_at(wide.len());
                let sizes = (0..m.shape[rank - 1])
                    .map(|k| (a.get(&[outer, &[ij[0], k]].concat()) - b.get(&[outer, &[ij[1], k]].concat())).abs());
                if order.is_infinite() {
                    sizes.fold(0.0, f64::max)
                } else {
                    sizes.map(|d| d.powf(order)).sum::<f64>().powf(1.0 / order)
                }
            });
            close(&format!("distances of order {order}"), &x.cdist(&y, order), &expected)?;
        }
        Ok(())
    }
}
