//! Reductions, extrema, scans and the matrix product.

use super::*;

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
