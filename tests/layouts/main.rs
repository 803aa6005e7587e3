//! Every operation on tensors gives on every layout what an index-by-index oracle gives: on permuted, stepped, reversed,
//! broadcast, sliced, empty and rank-0 tensors, in `f32` and `f64`.
//!
//! A property judges by `same`, `close` and `identical` of `support/compare.rs`, and returns what is wrong by `?`.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../support/arbitrary.rs"]
mod arbitrary;
#[path = "../support/compare.rs"]
mod compare;
#[path = "../support/oracle.rs"]
mod oracle;

mod arithmetic;
mod folds;
mod indexing;
mod large;
mod views;

use arbitrary::{Case, Dice, cases, embed, item, partner};
use compare::{Outcome, close, identical, same};
use oracle::{Model, Take, indices};
use proptest::prelude::*;
use rensa::{Axes, Ellipsis, Float, NewAxis, Tensor, keep, slice};

/// Instantiates generic properties for both native scalars.
macro_rules! properties {
    ($($module:ident: $($name:ident)*;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
            $($(
                #[test]
                fn $name(case in cases()) {
                    $module::$name::<f32>(&case)?;
                    $module::$name::<f64>(&case)?;
                }
            )*)*
        }
    };
}
properties! {
    views: trap_11_12_chains_of_views reading reshaping reordering slicing assigning trap_10_a_write_is_never_seen_elsewhere
        joining_and_splitting;
    arithmetic: trap_1_arithmetic_broadcasts arithmetic_in_place scalars comparisons_and_selection;
    folds: exact_reductions trap_14_16_17_extrema rounded_reductions truth scans trap_15_matmul;
    indexing: indexing adding_by_index;
}
