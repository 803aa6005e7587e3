//! Derivatives of functions: gradient, products with the Jacobian and the Hessian, and these matrices themselves.
//!
//! A function is a closure from handles to a handle. Each of these puts its inputs as leaves on a tape of its own, lets the closure
//! compute on it once, and returns tensors; what else the closure needs it captures, or makes by `x.tape()`.
//!
//! | for f: x ↦ y | returns | by |
//! |---|---|---|
//! | [`grad`], [`value_and_grad`] | ∇f, for a single number y | one sweep |
//! | [`vjp`] | vᵀ J, with J = ∂y/∂x | one sweep |
//! | [`jvp`] | J u | two sweeps |
//! | [`jacobian`] | J | as many sweeps as y or x has elements, whichever are fewer |
//! | [`hvp`] | H v, with H = ∂²y/∂x², for a single number y | two sweeps |
//! | [`hessian`] | H | as many sweeps as x has elements |
//!
//! Write the closure in the call, or name a `fn`: one that is bound to a variable before does not fit every tape. Where f itself needs
//! derivatives, it takes them on its handles, by [`Var::grad`] and [`Var::jvp`], and they are differentiated with the rest.
//!
//! # No wrong zero
//! Where every way from an input to y is cut (something is detached or computed while the tape is paused, an op has no rule) or there
//! is none, each function returns a [`NoGradient`] that tells which node ends it. If y does depend on the input but its gradient does
//! not, that zero is the truth, and the second derivatives have it: a linear function has them, and an op that declares itself constant
//! almost everywhere ([`Op::no_rule`](crate::Op::no_rule)). Beside a way that carries a gradient, one that is cut counts as constant, as
//! [`Var::detach`] has it; [`hessian`] looks at each block by itself, [`hvp`] at what all inputs together give to one.
//!
//! Source: names, and the order of arguments and results, as in PyTorch's `torch.autograd.functional`.

use crate::float::Float;
use crate::graph::{NoGradient, Reason, Tape, Var};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The gradient of a single number, `∇f = ∂f/∂xᵢ` for each input.
///
/// Shapes: `f` from `xs` to one element → those of `xs`.
///
/// # Errors
/// If `f` does not depend on an input, or the way there is cut.
///
/// # Panics
/// If `f` returns more than one element, or none.
///
/// # Examples
/// ```
/// use rensa::{functional::grad, tensor};
/// let [gradient] = grad(|[x]| (x * x * x).sum(..), [&tensor![1.0, 2.0]])?;
/// assert_eq!(gradient.to_vec(), [3.0, 12.0]);
/// # Ok::<(), rensa::NoGradient>(())
/// ```
#[track_caller]
pub fn grad<T: Float, const N: usize>(
    f: impl for<'t> FnOnce([Var<'t, T>; N]) -> Var<'t, T>,
    xs: [&Tensor<T>; N],
) -> Result<[Tensor<T>; N], NoGradient> {
    value_and_grad(f, xs).map(|(_, gradients)| gradients)
}

/// A single number and its gradient, `(f, ∂f/∂xᵢ)`.
///
/// Shapes: `f` from `xs` to one element → those of `xs`.
///
/// # Errors
/// If `f` does not depend on an input, or the way there is cut.
///
/// # Panics
/// If `f` returns more than one element, or none.
///
/// # Examples
/// ```
/// use rensa::{functional::value_and_grad, tensor};
/// let (x, target) = (tensor![1.0, 2.0], tensor![0.0, 4.0]);
/// let (loss, [x_bar]) = value_and_grad(|[x]| (x - x.tape().constant(target.clone())).powi(2).sum(..), [&x])?;
/// assert_eq!((loss, x_bar.to_vec()), (5.0, vec![2.0, -4.0]));
/// # Ok::<(), rensa::NoGradient>(())
/// ```
#[track_caller]
pub fn value_and_grad<T: Float, const N: usize>(
    f: impl for<'t> FnOnce([Var<'t, T>; N]) -> Var<'t, T>,
    xs: [&Tensor<T>; N],
) -> Result<(T, [Tensor<T>; N]), NoGradient> {
    let tape = Tape::new();
    let xs = leaves(&tape, xs);
    let y = f(xs);
    let gradients = pull(y, y.one(), xs, |why, _| Err(why))?;
    Ok((y.item(), gradients))
}

/// The value, and the product of a vector with the Jacobian, `(y, vᵀ ∂y/∂xᵢ)`: the gradient of `Σ v·y`.
///
/// Shapes: `f` from `xs` to any, `v` of the shape of `y` → that of `y`, and those of `xs`.
///
/// # Errors
/// If `f` does not depend on an input, or the way there is cut.
///
/// # Panics
/// If `v` has another shape than `y`.
///
/// # Examples
/// ```
/// use rensa::{functional::vjp, tensor};
/// let (a, x) = (tensor![[1.0, 2.0], [3.0, 4.0]], tensor![1.0, 1.0]);
/// let (y, [a_bar, x_bar]) = vjp(|[a, x]| a.matmul(x), [&a, &x], &tensor![1.0, 10.0])?;
/// assert_eq!(y.to_vec(), [3.0, 7.0]);
/// assert_eq!(x_bar.to_vec(), [31.0, 42.0]); // vᵀ a
/// assert_eq!(a_bar.to_vec(), [1.0, 1.0, 10.0, 10.0]); // v xᵀ
/// # Ok::<(), rensa::NoGradient>(())
/// ```
/// Source: Griewank and Walther, Evaluating Derivatives (2008), §3.2.
#[track_caller]
pub fn vjp<T: Float, const N: usize>(
    f: impl for<'t> FnOnce([Var<'t, T>; N]) -> Var<'t, T>,
    xs: [&Tensor<T>; N],
    v: &Tensor<T>,
) -> Result<(Tensor<T>, [Tensor<T>; N]), NoGradient> {
    let tape = Tape::new();
    let xs = leaves(&tape, xs);
    let y = f(xs);
    assert!(*v.shape() == y.shape(), "vjp: a vector {:?} for the output {y:?}", v.shape());
    Ok((y.value(), pull(y, v.clone(), xs, |why, _| Err(why))?))
}

/// The value, and the product of the Jacobian with a vector, `(y, Σᵢ ∂y/∂xᵢ · uᵢ)`: the derivative along `u`.
///
/// The product `w ↦ wᵀ J` is linear in `w`, and its derivative along `u` is `J u`: so reverse mode does it twice, and no op needs a
/// second rule.
///
/// Shapes: `f` from `xs` to any, `u` of the shapes of `xs` → that of `y`, twice.
///
/// # Errors
/// If `f` does not depend on an input, or the way there is cut.
///
/// # Panics
/// If one of `u` has another shape than its input.
///
/// # Examples
/// ```
/// use rensa::{functional::jvp, tensor};
/// let (y, slope) = jvp(|[x]| x * x, [&tensor![1.0, 2.0]], [&tensor![1.0, -1.0]])?;
/// assert_eq!((y.to_vec(), slope.to_vec()), (vec![1.0, 4.0], vec![2.0, -4.0]));
/// # Ok::<(), rensa::NoGradient>(())
/// ```
/// Source: Townsend, "A new trick for calculating Jacobian vector products" (2017).
#[track_caller]
pub fn jvp<T: Float, const N: usize>(
    f: impl for<'t> FnOnce([Var<'t, T>; N]) -> Var<'t, T>,
    xs: [&Tensor<T>; N],
    u: [&Tensor<T>; N],
) -> Result<(Tensor<T>, Tensor<T>), NoGradient> {
    let tape = Tape::new();
    let (xs, u) = (leaves(&tape, xs), u.map(|u| tape.constant(u.clone())));
    check_directions("jvp", xs, u);
    let y = f(xs);
    Ok((y.value(), push(y, xs, u)?))
}

/// The Jacobian by each input, `Jᵢ = ∂y/∂xᵢ`: row by row, or column by column if these are fewer.
///
/// Shapes: `f` from `xs` to any → the shape of `y` followed by that of `xᵢ`; it may be a view of any layout.
///
/// # Errors
/// If `f` does not depend on an input, or the way there is cut.
///
/// # Examples
/// ```
/// use rensa::{functional::jacobian, tensor};
/// let [j] = jacobian(|[x]| x.cumsum(0) * x, [&tensor![1.0, 2.0]])?;
/// assert_eq!(j, tensor![[2.0, 0.0], [2.0, 5.0]]); // of x₀² and x₀x₁ + x₁²
/// # Ok::<(), rensa::NoGradient>(())
/// ```
#[track_caller]
pub fn jacobian<T: Float, const N: usize>(
    f: impl for<'t> FnOnce([Var<'t, T>; N]) -> Var<'t, T>,
    xs: [&Tensor<T>; N],
) -> Result<[Tensor<T>; N], NoGradient> {
    let tape = Tape::new();
    let xs = leaves(&tape, xs);
    let y = f(xs);
    let columns: usize = xs.iter().map(|x| x.shape().elements()).sum();
    if y.shape().elements() <= columns {
        return rows(y, xs, |why, _| Err(why));
    }
    let (w, pulled) = transposed(y, xs)?;
    let behind = |n: usize, m: usize| (n..n + m).chain(0..n).map(|axis| axis as isize).collect::<Vec<_>>();
    try_map(pulled, |x_bar| {
        let [columns] = rows(x_bar, [w], zero_if_true)?;
        Ok(columns.permute(&behind(x_bar.ndim(), w.ndim())))
    })
}

/// A single number, and the product of its Hessian with a vector, `(f, Σⱼ ∂²f/∂xᵢ∂xⱼ · vⱼ)`: the gradient of `Σ ∇f·v`, without
/// the matrix.
///
/// Shapes: `f` from `xs` to one element, `v` of the shapes of `xs` → those of `xs`.
///
/// # Errors
/// If `f` does not depend on an input, or the way there is cut, or the way from the gradient to the input is.
///
/// # Panics
/// If `f` returns more than one element, or none, or one of `v` has another shape than its input.
///
/// # Examples
/// ```
/// use rensa::{functional::hvp, tensor};
/// let (value, [product]) = hvp(|[x]| (x * x * x).sum(..), [&tensor![1.0, 2.0]], [&tensor![1.0, -1.0]])?;
/// assert_eq!((value, product.to_vec()), (9.0, vec![6.0, -12.0])); // the Hessian is diagonal, 6x
/// # Ok::<(), rensa::NoGradient>(())
/// ```
/// Source: Pearlmutter, "Fast Exact Multiplication by the Hessian" (1994).
#[track_caller]
pub fn hvp<T: Float, const N: usize>(
    f: impl for<'t> FnOnce([Var<'t, T>; N]) -> Var<'t, T>,
    xs: [&Tensor<T>; N],
    v: [&Tensor<T>; N],
) -> Result<(T, [Tensor<T>; N]), NoGradient> {
    let tape = Tape::new();
    let (xs, v) = (leaves(&tape, xs), v.map(|v| tape.constant(v.clone())));
    check_directions("hvp", xs, v);
    let y = f(xs);
    let along = inner(y.grad(xs)?, v);
    Ok((y.item(), pull(along, along.one(), xs, zero_if_true)?))
}

/// The Hessian of a single number, `Hᵢⱼ = ∂²f/∂xᵢ∂xⱼ` in row i and column j: symmetric, `Hⱼᵢ = Hᵢⱼᵀ`, but for rounding.
///
/// Shapes: `f` from `xs` to one element → the shape of `xᵢ` followed by that of `xⱼ`.
///
/// # Errors
/// If `f` does not depend on an input, or the way there is cut, or the way from the gradient to an input is.
///
/// # Panics
/// If `f` returns more than one element, or none.
///
/// # Examples
/// ```
/// use rensa::{functional::hessian, tensor};
/// let [[h]] = hessian(|[x]| x.prod(..), [&tensor![2.0, 3.0, 5.0]])?;
/// assert_eq!(h, tensor![[0.0, 5.0, 3.0], [5.0, 0.0, 2.0], [3.0, 2.0, 0.0]]);
/// # Ok::<(), rensa::NoGradient>(())
/// ```
#[track_caller]
pub fn hessian<T: Float, const N: usize>(
    f: impl for<'t> FnOnce([Var<'t, T>; N]) -> Var<'t, T>,
    xs: [&Tensor<T>; N],
) -> Result<[[Tensor<T>; N]; N], NoGradient> {
    let tape = Tape::new();
    let xs = leaves(&tape, xs);
    let gradient = f(xs).grad(xs)?;
    try_map(gradient, |x_bar| rows(x_bar, xs, zero_if_true))
}

impl<'t, T: Float> Var<'t, T> {
    /// The derivative of this value along `u`, `Σᵢ ∂self/∂xᵢ · uᵢ`: what [`Var::grad`] is to [`vjp`], this is to [`jvp`]. It is a
    /// value on the tape, to be differentiated again.
    ///
    /// Shapes: any, `u` of the shapes of `xs` → that of `self`.
    ///
    /// # Gradient
    /// By `self`'s inputs, of second order; by `u`, `ūᵢ = ȳᵀ ∂self/∂xᵢ`.
    ///
    /// # Errors
    /// If it does not depend on one of `xs`, or the way there is cut.
    ///
    /// # Panics
    /// If one of `u` has another shape than its value, or the handles are of different tapes.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, Tensor, tensor};
    /// let tape = Tape::<f64>::new();
    /// let (x, u) = (tape.leaf(tensor![1.0, 2.0]), tape.constant(tensor![1.0, 0.0]));
    /// let slope = (x * x * x).jvp([x], [u])?;
    /// assert_eq!(slope.value().to_vec(), [3.0, 0.0]);
    /// assert_eq!(slope.jvp([x], [u])?.value().to_vec(), [6.0, 0.0]);
    /// # Ok::<(), rensa::NoGradient>(())
    /// ```
    #[track_caller]
    pub fn jvp<const N: usize>(self, xs: [Var<'t, T>; N], u: [Var<'t, T>; N]) -> Result<Var<'t, T>, NoGradient> {
        check_directions("jvp", xs, u);
        let tape = self.tape();
        if !tape.is_recording() {
            let slope = {
                let _apart = tape.apart(); // it takes a record, if not for long
                push(self, xs, u)?
            };
            return Ok(Var::unrecorded("jvp", slope, &[&[self], &u[..]].concat()));
        }
        let (w, pulled) = transposed(self, xs)?;
        match inner(pulled, u).grad([w]) {
            Ok([slope]) => Ok(slope),
            Err(why) => Ok(tape.constant(zero_if_true(why, w)?)),
        }
    }
}

/// The inputs on a tape, to be differentiated by. (A loop, since closures do not pass on the caller's line.)
#[track_caller]
fn leaves<'t, T: Float, const N: usize>(tape: &'t Tape<T>, xs: [&Tensor<T>; N]) -> [Var<'t, T>; N] {
    let mut vars = Vec::with_capacity(N);
    for x in xs {
        vars.push(tape.leaf(x.clone()));
    }
    to_array(vars)
}

fn to_array<X, const N: usize>(list: Vec<X>) -> [X; N] {
    let Ok(array) = list.try_into() else { unreachable!("as many as there are inputs") };
    array
}

/// What `f` makes of each, or the first error.
fn try_map<X, Y, E, const N: usize>(xs: [X; N], f: impl FnMut(X) -> Result<Y, E>) -> Result<[Y; N], E> {
    Ok(to_array(xs.into_iter().map(f).collect::<Result<_, _>>()?))
}

#[track_caller]
fn check_directions<T: Float, const N: usize>(name: &str, xs: [Var<'_, T>; N], us: [Var<'_, T>; N]) {
    for (i, (x, u)) in xs.iter().zip(us).enumerate() {
        let (own, given) = (x.shape(), u.shape());
        assert!(own == given, "{name}: a vector {given:?} for input {i} of shape {own:?}");
    }
}

/// `Σᵢ ⟨aᵢ, bᵢ⟩`.
#[track_caller]
fn inner<'t, T: Float, const N: usize>(a: [Var<'t, T>; N], b: [Var<'t, T>; N]) -> Var<'t, T> {
    const { assert!(N > 0, "a derivative by at least one value") }
    let mut sum = (a[0] * b[0]).sum(..);
    for (&a, b) in a.iter().zip(b).skip(1) {
        sum = sum + (a * b).sum(..);
    }
    sum
}

/// A leaf w, and the values `wᵀ ∂y/∂xᵢ`, which are linear in it.
#[track_caller]
fn transposed<'t, T: Float, const N: usize>(
    y: Var<'t, T>,
    xs: [Var<'t, T>; N],
) -> Result<(Var<'t, T>, [Var<'t, T>; N]), NoGradient> {
    let w = y.tape().leaf(Tensor::zeros(y.shape()));
    Ok((w, y.grad_with(w, xs)?))
}

/// `Σᵢ ∂y/∂xᵢ · uᵢ`.
#[track_caller]
fn push<'t, T: Float, const N: usize>(
    y: Var<'t, T>,
    xs: [Var<'t, T>; N],
    u: [Var<'t, T>; N],
) -> Result<Tensor<T>, NoGradient> {
    let (w, pulled) = transposed(y, xs)?;
    let along = inner(pulled, u);
    let [slope] = pull(along, along.one(), [w], zero_if_true)?;
    Ok(slope)
}

/// `vᵀ ∂y/∂xᵢ`; `absent` is put in place of one that is not there, or is an error.
#[track_caller]
fn pull<'t, T: Float, const N: usize>(
    y: Var<'t, T>,
    v: Tensor<T>,
    xs: [Var<'t, T>; N],
    absent: impl Fn(NoGradient, Var<'t, T>) -> Result<Tensor<T>, NoGradient>,
) -> Result<[Tensor<T>; N], NoGradient> {
    let found = y.pull(v, &xs).into_iter().zip(xs).map(|(found, x)| found.or_else(|why| absent(why, x)));
    Ok(to_array(found.collect::<Result<_, _>>()?))
}

/// The Jacobian of `y` by each of `xs`, a row for each element of `y`; `absent` as in [`pull`].
fn rows<'t, T: Float, const N: usize>(
    y: Var<'t, T>,
    xs: [Var<'t, T>; N],
    absent: impl Fn(NoGradient, Var<'t, T>) -> Result<Tensor<T>, NoGradient>,
) -> Result<[Tensor<T>; N], NoGradient> {
    let shape = y.shape();
    let n = shape.elements();
    let mut rows = [const { Vec::new() }; N];
    // No element has no row; but that a gradient is absent is told all the same.
    for k in 0..n.max(1) {
        let row = pull(y, basis(&shape, k), xs, &absent)?;
        if n > 0 {
            rows.iter_mut().zip(&row).for_each(|(rows, row)| rows.extend(row));
        }
    }
    let tensors = rows.into_iter().zip(xs).map(|(rows, x)| {
        let own = x.shape();
        Tensor::from_elements(rows, shape.iter().chain(own.iter()).copied().collect())
    });
    Ok(to_array(tensors.collect()))
}

/// The `k`-th vector of the standard basis.
fn basis<T: Float>(shape: &Shape, k: usize) -> Tensor<T> {
    let mut e = Tensor::zeros(shape);
    if let Some(one) = e.make_mut().get_mut(k) {
        *one = T::one();
    }
    e
}

/// The derivative by `x` that is not there, if zero is what it is: it does not depend on `x`, or by way of ops only that are
/// constant almost everywhere, and not because something was cut off.
fn zero_if_true<T: Float>(why: NoGradient, x: Var<'_, T>) -> Result<Tensor<T>, NoGradient> {
    match why.reason() {
        Reason::NotReached | Reason::NoRule => Ok(Tensor::zeros(x.shape())),
        _ => Err(why),
    }
}
