//! Derivatives checked against differences: a gradient, the gradient of a gradient, an op with its rules, a whole net.
//!
//! In a test a check is one line. It passes only if everything that was asked was shown to be right, and otherwise panics with a table:
//! ```
//! use rensa::{check, tensor};
//! let (x, w) = (tensor![[1.0_f32, 2.0]], tensor![[0.5_f32], [-0.3]]);
//! check::gradients(|[x, w]| x.matmul(w).tanh(), [&x, &w]).assert();
//! ```
//! The table is what a [`Report`] displays. Here a product has lost the gradient by its second factor:
//! ```
//! # use rensa::{check, tensor};
//! let report = check::gradients(|[x, w]| x * w.detach(), [&tensor![3.0], &tensor![0.5]]);
//! let text = report.to_string();
//! let lines: Vec<&str> = text.lines().collect();
//! assert_eq!(
//!     lines[1..6].join("\n"),
//!     "  input  shape  check  tried       analytic    numeric  error  tolerance  verdict
//!   0      [1]    first  1 element  0.5000000  0.5000000      0    4.3e-13  right
//!   1      [1]    first  1 element          0   3.000000    3.0    2.1e-13  WRONG
//! 1 right; 1 WRONG
//!   1 (first): at [0] it is 0, by differences 3.000000"
//! );
//! assert!(lines[6].contains("is cut at detach [1]") && lines[6].ends_with("which was detached")); // and the line
//! ```
//!
//! | check | of | against |
//! |---|---|---|
//! | [`gradients`] | the gradient by each input | differences of the value |
//! | [`second_order`] | that, and the gradient of the gradient | differences of the gradient |
//! | [`jvp`] | `wᵀ (J u)` | `(wᵀ J) u` |
//! | [`hessian`] | the Hessian, every element | differences of the gradient |
//! | [`fused`] | value and derivatives of a fused form | those of its composition |
//! | [`op`] | an op: all of its rules, on odd inputs | differences, and the rules each other |
//! | [`module`], [`parameters`] | the gradient by each parameter of a net, and by its input | differences of the output |
//!
//! Settings, such as another seed, every element, or a gradient that is rightly zero, are those of [`Check`].
//!
//! # How it is done
//! An output of any shape is made a number by fixed random weights w. Along a random direction u its derivative is `⟨wᵀ J, u⟩` by the
//! tape, and by central differences at several steps, extrapolated to a step of 0 with an error bar. The first step is chosen from the
//! size of the input and the rounding error; more follow until the bar is small enough. All of that is in `f64`, whatever the type of
//! the inputs: a function or an op that is generic in its scalar is simply run in `f64`. Only a net that exists in `f32` is run as it
//! is ([`module`]). Second order is checked likewise with the gradient, times a random vector, as the value; there the number made of the
//! output is not linear in it, so that a rule which does not hand on how the incoming gradient depends on x is found out.
//!
//! The tolerance is ten bars and the rounding of the gradient itself. If it is more than ε^¼ of the derivative's size (10⁻⁴ in `f64`),
//! nothing is concluded.
//!
//! # What it says
//! * **right**: the two agree, within a tolerance that would have shown an error.
//! * **WRONG**: they do not, and the differences at the smallest steps that can tell confirm it. Elements are named, and a pattern if
//!   there is one; if the gradient is not there at all, it is told where the way to it ends.
//! * **on a kink**: the slopes on the two sides differ, however small the step. The node at which that starts is named, with its line, and
//!   so are the elements. A kink that is only near is no matter: the steps become smaller than its distance. Elements that are on none
//!   are judged, and if they are right the check passes, with a note.
//! * **proved nothing**: zero in every direction by both. A rule that always says 0 would pass, so the check does not, unless
//!   the input is declared [`flat`](Check::flat).
//! * **inconclusive**: values are too rough for differences, as after cancellation, or the function is not the same when computed again.
//! * **not finite**: the value is NaN or infinite, and where first. A NaN never passes for anything.
//!
//! Sources: Ridders, "Accurate computation of F′(x) and F′(x) F″(x)" (1982), for the extrapolation and its bar; Moré and Wild,
//! "Estimating computational noise" (2011), for the error of the values.

mod differences;
mod experiment;
mod fused;
mod judge;
mod kinks;
mod layouts;
mod look;
mod numerical;
mod parts;
mod report;
mod settings;
mod subject;
mod tally;
mod trial;

pub use kinks::Kink;
pub use numerical::{numerical_gradient, numerical_slope};
pub use report::{Part, Report, Row, Verdict};
pub use settings::Check;

use crate::float::Float;
use crate::graph::{Op, Tape, Var};
use crate::nn::{Module, Parts};
use crate::tensor::Tensor;

/// Whether the gradient of `f` by each of `inputs` is that of differences, along random directions.
///
/// # Examples
/// ```
/// use rensa::{check, tensor};
/// check::gradients(|[x, w]| x.matmul(w).relu(), [&tensor![[1.0, 2.0]], &tensor![[0.5, -1.0], [0.3, 0.7]]]).assert();
/// ```
#[track_caller]
pub fn gradients<T: Float, const N: usize>(
    f: impl for<'t> Fn([Var<'t, f64>; N]) -> Var<'t, f64>,
    inputs: [&Tensor<T>; N],
) -> Report {
    Check::new().gradients(f, inputs)
}

/// [`gradients`], and whether the gradient of a random number made of these gradients is that of differences of them.
///
/// # Examples
/// ```
/// use rensa::{check, tensor};
/// check::second_order(|[x, y]| (x * y).sin(), [&tensor![1.0, 2.0], &tensor![0.5, -1.0]]).assert();
/// ```
#[track_caller]
pub fn second_order<T: Float, const N: usize>(
    f: impl for<'t> Fn([Var<'t, f64>; N]) -> Var<'t, f64>,
    inputs: [&Tensor<T>; N],
) -> Report {
    Check::new().second_order(f, inputs)
}

/// Whether the derivative along a direction and the gradient are transposes of each other, `wᵀ (J u) = (wᵀ J) u`.
///
/// # Examples
/// ```
/// use rensa::{check, tensor};
/// check::jvp(|[x]| x.softmax(-1), [&tensor![1.0, 2.0, 0.5]]).assert();
/// ```
#[track_caller]
pub fn jvp<T: Float, const N: usize>(
    f: impl for<'t> Fn([Var<'t, f64>; N]) -> Var<'t, f64>,
    inputs: [&Tensor<T>; N],
) -> Report {
    Check::new().jvp(f, inputs)
}

/// Whether every element of the Hessian, `∂²f/∂xᵢ∂xⱼ` by each pair of inputs, is that of differences of the gradient. Where `f` is not a
/// single number, it is that of a random sum of its elements.
///
/// # Examples
/// ```
/// use rensa::{check, tensor};
/// check::hessian(|[x, y]| (x * x * y).sum(..), [&tensor![1.0, 2.0], &tensor![0.5, -1.0]]).assert();
/// ```
#[track_caller]
pub fn hessian<T: Float, const N: usize>(
    f: impl for<'t> Fn([Var<'t, f64>; N]) -> Var<'t, f64>,
    inputs: [&Tensor<T>; N],
) -> Report {
    Check::new().hessian(f, inputs)
}

/// Whether a fused form has the value, the gradient, and the gradient of the gradient of the composition that it stands for. They may
/// differ by what sixteen bits lost on the way make of the rounding error.
///
/// # Examples
/// ```
/// use rensa::{check, keep, tensor};
/// check::fused(|[x]| x.softmax(-1), |[x]| x.exp() / x.exp().sum(keep(-1)), [&tensor![1.0, 2.0, 0.5]]).assert();
/// ```
#[track_caller]
pub fn fused<T: Float, const N: usize>(
    fused_form: impl for<'t> Fn([Var<'t, f64>; N]) -> Var<'t, f64>,
    composition: impl for<'t> Fn([Var<'t, f64>; N]) -> Var<'t, f64>,
    inputs: [&Tensor<T>; N],
) -> Report {
    Check::new().fused(fused_form, composition, inputs)
}

/// All that can be checked of an op: first and second order; the fused rule against the rule on handles; jvp against vjp; whichever inputs
/// are constants; one node as two inputs; and inputs that lie transposed, stepped, backwards, offset, or broadcast.
///
/// # Examples
/// ```
/// use rensa::{Float, Op, Pullback, Tensor, check, tensor};
///
/// #[derive(Debug)]
/// struct Cube;
///
/// impl<T: Float> Op<T> for Cube {
///     fn name(&self) -> &'static str {
///         "cube"
///     }
///     fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
///         xs[0].powi(3)
///     }
///     fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
///         let ([x], g) = (p.inputs(), p.g);
///         p.accum(0, || g * x * x * T::of(3.0));
///     }
/// }
///
/// check::op(|| Cube, [&tensor![[1.0, 2.0], [0.5, -1.0]]]).assert();
/// ```
#[track_caller]
pub fn op<O: Op<f64>, T: Float, const N: usize>(make: impl Fn() -> O, inputs: [&Tensor<T>; N]) -> Report {
    Check::new().op(make, inputs)
}

/// Whether the gradient of a module's output for `x` is that of differences, by each parameter, called by its dotted name, and by `x`,
/// called `input`.
///
/// The module is run in its own scalar, with the tolerance that its rounding error asks for; everything else is in `f64`. So a
/// net is checked more sharply if it is built in `f64`. Every pass starts from the same state: running means and random streams are put
/// back, so that dropout drops the same. Afterwards, even if the module panics, it is as it was before. Parameters that are frozen are
/// not checked.
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::{Tensor, check, nn::{Linear, Relu, Sequential}};
/// let rng = &mut StdRng::seed_from_u64(0);
/// let mut net = Sequential::<f64>::new().with(Linear::init(5, 8, rng)).with(Relu).with(Linear::init(8, 3, rng));
/// check::module(&mut net, &Tensor::normal([4, 5], 0.0, 1.0, rng)).assert();
/// ```
#[track_caller]
pub fn module<T: Float>(net: &mut impl Module<T>, x: &Tensor<T>) -> Report {
    Check::new().module(net, x)
}

/// [`module`] for whatever has parameters: `f` computes something from them on a tape, such as the loss of a batch.
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::{Tensor, check, nn::TwoLayerNet, tensor};
/// let mut net = TwoLayerNet::<f64>::init(6, 5, 3, &mut StdRng::seed_from_u64(0));
/// let (images, labels) = (Tensor::from_fn([2, 6], |i| (i[0] + i[1]) as f64), tensor![2_usize, 0]);
/// check::parameters(&mut net, |net, tape| net.loss(tape.constant(images.clone()), &labels)).assert();
/// ```
#[track_caller]
pub fn parameters<T: Float, P: Parts<T>>(net: &mut P, f: impl for<'t> Fn(&P, &'t Tape<T>) -> Var<'t, T>) -> Report {
    Check::new().parameters(net, f)
}
