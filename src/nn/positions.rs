//! Positions in a sequence, for layers that do not know of any. Learned ones are an [`Embedding`](super::Embedding) of the numbers 0, 1, ….

use super::Module;
use super::summary::noted;
use crate::float::Float;
use crate::graph::Var;
use crate::tensor::Tensor;

/// What a frequency falls to over all dimensions.
const BASE: f64 = 10_000.0;

/// Sines and cosines of positions added to a sequence, `y = x + p` with `pₜ,₂ᵢ = sin(t / 10000^(2i/size))` and
/// `pₜ,₂ᵢ₊₁ = cos(t / 10000^(2i/size))`.
///
/// Shapes: `[…, length, size]` → the same, for a length up to the one that it was made for.
///
/// Parameters: none.
///
/// # Panics
/// `forward`, if the size is another, or the length is larger.
///
/// # Examples
/// ```
/// use rensa::{Tape, Tensor, nn::{Module, SinusoidalPositions}};
/// let tape = Tape::<f64>::new();
/// let y = SinusoidalPositions::init(100, 2).forward(tape.constant(Tensor::zeros([2, 2])));
/// assert_eq!(y.value().to_vec(), [0.0, 1.0, 1.0_f64.sin(), 1.0_f64.cos()]);
/// ```
/// Source: Vaswani et al., "Attention Is All You Need" (2017), §3.5.
#[derive(Clone, Debug)]
pub struct SinusoidalPositions<T: Float> {
    /// p, `[length, size]`.
    table: Tensor<T>,
}

impl<T: Float> SinusoidalPositions<T> {
    /// For sequences of up to `length` vectors of `size` numbers.
    pub fn init(length: usize, size: usize) -> Self {
        let angle = |t: usize, k: usize| t as f64 * BASE.powf(-((k - k % 2) as f64) / size as f64);
        let value = |t: usize, k: usize| if k.is_multiple_of(2) { angle(t, k).sin() } else { angle(t, k).cos() };
        SinusoidalPositions { table: Tensor::from_fn([length, size], |i| T::of(value(i[0], i[1]))) }
    }
}

crate::parts!(SinusoidalPositions<T> {});

impl<T: Float> Module<T> for SinusoidalPositions<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let rows = rows("SinusoidalPositions", x, &self.table, 0, 1);
        noted(self, x + rows)
    }
}

/// The rows of a table for a sequence that begins at `start`. A row of the sequence has `ratio` times as many numbers as one of the table.
#[track_caller]
fn rows<'t, T: Float>(layer: &str, x: Var<'t, T>, table: &Tensor<T>, start: usize, ratio: usize) -> Var<'t, T> {
    let (shape, [length, size]) = (x.shape(), [table.shape()[0], table.shape()[1]]);
    let fits = shape.ndim() >= 2 && shape[shape.ndim() - 1] == ratio * size;
    let count = if fits { shape[shape.ndim() - 2] } else { 0 };
    assert!(
        fits && start.checked_add(count).is_some_and(|end| end <= length),
        "{layer}: input {shape:?} from position {start}, expected […, length, {}] that ends by {length}",
        ratio * size
    );
    x.tape().constant(table.narrow(0, start, count))
}

/// Which two numbers of a vector are turned together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pairing {
    /// Number i and number i + size/2, as in GPT-NeoX and Llama's published weights for the transformers library.
    Halves,
    /// Numbers 2i and 2i + 1, as in the paper and in GPT-J.
    Neighbours,
}

/// Rotary positions: each pair of numbers of the vector at position t turned by the angle `t · θᵢ` with `θᵢ = 10000^(−2i/size)`, so that
/// the product of a query and a key depends on the distance between their positions only. Of queries and keys, not of values.
///
/// A pair (a, b) becomes `(a cos − b sin, a sin + b cos)`. The two pairings differ by a permutation of the numbers: weights that were
/// trained with one need that one.
///
/// Shapes: `[…, length, size]` → the same, for positions up to the number that it was made for.
///
/// Parameters: none.
///
/// # Panics
/// `forward`, if the size is another, or the sequence ends behind the last position.
///
/// # Examples
/// ```
/// use rensa::{Tape, nn::{Module, Pairing, Rotary}, tensor};
/// let tape = Tape::<f64>::new();
/// let y = Rotary::init(10, 2, Pairing::Neighbours).forward(tape.constant(tensor![[1.0, 0.0], [1.0, 0.0]]));
/// assert_eq!(y.value().to_vec(), [1.0, 0.0, 1.0_f64.cos(), 1.0_f64.sin()]);
/// ```
/// Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding" (2021), §3.2.
#[derive(Clone, Debug)]
pub struct Rotary<T: Float> {
    /// `[length, size / 2]`.
    cos: Tensor<T>,
    sin: Tensor<T>,
    pairing: Pairing,
}

impl<T: Float> Rotary<T> {
    /// For up to `length` positions of vectors of `size` numbers, which is that of a head.
    ///
    /// # Panics
    /// If `size` is odd.
    #[track_caller]
    pub fn init(length: usize, size: usize, pairing: Pairing) -> Self {
        Self::init_with_base(length, size, pairing, BASE)
    }

    /// With another base than 10000.
    ///
    /// # Panics
    /// If `size` is odd.
    #[track_caller]
    pub fn init_with_base(length: usize, size: usize, pairing: Pairing, base: f64) -> Self {
        assert!(size.is_multiple_of(2), "Rotary: {size} numbers are not made of pairs");
        let angle = |i: &[usize]| i[0] as f64 * base.powf(-2.0 * i[1] as f64 / size as f64);
        let cos = Tensor::from_fn([length, size / 2], |i| T::of(angle(i).cos()));
        Rotary { cos, sin: Tensor::from_fn([length, size / 2], |i| T::of(angle(i).sin())), pairing }
    }

    /// The output for a sequence that begins at position `start`, as one that goes on does.
    ///
    /// # Panics
    /// As `forward`.
    #[track_caller]
    pub fn forward_from<'t>(&self, x: Var<'t, T>, start: usize) -> Var<'t, T> {
        let (cos, sin) = (rows("Rotary", x, &self.cos, start, 2), rows("Rotary", x, &self.sin, start, 2));
        let shape = x.shape();
        let (front, half) = (&shape[..shape.ndim() - 1], shape[shape.ndim() - 1] / 2);
        // Both numbers of a pair along an axis of their own: before the pairs, or behind them.
        let (pairs, axis) = match self.pairing {
            Pairing::Halves => ([front, &[2, half]].concat(), -2),
            Pairing::Neighbours => ([front, &[half, 2]].concat(), -1),
        };
        let x = x.reshape(&pairs[..]);
        let (a, b) = (x.narrow(axis, 0, 1).squeeze(axis), x.narrow(axis, 1, 1).squeeze(axis));
        let y = Var::stack(&[a * cos - b * sin, a * sin + b * cos], axis);
        noted(self, y.reshape(&shape))
    }
}

crate::parts!(Rotary<T> {});

/// From position 0.
impl<T: Float> Module<T> for Rotary<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.forward_from(x, 0)
    }
}
