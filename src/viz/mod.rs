//! Pictures: curves, and the chain rule at work. Knows tapes; draws, never computes.

mod chain;
pub mod curves;

pub use chain::chain_rule;
