//! Reading and writing at indices of several axes at once. Indices are fields: nothing is differentiated by them.
//!
//! Indices of the first axes number the blocks that the remaining axes make. So all is done along one axis, of blocks.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, Var};
use crate::kernel::gather::last_writes;
use crate::shape::{Shape, broadcast};
use crate::tensor::Tensor;

/// The blocks of a tensor that indices of its first axes name.
#[derive(Clone, Debug)]
struct Blocks {
    /// The block of each index, in row-major order.
    index: Tensor<usize>,
    /// How many blocks there are.
    count: usize,
    /// The shape that the indices broadcast to, and that of a block.
    picked: Shape,
    block: Shape,
}

impl Blocks {
    #[track_caller]
    fn new(op: &str, indices: &[&Tensor<usize>], shape: &Shape) -> Self {
        let k = indices.len();
        assert!(k > 0 && k <= shape.ndim(), "{op}: indices of {k} axes for {shape:?}");
        let mut picked = Shape::default();
        for index in indices {
            picked = broadcast(op, &picked, index.shape());
        }
        let mut numbers = vec![0; picked.elements()];
        for (axis, index) in indices.iter().enumerate() {
            let index = index.broadcast_to(&picked);
            for (number, &i) in numbers.iter_mut().zip(&index) {
                assert!(i < shape[axis], "{op}: index {i} is outside axis {axis} of {shape:?}");
                *number = *number * shape[axis] + i;
            }
        }
        let index = Tensor::from_elements(numbers, [picked.elements()].into());
        Blocks { index, count: shape[..k].iter().product(), picked, block: shape[k..].into() }
    }

    /// The shape of the tensor as a list of blocks.
    fn list(&self) -> Shape {
        [self.count].into_iter().chain(self.block.iter().copied()).collect()
    }

    /// The shape of what the indices read.
    fn read(&self) -> Shape {
        self.picked.iter().chain(self.block.iter()).copied().collect()
    }

    #[track_caller]
    fn get<'t, T: Float>(&self, x: Var<'t, T>) -> Var<'t, T> {
        x.reshape(&self.list()).index_select(0, &self.index).reshape(&self.read())
    }

    fn put<T: Float>(&self, x: &Tensor<T>, values: &Tensor<T>, accumulate: bool) -> Tensor<T> {
        let index = self.index.as_slice().unwrap_or_default();
        if accumulate {
            x.put_blocks(self.count, index, values, |y, &x| *y = *y + x)
        } else {
            x.put_blocks(self.count, index, values, T::clone_from)
        }
    }

    /// Of blocks written one after the other, which ones no later one overwrites; broadcasts to what the indices read.
    fn remain(&self) -> Tensor<bool> {
        let last = last_writes(self.index.as_slice().unwrap_or_default(), self.count);
        let shape = self.picked.iter().copied().chain(self.block.iter().map(|_| 1)).collect();
        Tensor::from_elements(last, shape)
    }
}

/// A tensor with values written over blocks of it, or added to them.
#[derive(Debug)]
struct IndexPut {
    blocks: Blocks,
    accumulate: bool,
}

impl<T: Float> Op<T> for IndexPut {
    fn name(&self) -> &'static str {
        "index_put"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        self.blocks.put(xs[0], xs[1], self.accumulate)
    }

    // What was overwritten, of either, has no part in the result.
    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let (g, blocks) = (p.g, &self.blocks);
        if self.accumulate {
            p.accum(0, || g);
            p.accum(1, || blocks.get(g));
            return;
        }
        p.accum(0, || {
            let zeros = g.tape().constant(Tensor::zeros(blocks.read()));
            Var::apply(IndexPut { blocks: blocks.clone(), accumulate: false }, &[g, zeros])
        });
        p.accum(1, || Var::where_cond(&blocks.remain(), blocks.get(g), g.tape().scalar(T::zero())));
    }
}

#[track_caller]
fn check_values(values: &Shape, read: &Shape) {
    let fits = values.broadcast(read).as_ref() == Some(read);
    assert!(fits, "index_put: values {values:?} do not broadcast to {read:?}, which the indices name");
}

impl<'t, T: Float> Var<'t, T> {
    /// The elements, or slices, at indices of the first axes: `y[i…, …] = x[index₀[i…], index₁[i…], …, …]`, as `x[i, j]` in NumPy and
    /// PyTorch.
    ///
    /// Shapes: `k` tensors of indices, which broadcast to `[i…]`, and `[n₀, …, nₖ₋₁, …]` → `[i…, …]`.
    ///
    /// # Gradient
    /// `x̄[index₀[i…], …] += ȳ[i…]`: an index that occurs several times adds several times.
    ///
    /// # Panics
    /// If there is no index or there are more than axes, they do not broadcast, or one is outside.
    #[track_caller]
    pub fn index_get(self, indices: &[&Tensor<usize>]) -> Self {
        Blocks::new("index_get", indices, &self.shape()).get(self)
    }

    /// `self` with `values` written at indices of the first axes, `y[index₀[i…], index₁[i…], …, …] = values[i…, …]`, or, with
    /// `accumulate`, added there.
    ///
    /// Where an index occurs several times, the last one in row-major order is what remains; if they are added, all are.
    ///
    /// Shapes: `k` tensors of indices, which broadcast to `[i…]`; `self` `[n₀, …, nₖ₋₁, …]`, which is that of the result; `values`
    /// broadcasts to `[i…, …]`.
    ///
    /// # Gradient
    /// That of `values` is `ȳ` at the indices, and 0 where a later one was written over it. `x̄ = ȳ`, and 0 where something was
    /// written, unless it was added.
    ///
    /// # Panics
    /// If there is no index or there are more than axes, they do not broadcast, one is outside, or `values` does not fit.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, Tensor, tensor};
    /// let tape = Tape::<f64>::new();
    /// let (x, v) = (tape.leaf(Tensor::zeros([2, 2])), tape.leaf(tensor![1.0, 2.0, 3.0]));
    /// let (rows, columns) = (tensor![0_usize, 1, 0], tensor![0_usize, 1, 0]);
    /// assert_eq!(x.index_put(&[&rows, &columns], v, false).value().to_vec(), [3.0, 0.0, 0.0, 2.0]);
    /// assert_eq!(x.index_put(&[&rows, &columns], v, true).value().to_vec(), [4.0, 0.0, 0.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn index_put(self, indices: &[&Tensor<usize>], values: Var<'t, T>, accumulate: bool) -> Self {
        let blocks = Blocks::new("index_put", indices, &self.shape());
        check_values(&values.shape(), &blocks.read());
        let values = values.broadcast_to(blocks.read());
        Var::apply(IndexPut { blocks, accumulate }, &[self, values])
    }
}

impl<T: Clone> Tensor<T> {
    /// The elements, or slices, at indices of the first axes: `y[i…, …] = x[index₀[i…], index₁[i…], …, …]`, as `x[i, j]` in NumPy and
    /// PyTorch.
    ///
    /// Shapes: `k` tensors of indices, which broadcast to `[i…]`, and `[n₀, …, nₖ₋₁, …]` → `[i…, …]`.
    ///
    /// # Panics
    /// If there is no index or there are more than axes, they do not broadcast, or one is outside.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let x = tensor![[1, 2], [3, 4]];
    /// assert_eq!(x.index_get(&[&tensor![1_usize, 0], &tensor![0_usize, 1]]).to_vec(), [3, 2]);
    /// assert_eq!(x.index_get(&[&tensor![1_usize]]).shape(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn index_get(&self, indices: &[&Tensor<usize>]) -> Tensor<T> {
        let blocks = Blocks::new("index_get", indices, self.shape());
        self.reshape(&blocks.list()).index_select(0, &blocks.index).reshape(&blocks.read())
    }
}

impl<T: Float> Tensor<T> {
    /// `self` with `values` written at indices of the first axes, `y[index₀[i…], index₁[i…], …, …] = values[i…, …]`, or, with
    /// `accumulate`, added there.
    ///
    /// Where an index occurs several times, the last one in row-major order is what remains; if they are added, all are.
    ///
    /// Shapes: `k` tensors of indices, which broadcast to `[i…]`; `self` `[n₀, …, nₖ₋₁, …]`, which is that of the result; `values`
    /// broadcasts to `[i…, …]`.
    ///
    /// # Panics
    /// If there is no index or there are more than axes, they do not broadcast, one is outside, or `values` does not fit.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tensor, tensor};
    /// let (rows, columns) = (tensor![0_usize, 1], tensor![1_usize, 0]);
    /// let y = Tensor::zeros([2, 2]).index_put(&[&rows, &columns], &tensor![5.0, 6.0], false);
    /// assert_eq!(y.to_vec(), [0.0, 5.0, 6.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn index_put(&self, indices: &[&Tensor<usize>], values: &Tensor<T>, accumulate: bool) -> Tensor<T> {
        let blocks = Blocks::new("index_put", indices, self.shape());
        check_values(values.shape(), &blocks.read());
        blocks.put(self, &values.broadcast_to(blocks.read()), accumulate)
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    // Of three pairs of indices the first and the last are one.
    let mut all = Vec::new();
    macro_rules! put {
        ($name:expr, $accumulate:expr) => {
            specimen!(
                $name,
                |x, v| x.index_put(&[&crate::tensor![0_usize, 1, 0], &crate::tensor![1_usize]], v, $accumulate),
                [[2, 2], [3]],
                [[2, 3, 2], [3, 2]],
                [[2, 3, 2], [3, 1]],
                [[2, 2], []],
                [[2, 2, 0], [3, 0]]
            )
        };
    }
    all.push(put!("index_put", false));
    all.push(put!("index_put with accumulate", true));
    all.push(specimen!(
        "index_get",
        |x| x.index_get(&[&crate::tensor![0_usize, 1, 0], &crate::tensor![[1_usize], [0]]]),
        [[2, 2]],
        [[2, 3, 2]],
        [[2, 2, 0]]
    ));
    all
}
