//! The two halves: numbers of 16 bits, in which tensors are kept and not computed.
//!
//! Source: IEEE 754-2019, binary16; Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training" (2019).

use half::{bf16, f16};

use crate::float::Float;
use crate::tensor::Nested;

/// `x` in `f32`, where it is not exact of the two neighbours that with an odd last digit: rounded once more, to so much fewer digits,
/// it becomes the nearest to `x`. By way of the nearest `f32` it might become the second nearest.
///
/// Source: Boldo and Melquiond, "Emulation of a FMA and Correctly Rounded Sums: Proved Algorithms Using Rounding to Odd" (2008).
#[inline]
fn to_odd(x: f64) -> f32 {
    let near = x as f32;
    let error = x - f64::from(near);
    if near.to_bits() & 1 == 1 || error == 0.0 || !error.is_finite() {
        return near;
    }
    if error > 0.0 { near.next_up() } else { near.next_down() }
}

macro_rules! halves {
    ($($type:ty),*) => { $(
        impl Float for $type {
            const NARROW: bool = true;

            #[inline]
            fn of(x: f64) -> Self {
                <$type>::from_f32(to_odd(x))
            }
        }

        impl Nested<$type> for $type {
            fn append_shape(_: &mut Vec<usize>) {}

            fn append_to(self, data: &mut Vec<$type>) {
                data.push(self);
            }
        }
    )* };
}
halves!(f16, bf16);
