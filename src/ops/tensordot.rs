//! Products of two tensors over axes of choice, and those of vectors.

use super::array::Array;
use super::einsum::contract;
use super::equation::{Label, Labels};
use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::Var;
use crate::shape::{Shape, axis_of};
use crate::tensor::Tensor;

/// The axes that a [`Var::tensordot`] sums over: a number `k`, for the last k of one tensor and the first k of the other, or a list of
/// axes of each, in pairs.
#[derive(Clone, Debug)]
pub struct Contraction(Pairs);

#[derive(Clone, Debug)]
enum Pairs {
    Last(usize),
    Named(Vec<isize>, Vec<isize>),
}

impl From<usize> for Contraction {
    fn from(count: usize) -> Self {
        Contraction(Pairs::Last(count))
    }
}

impl From<i32> for Contraction {
    /// # Panics
    /// If the number is negative.
    #[track_caller]
    fn from(count: i32) -> Self {
        match usize::try_from(count) {
            Ok(count) => Contraction::from(count),
            Err(_) => panic!("tensordot: {count} axes"),
        }
    }
}

impl<const N: usize> From<([isize; N], [isize; N])> for Contraction {
    fn from((a, b): ([isize; N], [isize; N])) -> Self {
        Contraction(Pairs::Named(a.to_vec(), b.to_vec()))
    }
}

impl From<(&[isize], &[isize])> for Contraction {
    fn from((a, b): (&[isize], &[isize])) -> Self {
        Contraction(Pairs::Named(a.to_vec(), b.to_vec()))
    }
}

impl Contraction {
    /// The axes of both, counted from the front, in pairs.
    #[track_caller]
    fn resolve(&self, a: &Shape, b: &Shape) -> Vec<(usize, usize)> {
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        match &self.0 {
            Pairs::Last(count) => {
                assert!(*count <= a.ndim().min(b.ndim()), "tensordot: {count} axes of {a:?} and {b:?}");
                pairs.extend((0..*count).map(|k| (a.ndim() - count + k, k)));
            }
            Pairs::Named(of_a, of_b) => {
                assert!(of_a.len() == of_b.len(), "tensordot: axes {of_a:?} and {of_b:?} are not in pairs");
                for (&i, &j) in of_a.iter().zip(of_b) {
                    pairs.push((axis_of("tensordot", i, a.ndim()), axis_of("tensordot", j, b.ndim())));
                }
            }
        }
        for (k, &(i, j)) in pairs.iter().enumerate() {
            assert!(a[i] == b[j], "tensordot: {a:?} and {b:?}: size {} of axis {i} and {} of axis {j} differ", a[i], b[j]);
            let twice = pairs[..k].iter().any(|&(other_i, other_j)| other_i == i || other_j == j);
            assert!(!twice, "tensordot: {a:?} and {b:?}: axis {i} or {j} is named twice");
        }
        pairs
    }
}

#[track_caller]
fn tensordot<A: Array>(a: A, b: A, axes: &Contraction) -> A {
    let (of_a, of_b) = (a.size(), b.size());
    let pairs = axes.resolve(&of_a, &of_b);
    let labels_a: Vec<Label> = (0..of_a.ndim() as Label).collect();
    let mut labels_b: Vec<Label> = (0..of_b.ndim() as Label).map(|axis| of_a.ndim() as Label + axis).collect();
    pairs.iter().for_each(|&(i, j)| labels_b[j] = i as Label);
    let free = |label: &Label| labels_a.contains(label) != labels_b.contains(label);
    let output = labels_a.iter().chain(&labels_b).copied().filter(free).collect();
    let sizes = labels_a.iter().copied().zip(of_a.iter().copied()).chain(labels_b.iter().copied().zip(of_b.iter().copied()));
    let sizes = sizes.collect();
    contract(vec![a, b], Labels { inputs: vec![labels_a, labels_b], output, sizes })
}

/// Refuses what are not two vectors.
#[track_caller]
fn check_vectors(op: &str, a: &Shape, b: &Shape) {
    assert!(a.ndim() == 1 && b.ndim() == 1, "{op}: {a:?} and {b:?} are not both of rank 1");
}

#[track_caller]
fn check_lengths(a: &Shape, b: &Shape) {
    check_vectors("dot", a, b);
    assert!(a == b, "dot: {a:?} and {b:?} differ in length");
}

impl<'t, T: Float> Var<'t, T> {
    /// Product with `other`, summed over `axes`: a number `k` for the last k axes of `self` and the first k of `other`, or a list of
    /// axes of each, in pairs.
    ///
    /// Shapes: the axes of `self` that are left, and then those of `other`.
    ///
    /// # Gradient
    /// To each the product of `ȳ` with the other one, over the axes that only that has.
    ///
    /// # Panics
    /// If an axis is out of range or named twice, or two sizes differ.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, Tensor};
    /// let tape = Tape::<f64>::new();
    /// let (a, b) = (tape.leaf(Tensor::ones([2, 3, 4])), tape.leaf(Tensor::ones([4, 3, 5])));
    /// assert_eq!(a.tensordot(b, ([1, 2], [1, 0])).shape(), [2, 5]);
    /// assert_eq!(a.tensordot(b, 1).shape(), [2, 3, 3, 5]);
    /// ```
    #[track_caller]
    pub fn tensordot(self, other: Var<'t, T>, axes: impl Into<Contraction>) -> Self {
        tensordot(self, other, &axes.into())
    }

    /// Outer product of two vectors, `yᵢⱼ = aᵢ bⱼ`.
    ///
    /// Shapes: `[m]` and `[n]` → `[m, n]`.
    ///
    /// # Gradient
    /// `ā = ȳ b` and `b̄ = ȳᵀ a`.
    ///
    /// # Panics
    /// If one is not of rank 1.
    #[track_caller]
    pub fn outer(self, other: Var<'t, T>) -> Self {
        check_vectors("outer", &self.shape(), &other.shape());
        self.unsqueeze(1) * other.unsqueeze(0)
    }

    /// Dot product of two vectors, `y = Σ aᵢ bᵢ`; of no element 0.
    ///
    /// Shapes: `[n]` and `[n]` → `[]`.
    ///
    /// # Gradient
    /// `ā = ȳ b` and `b̄ = ȳ a`.
    ///
    /// # Panics
    /// If one is not of rank 1, or the lengths differ.
    #[track_caller]
    pub fn dot(self, other: Var<'t, T>) -> Self {
        check_lengths(&self.shape(), &other.shape());
        self.matmul(other)
    }
}

impl<T: Float> Tensor<T> {
    /// Product with `other`, summed over `axes`: a number `k` for the last k axes of `self` and the first k of `other`, or a list of
    /// axes of each, in pairs.
    ///
    /// Shapes: the axes of `self` that are left, and then those of `other`.
    ///
    /// # Panics
    /// If an axis is out of range or named twice, or two sizes differ.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let (a, b) = (tensor![[1.0, 2.0], [3.0, 4.0]], tensor![[1.0, 0.0], [0.0, 1.0]]);
    /// assert_eq!(a.tensordot(&b, 2).item(), 5.0);
    /// ```
    #[track_caller]
    pub fn tensordot(&self, other: &Tensor<T>, axes: impl Into<Contraction>) -> Tensor<T> {
        tensordot(self.clone(), other.clone(), &axes.into())
    }

    /// Outer product of two vectors, `yᵢⱼ = aᵢ bⱼ`.
    ///
    /// Shapes: `[m]` and `[n]` → `[m, n]`.
    ///
    /// # Panics
    /// If one is not of rank 1.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![1.0, 2.0].outer(&tensor![3.0, 4.0]).to_vec(), [3.0, 4.0, 6.0, 8.0]);
    /// ```
    #[track_caller]
    pub fn outer(&self, other: &Tensor<T>) -> Tensor<T> {
        check_vectors("outer", self.shape(), other.shape());
        self.unsqueeze(1) * other.unsqueeze(0)
    }

    /// Dot product of two vectors, `y = Σ aᵢ bᵢ`; of no element 0.
    ///
    /// Shapes: `[n]` and `[n]` → `[]`.
    ///
    /// # Panics
    /// If one is not of rank 1, or the lengths differ.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// assert_eq!(tensor![1.0, 2.0].dot(&tensor![3.0, 4.0]).item(), 11.0);
    /// ```
    #[track_caller]
    pub fn dot(&self, other: &Tensor<T>) -> Tensor<T> {
        check_lengths(self.shape(), other.shape());
        self.matmul(other)
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!("tensordot", |a, b| a.tensordot(b, ([-1, 0], [0, 1])), [[2, 2, 3], [3, 2]], [[2, 3], [3, 2]], [[0, 3], [3, 0]]),
        specimen!("tensordot over the last", |a, b| a.tensordot(b, 1), [[2, 3], [3, 2, 2]], [[3], [3]]),
        specimen!("tensordot over none", |a, b| a.tensordot(b, 0), [[2], [2, 2]], [[], []]),
        specimen!("outer", |a, b| a.outer(b), [[2], [3]], [[0], [2]]),
        specimen!("dot", |a, b| a.dot(b), [[3], [3]], [[1], [1]], [[0], [0]]),
    ]
}
