//! Nets: parts with names, modules, and the layers they are made of. Knows tapes and ops, nothing of training.
//!
//! | for | there are |
//! |---|---|
//! | nets of one's own | [`Parts`] by [`parts!`](crate::parts), [`Module`], [`Sequential`], [`Residual`] |
//! | vectors | [`Linear`], [`Embedding`] |
//! | images | [`Conv2d`], [`ConvTranspose2d`], [`MaxPool2d`], [`AvgPool2d`], [`AdaptiveAvgPool2d`] and their like over one and three axes, [`Flatten`] |
//! | scale | [`BatchNorm2d`], [`LayerNorm`], [`GroupNorm`], [`InstanceNorm2d`], [`RmsNorm`]; [`Dropout`] |
//! | sequences | [`Rnn`], [`Lstm`], [`Gru`]; [`MultiheadAttention`], [`TransformerEncoderLayer`], [`TransformerDecoderLayer`]; [`SinusoidalPositions`], [`Rotary`] |
//! | curves between | [`Relu`], [`Gelu`], [`Silu`], [`Tanh`] and more |
//! | a beginning | [`Init`] |
//!
//! Names of parameters, defaults and values are PyTorch's, so that a state from there [loads](Parts::load_state) by name. What takes sizes is
//! made by `init`, what takes weights by `new`; options follow as methods.

mod activation;
mod attention;
mod batch_norm;
mod conv;
mod dropout;
mod embedding;
mod flatten;
mod group_norm;
mod init;
mod linear;
mod module;
mod norm;
mod parts;
mod path;
mod pool;
mod positions;
mod recurrent;
mod rnn;
mod sequential;
mod state;
mod summary;
mod transformer;
mod two_layer_net;

pub use activation::{
    Celu, Elu, Gelu, GeluTanh, Glu, Hardsigmoid, Hardswish, Hardtanh, Identity, LeakyRelu, LogSigmoid, LogSoftmax,
    Mish, PRelu, Relu, Relu6, Selu, Sigmoid, Silu, Softmax, Softplus, Softsign, Tanh,
};
pub use attention::{Mask, MultiheadAttention, attention_weights, scaled_dot_product_attention};
pub use batch_norm::{BatchNorm1d, BatchNorm2d, BatchNorm3d, BatchNormNd, Running};
pub use conv::{Conv1d, Conv2d, Conv3d, ConvNd, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, ConvTransposeNd};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use flatten::Flatten;
pub use group_norm::{GroupNorm, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, InstanceNormNd};
pub use init::{Init, Nonlinearity};
pub use linear::Linear;
pub use module::Module;
pub use norm::{LayerNorm, RmsNorm};
pub use parts::{Buffer, Count, Layer, Mode, Part, Parts, Stream};
pub use path::Path;
pub use pool::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AdaptiveAvgPoolNd, AdaptiveMaxPool1d, AdaptiveMaxPool2d,
    AdaptiveMaxPool3d, AdaptiveMaxPoolNd, AvgPool1d, AvgPool2d, AvgPool3d, AvgPoolNd, MaxPool1d, MaxPool2d, MaxPool3d,
    MaxPoolNd,
};
pub use positions::{Pairing, Rotary, SinusoidalPositions};
pub use recurrent::{Gates, Recurrent};
pub use rnn::{Gru, Lstm, Rnn};
pub use sequential::{Residual, Sequential};
pub use state::State;
pub use summary::{Row, Summary, noted};
pub use transformer::{TransformerDecoderLayer, TransformerEncoderLayer};
pub use two_layer_net::{Labels, TwoLayerNet};
