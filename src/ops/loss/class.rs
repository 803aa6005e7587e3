//! Cross-entropy of classes.

use super::Reduction;
use super::binary::some_weights;
use crate::float::Float;
use crate::graph::{Op, Pullback, RawPullback, Var};
use crate::kernel::fold::fold_slice;
use crate::kernel::gather::check_indices;
use crate::kernel::map::map_to;
use crate::kernel::reduce::{largest, log_of_terms, other};
use crate::kernel::simd::widest;
use crate::kernel::wide::in_f32;
use crate::ops::softmax::around_top;
use crate::ops::{Specimen, specimen};
use crate::shape::{Shape, keep};
use crate::tensor::Tensor;

/// What a classifier should have answered.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a, 't, T: Float> {
    /// The class of each example, `[n]`.
    Classes(&'a Tensor<usize>),
    /// The probability of every class for each example, `[n, classes]`: one-hot, or soft.
    Probabilities(Var<'t, T>),
}

impl<'a, T: Float> From<&'a Tensor<usize>> for Targets<'a, '_, T> {
    fn from(classes: &'a Tensor<usize>) -> Self {
        Targets::Classes(classes)
    }
}

impl<'t, T: Float> From<Var<'t, T>> for Targets<'_, 't, T> {
    fn from(probabilities: Var<'t, T>) -> Self {
        Targets::Probabilities(probabilities)
    }
}

/// What [`Var::cross_entropy`] can be told.
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropy<'w, T> {
    weight: Option<&'w Tensor<T>>,
    ignore_index: Option<usize>,
    label_smoothing: f64,
    reduction: Reduction,
}

impl<T> Default for CrossEntropy<'_, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<Reduction> for CrossEntropy<'_, T> {
    fn from(reduction: Reduction) -> Self {
        Self::new().reduction(reduction)
    }
}

impl<'w, T> CrossEntropy<'w, T> {
    /// All classes alike, and the mean.
    pub fn new() -> Self {
        CrossEntropy { weight: None, ignore_index: None, label_smoothing: 0.0, reduction: Reduction::Mean }
    }

    /// How much each class counts, `[classes]`. The mean of losses from class indices is their sum by that of the weights of their classes.
    pub fn weight(mut self, weight: &'w Tensor<T>) -> Self {
        self.weight = Some(weight);
        self
    }

    /// A class index whose examples do not count, neither in the loss nor in the number that the mean is divided by. It need not be a class.
    pub fn ignore_index(mut self, index: usize) -> Self {
        self.ignore_index = Some(index);
        self
    }

    /// How much of the probability is taken from the target and given to all classes alike.
    ///
    /// # Panics
    /// If it is not between 0 and 1.
    #[track_caller]
    pub fn label_smoothing(mut self, label_smoothing: f64) -> Self {
        assert!((0.0..=1.0).contains(&label_smoothing), "cross_entropy: a label smoothing of {label_smoothing}");
        self.label_smoothing = label_smoothing;
        self
    }

    /// What becomes of the losses.
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.reduction = reduction;
        self
    }
}

/// `yᵢ = Σⱼ qᵢⱼ (ln Σₖ exp xᵢₖ − xᵢⱼ)`: one loss per example, where q is `w ((1 − s) onehot(class) + s / classes)` with class weights w and
/// smoothing s. A class of q = 0 counts 0.
#[derive(Debug)]
struct ClassEntropy<T> {
    classes: Tensor<usize>,
    /// Of all classes; none if they are 1.
    weight: Option<Vec<T>>,
    ignored: Option<usize>,
    smoothing: f64,
}

impl<T: Float> ClassEntropy<T> {
    fn weight(&self, class: usize) -> T {
        self.weight.as_ref().map_or(T::one(), |weight| weight[class])
    }

    /// q of the right class without what all classes have.
    fn own(&self, class: usize) -> T {
        if self.smoothing == 0.0 { self.weight(class) } else { T::of(1.0 - self.smoothing) * self.weight(class) }
    }

    /// What all of `n` classes have, before it is weighted.
    fn shared(&self, n: usize) -> T {
        T::of(self.smoothing / n as f64)
    }

    /// The sum of the q of one example.
    fn total(&self, class: usize, n: usize) -> T {
        if self.smoothing == 0.0 {
            return self.own(class);
        }
        (0..n).fold(self.own(class), |sum, class| sum + self.shared(n) * self.weight(class))
    }

    fn is_ignored(&self, class: usize) -> bool {
        self.ignored == Some(class)
    }

    /// The loss of one example, given what is [`around_top`] of its row.
    fn loss(&self, row: &[T], class: usize, (top, log_sum): (T, T)) -> T {
        if self.is_ignored(class) {
            return T::zero();
        }
        let term = |q: T, x: T| if q.is_zero() { q } else { q * ((top - x) + log_sum) };
        let own = term(self.own(class), row[class]);
        if self.smoothing == 0.0 {
            return own;
        }
        let shared = self.shared(row.len());
        row.iter().enumerate().fold(own, |sum, (class, &x)| sum + term(shared * self.weight(class), x))
    }

    /// Makes of softmax its part of the gradient: `(Σ q · y − q) g`.
    fn pull(&self, row: &mut [T], class: usize, g: T) {
        if self.is_ignored(class) {
            return row.fill(T::zero());
        }
        let n = row.len();
        if self.smoothing > 0.0 {
            let (total, shared) = (self.total(class, n), self.shared(n));
            row.iter_mut().enumerate().for_each(|(class, y)| *y = *y * total - shared * self.weight(class));
        } else if self.weight.is_some() {
            let own = self.own(class);
            row.iter_mut().for_each(|y| *y = *y * own);
        }
        row[class] = row[class] - self.own(class);
        row.iter_mut().for_each(|y| *y = *y * g);
    }

    fn losses(&self, x: &Tensor<T>) -> Tensor<T> {
        if T::NARROW {
            return in_f32([x], |[x]| self.cast().losses(&x));
        }
        let (x, n) = (x.to_contiguous(), x.shape()[1].max(1));
        let rows = x.as_slice().unwrap_or_default().chunks_exact(n);
        let mut losses = Tensor::dirty([x.shape()[0]].into());
        let each = losses.make_mut().iter_mut();
        if !T::VECTORS {
            each.zip(rows).zip(&self.classes).for_each(|((loss, row), &class)| {
                *loss = self.loss(row, class, around_top(row));
            });
            return losses;
        }
        let (terms, tops) = terms_of_rows(&x);
        let sums = terms.as_slice().unwrap_or_default().chunks_exact(n).map(|terms| {
            log_of_terms(sum_of_row(terms, other), sum_of_row(terms, largest))
        });
        for ((((loss, row), &class), &top), sum) in each.zip(rows).zip(&self.classes).zip(&tops).zip(sums) {
            *loss = self.loss(row, class, (top, sum));
        }
        losses
    }

    fn gradient(&self, x: &Tensor<T>, g: &Tensor<T>) -> Tensor<T> {
        if T::NARROW {
            return in_f32([x, g], |[x, g]| self.cast().gradient(&x, &g));
        }
        let n = x.shape()[1].max(1);
        let mut y = if T::VECTORS { softmax_of_rows(&x.to_contiguous()) } else { x.softmax(-1) };
        let rows = y.make_mut().chunks_exact_mut(n);
        rows.zip(&self.classes).zip(g).for_each(|((row, &class), &g)| self.pull(row, class, g));
        y
    }

    /// The same in `f32`.
    fn cast(&self) -> ClassEntropy<f32> {
        let number = |x: &T| x.to_f32().unwrap_or(f32::NAN);
        let weight = self.weight.as_ref().map(|weight| weight.iter().map(number).collect());
        ClassEntropy { classes: self.classes.clone(), weight, ignored: self.ignored, smoothing: self.smoothing }
    }

    /// How much each example counts in a mean.
    fn counts(&self) -> Tensor<T> {
        map_to(&self.classes, |class| if self.is_ignored(class) { T::zero() } else { self.weight(class) })
    }
}

/// The [`term`](crate::kernel::reduce::term)s of a matrix without gaps, each around the largest element of its row, and those. The
/// exponentials are computed of all rows at once: most often there are fewer classes than a vector has places.
fn terms_of_rows<T: Float>(x: &Tensor<T>) -> (Tensor<T>, Tensor<T>) {
    let (mut terms, mut tops) = (Tensor::dirty(x.shape().clone()), Tensor::dirty([x.shape()[0]].into()));
    let (all, n) = (terms.make_mut(), x.shape()[1].max(1));
    let rows = x.as_slice().unwrap_or_default().chunks_exact(n);
    for ((row, terms), most) in rows.zip(all.chunks_exact_mut(n)).zip(tops.make_mut()) {
        let top = row.iter().fold(T::neg_infinity(), |top, &x| x.maximum(top));
        // Above 0 is nothing but the sign of the largest.
        terms.iter_mut().zip(row).for_each(|(term, &x)| *term = if x == top { T::one() } else { x - top });
        *most = top;
    }
    widest::<T, _>(
        #[inline(always)]
        || {
            for term in &mut *all {
                let e = term.lane_decay();
                *term = if *term > T::zero() { -T::one() } else { e };
            }
        },
    );
    (terms, tops)
}

fn sum_of_row<T: Float>(row: &[T], of: impl Fn(T) -> T + Sync) -> T {
    fold_slice(row, false, &of, &|a, b| a + b)
}

/// Softmax of the rows of a matrix without gaps.
fn softmax_of_rows<T: Float>(x: &Tensor<T>) -> Tensor<T> {
    let (mut y, _) = terms_of_rows(x);
    for row in y.make_mut().chunks_exact_mut(x.shape()[1].max(1)) {
        let scale = sum_of_row(row, T::abs).recip();
        row.iter_mut().for_each(|y| *y = y.abs() * scale);
    }
    y
}

impl<T: Float> Op<T> for ClassEntropy<T> {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        self.losses(xs[0])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], g) = (p.inputs(), p.g);
        p.accum(0, || {
            let (tape, shape) = (g.tape(), x.shape());
            let mut shares = Tensor::zeros(&shape);
            // Of a softmax of zeros `pull` leaves −q.
            let rows = shares.make_mut().chunks_exact_mut(shape[1].max(1));
            rows.zip(&self.classes).for_each(|(row, &class)| self.pull(row, class, T::one()));
            let q = tape.constant(-shares);
            let part = (x.softmax(-1) * q.sum(keep(-1)) - q) * g.unsqueeze(-1);
            if self.ignored.is_none() {
                return part;
            }
            let counts = map_to(&self.classes, |class| !self.is_ignored(class)).unsqueeze(-1);
            Var::where_cond(&counts, part, tape.scalar(T::zero()))
        });
    }

    fn vjp_fused(&self, p: &mut RawPullback<'_, T>) -> bool {
        let (g, x) = (p.take_g(), p.xs[0]);
        p.accum(0, || self.gradient(x, &g));
        true
    }
}

/// `yᵢ = Σⱼ tᵢⱼ (ln Σₖ exp xᵢₖ − xᵢⱼ)`: one loss per example, from probabilities; a class of probability 0 counts 0.
#[derive(Debug)]
struct SoftEntropy;

impl<T: Float> Op<T> for SoftEntropy {
    fn name(&self) -> &'static str {
        "soft_cross_entropy"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        soft_losses(xs[0], xs[1])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x, t], g) = (p.inputs(), p.g.unsqueeze(-1));
        p.accum(0, || (x.softmax(-1) * t.sum(keep(-1)) - t) * g);
        p.accum(1, || -(x.log_softmax(-1) * g));
    }
}

/// The loss of each row of logits whose classes have these probabilities.
fn soft_losses<T: Float>(x: &Tensor<T>, t: &Tensor<T>) -> Tensor<T> {
    if T::NARROW {
        return in_f32([x, t], |[x, t]| soft_losses(&x, &t));
    }
    let (x, t) = (x.to_contiguous(), t.to_contiguous());
    let (n, classes) = (x.shape()[0], x.shape()[1]);
    let (x, t) = (x.as_slice().unwrap_or_default(), t.as_slice().unwrap_or_default());
    let losses = (0..n).map(|row| {
        let (x, t) = (&x[row * classes..][..classes], &t[row * classes..][..classes]);
        let (top, log_sum) = around_top(x);
        let terms = x.iter().zip(t).filter(|(_, t)| !t.is_zero());
        terms.fold(T::zero(), |sum, (&x, &t)| sum + t * ((top - x) + log_sum))
    });
    Tensor::from_elements(losses.collect(), [n].into())
}

/// `x` with its axis 1 last and all others in one, `[rows, classes]`; of rank 1 it is one row.
#[track_caller]
pub(super) fn rows<'t, T: Float>(x: Var<'t, T>) -> Var<'t, T> {
    let shape = x.shape();
    let n = shape.ndim();
    match n {
        1 => x.unsqueeze(0),
        2 => x,
        _ => {
            let order: Vec<isize> = [0].into_iter().chain(2..n as isize).chain([1]).collect();
            let rows = shape[0] * shape[2..].iter().product::<usize>();
            x.permute(&order).reshape([rows, shape[1]])
        }
    }
}

/// The shape of one loss per example, of logits of this shape: without the classes.
#[track_caller]
pub(super) fn examples(op: &str, shape: &Shape) -> Shape {
    assert!(shape.ndim() > 0, "{op}: an output of shape [] is not [n, classes, ..] nor [classes]");
    shape.without(usize::from(shape.ndim() > 1))
}

/// The classes in one row, checked: each is one of the output's or is to be ignored.
#[track_caller]
pub(super) fn checked_classes(op: &str, classes: &Tensor<usize>, shape: &Shape, ignored: Option<usize>) -> Tensor<usize> {
    let (found, expected) = (classes.shape(), examples(op, shape));
    assert!(*found == expected, "{op}: classes {found:?} for an output {shape:?}");
    let axis = usize::from(shape.ndim() > 1);
    match ignored {
        None => check_indices(op, classes, axis as isize, axis, shape),
        Some(ignored) if shape[axis] > 0 => {
            let counting = map_to(classes, |class| if class == ignored { 0 } else { class });
            check_indices(op, &counting, axis as isize, axis, shape);
        }
        Some(_) => {}
    }
    classes.flatten()
}

/// The weights of all classes, checked.
#[track_caller]
pub(super) fn checked_weights<T: Float>(op: &str, weight: Option<&Tensor<T>>, shape: &Shape) -> Option<Vec<T>> {
    let weight = weight?;
    let classes = shape[usize::from(shape.ndim() > 1)];
    assert!(weight.shape()[..] == [classes], "{op}: weights {:?} for {classes} classes of {shape:?}", weight.shape());
    Some(weight.to_vec())
}

impl<'t, T: Float> Var<'t, T> {
    /// Cross-entropy of `targets` and `softmax(self)`, in nats: `yᵢ = −Σⱼ tᵢⱼ ln softmax(xᵢ)ⱼ`, computed from the logits so that
    /// nothing overflows and nothing needs to be added inside the logarithm. A class of probability or weight 0 counts 0, whatever its
    /// logit; where all logits are −∞ it is NaN.
    ///
    /// `options` are a [`Reduction`], or [`CrossEntropy`](crate::ops::CrossEntropy) with class weights, label smoothing, or an index to ignore.
    ///
    /// Shapes: `self` `[n, classes]`; `targets` `n` class indices, or `[n, classes]` probabilities → `[]`, or `[n]` with
    /// [`Reduction::None`]. With more axes `self` is `[n, classes, ..]`, classes are `[n, ..]` and probabilities as `self`; of one
    /// example it can be `[classes]`.
    ///
    /// # Gradient
    /// `x̄ = ȳ · (softmax(x) Σⱼ tⱼ − t)`, divided by n for the mean; to probabilities `ȳ · (ln Σ exp x − x)`. In it t is smoothed and
    /// weighted, and 0 for an example that is ignored.
    ///
    /// # Panics
    /// If the targets or weights do not fit, a class is not below `classes`, or one is to be ignored among probabilities.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Reduction, Tape, ops::CrossEntropy, tensor};
    /// let tape = Tape::<f64>::new();
    /// let logits = tape.leaf(tensor![[0.0, 0.0], [0.0, 0.0]]);
    /// let loss = logits.cross_entropy(&tensor![0_usize, 1], Reduction::Mean);
    /// assert_eq!(loss.item(), 2.0_f64.ln());
    /// assert_eq!(loss.backward()[logits].to_vec(), [-0.25, 0.25, 0.25, -0.25]);
    ///
    /// let smooth = CrossEntropy::new().label_smoothing(0.5).ignore_index(9);
    /// let loss = logits.cross_entropy(&tensor![0_usize, 9], smooth);
    /// assert_eq!(loss.backward()[logits].to_vec(), [-0.25, 0.25, 0.0, 0.0]);
    /// ```
    /// Source: Bishop, Pattern Recognition and Machine Learning (2006), §4.3.4; Szegedy et al., "Rethinking the Inception Architecture for
    /// Computer Vision" (2016), §7, for label smoothing.
    #[track_caller]
    pub fn cross_entropy<'a, 'w>(
        self,
        targets: impl Into<Targets<'a, 't, T>>,
        options: impl Into<CrossEntropy<'w, T>>,
    ) -> Self {
        let CrossEntropy { weight, ignore_index, label_smoothing, reduction } = options.into();
        let shape = self.shape();
        let examples = examples("cross_entropy", &shape);
        let weight = checked_weights("cross_entropy", weight, &shape);
        match targets.into() {
            Targets::Classes(classes) => {
                let classes = checked_classes("cross_entropy", classes, &shape, ignore_index);
                let is_plain = weight.is_none() && ignore_index.is_none();
                let op = ClassEntropy { classes, weight, ignored: ignore_index, smoothing: label_smoothing };
                let counts = (!is_plain).then(|| op.counts());
                let losses = Var::apply(op, &[rows(self)]);
                let losses = if examples.ndim() == 1 { losses } else { losses.reshape(&examples) };
                match counts {
                    None => reduction.of(losses),
                    Some(counts) => reduction.of_weighted(losses, &counts),
                }
            }
            Targets::Probabilities(t) => {
                assert!(t.shape() == shape, "cross_entropy: probabilities {:?} for logits {shape:?}", t.shape());
                assert!(ignore_index.is_none(), "cross_entropy: of probabilities {shape:?} none has an index to ignore");
                let mut t = rows(t);
                if label_smoothing > 0.0 {
                    let n = t.shape()[1] as f64;
                    t = t * T::of(1.0 - label_smoothing) + T::of(label_smoothing / n);
                }
                if let Some(weight) = weight {
                    t = t * t.tape().constant(Tensor::from_elements(weight, [t.shape()[1]].into()));
                }
                let losses = Var::apply(SoftEntropy, &[rows(self), t]);
                reduction.of(if examples.ndim() == 1 { losses } else { losses.reshape(&examples) })
            }
        }
    }
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!(
            "cross_entropy of classes, mean",
            |x| x.cross_entropy(&some_classes(&x.shape()), Reduction::Mean),
            [[3, 4]],
            [[1, 1]],
            [[4]],
            [[2, 3, 2]]
        ),
        specimen!(
            "cross_entropy of classes, sum",
            |x| x.cross_entropy(&some_classes(&x.shape()), Reduction::Sum),
            [[3, 4]],
            [[0, 2]]
        ),
        specimen!(
            "cross_entropy of classes, each",
            |x| x.cross_entropy(&some_classes(&x.shape()), Reduction::None),
            [[3, 4]],
            [[0, 2]],
            [[2, 3, 2, 1]],
            [[2, 3, 0]]
        ),
        specimen!(
            "cross_entropy of classes, smoothed, weighted, one ignored, mean",
            |x| x.cross_entropy(&some_classes(&x.shape()), some_options(&some_weights(4), 0.3)),
            [[3, 4]],
            [[2, 4, 2]]
        ),
        specimen!(
            "cross_entropy of classes, weighted, one ignored, each",
            |x| x.cross_entropy(&some_classes(&x.shape()), some_options(&some_weights(4), 0.0).reduction(Reduction::None)),
            [[3, 4]],
            [[0, 4]]
        ),
        specimen!("cross_entropy of probabilities", |x, t| x.cross_entropy(t, Reduction::Mean), [[3, 4], [3, 4]]),
        specimen!(
            "cross_entropy of probabilities, each",
            |x, t| x.cross_entropy(t, Reduction::None),
            [[3, 4], [3, 4]],
            [[0, 2], [0, 2]],
            [[2, 3, 2], [2, 3, 2]],
            [[3], [3]]
        ),
        specimen!(
            "cross_entropy of probabilities, smoothed and weighted",
            |x, t| x.cross_entropy(t, CrossEntropy::new().label_smoothing(0.3).weight(&some_weights(4))),
            [[3, 4], [3, 4]]
        ),
    ]
}

/// Smoothing, weights, and class 1 to be ignored.
fn some_options<T: Float>(weight: &Tensor<T>, smoothing: f64) -> CrossEntropy<'_, T> {
    CrossEntropy::new().weight(weight).ignore_index(1).label_smoothing(smoothing)
}

/// A class for each example of an output of this shape.
pub(super) fn some_classes(shape: &Shape) -> Tensor<usize> {
    let classes = shape[usize::from(shape.ndim() > 1)];
    Tensor::from_fn(examples("", shape), |i| (2 * i.iter().sum::<usize>() + 1) % classes)
}
