//! Sums of products over labelled axes.
//!
//! An equation is lowered to what is there already, on views: diagonals where a letter repeats, sums over what occurs in one operand
//! only, and then, two operands at a time, batched matrix products. So its gradient needs no rule of its own.

use super::array::Array;
use super::equation::{Label, Labels, parse};
use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::Var;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// An operand, or what two of them were contracted to, with a label for each axis. No label is there twice.
struct Term<A> {
    x: A,
    labels: Vec<Label>,
}

/// The sum of products that the labels say.
#[track_caller]
pub(super) fn contract<A: Array>(operands: Vec<A>, labels: Labels) -> A {
    let Labels { inputs, output, sizes } = labels;
    let size = |label: Label| sizes.iter().find(|&&(known, _)| known == label).map_or(1, |&(_, size)| size);
    let mut terms = Vec::with_capacity(operands.len());
    for (x, labels) in operands.into_iter().zip(inputs) {
        terms.push(Term { x, labels }.without_repeats().without_stretched(size));
    }
    for i in 0..terms.len() {
        let lonely = terms[i].axes(|label| !occurs(label, &terms, &[i]) && !output.contains(&label));
        terms[i].sum_out(&lonely);
    }
    while terms.len() > 1 {
        let (i, j) = cheapest(&terms, &output, size);
        let kept = |label: Label| output.contains(&label) || occurs(label, &terms, &[i, j]);
        let contracted = pair(&terms[i], &terms[j], kept, size);
        terms.remove(j);
        terms[i] = contracted;
    }
    terms[0].ordered(&output)
}

/// Whether a label is in a term other than those named.
fn occurs<A>(label: Label, terms: &[Term<A>], but: &[usize]) -> bool {
    terms.iter().enumerate().any(|(i, term)| !but.contains(&i) && term.labels.contains(&label))
}

/// The pair whose contraction leaves least, compared with what it takes; of equal ones that with the fewest multiplications.
///
/// Source: Smith and Gray, "opt_einsum: a Python package for optimizing contraction order" (2018), on the greedy order.
fn cheapest<A>(terms: &[Term<A>], output: &[Label], size: impl Fn(Label) -> usize) -> (usize, usize) {
    let volume = |labels: &mut dyn Iterator<Item = Label>| labels.map(|label| size(label) as f64).product::<f64>();
    let mut best = ((0, 1), (f64::INFINITY, f64::INFINITY));
    for j in 1..terms.len() {
        for i in 0..j {
            let (a, b) = (&terms[i].labels, &terms[j].labels);
            let union: Vec<Label> = a.iter().chain(b.iter().filter(|label| !a.contains(label))).copied().collect();
            let kept = |label: &Label| output.contains(label) || occurs(*label, terms, &[i, j]);
            let left = volume(&mut union.iter().copied().filter(kept));
            let taken = volume(&mut a.iter().copied()) + volume(&mut b.iter().copied());
            let cost = (left - taken, volume(&mut union.iter().copied()));
            if cost < best.1 {
                best = ((i, j), cost);
            }
        }
    }
    best.0
}

/// Two terms contracted over the labels that both have and that are not kept.
#[track_caller]
fn pair<A: Array>(a: &Term<A>, b: &Term<A>, kept: impl Fn(Label) -> bool, size: impl Fn(Label) -> usize) -> Term<A> {
    let in_both = |label: &Label| a.labels.contains(label) && b.labels.contains(label);
    let volume = |labels: &[Label]| labels.iter().map(|&label| size(label)).product::<usize>();
    let batch: Vec<Label> = a.labels.iter().copied().filter(|label| in_both(label) && kept(*label)).collect();
    // In the order in which the elements lie, so that several axes merge into one without a copy.
    let (left, right) = (a.as_stored(|label| !in_both(&label)), b.as_stored(|label| !in_both(&label)));
    let larger = if volume(&a.labels) >= volume(&b.labels) { a } else { b };
    let over = larger.as_stored(|label| in_both(&label) && !kept(label));
    let labels = [&batch[..], &left, &right].concat();
    let shape = |labels: &[Label], last: &[usize]| labels.iter().map(|&label| size(label)).chain(last.iter().copied()).collect::<Shape>();
    let ones = |labels: &[Label]| vec![1; labels.len()];
    if over.is_empty() || (left.is_empty() && right.is_empty() && !batch.is_empty()) {
        // A product element by element; a matrix product for each number would only cost its call.
        let x = a.ordered(&[&batch[..], &left, &over].concat());
        let x = x.reshape(&[&shape(&batch, &[])[..], &shape(&left, &ones(&right)), &shape(&over, &[])].concat().into());
        let y = b.ordered(&[&batch[..], &right, &over].concat());
        let y = y.reshape(&[&shape(&batch, &ones(&left))[..], &shape(&right, &[]), &shape(&over, &[])].concat().into());
        let mut product = Term { x: x.mul(&y), labels: [&labels[..], &over].concat() };
        product.sum_out(&product.axes(|label| over.contains(&label)));
        return product;
    }
    let (m, k, n) = (volume(&left), volume(&over), volume(&right));
    let x = a.ordered(&[&batch[..], &left, &over].concat()).reshape(&shape(&batch, &[m, k]));
    let y = b.ordered(&[&batch[..], &over, &right].concat()).reshape(&shape(&batch, &[k, n]));
    Term { x: x.matmul(&y).reshape(&shape(&labels, &[])), labels }
}

impl<A: Array> Term<A> {
    /// A diagonal for every label that is there twice.
    #[track_caller]
    fn without_repeats(mut self) -> Self {
        while let Some((i, j)) = first_repeat(&self.labels) {
            self.x = self.x.diagonal(i as isize, j as isize);
            let label = self.labels.remove(j);
            self.labels.remove(i);
            self.labels.push(label);
        }
        self
    }

    /// Without axes of size 1 that are to be stretched: a product does that by itself.
    #[track_caller]
    fn without_stretched(mut self, size: impl Fn(Label) -> usize) -> Self {
        let shape = self.x.size();
        let fits = |axis: usize| shape[axis] == size(self.labels[axis]);
        let kept: Vec<usize> = (0..shape.ndim()).filter(|&axis| fits(axis)).collect();
        if kept.len() < shape.ndim() {
            self.x = self.x.reshape(&kept.iter().map(|&axis| shape[axis]).collect());
            self.labels = kept.iter().map(|&axis| self.labels[axis]).collect();
        }
        self
    }

    /// The axes whose labels are so.
    fn axes(&self, is: impl Fn(Label) -> bool) -> Vec<usize> {
        (0..self.labels.len()).filter(|&axis| is(self.labels[axis])).collect()
    }

    #[track_caller]
    fn sum_out(&mut self, axes: &[usize]) {
        if !axes.is_empty() {
            self.x = self.x.sum(axes);
            self.labels = self.axes(|_| true).into_iter().filter(|a| !axes.contains(a)).map(|a| self.labels[a]).collect();
        }
    }

    /// The labels that are so, from the longest stride to the shortest.
    fn as_stored(&self, is: impl Fn(Label) -> bool) -> Vec<Label> {
        let (mut axes, strides) = (self.axes(is), self.x.strides());
        axes.sort_by_key(|&axis| std::cmp::Reverse(strides[axis].unsigned_abs()));
        axes.into_iter().map(|axis| self.labels[axis]).collect()
    }

    /// The value with its axes in the order of `labels`, each of which it has.
    #[track_caller]
    fn ordered(&self, labels: &[Label]) -> A {
        let place = |label| self.labels.iter().position(|own| own == label).expect("it has every label");
        self.x.permute(&labels.iter().map(|label| place(label) as isize).collect::<Vec<_>>())
    }
}

/// The first two places with one label.
fn first_repeat(labels: &[Label]) -> Option<(usize, usize)> {
    let repeat = |(j, label): (usize, &Label)| labels[..j].iter().position(|other| other == label).map(|i| (i, j));
    labels.iter().enumerate().find_map(repeat)
}

impl<'t, T: Float> Var<'t, T> {
    /// Sum of products over labelled axes, as in NumPy and PyTorch: `"bij,bjk->bik"` is a batch of matrix products.
    ///
    /// Each operand has a letter for every axis; a letter that is not in the result is summed over. A letter that is twice in one
    /// operand takes its diagonal. `...` stands for any number of axes, which broadcast. Without `->` the result has the axes of `...`
    /// and then the letters that are there once, in the order of the alphabet. Sizes under one letter must be equal: unlike in
    /// PyTorch, a size of 1 does not stretch, but under `...`.
    ///
    /// Any number of operands is contracted, two at a time, in an order that keeps the values in between small. Nothing is copied but
    /// where several axes that do not lie behind each other make one side of a matrix product.
    ///
    /// Shapes: as the equation says.
    ///
    /// # Gradient
    /// That of the products and sums that it stands for: the other operands, contracted with `ȳ`.
    ///
    /// # Panics
    /// If the equation is none, does not fit the shapes, or has a letter twice in the result.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, Tensor, Var, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(Var::einsum("ii", &[x]).item(), 5.0); // trace
    /// assert_eq!(Var::einsum("ij->j", &[x]).value().to_vec(), [4.0, 6.0]);
    /// assert_eq!(Var::einsum("i...,j...->ij", &[x, x]).value(), x.matmul(x.t()).value());
    /// ```
    /// Source: NumPy Reference, `numpy.einsum`.
    #[track_caller]
    pub fn einsum(equation: &str, operands: &[Var<'t, T>]) -> Self {
        let shapes: Vec<Shape> = operands.iter().map(|x| x.shape()).collect();
        contract(operands.to_vec(), parse(equation, &shapes))
    }
}

impl<T: Float> Tensor<T> {
    /// Sum of products over labelled axes, as in NumPy and PyTorch; [`Var::einsum`] tells what an equation may be.
    ///
    /// Shapes: as the equation says.
    ///
    /// # Panics
    /// If the equation is none, does not fit the shapes, or has a letter twice in the result.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tensor, tensor};
    /// let (a, b) = (tensor![[1.0, 2.0]], tensor![3.0, 4.0]);
    /// assert_eq!(Tensor::einsum("ij,j->i", &[&a, &b]).to_vec(), [11.0]);
    /// ```
    #[track_caller]
    pub fn einsum(equation: &str, operands: &[&Tensor<T>]) -> Tensor<T> {
        let shapes: Vec<Shape> = operands.iter().map(|x| x.shape().clone()).collect();
        contract(operands.iter().map(|&x| x.clone()).collect(), parse(equation, &shapes))
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    let mut all = vec![
        specimen!("einsum", |a, b| Var::einsum("bij,bjk->bik", &[a, b]), [[2, 2, 3], [2, 3, 2]], [[0, 2, 1], [0, 1, 2]]),
        specimen!("einsum of three", |a, b, c| Var::einsum("ij,kj,kl->il", &[a, b, c]), [[2, 3], [2, 3], [2, 2]]),
    ];
    macro_rules! one {
        ($($equation:literal: $($case:tt),*;)*) => {
            $(all.push(specimen!(concat!("einsum of ", $equation), |a| Var::einsum($equation, &[a]), $($case),*));)*
        };
    }
    macro_rules! two {
        ($($equation:literal: $($case:tt),*;)*) => {
            $(all.push(specimen!(concat!("einsum of ", $equation), |a, b| Var::einsum($equation, &[a, b]), $($case),*));)*
        };
    }
    one! {
        "ii": [[3, 3]], [[0, 0]];
        "iji->ij": [[2, 3, 2]];
        "iii->i": [[2, 2, 2]];
        "a...b->b...": [[2, 3, 2]], [[2, 3]];
        "ij->": [[2, 3]], [[0, 2]];
    }
    two! {
        "i,j->ij": [[2], [3]], [[0], [2]];
        "i,i": [[3], [3]], [[0], [0]];
        "bi,bi->b": [[2, 3], [2, 3]];
        "ijk,kjl->li": [[2, 3, 2], [2, 3, 2]], [[2, 0, 3], [3, 0, 2]];
        "...ij,...j->...i": [[2, 1, 2, 3], [3, 3]], [[2, 3], [3]];
        "ij,kl->jl": [[2, 3], [2, 2]];
        ",i->i": [[], [3]];
    }
    all
}
