//! Attention: what each query takes of the values, by how well their keys fit it.

use rand::Rng;

use super::dropout::Dropout;
use super::linear::Linear;
use super::summary::noted;
use super::{Init, Module};
use crate::float::Float;
use crate::graph::{Param, Var};
use crate::kernel::map::{map_to, zip_to};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Which keys a query may look at. Several can be given: what one of them hides is hidden.
///
/// Those that broadcast do so against the scores, `[…, queries, keys]`, which with several heads are `[batch, heads, queries, keys]`; there a mask
/// can also be `[batch · heads, queries, keys]`, as PyTorch's.
///
/// A query that may look at none gets 0, as an empty sum is, and passes no gradient on; it does not become NaN. That holds too where what
/// is added is −∞ throughout.
///
/// # Examples
/// ```
/// use rensa::{Tape, nn::{Mask, scaled_dot_product_attention}, tensor};
/// let tape = Tape::<f64>::new();
/// let x = tape.constant(tensor![[1.0], [1.0], [1.0]]);
/// let v = tape.constant(tensor![[3.0], [5.0], [7.0]]);
/// let y = scaled_dot_product_attention(x, x, v, &[Mask::Causal]);
/// assert_eq!(y.value().to_vec(), [3.0, 4.0, 5.0]);
/// let y = scaled_dot_product_attention(x, x, v, &[Mask::Causal, Mask::Padding(&tensor![true, false, false])]);
/// assert_eq!(y.value().to_vec(), [0.0, 5.0, 6.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Mask<'a, 't, T: Float> {
    /// Query i may look at the keys 0 to i.
    Causal,
    /// Where keys are padding: `[batch, keys]`, or `[keys]` for all. PyTorch's `key_padding_mask`.
    Padding(&'a Tensor<bool>),
    /// Where a query may not look, broadcast. PyTorch's `attn_mask` of its `MultiheadAttention`.
    Blocked(&'a Tensor<bool>),
    /// Where a query may look, broadcast. PyTorch's `attn_mask` of its `scaled_dot_product_attention`, whose meaning is the opposite.
    Allowed(&'a Tensor<bool>),
    /// What is added to the scores, broadcast. Gradients pass to it.
    Added(Var<'t, T>),
}

/// The masks that hide, as one tensor that broadcasts to scores of this shape, true where something hides; none if there is none.
#[track_caller]
fn hidden<T: Float>(masks: &[Mask<'_, '_, T>], scores: &Shape) -> Option<Tensor<bool>> {
    let (queries, keys) = (scores[scores.ndim() - 2], scores[scores.ndim() - 1]);
    let mut all: Option<Tensor<bool>> = None;
    for mask in masks {
        let one = match *mask {
            Mask::Causal => Tensor::from_fn([queries, keys], |i| i[1] > i[0]),
            Mask::Padding(padding) => over_batch(padding, scores),
            Mask::Blocked(blocked) => blocked.clone(),
            Mask::Allowed(allowed) => map_to(allowed, |allowed| !allowed),
            Mask::Added(_) => continue,
        };
        let one = one.reshape(&fitted(one.shape(), scores));
        all = Some(match all {
            Some(all) => zip_to("attention", &all, &one, |a, b| a || b),
            None => one,
        });
    }
    all
}

/// A mask `[batch, keys]` with axes of size 1 between, so that it broadcasts against scores.
#[track_caller]
fn over_batch(padding: &Tensor<bool>, scores: &Shape) -> Tensor<bool> {
    let (shape, n) = (padding.shape(), scores.ndim());
    let fits = match shape.ndim() {
        1 => true,
        2 => n > 2 && shape[0] == scores[0],
        _ => false,
    };
    assert!(fits, "attention: padding {shape:?} for scores {scores:?}, expected [batch, keys] or [keys]");
    if shape.ndim() == 1 {
        return padding.clone();
    }
    let mut sizes = vec![1; n];
    (sizes[0], sizes[n - 1]) = (shape[0], shape[1]);
    padding.reshape(&sizes[..])
}

/// The shape of a mask by which it broadcasts to scores: its own, or with batch and heads apart.
#[track_caller]
fn fitted(mask: &Shape, scores: &Shape) -> Shape {
    let apart = match (&mask[..], &scores[..]) {
        (&[both, queries, keys], &[batch, heads, ..]) if scores.ndim() == 4 && both == batch * heads => {
            [batch, heads, queries, keys].into()
        }
        _ => mask.clone(),
    };
    let fits = apart.broadcast(scores).as_ref() == Some(scores);
    assert!(fits, "attention: a mask {mask:?} does not broadcast to the scores {scores:?}");
    apart
}

/// The weights `softmax(q · kᵀ / √size)` by which each query takes of each value; 0 where it may not look.
///
/// Shapes: `q` `[…, queries, size]`, `k` `[…, keys, size]` → `[…, queries, keys]`, the leading axes broadcast.
///
/// # Panics
/// If shapes do not fit.
///
/// Source: Vaswani et al., "Attention Is All You Need" (2017), §3.2.1.
#[track_caller]
pub fn attention_weights<'t, T: Float>(q: Var<'t, T>, k: Var<'t, T>, masks: &[Mask<'_, 't, T>]) -> Var<'t, T> {
    let (a, b) = (q.shape(), k.shape());
    let fits = a.ndim() >= 2 && b.ndim() >= 2 && a.last() == b.last();
    assert!(fits, "attention: queries {a:?} and keys {b:?}, expected […, queries, size] and […, keys, size]");
    let size = a[a.ndim() - 1].max(1) as f64;
    let mut scores = (q / T::of(size.sqrt())).matmul(k.t());
    let mut is_added = false;
    for mask in masks {
        if let Mask::Added(bias) = *mask {
            let shape = fitted(&bias.shape(), &scores.shape());
            scores = scores + bias.reshape(&shape);
            is_added = true;
        }
    }
    match hidden(masks, &scores.shape()) {
        Some(hidden) => scores.masked_softmax(-1, &hidden),
        // What is added may be −∞ throughout.
        None if is_added => scores.masked_softmax(-1, &Tensor::scalar(false)),
        None => scores.softmax(-1),
    }
}

/// Attention, `softmax(q · kᵀ / √size) · v`, to where the masks allow it.
///
/// Shapes: `q` `[…, queries, size]`, `k` `[…, keys, size]`, `v` `[…, keys, values]` → `[…, queries, values]`, the leading axes broadcast.
///
/// It has neither dropout nor another scale, as PyTorch's has: the weights are to be had by [`attention_weights`], and queries can be scaled
/// beforehand.
///
/// # Panics
/// If shapes do not fit.
///
/// # Examples
/// ```
/// use rensa::{Tape, nn::{Mask, scaled_dot_product_attention}, tensor};
/// let tape = Tape::<f64>::new();
/// let (q, k) = (tape.constant(tensor![[1.0, 0.0]]), tape.constant(tensor![[1.0, 0.0], [1.0, 0.0], [9.0, 9.0]]));
/// let v = tape.constant(tensor![[1.0], [3.0], [9.0]]);
/// let y = scaled_dot_product_attention(q, k, v, &[Mask::Blocked(&tensor![[false, false, true]])]);
/// assert_eq!(y.item(), 2.0);
/// ```
/// Source: Vaswani et al., "Attention Is All You Need" (2017), §3.2.1.
#[track_caller]
pub fn scaled_dot_product_attention<'t, T: Float>(
    q: Var<'t, T>,
    k: Var<'t, T>,
    v: Var<'t, T>,
    masks: &[Mask<'_, 't, T>],
) -> Var<'t, T> {
    attention_weights(q, k, masks).matmul(v)
}

/// Attention of several heads, each on projections of its own, joined by one more projection.
///
/// Shapes: queries `[batch, queries, size]`, keys `[batch, keys, key size]`, values `[batch, keys, value size]` → `[batch, queries, size]`, or all
/// without `batch`. The batch always comes first.
///
/// Parameters: `in_proj_weight` `[3 · size, size]`, in the order of queries, keys and values; or, if keys or values are of another size,
/// `q_proj_weight` `[size, size]`, `k_proj_weight` `[size, key size]` and `v_proj_weight` `[size, value size]`; `in_proj_bias` `[3 · size]`;
/// `out_proj.weight` `[size, size]`, `out_proj.bias` `[size]`. By default as PyTorch's: Xavier uniform, that of the output uniform on
/// `±1/√size`, biases 0, and no dropout.
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::{Tape, Tensor, nn::{Mask, MultiheadAttention}, tensor};
/// let rng = &mut StdRng::seed_from_u64(0);
/// let attention = MultiheadAttention::<f32>::init(8, 2, rng);
/// let tape = Tape::new();
/// let x = tape.constant(Tensor::normal([1, 3, 8], 0.0, 1.0, rng));
/// let y = attention.forward(x, x, x, &[Mask::Causal, Mask::Padding(&tensor![[false, false, true]])]);
/// assert_eq!(y.shape(), [1, 3, 8]);
/// ```
/// Source: Vaswani et al., "Attention Is All You Need" (2017), §3.2.2.
#[derive(Debug)]
pub struct MultiheadAttention<T: Float> {
    /// The projections of queries, keys and values, if all have the size of the output.
    pub in_proj_weight: Option<Param<T>>,
    /// Of queries, if not.
    pub q_proj_weight: Option<Param<T>>,
    /// Of keys, if not.
    pub k_proj_weight: Option<Param<T>>,
    /// Of values, if not.
    pub v_proj_weight: Option<Param<T>>,
    /// What is added to the projections; none without biases.
    pub in_proj_bias: Option<Param<T>>,
    /// The projection of what the heads give.
    pub out_proj: Linear<T>,
    /// Dropout on the weights.
    pub dropout: Dropout,
    heads: usize,
}

impl<T: Float> MultiheadAttention<T> {
    /// With its default weights.
    ///
    /// # Panics
    /// If `heads` does not divide `size`.
    #[track_caller]
    pub fn init(size: usize, heads: usize, rng: &mut impl Rng) -> Self {
        let projections = [Some(Init::xavier_uniform().draw([3 * size, size], rng)), None, None, None];
        Self::with_projections(size, heads, projections, rng)
    }

    /// With its default weights, for keys and values of other sizes: PyTorch's `kdim` and `vdim`.
    ///
    /// # Panics
    /// If `heads` does not divide `size`.
    #[track_caller]
    pub fn init_with_sizes(size: usize, heads: usize, key: usize, value: usize, rng: &mut impl Rng) -> Self {
        if key == size && value == size {
            return Self::init(size, heads, rng);
        }
        let [q, k, v] = [size, key, value].map(|inputs| Some(Init::xavier_uniform().draw([size, inputs], rng)));
        Self::with_projections(size, heads, [None, q, k, v], rng)
    }

    #[track_caller]
    fn with_projections(size: usize, heads: usize, projections: [Option<Tensor<T>>; 4], rng: &mut impl Rng) -> Self {
        assert!(heads > 0 && size.is_multiple_of(heads), "MultiheadAttention: {heads} heads do not divide size {size}");
        let [in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight] = projections.map(|w| w.map(Param::new));
        MultiheadAttention {
            in_proj_weight,
            q_proj_weight,
            k_proj_weight,
            v_proj_weight,
            in_proj_bias: Some(Param::new(Tensor::zeros([3 * size]))),
            out_proj: Linear::init_with(size, size, Init::of_layer(), Init::zeros(), rng),
            dropout: Dropout::init(0.0, rng),
            heads,
        }
    }

    /// Without biases.
    pub fn without_bias(mut self) -> Self {
        self.in_proj_bias = None;
        self.out_proj = self.out_proj.without_bias();
        self
    }

    /// With dropout at this rate on the weights by which queries take of values.
    ///
    /// # Panics
    /// If it is not within 0 and 1.
    #[track_caller]
    pub fn dropout(mut self, rate: f64) -> Self {
        self.dropout.set_rate(rate);
        self
    }

    /// What each of `queries` takes of `values` by their `keys`, to where the masks allow it. For attention of a sequence to itself all
    /// three are the same.
    ///
    /// # Panics
    /// If shapes do not fit.
    #[track_caller]
    pub fn forward<'t>(
        &self,
        queries: Var<'t, T>,
        keys: Var<'t, T>,
        values: Var<'t, T>,
        masks: &[Mask<'_, 't, T>],
    ) -> Var<'t, T> {
        self.forward_with_weights(queries, keys, values, masks).0
    }

    /// [`MultiheadAttention::forward`], and the weights of each head before dropout, `[batch, heads, queries, keys]`; their mean over the heads is
    /// what PyTorch returns by default.
    ///
    /// # Panics
    /// If shapes do not fit.
    #[track_caller]
    pub fn forward_with_weights<'t>(
        &self,
        queries: Var<'t, T>,
        keys: Var<'t, T>,
        values: Var<'t, T>,
        masks: &[Mask<'_, 't, T>],
    ) -> (Var<'t, T>, Var<'t, T>) {
        let shape = queries.shape();
        self.check([&shape, &keys.shape(), &values.shape()]);
        let [q, k, v] = self.projected([queries, keys, values]);
        let [q, k, v] = [self.split(q), self.split(k), self.split(v)];
        let weights = attention_weights(q, k, masks);
        let y = self.dropout.forward(weights).matmul(v);
        // […, heads, queries, size / heads] → […, queries, size]
        let y = self.out_proj.forward(y.swapaxes(-3, -2).reshape(&shape));
        (noted(self, y), weights)
    }

    #[track_caller]
    fn check(&self, [q, k, v]: [&Shape; 3]) {
        let [size, key, value] = self.sizes();
        let ends = |shape: &Shape, size: usize| shape.last() == Some(&size);
        let n = q.ndim();
        let fits = (n == 2 || n == 3) && ends(q, size) && ends(k, key) && ends(v, value);
        let fits = fits && k.ndim() == n && k[..n - 1] == v[..v.ndim() - 1] && (n == 2 || q[0] == k[0]);
        assert!(
            fits,
            "MultiheadAttention: queries {q:?}, keys {k:?} and values {v:?}, expected [batch, queries, {size}], [batch, keys, {key}] and \
             [batch, keys, {value}], or all without batch"
        );
    }

    /// The sizes of queries, keys and values.
    fn sizes(&self) -> [usize; 3] {
        let size = self.out_proj.weight.value.shape()[0];
        let inputs = |weight: &Option<Param<T>>| weight.as_ref().map_or(size, |w| w.value.shape()[1]);
        [size, inputs(&self.k_proj_weight), inputs(&self.v_proj_weight)]
    }

    /// The three inputs projected; in one product where they are one.
    #[track_caller]
    fn projected<'t>(&self, inputs: [Var<'t, T>; 3]) -> [Var<'t, T>; 3] {
        let (tape, [size, ..]) = (inputs[0].tape(), self.sizes());
        let bias = match &self.in_proj_bias {
            Some(bias) => Some(tape.param(bias)),
            None => None,
        };
        let mut outputs = inputs;
        if let Some(weight) = &self.in_proj_weight
            && inputs.iter().all(|x| x.index() == inputs[0].index())
        {
            let mut y = inputs[0].matmul(tape.param(weight).t());
            if let Some(bias) = bias {
                y = y + bias;
            }
            for (i, output) in outputs.iter_mut().enumerate() {
                *output = y.narrow(-1, i * size, size);
            }
            return outputs;
        }
        let own = [&self.q_proj_weight, &self.k_proj_weight, &self.v_proj_weight];
        for (i, (output, own)) in outputs.iter_mut().zip(own).enumerate() {
            let weight = match (own, &self.in_proj_weight) {
                (Some(own), _) => tape.param(own),
                (None, Some(all)) => tape.param(all).narrow(0, i * size, size),
                (None, None) => panic!("MultiheadAttention: no weight for input {i}"),
            };
            *output = output.matmul(weight.t());
            if let Some(bias) = bias {
                *output = *output + bias.narrow(0, i * size, size);
            }
        }
        outputs
    }

    /// `[…, n, size]` as `[…, heads, n, size / heads]`.
    #[track_caller]
    fn split<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let shape = x.shape();
        let (front, size) = shape.split_at(shape.ndim() - 1);
        x.reshape(&[front, &[self.heads, size[0] / self.heads]].concat()[..]).swapaxes(-3, -2)
    }
}

crate::parts!(MultiheadAttention<T> {
    in_proj_weight,
    q_proj_weight,
    k_proj_weight,
    v_proj_weight,
    in_proj_bias,
    out_proj,
    dropout,
});
