//! What is done to inputs before a net sees them.

use rand::{Rng, RngExt};

use crate::float::Float;
use crate::shape::{Axes, keep};
use crate::tensor::Tensor;

/// Standardisation, `y = (x − mean) / std`, with numbers measured once, on the training set, and used on every other set too.
///
/// # Examples
/// ```
/// use rensa::{data::{Dataset, Examples, Normalizer}, tensor};
/// let train = Dataset::new(tensor![[0.0, 5.0], [2.0, 5.0]], tensor![0_usize, 1])?;
/// let normalizer = Normalizer::measure(&train.inputs, 0);
/// assert_eq!(normalizer.apply(&train.inputs), tensor![[-1.0, 0.0], [1.0, 0.0]]);
///
/// let test = Dataset::new(tensor![[3.0, 6.0]], tensor![1_usize])?;
/// let test = test.map(move |batch| Dataset { inputs: normalizer.apply(&batch.inputs), ..batch });
/// assert_eq!(test.batch(&[0])?.inputs, tensor![[2.0, 1.0]]);
/// # Ok::<(), rensa::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Normalizer<T> {
    /// What becomes 0.
    pub mean: Tensor<T>,
    /// What becomes 1 apart.
    pub std: Tensor<T>,
}

impl<T: Float> Normalizer<T> {
    /// That of mean and standard deviation over `axes` of `x`: 0 for each number of a row, `[0, 2, 3]` for each channel of images
    /// `[n, channels, height, width]`. What does not vary is only shifted.
    ///
    /// # Panics
    /// If an axis is out of range or named twice.
    #[track_caller]
    pub fn measure(x: &Tensor<T>, axes: impl Into<Axes>) -> Self {
        let axes = keep(axes);
        let std = x.std(axes.clone(), 0);
        Normalizer { mean: x.mean(axes), std: std.map(|s| if s > T::zero() { s } else { T::one() }) }
    }

    /// `(x − mean) / std`.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn apply(&self, x: &Tensor<T>) -> Tensor<T> {
        &(x - &self.mean) / &self.std
    }

    /// `y · std + mean`, which undoes it.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn undo(&self, y: &Tensor<T>) -> Tensor<T> {
        &(y * &self.std) + &self.mean
    }
}

/// Images `[n, channels, height, width]`, each mirrored left to right with probability `p`.
///
/// # Panics
/// If `images` is not of rank 4.
///
/// # Examples
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::{data::{Dataset, Loader, random_crop, random_flip}, Tensor};
/// let images = Dataset::new(Tensor::<f32>::ones([10, 3, 8, 8]), Tensor::<f32>::zeros([10, 1]))?;
/// let mut loader = Loader::new(images, 5, 0).with_augmentation(|batch, rng| {
///     let inputs = random_crop(&random_flip(&batch.inputs, 0.5, rng), 1, rng);
///     Dataset { inputs, ..batch }
/// });
/// assert_eq!(loader.next_batch()?.inputs.shape(), [5, 3, 8, 8]);
/// # Ok::<(), rensa::Error>(())
/// ```
#[track_caller]
pub fn random_flip<T: Float>(images: &Tensor<T>, p: f64, rng: &mut impl Rng) -> Tensor<T> {
    let [_, _, _, width] = sizes("random_flip", images);
    let mut pixels = images.to_vec();
    for image in pixels.chunks_mut((images.len() / images.shape()[0].max(1)).max(1)) {
        if rng.random::<f64>() < p {
            image.chunks_mut(width).for_each(<[T]>::reverse);
        }
    }
    Tensor::from_elements(pixels, images.shape().clone())
}

/// Images `[n, channels, height, width]`, each moved at random by up to `padding` pixels in both directions; what comes in is 0. The same as
/// padding it all around and cutting a piece of its size out.
///
/// # Panics
/// If `images` is not of rank 4.
///
/// Source: He et al., "Deep Residual Learning for Image Recognition" (2015), §4.2, for CIFAR-10 with a padding of 4.
#[track_caller]
pub fn random_crop<T: Float>(images: &Tensor<T>, padding: usize, rng: &mut impl Rng) -> Tensor<T> {
    let [n, channels, height, width] = sizes("random_crop", images);
    let (pixels, mut moved) = (images.to_vec(), vec![T::zero(); images.len()]);
    for image in 0..n {
        let [down, right] = [(); 2].map(|()| rng.random_range(0..=2 * padding));
        // Row `row` of the result is row `row + down − padding` of the image.
        let (from, to) = (right.saturating_sub(padding).min(width), padding.saturating_sub(right).min(width));
        let len = width - from.max(to);
        for channel in 0..channels {
            let plane = (image * channels + channel) * height;
            for row in 0..height {
                if let Some(source) = (row + down).checked_sub(padding).filter(|&source| source < height) {
                    let target = &mut moved[(plane + row) * width + to..][..len];
                    target.copy_from_slice(&pixels[(plane + source) * width + from..][..len]);
                }
            }
        }
    }
    Tensor::from_elements(moved, images.shape().clone())
}

#[track_caller]
fn sizes<T>(op: &str, images: &Tensor<T>) -> [usize; 4] {
    let sizes: Option<[usize; 4]> = (&images.shape()[..]).try_into().ok();
    sizes.unwrap_or_else(|| panic!("{op}: images of shape {:?}, not [n, channels, height, width]", images.shape()))
}
