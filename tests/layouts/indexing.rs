//! Picking and adding by index.

use super::*;

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
