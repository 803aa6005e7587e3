//! Nets: parts with names, modules, and the layers they are made of. Knows tapes and ops, nothing of training.

mod linear;
mod module;
mod parts;
mod path;
mod sequential;
mod state;
mod summary;
mod two_layer_net;

pub use linear::Linear;
pub use module::Module;
pub use parts::{Buffer, Count, Layer, Mode, Part, Parts, Stream};
pub use path::Path;
pub use sequential::{Relu, Sequential};
pub use state::State;
pub use summary::{Row, Summary, noted};
pub use two_layer_net::{Labels, TwoLayerNet};
