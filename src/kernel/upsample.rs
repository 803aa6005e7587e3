//! Resampling along axes: the nearest element, or the line between two neighbours.

use super::planes;
use super::wide::in_f32;
use crate::float::Float;
use crate::shape::{Complaint, PerAxis, SPATIAL, Shape};
use crate::tensor::Tensor;

/// The size that upsampling leads to, and where its elements lie.
///
/// # Examples
/// ```
/// use rensa::{Upsample, tensor};
/// let x = tensor![[[0.0, 3.0]]];
/// assert_eq!(x.upsample_nearest1d(Upsample::scale_factor(2)).to_vec(), [0.0, 0.0, 3.0, 3.0]);
/// assert_eq!(x.upsample_linear1d(Upsample::size(4)).to_vec(), [0.0, 0.75, 2.25, 3.0]);
/// assert_eq!(x.upsample_linear1d(Upsample::size(4).align_corners(true)).to_vec(), [0.0, 1.0, 2.0, 3.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upsample {
    target: Target,
    align_corners: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Size(PerAxis),
    ScaleFactor(PerAxis),
}

impl Upsample {
    /// To these sizes of the spatial axes, which may be smaller too.
    pub fn size(size: impl Into<PerAxis>) -> Self {
        Upsample { target: Target::Size(size.into()), align_corners: false }
    }

    /// To so many times the sizes.
    pub fn scale_factor(factor: impl Into<PerAxis>) -> Self {
        Upsample { target: Target::ScaleFactor(factor.into()), align_corners: false }
    }

    /// Whether the first and last elements keep their places, so that what lies between is stretched. By default elements are areas,
    /// which are divided; what then lies outside of the centres of the first and last has their values.
    pub fn align_corners(self, align_corners: bool) -> Self {
        Upsample { align_corners, ..self }
    }

    /// The sizes from and to for `rank` axes of `x`, for nearest elements.
    #[track_caller]
    pub(crate) fn nearest(&self, op: &'static str, rank: usize, x: &Shape) -> Vec<Stretch> {
        let says = Complaint { op, operands: &[("input", x)], options: self };
        says.unless(!self.align_corners, format_args!("align_corners is for linear upsampling"));
        self.stretches(&says, rank, x)
    }

    /// The sizes from and to for `rank` axes of `x`, for lines.
    #[track_caller]
    pub(crate) fn linear(&self, op: &'static str, rank: usize, x: &Shape) -> Vec<Stretch> {
        self.stretches(&Complaint { op, operands: &[("input", x)], options: self }, rank, x)
    }

    /// Axis by axis, the last one first.
    #[track_caller]
    fn stretches(&self, says: &Complaint<'_>, rank: usize, x: &Shape) -> Vec<Stretch> {
        let fits = x.ndim() == rank + 1 || x.ndim() == rank + 2;
        says.unless(fits, format_args!("the input must have rank {}, or {} without a batch", rank + 2, rank + 1));
        let given = match &self.target {
            Target::Size(sizes) => says.spread("size", sizes, rank, 1),
            Target::ScaleFactor(factors) => says.positive("scale_factor", factors, rank),
        };
        let mut stretches = Vec::with_capacity(rank);
        for back in 1..=rank {
            let (axis, given) = (x.ndim() - back, given[SPATIAL - back]);
            let to = match self.target {
                Target::Size(_) => Some(given),
                Target::ScaleFactor(_) => x[axis].checked_mul(given),
            };
            let to = says.some(to, format_args!("the size of axis {axis} overflows"));
            says.unless(x[axis] > 0 || to == 0, format_args!("axis {axis} has no element to start from"));
            stretches.push(Stretch { axis, from: x[axis], to, align_corners: self.align_corners });
        }
        stretches
    }
}

/// One axis resampled from one size to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) axis: usize,
    from: usize,
    to: usize,
    align_corners: bool,
}

/// What lies between two elements: `(1 − weight) · x[at] + weight · x[at + 1]`; where the weight is 0 only the first counts.
struct Between<T> {
    at: usize,
    weight: T,
}

impl Stretch {
    /// The nearest elements: `⌊o · from / to⌋`.
    pub(crate) fn nearest(&self) -> Tensor<usize> {
        let place = |o: usize| (o as u128 * self.from as u128 / self.to as u128) as usize;
        Tensor::from_fn([self.to], |o| place(o[0]))
    }

    /// Where every element of the result lies. Source: PyTorch, `aten/src/ATen/native/UpSample.h`,
    /// `area_pixel_compute_source_index`.
    fn between<T: Float>(&self) -> Vec<Between<T>> {
        let (from, to) = (self.from as f64, self.to as f64);
        let place = |o: f64| match self.align_corners {
            true if self.to > 1 => o * (from - 1.0) / (to - 1.0),
            true => 0.0,
            false => ((o + 0.5) * from / to - 0.5).max(0.0),
        };
        let between = |o: usize| {
            let place = place(o as f64);
            let at = (place as usize).min(self.from - 1);
            let weight = if at + 1 < self.from { place - at as f64 } else { 0.0 };
            Between { at, weight: T::of(weight) }
        };
        (0..self.to).map(between).collect()
    }

    /// `x` resampled along the axis: each element on the line between its neighbours.
    pub(crate) fn linear<T: Float>(&self, x: &Tensor<T>) -> Tensor<T> {
        if T::NARROW {
            return in_f32([x], |[x]| self.linear(&x));
        }
        let mut y = Tensor::dirty(x.shape().with(self.axis, self.to));
        let (x, inner, between) = (x.to_contiguous(), self.inner(x.shape()), self.between::<T>());
        let (steps, x) = (y.len(), x.as_slice().unwrap_or_default());
        let out = y.as_unique_slice().expect("a dirty tensor is dense and unshared");
        planes(out, self.to * inner, steps, &|plane, out| {
            let x = &x[plane * self.from * inner..][..self.from * inner];
            for (out, b) in out.chunks_exact_mut(inner).zip(&between) {
                let near = &x[b.at * inner..][..inner];
                if b.weight.is_zero() {
                    out.copy_from_slice(near);
                    continue;
                }
                let far = &x[(b.at + 1) * inner..][..inner];
                for ((y, &a), &c) in out.iter_mut().zip(near).zip(far) {
                    *y = a * (T::one() - b.weight) + c * b.weight;
                }
            }
        });
        y
    }

    /// `g` handed back to the elements that each lies between: the adjoint of [`Stretch::linear`].
    pub(crate) fn linear_adjoint<T: Float>(&self, g: &Tensor<T>) -> Tensor<T> {
        if T::NARROW {
            return in_f32([g], |[g]| self.linear_adjoint(&g));
        }
        let mut x = Tensor::dirty(g.shape().with(self.axis, self.from));
        let (g, inner, between) = (g.to_contiguous(), self.inner(g.shape()), self.between::<T>());
        let (steps, g) = (g.len() + x.len(), g.as_slice().unwrap_or_default());
        let out = x.as_unique_slice().expect("a dirty tensor is dense and unshared");
        planes(out, self.from * inner, steps, &|plane, out| {
            out.fill(T::zero());
            let g = &g[plane * self.to * inner..][..self.to * inner];
            for (g, b) in g.chunks_exact(inner).zip(&between) {
                let mut add = |at: usize, weight: T| {
                    let out = &mut out[at * inner..][..inner];
                    out.iter_mut().zip(g).for_each(|(x, &g)| *x = *x + g * weight);
                };
                add(b.at, T::one() - b.weight);
                if !b.weight.is_zero() {
                    add(b.at + 1, b.weight);
                }
            }
        });
        x
    }

    /// How many elements lie behind each place of the axis.
    fn inner(&self, shape: &Shape) -> usize {
        shape[self.axis + 1..].iter().product()
    }
}

/// `x` along each of the axes, one after the other.
fn along<T: Float>(x: &Tensor<T>, stretches: &[Stretch], f: impl Fn(&Stretch, &Tensor<T>) -> Tensor<T>) -> Tensor<T> {
    stretches.iter().fold(x.clone(), |x, stretch| f(stretch, &x))
}

impl<T: Float> Tensor<T> {
    /// [`Tensor::upsample_nearest2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` → `[n, c, w']`, or both without `n`.
    ///
    /// # Panics
    /// As [`Tensor::upsample_nearest2d`].
    #[track_caller]
    pub fn upsample_nearest1d(&self, options: Upsample) -> Tensor<T> {
        along(self, &options.nearest("upsample_nearest1d", 1, self.shape()), |s, x| {
            x.index_select(s.axis as isize, &s.nearest())
        })
    }

    /// Every element repeated over two axes: `y[o] = x[⌊o · h / h'⌋]`.
    ///
    /// Shapes: `[n, c, h, w]` → `[n, c, h', w']`, or both without `n`.
    ///
    /// # Panics
    /// If the shapes and the options do not fit, or an axis has no element to start from.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Upsample, tensor};
    /// let x = tensor![[[1.0, 2.0]]];
    /// assert_eq!(x.upsample_nearest2d(Upsample::size([2, 3])).to_vec(), [1.0, 1.0, 2.0, 1.0, 1.0, 2.0]);
    /// ```
    #[track_caller]
    pub fn upsample_nearest2d(&self, options: Upsample) -> Tensor<T> {
        along(self, &options.nearest("upsample_nearest2d", 2, self.shape()), |s, x| {
            x.index_select(s.axis as isize, &s.nearest())
        })
    }

    /// [`Tensor::upsample_nearest2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` → `[n, c, d', h', w']`, or both without `n`.
    ///
    /// # Panics
    /// As [`Tensor::upsample_nearest2d`].
    #[track_caller]
    pub fn upsample_nearest3d(&self, options: Upsample) -> Tensor<T> {
        along(self, &options.nearest("upsample_nearest3d", 3, self.shape()), |s, x| {
            x.index_select(s.axis as isize, &s.nearest())
        })
    }

    /// [`Tensor::upsample_bilinear2d`] over one axis.
    ///
    /// Shapes: `[n, c, w]` → `[n, c, w']`, or both without `n`.
    ///
    /// # Panics
    /// As [`Tensor::upsample_bilinear2d`].
    #[track_caller]
    pub fn upsample_linear1d(&self, options: Upsample) -> Tensor<T> {
        along(self, &options.linear("upsample_linear1d", 1, self.shape()), Stretch::linear)
    }

    /// Interpolation between neighbours, along one axis after the other: `y[o] = (1 − f) · x[i] + f · x[i + 1]`, where `i + f` is
    /// `(o + ½) · h / h' − ½`, or `o · (h − 1) / (h' − 1)` with aligned corners; at the ends x is continued as it ends.
    ///
    /// Shapes: `[n, c, h, w]` → `[n, c, h', w']`, or both without `n`.
    ///
    /// # Panics
    /// If the shapes and the options do not fit, or an axis has no element to start from.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Upsample, tensor};
    /// let x = tensor![[[0.0, 2.0], [4.0, 6.0]]];
    /// let y = x.upsample_bilinear2d(Upsample::size(3).align_corners(true));
    /// assert_eq!(y.to_vec(), [0.0, 1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0, 6.0]);
    /// ```
    /// Source: Press et al., Numerical Recipes (2007), §3.6.
    #[track_caller]
    pub fn upsample_bilinear2d(&self, options: Upsample) -> Tensor<T> {
        along(self, &options.linear("upsample_bilinear2d", 2, self.shape()), Stretch::linear)
    }

    /// [`Tensor::upsample_bilinear2d`] over three axes.
    ///
    /// Shapes: `[n, c, d, h, w]` → `[n, c, d', h', w']`, or both without `n`.
    ///
    /// # Panics
    /// As [`Tensor::upsample_bilinear2d`].
    #[track_caller]
    pub fn upsample_trilinear3d(&self, options: Upsample) -> Tensor<T> {
        along(self, &options.linear("upsample_trilinear3d", 3, self.shape()), Stretch::linear)
    }
}
