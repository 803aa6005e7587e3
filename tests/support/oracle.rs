//! A tensor as slow and as plain as can be: a shape and a list of elements in row-major order. Written independently of
//! `src`, it is what the fast one is compared with, index by index.

#![allow(dead_code, unreachable_pub, reason = "a module of tests, of which every file uses its own part")]

use rensa::{Float, Tensor};

#[derive(Clone, Debug, PartialEq)]
pub struct Model<T> {
    pub shape: Vec<usize>,
    pub data: Vec<T>,
}

/// What a slice takes of one axis; the start and the end are counted from the front.
#[derive(Clone, Copy, Debug)]
pub enum Take {
    Index(usize),
    Range { start: usize, end: usize, step: isize },
    NewAxis,
}

/// Every index of `shape`, in row-major order.
pub fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for &size in shape {
        all = all.iter().flat_map(|i: &Vec<usize>| (0..size).map(move |k| [&i[..], &[k]].concat())).collect();
    }
    all
}

/// The shape that two shapes broadcast to.
pub fn broadcast_shapes(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let n = a.len().max(b.len());
    let size = |s: &[usize], axis: usize| if axis + s.len() < n { 1 } else { s[axis + s.len() - n] };
    (0..n)
        .map(|axis| match (size(a, axis), size(b, axis)) {
            (x, y) if x == y || y == 1 => Some(x),
            (1, y) => Some(y),
            _ => None,
        })
        .collect()
}

impl<T: Clone> Model<T> {
    pub fn new(shape: &[usize], data: Vec<T>) -> Self {
        assert_eq!(data.len(), shape.iter().product::<usize>());
        Model { shape: shape.to_vec(), data }
    }

    pub fn from_fn(shape: &[usize], f: impl FnMut(&Vec<usize>) -> T) -> Self {
        Model { shape: shape.to_vec(), data: indices(shape).iter().map(f).collect() }
    }

    pub fn get(&self, index: &[usize]) -> T {
        assert_eq!(index.len(), self.shape.len());
        let mut place = 0;
        for (i, size) in index.iter().zip(&self.shape) {
            assert!(i < size);
            place = place * size + i;
        }
        self.data[place].clone()
    }

    pub fn set(&mut self, index: &[usize], value: T) {
        let place = index.iter().zip(&self.shape).fold(0, |place, (i, size)| place * size + i);
        self.data[place] = value;
    }

    pub fn tensor(&self) -> Tensor<T> {
        Tensor::from_vec(self.data.clone(), self.shape.clone()).expect("a model has as many elements as its shape")
    }

    pub fn map<U: Clone>(&self, f: impl FnMut(T) -> U) -> Model<U> {
        Model { shape: self.shape.clone(), data: self.data.iter().cloned().map(f).collect() }
    }

    pub fn zip<U: Clone, V: Clone>(&self, other: &Model<U>, f: impl Fn(T, U) -> V) -> Model<V> {
        let shape = broadcast_shapes(&self.shape, &other.shape).expect("models broadcast");
        let (a, b) = (self.broadcast_to(&shape), other.broadcast_to(&shape));
        Model { shape, data: a.data.into_iter().zip(b.data).map(|(a, b)| f(a, b)).collect() }
    }

    // Views.

    pub fn reshape(&self, shape: &[usize]) -> Self {
        Model::new(shape, self.data.clone())
    }

    pub fn permute(&self, axes: &[usize]) -> Self {
        let shape: Vec<usize> = axes.iter().map(|&a| self.shape[a]).collect();
        Model::from_fn(&shape, |index| {
            let mut old = vec![0; index.len()];
            axes.iter().zip(index).for_each(|(&a, &i)| old[a] = i);
            self.get(&old)
        })
    }

    pub fn broadcast_to(&self, shape: &[usize]) -> Self {
        let new = shape.len() - self.shape.len();
        Model::from_fn(shape, |index| {
            let old: Vec<usize> =
                self.shape.iter().zip(&index[new..]).map(|(&size, &i)| if size == 1 { 0 } else { i }).collect();
            self.get(&old)
        })
    }

    pub fn slice(&self, items: &[Take]) -> Self {
        self.get_many(&places(&self.shape, items))
    }

    /// The elements at the indices that the model holds.
    fn get_many(&self, places: &Model<Vec<usize>>) -> Self {
        places.map(|index| self.get(&index))
    }

    pub fn assign(&mut self, items: &[Take], value: &Self) {
        let places = places(&self.shape, items);
        let value = value.broadcast_to(&places.shape);
        for (index, v) in places.data.iter().zip(value.data) {
            self.set(index, v);
        }
    }

    pub fn flip(&self, axis: usize) -> Self {
        Model::from_fn(&self.shape, |index| {
            let mut old = index.clone();
            old[axis] = self.shape[axis] - 1 - index[axis];
            self.get(&old)
        })
    }

    pub fn windows(&self, axis: usize, size: usize, step: usize) -> Self {
        let mut shape = self.shape.clone();
        shape[axis] = (0..self.shape[axis]).step_by(step).filter(|start| start + size <= self.shape[axis]).count();
        shape.push(size);
        Model::from_fn(&shape, |index| {
            let mut old = index[..index.len() - 1].to_vec();
            old[axis] = index[axis] * step + index[index.len() - 1];
            self.get(&old)
        })
    }

    pub fn narrow(&self, axis: usize, start: usize, len: usize) -> Self {
        let mut shape = self.shape.clone();
        shape[axis] = len;
        Model::from_fn(&shape, |index| {
            let mut old = index.clone();
            old[axis] += start;
            self.get(&old)
        })
    }

    pub fn concat(parts: &[Self], axis: usize) -> Self {
        let mut shape = parts[0].shape.clone();
        shape[axis] = parts.iter().map(|p| p.shape[axis]).sum();
        Model::from_fn(&shape, |index| {
            let mut old = index.clone();
            for part in parts {
                if old[axis] < part.shape[axis] {
                    return part.get(&old);
                }
                old[axis] -= part.shape[axis];
            }
            unreachable!("an index beyond all parts")
        })
    }

    pub fn stack(parts: &[Self], axis: usize) -> Self {
        let mut shape = parts[0].shape.clone();
        shape.insert(axis, parts.len());
        Model::from_fn(&shape, |index| {
            let mut old = index.clone();
            let part = old.remove(axis);
            parts[part].get(&old)
        })
    }

    // Picking by index.

    pub fn index_select(&self, axis: usize, picks: &[usize]) -> Self {
        let mut shape = self.shape.clone();
        shape[axis] = picks.len();
        Model::from_fn(&shape, |index| {
            let mut old = index.clone();
            old[axis] = picks[index[axis]];
            self.get(&old)
        })
    }

    pub fn gather(&self, axis: usize, picks: &Model<usize>) -> Self {
        Model::from_fn(&picks.shape, |index| {
            let mut old = index.clone();
            old[axis] = picks.get(index);
            self.get(&old)
        })
    }

    // Reductions.

    /// `f` of the elements of every group that the axes in `folded` make, in row-major order.
    pub fn reduce<U: Clone>(&self, folded: &[usize], keep: bool, f: impl Fn(&[T]) -> U) -> Model<U> {
        let kept_size = |a: usize| if folded.contains(&a) { 1 } else { self.shape[a] };
        let full: Vec<usize> = (0..self.shape.len()).map(kept_size).collect();
        let inner: Vec<usize> =
            (0..self.shape.len()).map(|a| if folded.contains(&a) { self.shape[a] } else { 1 }).collect();
        let result = Model::from_fn(&full, |index| {
            let group: Vec<T> = indices(&inner)
                .iter()
                .map(|i| self.get(&i.iter().zip(index).map(|(i, k)| i + k).collect::<Vec<_>>()))
                .collect();
            f(&group)
        });
        let shape: Vec<usize> =
            (0..self.shape.len()).filter(|a| keep || !folded.contains(a)).map(|a| full[a]).collect();
        Model { shape, ..result }
    }
}

/// The indices of `shape` that `items` take.
fn places(shape: &[usize], items: &[Take]) -> Model<Vec<usize>> {
    let list = |start: usize, end: usize, step: isize| {
        let range: Vec<usize> = (start..end).collect();
        let walk = |range: Vec<usize>| range.into_iter().step_by(step.unsigned_abs()).collect();
        if step > 0 { walk(range) } else { walk(range.into_iter().rev().collect()) }
    };
    let mut taken: Vec<Vec<usize>> = vec![];
    let mut sizes = vec![];
    for item in items {
        match *item {
            Take::Index(i) => taken.push(vec![i]),
            Take::Range { start, end, step } => {
                let places: Vec<usize> = list(start, end, step);
                sizes.push(places.len());
                taken.push(places);
            }
            Take::NewAxis => sizes.push(1),
        }
    }
    for &size in &shape[taken.len()..] {
        sizes.push(size);
        taken.push((0..size).collect());
    }
    let mut data = vec![vec![]];
    for places in taken {
        data = data.iter().flat_map(|i: &Vec<usize>| places.iter().map(|&p| [&i[..], &[p]].concat())).collect();
    }
    Model::new(&sizes, data)
}

impl<T: Float> Model<T> {
    pub fn to_f64(&self) -> Model<f64> {
        self.map(|x| x.to_f64().expect("test values are representable"))
    }
}

impl Model<f64> {
    /// The product by its definition, one sum per element.
    pub fn matmul(&self, other: &Self) -> Self {
        let a = if self.shape.len() == 1 { self.reshape(&[1, self.shape[0]]) } else { self.clone() };
        let b = if other.shape.len() == 1 { other.reshape(&[other.shape[0], 1]) } else { other.clone() };
        let (ra, rb) = (a.shape.len(), b.shape.len());
        let (m, k, n) = (a.shape[ra - 2], a.shape[ra - 1], b.shape[rb - 1]);
        let batch = broadcast_shapes(&a.shape[..ra - 2], &b.shape[..rb - 2]).expect("batches broadcast");
        let a = a.broadcast_to(&[&batch[..], &[m, k]].concat());
        let b = b.broadcast_to(&[&batch[..], &[k, n]].concat());
        let y = Model::from_fn(&[&batch[..], &[m, n]].concat(), |index| {
            let (outer, ij) = index.split_at(batch.len());
            let at = |i: usize, j: usize| [outer, &[i, j]].concat();
            (0..k).map(|l| a.get(&at(ij[0], l)) * b.get(&at(l, ij[1]))).fold(0.0, |s, x| s + x)
        });
        let (left, right) = (self.shape.len() == 1, other.shape.len() == 1);
        let mut shape = batch;
        shape.extend((!left).then_some(m));
        shape.extend((!right).then_some(n));
        y.reshape(&shape)
    }
}
