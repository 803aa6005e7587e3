//! What the machine has for `f32` and `f64`.

use std::cell::RefCell;

use crate::float::{Float, Gemm};
use crate::storage::{FreeList, LocalFreeList};

macro_rules! native {
    ($t:ty, $gemm:path, $list:ident) => {
        thread_local! {
            static $list: RefCell<FreeList<$t>> = const { RefCell::new(FreeList::new()) };
        }

        impl Float for $t {
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
        }
    };
}
native!(f32, matrixmultiply::sgemm, FREE_F32);
native!(f64, matrixmultiply::dgemm, FREE_F64);
