//! What the machine has for `f32` and `f64`.

use std::cell::RefCell;

use super::math;
use crate::float::{Float, Gemm};
use crate::storage::{FreeList, LocalFreeList};

macro_rules! native {
    ($t:ty, $gemm:path, $list:ident) => {
        thread_local! {
            static $list: RefCell<FreeList<$t>> = const { RefCell::new(FreeList::new()) };
        }

        impl Float for $t {
            const VECTORS: bool = true;

            #[inline]
            fn gemm() -> Option<Gemm<Self>> {
                Some($gemm)
            }

            #[inline]
            fn free_list() -> Option<LocalFreeList<Self>> {
                Some(&$list)
            }

            #[inline]
            fn of(x: f64) -> Self {
                x as $t
            }

            #[inline(always)]
            fn maximum(self, other: Self) -> Self {
                let larger = if self > other { self } else { other }; // one instruction, as the default is not
                if self.is_nan() { self } else { larger }
            }

            #[inline(always)]
            fn minimum(self, other: Self) -> Self {
                let smaller = if self < other { self } else { other };
                if self.is_nan() { self } else { smaller }
            }

            #[inline(always)]
            fn increasing(self, f: impl Fn(Self) -> Self) -> Self {
                f(self)
            }

            #[inline(always)]
            fn lane_exp(self) -> Self {
                math::exp(self)
            }

            #[inline(always)]
            fn lane_decay(self) -> Self {
                math::decay(self)
            }

            #[inline(always)]
            fn lane_bell(self, c: Self) -> Self {
                math::bell(self, c)
            }

            #[inline(always)]
            fn lane_exp_m1(self) -> Self {
                math::exp_m1(self)
            }

            #[inline(always)]
            fn lane_ln(self) -> Self {
                math::ln(self)
            }

            #[inline(always)]
            fn lane_ln_1p(self) -> Self {
                math::ln_1p(self)
            }

            #[inline(always)]
            fn lane_tanh(self) -> Self {
                math::tanh(self)
            }

            #[inline(always)]
            fn lane_sigmoid(self) -> Self {
                math::sigmoid(self)
            }
        }
    };
}
native!(f32, matrixmultiply::sgemm, FREE_F32);
native!(f64, matrixmultiply::dgemm, FREE_F64);
