//! The same values lying in storage in every odd way. What lies between them is NaN, so that a kernel that reads it is found.

#![allow(dead_code, unreachable_pub, reason = "a module of tests, of which every file uses its own part")]

use rensa::Tensor;

/// A way to lie in storage.
#[derive(Clone, Copy, Debug)]
pub enum Odd {
    Dense,
    /// The axes reversed in storage.
    Transposed,
    /// Every second element along every axis.
    Stepped,
    /// Backwards along every axis.
    Backwards,
    /// A part of something larger.
    Offset,
    /// Every second element, backwards, of a part, with the axes reversed.
    All,
}

pub const ODD: [Odd; 6] = [Odd::Dense, Odd::Transposed, Odd::Stepped, Odd::Backwards, Odd::Offset, Odd::All];

/// `x` lying as asked for.
pub fn lay(x: &Tensor<f64>, how: Odd) -> Tensor<f64> {
    let y = match how {
        Odd::Dense => Tensor::from_vec(x.to_vec(), x.shape()).expect("its own elements"),
        Odd::Transposed => {
            let back: Vec<isize> = (0..x.ndim() as isize).rev().collect();
            lay(&x.permute(&back), Odd::Dense).permute(&back)
        }
        Odd::Stepped => (0..x.ndim() as isize).fold(x.clone(), |x, axis| {
            let wide = x.unsqueeze(axis + 1);
            Tensor::concat(&[wide.map(|_| f64::NAN), wide], axis + 1).narrow(axis + 1, 1, 1).squeeze(axis + 1)
        }),
        Odd::Backwards => lay(&x.flip(..), Odd::Dense).flip(..),
        Odd::Offset => (0..x.ndim() as isize).fold(x.clone(), |x, axis| {
            let (nan, n) = (x.map(|_| f64::NAN), x.shape()[axis as usize]);
            Tensor::concat(&[nan.clone(), x, nan], axis).narrow(axis, n, n)
        }),
        Odd::All => lay(&lay(&lay(&lay(x, Odd::Transposed), Odd::Backwards), Odd::Offset), Odd::Stepped),
    };
    assert!(y.shape() == x.shape() && y.to_vec() == x.to_vec(), "{how:?} changes the values");
    y
}
