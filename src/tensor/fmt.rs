//! Printing. `Display` shows the values, `Debug` also how they lie.

use std::fmt;

use super::Tensor;

impl<T: fmt::Debug> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({:?}, {:?})", self.layout, self.iter().take(8).collect::<Vec<_>>())
    }
}
