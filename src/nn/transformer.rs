//! The layers of a transformer: attention and a net of two layers, each with a way around it and a normalisation.

use rand::Rng;

use super::summary::noted;
use super::{Dropout, LayerNorm, Linear, Mask, Module, MultiheadAttention};
use crate::float::Float;
use crate::graph::Var;

/// Layer of a transformer's encoder: attention of a sequence to itself, then two linear layers for each place.
///
/// With the ways around and the normalisation behind each, `z = norm1(x + attention(x))` and `y = norm2(z + linear2(f(linear1(z))))`; with
/// [`norm_first`](Self::norm_first) before each, `z = x + attention(norm1(x))` and `y = z + linear2(f(linear1(norm2(z))))`.
///
/// Shapes: `[batch, length, size]` or `[length, size]` → the same. The batch always comes first.
///
/// Parameters: those of `self_attn`, `linear1`, `linear2`, `norm1` and `norm2`. Defaults as PyTorch's: f is ReLU, a dropout of 0.1 on the
/// attention's weights, within and behind the linear layers, and behind the attention, ε 10⁻⁵; PyTorch's `dim_feedforward` is 2048.
///
/// # Panics
/// `forward`, if shapes do not fit.
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::{Tape, Tensor, nn::{Mask, Module, TransformerEncoderLayer}};
/// let layer = TransformerEncoderLayer::<f32>::init(8, 2, 16, &mut StdRng::seed_from_u64(0)).norm_first().gelu();
/// let tape = Tape::new();
/// let x = tape.constant(Tensor::ones([1, 3, 8]));
/// assert_eq!(layer.forward(x).shape(), [1, 3, 8]);
/// assert_eq!(layer.forward_masked(x, &[Mask::Causal]).shape(), [1, 3, 8]);
/// ```
/// Source: Vaswani et al., "Attention Is All You Need" (2017), §3.1; Xiong et al., "On Layer Normalization in the Transformer Architecture"
/// (2020), for the other order.
#[derive(Debug)]
pub struct TransformerEncoderLayer<T: Float> {
    /// The attention.
    pub self_attn: MultiheadAttention<T>,
    /// The first linear layer, `size` → `feedforward`.
    pub linear1: Linear<T>,
    /// Dropout between the linear layers.
    pub dropout: Dropout,
    /// The second one, back.
    pub linear2: Linear<T>,
    /// The normalisation at the attention.
    pub norm1: LayerNorm<T>,
    /// The normalisation at the linear layers.
    pub norm2: LayerNorm<T>,
    /// Dropout behind the attention.
    pub dropout1: Dropout,
    /// Dropout behind the linear layers.
    pub dropout2: Dropout,
    norm_first: bool,
    gelu: bool,
}

/// Layer of a transformer's decoder: attention of a sequence to itself, attention to what an encoder made, then two linear layers for
/// each place.
///
/// With the ways around and the normalisation behind each, `z = norm1(x + attention(x))`, `u = norm2(z + attention(z, memory))` and
/// `y = norm3(u + linear2(f(linear1(u))))`; with [`norm_first`](Self::norm_first) before each.
///
/// Shapes: `x` `[batch, length, size]`, `memory` `[batch, keys, size]`, or both without the batch → that of `x`. The batch always comes first.
///
/// Parameters: those of `self_attn`, `multihead_attn`, `linear1`, `linear2`, `norm1`, `norm2` and `norm3`. Defaults as PyTorch's: f is ReLU,
/// dropout 0.1, ε 10⁻⁵; the attention of the sequence to itself is not causal unless a mask says so.
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::{Tape, Tensor, nn::{Mask, TransformerDecoderLayer}};
/// let layer = TransformerDecoderLayer::<f32>::init(8, 2, 16, &mut StdRng::seed_from_u64(0));
/// let tape = Tape::new();
/// let (x, memory) = (tape.constant(Tensor::ones([1, 3, 8])), tape.constant(Tensor::ones([1, 5, 8])));
/// assert_eq!(layer.forward(x, memory, &[Mask::Causal], &[]).shape(), [1, 3, 8]);
/// ```
/// Source: Vaswani et al., "Attention Is All You Need" (2017), §3.1.
#[derive(Debug)]
pub struct TransformerDecoderLayer<T: Float> {
    /// The attention to itself.
    pub self_attn: MultiheadAttention<T>,
    /// The attention to the memory.
    pub multihead_attn: MultiheadAttention<T>,
    /// The first linear layer, `size` → `feedforward`.
    pub linear1: Linear<T>,
    /// Dropout between the linear layers.
    pub dropout: Dropout,
    /// The second one, back.
    pub linear2: Linear<T>,
    /// The normalisation at the attention to itself.
    pub norm1: LayerNorm<T>,
    /// The normalisation at the attention to the memory.
    pub norm2: LayerNorm<T>,
    /// The normalisation at the linear layers.
    pub norm3: LayerNorm<T>,
    /// Dropout behind the attention to itself.
    pub dropout1: Dropout,
    /// Dropout behind the attention to the memory.
    pub dropout2: Dropout,
    /// Dropout behind the linear layers.
    pub dropout3: Dropout,
    norm_first: bool,
    gelu: bool,
}

crate::parts!(TransformerEncoderLayer<T> { self_attn, linear1, dropout, linear2, norm1, norm2, dropout1, dropout2 });

crate::parts!(TransformerDecoderLayer<T> {
    self_attn,
    multihead_attn,
    linear1,
    dropout,
    linear2,
    norm1,
    norm2,
    norm3,
    dropout1,
    dropout2,
    dropout3,
});

/// PyTorch's rate.
const RATE: f64 = 0.1;

/// `linear2(dropout(f(linear1(x))))`, where f is ReLU or GELU.
#[track_caller]
fn feed<'t, T: Float>(x: Var<'t, T>, [linear1, linear2]: [&Linear<T>; 2], dropout: &Dropout, gelu: bool) -> Var<'t, T> {
    let h = linear1.forward(x);
    let h = if gelu { h.gelu() } else { h.relu() };
    linear2.forward(dropout.forward(h))
}

/// What can be set in both, given the fields that it concerns.
macro_rules! options {
    ($name:ident: attentions $($attention:ident)*; norms $($norm:ident)*; dropouts $($dropout:ident)*;) => {
        impl<T: Float> $name<T> {
            /// With dropout at this rate everywhere, in place of 0.1.
            ///
            /// # Panics
            /// If it is not within 0 and 1.
            #[track_caller]
            pub fn dropout(mut self, rate: f64) -> Self {
                $(self.$attention = self.$attention.dropout(rate);)*
                $(self.$dropout.set_rate(rate);)*
                self
            }

            /// With the normalisations before attention and linear layers, in place of behind.
            pub fn norm_first(mut self) -> Self {
                self.norm_first = true;
                self
            }

            /// With GELU between the linear layers, in place of ReLU.
            pub fn gelu(mut self) -> Self {
                self.gelu = true;
                self
            }

            /// With another ε in the normalisations.
            pub fn eps(mut self, eps: f64) -> Self {
                $(self.$norm = self.$norm.eps(eps);)*
                self
            }

            /// Without biases anywhere.
            pub fn without_biases(mut self) -> Self {
                $(self.$attention = self.$attention.without_bias();)*
                $(self.$norm = self.$norm.without_bias();)*
                (self.linear1, self.linear2) = (self.linear1.without_bias(), self.linear2.without_bias());
                self
            }
        }
    };
}
options! {
    TransformerEncoderLayer:
    attentions self_attn;
    norms norm1 norm2;
    dropouts dropout dropout1 dropout2;
}
options! {
    TransformerDecoderLayer:
    attentions self_attn multihead_attn;
    norms norm1 norm2 norm3;
    dropouts dropout dropout1 dropout2 dropout3;
}

impl<T: Float> TransformerEncoderLayer<T> {
    /// With its default weights.
    ///
    /// # Panics
    /// If `heads` does not divide `size`.
    #[track_caller]
    pub fn init(size: usize, heads: usize, feedforward: usize, rng: &mut impl Rng) -> Self {
        TransformerEncoderLayer {
            self_attn: MultiheadAttention::init(size, heads, rng).dropout(RATE),
            linear1: Linear::init(size, feedforward, rng),
            dropout: Dropout::init(RATE, rng),
            linear2: Linear::init(feedforward, size, rng),
            norm1: LayerNorm::init([size]),
            norm2: LayerNorm::init([size]),
            dropout1: Dropout::init(RATE, rng),
            dropout2: Dropout::init(RATE, rng),
            norm_first: false,
            gelu: false,
        }
    }

    /// The output for `x`, each place of which takes of those that the masks allow.
    ///
    /// # Panics
    /// If shapes do not fit.
    #[track_caller]
    pub fn forward_masked<'t>(&self, x: Var<'t, T>, masks: &[Mask<'_, 't, T>]) -> Var<'t, T> {
        let y = if self.norm_first {
            let z = x + self.attend(self.norm1.forward(x), masks);
            z + self.feed(self.norm2.forward(z))
        } else {
            let z = self.norm1.forward(x + self.attend(x, masks));
            self.norm2.forward(z + self.feed(z))
        };
        noted(self, y)
    }

    #[track_caller]
    fn attend<'t>(&self, x: Var<'t, T>, masks: &[Mask<'_, 't, T>]) -> Var<'t, T> {
        self.dropout1.forward(self.self_attn.forward(x, x, x, masks))
    }

    #[track_caller]
    fn feed<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.dropout2.forward(feed(x, [&self.linear1, &self.linear2], &self.dropout, self.gelu))
    }
}

/// Without a mask.
impl<T: Float> Module<T> for TransformerEncoderLayer<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.forward_masked(x, &[])
    }
}

impl<T: Float> TransformerDecoderLayer<T> {
    /// With its default weights.
    ///
    /// # Panics
    /// If `heads` does not divide `size`.
    #[track_caller]
    pub fn init(size: usize, heads: usize, feedforward: usize, rng: &mut impl Rng) -> Self {
        TransformerDecoderLayer {
            self_attn: MultiheadAttention::init(size, heads, rng).dropout(RATE),
            multihead_attn: MultiheadAttention::init(size, heads, rng).dropout(RATE),
            linear1: Linear::init(size, feedforward, rng),
            dropout: Dropout::init(RATE, rng),
            linear2: Linear::init(feedforward, size, rng),
            norm1: LayerNorm::init([size]),
            norm2: LayerNorm::init([size]),
            norm3: LayerNorm::init([size]),
            dropout1: Dropout::init(RATE, rng),
            dropout2: Dropout::init(RATE, rng),
            dropout3: Dropout::init(RATE, rng),
            norm_first: false,
            gelu: false,
        }
    }

    /// The output for `x`, each place of which takes of those that `masks` allow, and of the places of `memory` that `memory_masks` allow.
    ///
    /// # Panics
    /// If shapes do not fit.
    #[track_caller]
    pub fn forward<'t>(
        &self,
        x: Var<'t, T>,
        memory: Var<'t, T>,
        masks: &[Mask<'_, 't, T>],
        memory_masks: &[Mask<'_, 't, T>],
    ) -> Var<'t, T> {
        let y = if self.norm_first {
            let z = x + self.attend(self.norm1.forward(x), masks);
            let u = z + self.recall(self.norm2.forward(z), memory, memory_masks);
            u + self.feed(self.norm3.forward(u))
        } else {
            let z = self.norm1.forward(x + self.attend(x, masks));
            let u = self.norm2.forward(z + self.recall(z, memory, memory_masks));
            self.norm3.forward(u + self.feed(u))
        };
        noted(self, y)
    }

    #[track_caller]
    fn attend<'t>(&self, x: Var<'t, T>, masks: &[Mask<'_, 't, T>]) -> Var<'t, T> {
        self.dropout1.forward(self.self_attn.forward(x, x, x, masks))
    }

    #[track_caller]
    fn recall<'t>(&self, x: Var<'t, T>, memory: Var<'t, T>, masks: &[Mask<'_, 't, T>]) -> Var<'t, T> {
        self.dropout2.forward(self.multihead_attn.forward(x, memory, memory, masks))
    }

    #[track_caller]
    fn feed<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.dropout3.forward(feed(x, [&self.linear1, &self.linear2], &self.dropout, self.gelu))
    }
}
