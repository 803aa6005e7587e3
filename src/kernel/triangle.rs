//! Triangles of matrices.

use crate::float::Float;
use crate::tensor::Tensor;

impl<T: Float> Tensor<T> {
    /// Lower triangle of every matrix: 0 where the column is more than `offset` behind the row.
    ///
    /// Shapes: `[…, m, n]` → the same.
    ///
    /// # Panics
    /// If the rank is below 2.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let x = tensor![[1.0, 2.0], [3.0, 4.0]];
    /// assert_eq!(x.tril(0).to_vec(), [1.0, 0.0, 3.0, 4.0]);
    /// assert_eq!(x.tril(-1).to_vec(), [0.0, 0.0, 3.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn tril(&self, offset: isize) -> Tensor<T> {
        self.without("tril", |row, columns| row.saturating_add(offset).saturating_add(1).clamp(0, columns)..columns)
    }

    /// Upper triangle of every matrix: 0 where the column is less than `offset` behind the row.
    ///
    /// Shapes: `[…, m, n]` → the same.
    ///
    /// # Panics
    /// If the rank is below 2.
    ///
    /// # Examples
    /// ```
    /// # use rensa::tensor;
    /// let x = tensor![[1.0, 2.0], [3.0, 4.0]];
    /// assert_eq!(x.triu(0).to_vec(), [1.0, 2.0, 0.0, 4.0]);
    /// assert_eq!(x.triu(1).to_vec(), [0.0, 2.0, 0.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn triu(&self, offset: isize) -> Tensor<T> {
        self.without("triu", |row, columns| 0..row.saturating_add(offset).clamp(0, columns))
    }

    /// `self` with zeros in the columns that `zeros` names for each row of every matrix, given how many columns there are.
    #[track_caller]
    fn without(&self, op: &str, zeros: impl Fn(isize, isize) -> std::ops::Range<isize>) -> Tensor<T> {
        let shape = self.shape();
        let &[.., rows, columns] = &shape[..] else { panic!("{op}: {shape:?} has no matrices") };
        let mut y = self.clone();
        if y.is_empty() {
            return y;
        }
        for (i, row) in y.make_mut().chunks_exact_mut(columns).enumerate() {
            let zeros = zeros((i % rows) as isize, columns as isize);
            row[zeros.start as usize..zeros.end as usize].fill(T::zero());
        }
        y
    }
}
