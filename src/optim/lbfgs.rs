//! L-BFGS with a line search.

use super::line_search::{Limits, Point, strong_wolfe};
use super::refuse::check_finite;
use super::{Scheduled, check_gradients};
use crate::error::{Error, Result};
use crate::float::Float;
use crate::graph::Gradients;
use crate::kernel::reduce::largest_magnitude;
use crate::nn::{Parts, Path, State};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// L-BFGS: steps in the direction −H g, where H, an estimate of the inverse of the second derivatives, is made of the last steps and of how
/// the gradient g changed over them; how far is found by a line search for the strong Wolfe conditions.
///
/// For losses without noise: of a whole set of data, not of batches. It looks at the loss several times in a step, and so gets a closure
/// that computes it. There are no parameter groups, since all parameters together are one vector.
///
/// By default a step is up to `max_iter` = 20 iterations with `max_eval` = 25 evaluations of the loss, and ends when no element of the gradient
/// is above `tolerance_grad` = 10⁻⁷, or neither a parameter nor the loss changes by more than `tolerance_change` = 10⁻⁹; `history_size` is
/// 100. The rate, usually 1, is the step that the line search tries first.
///
/// # Examples
/// ```
/// use rensa::{Param, Tape, optim::Lbfgs, tensor};
/// let mut w = Param::new(tensor![-1.2_f64, 1.0]);
/// let (mut tape, mut lbfgs) = (Tape::new(), Lbfgs::new(1.0).tolerance_grad(1e-10).tolerance_change(1e-20));
/// for _ in 0..2 {
///     lbfgs.step(&mut w, |w, gradients| {
///         tape.step(gradients, |tape| {
///             let w = tape.param(w);
///             let (x, y) = (w.narrow(0, 0, 1), w.narrow(0, 1, 1));
///             ((1.0 - x).powi(2) + (y - x * x).powi(2) * 100.0).sum(..) // Rosenbrock's valley
///         })
///     })?;
/// }
/// assert!(w.value.iter().all(|w| (w - 1.0).abs() < 1e-10));
/// # Ok::<(), rensa::Error>(())
/// ```
/// Source: Nocedal, Wright, Numerical Optimization (2006), algorithms 7.4 and 7.5; Liu, Nocedal, "On the Limited Memory BFGS Method for Large
/// Scale Optimization" (1989).
#[derive(Clone, Debug)]
pub struct Lbfgs<T: Float> {
    /// The learning rate.
    pub lr: f64,
    /// How many iterations a step has at most.
    pub max_iter: u64,
    /// How often a step evaluates the loss, at most; the last line search may need one or two more.
    pub max_eval: u64,
    /// The largest element of a gradient that counts as none.
    pub tolerance_grad: f64,
    /// The largest change of a parameter, or of the loss, that counts as none.
    pub tolerance_change: f64,
    /// How many steps are remembered.
    pub history_size: usize,
    /// Whether the loss is to grow rather than to fall.
    pub maximize: bool,
    history: Vec<Pair<T>>,
    /// The last step, and the gradient before it.
    last: Option<(Tensor<T>, Tensor<T>)>,
    iterations: u64,
    evaluations: u64,
}

/// A step, and by how much the gradient changed over it.
#[derive(Clone, Debug)]
struct Pair<T: Float> {
    step: Tensor<T>,
    change: Tensor<T>,
}

/// The loss and its gradient by all parameters, one after the other.
struct Value<T: Float> {
    loss: f64,
    gradient: Tensor<T>,
}

fn dot<T: Float>(a: &Tensor<T>, b: &Tensor<T>) -> f64 {
    number((a * b).sum(..).item())
}

fn number<T: Float>(x: T) -> f64 {
    x.to_f64().unwrap_or(f64::NAN)
}

impl<T: Float> Lbfgs<T> {
    /// With this learning rate.
    pub fn new(lr: f64) -> Self {
        Lbfgs {
            lr,
            max_iter: 20,
            max_eval: 25,
            tolerance_grad: 1e-7,
            tolerance_change: 1e-9,
            history_size: 100,
            maximize: false,
            history: Vec::new(),
            last: None,
            iterations: 0,
            evaluations: 0,
        }
    }

    /// With so many iterations a step at most, and five evaluations of the loss for four of them.
    pub fn max_iter(mut self, max_iter: u64) -> Self {
        (self.max_iter, self.max_eval) = (max_iter, max_iter * 5 / 4);
        self
    }

    /// With so many evaluations of the loss a step at most.
    pub fn max_eval(mut self, max_eval: u64) -> Self {
        self.max_eval = max_eval;
        self
    }

    /// Until no element of the gradient is larger.
    pub fn tolerance_grad(mut self, tolerance_grad: f64) -> Self {
        self.tolerance_grad = tolerance_grad;
        self
    }

    /// Until no parameter, or the loss, changes by more.
    pub fn tolerance_change(mut self, tolerance_change: f64) -> Self {
        self.tolerance_change = tolerance_change;
        self
    }

    /// Remembering so many steps.
    pub fn history_size(mut self, history_size: usize) -> Self {
        self.history_size = history_size;
        self
    }

    /// Lets the loss grow rather than fall.
    pub fn maximize(mut self, maximize: bool) -> Self {
        self.maximize = maximize;
        self
    }

    /// How often the loss has been evaluated.
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// Changes every parameter of `parts` that is not frozen. `closure` computes the loss and its gradients, the same for the same
    /// parameters. Returns the loss at the beginning.
    ///
    /// # Errors
    /// If a parameter has no gradient, or one that is not finite: names it and says why. Or if the number of learnt numbers is not what it
    /// was. Then none is changed.
    pub fn step<P: Parts<T>>(
        &mut self,
        parts: &mut P,
        mut closure: impl FnMut(&P, &mut Gradients<T>) -> T,
    ) -> Result<T> {
        let mut gradients = Gradients::new();
        let loss = closure(parts, &mut gradients);
        check_gradients(parts, &gradients)?;
        check_finite(parts, &gradients)?;
        let mut here = self.value(parts, &gradients, loss);
        self.check_size(here.gradient.len())?;
        let last_evaluation = self.evaluations + self.max_eval;
        self.evaluations += 1;
        for _ in 0..self.max_iter {
            if self.is_flat(&here) || self.evaluations >= last_evaluation {
                break;
            }
            let direction = self.direction(&here);
            let slope = dot(&here.gradient, &direction);
            // A direction that does not lead down, or hardly.
            if slope > -self.tolerance_change {
                break;
            }
            let origin = values(parts);
            let first =
                if self.iterations == 1 { (1.0 / number(here.gradient.abs().sum(..).item())).min(1.0) } else { 1.0 };
            let limits = Limits {
                evaluations: last_evaluation - self.evaluations,
                tolerance: self.tolerance_change,
                reach: number(largest_magnitude(&direction)),
            };
            let start = Point { step: 0.0, loss: here.loss, slope, gradient: here.gradient.clone() };
            let found = strong_wolfe(&start, first * self.lr, &limits, |step| {
                move_to(parts, &origin, &direction, step);
                let loss = closure(parts, &mut gradients);
                check_gradients(parts, &gradients)?;
                self.evaluations += 1;
                let Value { loss, gradient } = self.value(parts, &gradients, loss);
                let loss = if loss.is_nan() { f64::INFINITY } else { loss };
                Ok(Point { step, loss, slope: dot(&gradient, &direction), gradient })
            });
            let found = match found {
                Ok(found) => found,
                Err(error) => {
                    move_to(parts, &origin, &direction, 0.0);
                    return Err(error);
                }
            };
            move_to(parts, &origin, &direction, found.step);
            let step = direction * T::of(found.step);
            let (moved, fallen) = (number(largest_magnitude(&step)), (found.loss - here.loss).abs());
            self.last = Some((step, here.gradient));
            here = Value { loss: found.loss, gradient: found.gradient };
            if moved <= self.tolerance_change || fallen < self.tolerance_change {
                break;
            }
        }
        Ok(loss)
    }

    fn is_flat(&self, here: &Value<T>) -> bool {
        number(largest_magnitude(&here.gradient)) <= self.tolerance_grad
    }

    /// Loss and gradient as they are to be made small.
    fn value(&self, parts: &dyn Parts<T>, gradients: &Gradients<T>, loss: T) -> Value<T> {
        let mut all = Vec::new();
        parts.visit(&Path::ROOT, &mut |_, param| {
            if let (false, Ok(gradient)) = (param.is_frozen(), gradients.get(param)) {
                all.extend(gradient.iter());
            }
        });
        let n = all.len();
        let gradient = Tensor::from_elements(all, Shape::from([n]));
        if self.maximize {
            Value { loss: -number(loss), gradient: -gradient }
        } else {
            Value { loss: number(loss), gradient }
        }
    }

    /// Checks that what is remembered is of `n` numbers.
    fn check_size(&self, n: usize) -> Result<()> {
        let known = self.last.as_ref().map(|(step, _)| step).or(self.history.first().map(|pair| &pair.step));
        let known = known.map_or(n, |step| step.len());
        let reason = || format!("{n} numbers are learnt, and there were {known}; a new Lbfgs is needed");
        if known == n { Ok(()) } else { Err(Error::Parameter { name: "all".into(), reason: reason() }) }
    }

    /// Remembers how the gradient has changed over the last step, and returns −H g.
    fn direction(&mut self, here: &Value<T>) -> Tensor<T> {
        self.iterations += 1;
        if let Some((step, before)) = self.last.take() {
            let change = &here.gradient - &before;
            // Only over a step along which the loss is curved upwards does H stay positive.
            if dot(&change, &step) > 1e-10 {
                if self.history.len() >= self.history_size.max(1) {
                    self.history.remove(0);
                }
                self.history.push(Pair { step, change });
            }
        }
        let mut q = -&here.gradient;
        let mut shares = Vec::with_capacity(self.history.len());
        for Pair { step, change } in self.history.iter().rev() {
            let share = dot(step, &q) / dot(change, step);
            q = q - change * T::of(share);
            shares.push(share);
        }
        if let Some(Pair { step, change }) = self.history.last() {
            q *= T::of(dot(change, step) / dot(change, change));
        }
        for (Pair { step, change }, share) in self.history.iter().zip(shares.into_iter().rev()) {
            q = &q + step * T::of(share - dot(change, &q) / dot(change, step));
        }
        q
    }

    /// What it remembers from step to step, in vectors of all parameters that are learnt, and the learning rate.
    pub fn state(&self) -> State<T> {
        let mut state = State::default();
        state.set_number("lr", self.lr);
        state.counts.insert("iterations".into(), self.iterations);
        state.counts.insert("evaluations".into(), self.evaluations);
        state.counts.insert("history".into(), self.history.len() as u64);
        for (i, Pair { step, change }) in self.history.iter().enumerate() {
            state.tensors.insert(format!("history.{i}.step"), step.clone());
            state.tensors.insert(format!("history.{i}.change"), change.clone());
        }
        if let Some((step, gradient)) = &self.last {
            state.tensors.insert("last.step".into(), step.clone());
            state.tensors.insert("last.gradient".into(), gradient.clone());
        }
        state
    }

    /// Takes over a state.
    ///
    /// # Errors
    /// If something is missing, unexpected, or of another size than all parameters of `parts` that are learnt: lists all of it. Then nothing
    /// is changed.
    pub fn load_state(&mut self, parts: &dyn Parts<T>, mut state: State<T>) -> Result<()> {
        let n = Shape::from([values(parts).iter().map(Tensor::len).sum::<usize>()]);
        let faults = &mut Vec::new();
        let lr = state.take_number("lr", faults);
        let [iterations, evaluations, pairs] =
            ["iterations", "evaluations", "history"].map(|name| state.take_count(name, faults));
        let mut history = Vec::new();
        for i in 0..pairs.unwrap_or_default() {
            // A count that promises more than is there costs one fault, not as many.
            let before = faults.len();
            let [step, change] =
                ["step", "change"].map(|what| state.take_tensor(&format!("history.{i}.{what}"), &n, faults));
            history.extend(step.zip(change).map(|(step, change)| Pair { step, change }));
            if faults.len() > before {
                break;
            }
        }
        let has_last = state.tensors.contains_key("last.step") || state.tensors.contains_key("last.gradient");
        let last = if has_last {
            let [step, gradient] =
                ["step", "gradient"].map(|what| state.take_tensor(&format!("last.{what}"), &n, faults));
            step.zip(gradient)
        } else {
            None
        };
        state.finish(std::mem::take(faults))?;
        (self.lr, self.history, self.last) = (lr.unwrap_or(self.lr), history, last);
        (self.iterations, self.evaluations) = (iterations.unwrap_or_default(), evaluations.unwrap_or_default());
        Ok(())
    }
}

/// The values of the parameters that are learnt.
fn values<T: Float>(parts: &dyn Parts<T>) -> Vec<Tensor<T>> {
    let mut all = Vec::new();
    parts.visit(&Path::ROOT, &mut |_, param| {
        if !param.is_frozen() {
            all.push(param.value.clone());
        }
    });
    all
}

/// Sets the parameters that are learnt to `origin + step · direction`.
fn move_to<T: Float>(parts: &mut dyn Parts<T>, origin: &[Tensor<T>], direction: &Tensor<T>, step: f64) {
    let (mut origin, mut at, step) = (origin.iter(), 0, T::of(step));
    parts.visit_mut(&Path::ROOT, &mut |_, param| {
        if let (false, Some(origin)) = (param.is_frozen(), origin.next()) {
            let part = direction.narrow(0, at, origin.len()).reshape_to(origin.shape());
            at += origin.len();
            // Without a step it is exactly what it was, whatever the direction.
            param.value = if step.is_zero() { origin.clone() } else { origin.zip(&part, |x, d| x + step * d) };
        }
    });
}

impl<T: Float> Scheduled for Lbfgs<T> {
    fn lr(&self) -> f64 {
        self.lr
    }

    fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }

    #[track_caller]
    fn set_momentum(&mut self, _: f64) {
        panic!("set_momentum: L-BFGS has none");
    }
}
