//! Nets: modules with parameters, and the layers they are made of. Knows tapes and ops, nothing of training.

mod linear;
mod module;
mod sequential;
mod two_layer_net;

pub use linear::Linear;
pub use module::{Module, Path};
pub use sequential::{Relu, Sequential};
pub use two_layer_net::{Labels, TwoLayerNet};
