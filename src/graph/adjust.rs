//! What is done to gradients between the backward sweep and the optimizer's step: adding up, scaling, clipping. All of it in place,
//! and only to gradients by parameters.

use std::mem::replace;

use super::Gradients;
use super::gradients::Kept;
use crate::float::Float;
use crate::kernel::map::{add_to, update0};
use crate::kernel::reduce::{largest_magnitude, sum_of_squares};
use crate::tensor::Tensor;

impl<T: Float> Gradients<T> {
    /// Forgets all gradients and keeps the memory.
    pub fn clear(&mut self) {
        self.start(0, 0);
    }

    /// Adds the gradients by parameters of `other`: of a batch that is computed in several parts they add up to its own. A parameter that
    /// has none in one of the two has that of the other. From then on there are gradients by parameter only.
    ///
    /// # Examples
    /// ```
    /// use rensa::{Gradients, Param, Tape, tensor};
    /// let w = Param::new(tensor![2.0_f64]);
    /// let (mut tape, mut part, mut whole) = (Tape::new(), Gradients::new(), Gradients::new());
    /// for x in [3.0, 4.0] {
    ///     tape.step(&mut part, |tape| (tape.param(&w) * x).sum(..));
    ///     whole.add_from(&part);
    /// }
    /// whole.scale(0.5); // a mean
    /// assert_eq!(whole[&w].to_vec(), [3.5]);
    /// ```
    pub fn add_from(&mut self, other: &Gradients<T>) {
        if self.epoch != 0 {
            self.epoch = 0; // no tape's
            self.kept.retain(|kept| kept.param.is_some());
            self.index();
        }
        for (param, from) in other.places() {
            let gradient = &other.kept[from].gradient;
            match self.place(param) {
                Some(at) => add_to(&mut self.kept[at].gradient, gradient),
                None => self.kept.push(Kept { node: 0, param: Some(param), gradient: gradient.clone() }),
            }
        }
        self.index();
        for (param, story) in &other.absent {
            if self.place(*param).is_none() && self.absent.iter().all(|(known, _)| known != param) {
                self.absent.push((*param, story.clone()));
            }
        }
    }

    /// Multiplies the gradients by `factor`.
    pub fn scale(&mut self, factor: T) {
        self.change(|g| g * factor);
    }

    /// Brings every element of the gradients between `−max` and `max`; NaN stays NaN.
    ///
    /// # Examples
    /// ```
    /// use rensa::{Param, Tape, tensor};
    /// let w = Param::new(tensor![1.0_f64, 1.0]);
    /// let tape = Tape::new();
    /// let mut gradients = (tape.param(&w) * tape.constant(tensor![0.5, -30.0])).sum(..).backward();
    /// gradients.clip_value(1.0);
    /// assert_eq!(gradients[&w].to_vec(), [0.5, -1.0]);
    /// ```
    pub fn clip_value(&mut self, max: T) {
        self.change(|g| {
            if g > max {
                max
            } else if g < -max {
                -max
            } else {
                g
            }
        });
    }

    /// The Euclidean norm of the gradients by all parameters together, which overflows only if it is too large itself.
    pub fn norm(&self) -> T {
        let gradients = || self.places().map(|(_, at)| &self.kept[at].gradient);
        let sum = |scale: T| gradients().fold(T::zero(), |sum, g| sum + sum_of_squares(g, scale));
        let plain = sum(T::one());
        // Within these bounds no square that matters has over- or underflowed.
        if plain > T::min_positive_value() / T::epsilon() && plain.is_finite() {
            return plain.sqrt();
        }
        let top = gradients().map(largest_magnitude).fold(T::zero(), |a, b| if b > a || b.is_nan() { b } else { a });
        if top.is_zero() || !top.is_finite() { top } else { top * sum(top.recip()).sqrt() }
    }

    /// Scales the gradients by `max / (norm + 10⁻⁶)` if that is below 1, where norm is their [`Gradients::norm`], and returns the norm. A norm
    /// that is not finite leaves them as they are; `Optimizer::refuse_non_finite` refuses a step over them.
    ///
    /// # Examples
    /// ```
    /// use rensa::{Param, Tape, tensor};
    /// let w = Param::new(tensor![1.0_f64, 1.0]);
    /// let tape = Tape::new();
    /// let mut gradients = (tape.param(&w) * tape.constant(tensor![30.0, -40.0])).sum(..).backward();
    /// assert_eq!(gradients.clip_norm(5.0), 50.0);
    /// assert!((gradients.norm() - 5.0).abs() < 1e-6);
    /// ```
    /// Source: Pascanu, Mikolov, Bengio, "On the Difficulty of Training Recurrent Neural Networks" (2013), algorithm 1.
    pub fn clip_norm(&mut self, max: T) -> T {
        let norm = self.norm();
        let factor = max / (norm + T::of(1e-6));
        if norm.is_finite() && factor < T::one() {
            self.scale(factor);
        }
        norm
    }

    /// Where the gradient of each parameter is kept.
    fn places(&self) -> impl Iterator<Item = (super::ParamId, usize)> {
        let by_param = &self.by_param;
        let is_first = |i: usize| i == 0 || by_param[i - 1].0 != by_param[i].0;
        (0..by_param.len()).filter(move |&i| is_first(i)).map(|i| (by_param[i].0, by_param[i].1 as usize))
    }

    /// Replaces every element by `f` of it.
    fn change(&mut self, f: impl Fn(T) -> T + Sync) {
        for kept in self.kept.iter_mut().filter(|kept| kept.param.is_some()) {
            kept.gradient = update0(replace(&mut kept.gradient, Tensor::vacant()), &f);
        }
    }
}
