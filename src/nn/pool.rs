//! Pooling as modules.

use super::Module;
use super::summary::noted;
use crate::float::Float;
use crate::graph::Var;
use crate::kernel::pool::Pool;
use crate::shape::PerAxis;

/// A list of kinds of pooling: the doc, the names of the type and of its three forms, what it is made from, and what it does over one,
/// two and three axes.
macro_rules! pools {
    ($(
        $(#[$doc:meta])*
        $name:ident($one:ident, $two:ident, $three:ident) of $options:ty => $f1:ident, $f2:ident, $f3:ident;
    )*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<const D: usize>($options);

        #[doc = concat!("[`", stringify!($name), "`] over one axis.")]
        pub type $one = $name<1>;
        #[doc = concat!("[`", stringify!($name), "`] over two axes.")]
        pub type $two = $name<2>;
        #[doc = concat!("[`", stringify!($name), "`] over three axes.")]
        pub type $three = $name<3>;

        impl<const D: usize> $name<D> {
            /// The module with these settings.
            pub fn new(options: impl Into<$options>) -> Self {
                const { assert!(D >= 1 && D <= 3, "pooling is over one to three axes") };
                $name(options.into())
            }
        }

        crate::parts!($name<const D> for all {});

        impl<T: Float, const D: usize> Module<T> for $name<D> {
            #[track_caller]
            fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
                let y = match D {
                    1 => x.$f1(self.0),
                    2 => x.$f2(self.0),
                    _ => x.$f3(self.0),
                };
                noted(self, y)
            }
        }
    )* };
}
pools! {
    /// Largest element of each window: [`Var::max_pool2d`] as a module, over one to three axes.
    ///
    /// Shapes: `[batch, channels, …]` or `[channels, …]` → the same with the sizes of [`Var::max_pool2d`].
    ///
    /// # Panics
    /// `forward`, as [`Var::max_pool2d`].
    ///
    /// # Examples
    /// ```
    /// use rensa::{Pool, Tape, Tensor, nn::{MaxPool2d, Module}};
    /// let tape = Tape::<f32>::new();
    /// let x = tape.constant(Tensor::zeros([1, 3, 8, 8]));
    /// assert_eq!(MaxPool2d::new(2).forward(x).shape(), [1, 3, 4, 4]);
    /// assert_eq!(MaxPool2d::new(Pool::new(3).stride(2).padding(1)).forward(x).shape(), [1, 3, 4, 4]);
    /// ```
    MaxPoolNd(MaxPool1d, MaxPool2d, MaxPool3d) of Pool => max_pool1d, max_pool2d, max_pool3d;

    /// Mean of each window: [`Var::avg_pool2d`] as a module, over one to three axes.
    ///
    /// Shapes: `[batch, channels, …]` or `[channels, …]` → the same with the sizes of [`Var::avg_pool2d`].
    ///
    /// # Panics
    /// `forward`, as [`Var::avg_pool2d`].
    AvgPoolNd(AvgPool1d, AvgPool2d, AvgPool3d) of Pool => avg_pool1d, avg_pool2d, avg_pool3d;

    /// Largest element of each of as many windows as there are to be outputs: [`Var::adaptive_max_pool2d`] as a module, over one to three
    /// axes.
    ///
    /// Shapes: `[batch, channels, …]` or `[channels, …]` → the same with the given sizes.
    ///
    /// # Panics
    /// `forward`, as [`Var::adaptive_max_pool2d`].
    AdaptiveMaxPoolNd(AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d) of PerAxis
        => adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d;

    /// Mean of each of as many windows as there are to be outputs: [`Var::adaptive_avg_pool2d`] as a module, over one to three axes. With
    /// size 1 it is the mean of each channel.
    ///
    /// Shapes: `[batch, channels, …]` or `[channels, …]` → the same with the given sizes.
    ///
    /// # Panics
    /// `forward`, as [`Var::adaptive_avg_pool2d`].
    ///
    /// # Examples
    /// ```
    /// use rensa::{Tape, Tensor, nn::{AdaptiveAvgPool2d, Module}};
    /// let tape = Tape::<f32>::new();
    /// let x = tape.constant(Tensor::zeros([1, 3, 9, 7]));
    /// assert_eq!(AdaptiveAvgPool2d::new(1).forward(x).shape(), [1, 3, 1, 1]);
    /// assert_eq!(AdaptiveAvgPool2d::new([2, 5]).forward(x).shape(), [1, 3, 2, 5]);
    /// ```
    AdaptiveAvgPoolNd(AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d) of PerAxis
        => adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d;
}
