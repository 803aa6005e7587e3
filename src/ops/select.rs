//! Choosing between two values, element by element.

use super::{Specimen, specimen};
use crate::float::Float;
use crate::graph::{Op, Pullback, Var};
use crate::kernel::map::zip3;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `a` where a fixed condition holds, else `b`. The gradient is chosen likewise, never multiplied by a mask: a NaN or ∞ on the
/// side not taken does not leak.
#[derive(Debug)]
struct WhereCond(Tensor<bool>);

impl<T: Float> Op<T> for WhereCond {
    fn name(&self) -> &'static str {
        "where_cond"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        Tensor::where_cond(&self.0, xs[0], xs[1])
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let g = p.g;
        let zero = g.tape().scalar(T::zero());
        p.accum(0, || Var::where_cond(&self.0, g, zero));
        p.accum(1, || Var::where_cond(&self.0, zero, g));
    }
}

/// `a` where x > 0, else `b`. By x there is no gradient.
#[derive(Debug)]
pub(super) struct IfPositive;

impl<T: Float> Op<T> for IfPositive {
    fn name(&self) -> &'static str {
        "if_positive"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        zip3("if_positive", [xs[0], xs[1], xs[2]], T::if_positive)
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x, _, _], g) = (p.inputs(), p.g);
        let zero = g.tape().scalar(T::zero());
        p.accum(1, || Var::apply(IfPositive, &[x, g, zero]));
        p.accum(2, || Var::apply(IfPositive, &[x, zero, g]));
    }

    fn no_rule(&self, i: usize) -> Option<&'static str> {
        (i == 0).then_some("it decides between two values and is part of neither")
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// `a` where `condition` holds and `b` elsewhere.
    ///
    /// Shapes: all three broadcast against each other.
    ///
    /// # Gradient
    /// To `a` where the condition holds and to `b` elsewhere; what was not taken gets 0, whatever its value.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, Var, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![0.0, 4.0]);
    /// let y = Var::where_cond(&tensor![false, true], x.sqrt(), x); // √x has slope ∞ at 0
    /// assert_eq!(y.sum(..).backward()[x].to_vec(), [1.0, 0.25]);
    /// ```
    #[track_caller]
    pub fn where_cond(condition: &Tensor<bool>, a: Var<'t, T>, b: Var<'t, T>) -> Self {
        Var::apply(WhereCond(condition.clone()), &[a, b])
    }

    /// `value` where `mask` holds, and `self` elsewhere.
    ///
    /// Shapes: `mask` broadcasts to that of `self`, which is that of the result.
    ///
    /// # Gradient
    /// `x̄ = ȳ` where the mask does not hold, and 0 where it does, whatever the element.
    ///
    /// # Panics
    /// If `mask` does not broadcast to the shape of `self`.
    #[track_caller]
    pub fn masked_fill(self, mask: &Tensor<bool>, value: T) -> Self {
        check_mask(mask.shape(), &self.shape());
        Var::where_cond(mask, self.tape().scalar(value), self)
    }
}

impl<T: Float> Tensor<T> {
    /// `value` where `mask` holds, and `self` elsewhere.
    ///
    /// Shapes: `mask` broadcasts to that of `self`, which is that of the result.
    ///
    /// # Panics
    /// If `mask` does not broadcast to the shape of `self`.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let x = tensor![[1.0, 2.0], [3.0, 4.0]];
    /// assert_eq!(x.masked_fill(&tensor![false, true], 0.0).to_vec(), [1.0, 0.0, 3.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn masked_fill(&self, mask: &Tensor<bool>, value: T) -> Tensor<T> {
        check_mask(mask.shape(), self.shape());
        Tensor::where_cond(mask, &Tensor::scalar(value), self)
    }
}

#[track_caller]
fn check_mask(mask: &Shape, shape: &Shape) {
    assert!(mask.broadcast(shape).as_ref() == Some(shape), "masked_fill: mask {mask:?} does not broadcast to {shape:?}");
}

pub(super) fn specimens<T: Float>() -> Vec<Specimen<T>> {
    vec![
        specimen!(
            "where_cond",
            |a, b| {
                let size: Vec<usize> = a.shape().broadcast(&b.shape()).unwrap_or_default().to_vec();
                let condition = Tensor::from_fn(size, |i| i.iter().sum::<usize>() % 2 == 0);
                Var::where_cond(&condition, a, b)
            },
            [[2, 3], [2, 3]],
            [[3, 1], [1, 4]],
            [[], [2, 3]],
            [[], []],
            [[0, 3], [1, 3]]
        ),
        specimen!(
            "masked_fill",
            |x| x.masked_fill(&Tensor::from_fn([3], |i| i[0] == 1), T::of(0.3)),
            [[3]],
            [[2, 3]],
            [[2, 2, 3]],
            [[0, 3]]
        ),
        specimen!("if_positive", |x, a, b| Var::apply(IfPositive, &[x, a, b]), [[2, 3], [3], [2, 1]], [[], [], []], [
            [0, 2],
            [2],
            []
        ])
        .kinks([0.0]),
    ]
}
