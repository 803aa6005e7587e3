//! The binary files of CIFAR-10 and CIFAR-100: records of labels and pixels, one behind the other.
//!
//! Knows bytes, files and plain vectors; tensors are made by [`Dataset::cifar10`] and [`Dataset::cifar100`].
//!
//! Source: Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009); "Binary version" on its page.

use std::path::Path;

use super::Dataset;
use crate::error::{Error, Result};
use crate::file;
use crate::float::Float;
use crate::tensor::Tensor;

/// Width and height of an image, in pixels.
pub const SIDE: usize = 32;
/// Red, green and blue.
pub const CHANNELS: usize = 3;
/// The bytes of an image.
const PIXELS: usize = CHANNELS * SIDE * SIDE;

/// Images and their classes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Images {
    /// The pixels, 0 to 255: of each image red, then green, then blue, each row by row.
    ///
    /// Shapes: `[labels.len(), 3, 32, 32]`, row-major.
    pub pixels: Vec<u8>,
    /// The class of each image: 0 to 9 in CIFAR-10, 0 to 99 in CIFAR-100.
    pub labels: Vec<u8>,
    /// The group of classes, 0 to 19, of each image in CIFAR-100; none in CIFAR-10.
    pub groups: Vec<u8>,
}

/// The images in a file of CIFAR-10, such as `data_batch_1.bin`.
///
/// # Errors
/// If the file cannot be read, is empty or no whole number of images, or a label is above 9.
pub fn read10(path: impl AsRef<Path>) -> Result<Images> {
    let mut images = Images::default();
    read(path.as_ref(), &[("label", 9)], &mut images)?;
    Ok(images)
}

/// The images in a file of CIFAR-100: `train.bin` or `test.bin`.
///
/// # Errors
/// If the file cannot be read, is empty or no whole number of images, a group is above 19 or a label above 99.
pub fn read100(path: impl AsRef<Path>) -> Result<Images> {
    let mut images = Images::default();
    read(path.as_ref(), &[("group", 19), ("label", 99)], &mut images)?;
    Ok(images)
}

/// Appends the images of a file, before each of which such labels stand, up to their largest values.
fn read(path: &Path, labels: &[(&str, u8)], images: &mut Images) -> Result<()> {
    let bytes = file::read(path)?;
    let record = labels.len() + PIXELS;
    if bytes.is_empty() || bytes.len() % record != 0 {
        return Err(Error::format(path, format!("images of {record} bytes"), format!("{} bytes", bytes.len())));
    }
    images.pixels.reserve(bytes.len() / record * PIXELS);
    for (i, record) in bytes.chunks_exact(record).enumerate() {
        for (&found, &(what, most)) in record.iter().zip(labels) {
            if found > most {
                return Err(Error::format(
                    path,
                    format!("a {what} from 0 to {most}"),
                    format!("{found} for image {i}"),
                ));
            }
            if what == "group" { images.groups.push(found) } else { images.labels.push(found) }
        }
        images.pixels.extend(&record[labels.len()..]);
    }
    Ok(())
}

impl Images {
    /// The images as a set, pixels in `[0, 1]`.
    ///
    /// Shapes: `[n, 3, 32, 32]` and `[n]`.
    ///
    /// # Errors
    /// If there are not as many pixels as images need.
    pub fn dataset<T: Float>(&self) -> Result<Dataset<T>> {
        let pixels = self.pixels.iter().map(|&p| T::of(f64::from(p) / 255.0)).collect();
        let labels = self.labels.iter().map(|&c| usize::from(c)).collect();
        let n = self.labels.len();
        Dataset::new(Tensor::from_vec(pixels, [n, CHANNELS, SIDE, SIDE])?, Tensor::from_vec(labels, [n])?)
    }
}

impl<T: Float> Dataset<T> {
    /// The training and the test set of the files of CIFAR-10 in `directory`, as they are published: `data_batch_1.bin` to
    /// `data_batch_5.bin` and `test_batch.bin`. Pixels are in `[0, 1]`.
    ///
    /// Shapes: `[50000, 3, 32, 32]` and `[10000, 3, 32, 32]`.
    ///
    /// # Errors
    /// If a file is missing or not what it should be; see [`read10`].
    pub fn cifar10(directory: impl AsRef<Path>) -> Result<(Self, Self)> {
        let (directory, mut train) = (directory.as_ref(), Images::default());
        for i in 1..=5 {
            read(&directory.join(format!("data_batch_{i}.bin")), &[("label", 9)], &mut train)?;
        }
        Ok((train.dataset()?, read10(directory.join("test_batch.bin"))?.dataset()?))
    }

    /// The training and the test set of the files of CIFAR-100 in `directory`, `train.bin` and `test.bin`, by their hundred classes. Pixels
    /// are in `[0, 1]`.
    ///
    /// Shapes: `[50000, 3, 32, 32]` and `[10000, 3, 32, 32]`.
    ///
    /// # Errors
    /// If a file is missing or not what it should be; see [`read100`].
    pub fn cifar100(directory: impl AsRef<Path>) -> Result<(Self, Self)> {
        let read = |name| read100(directory.as_ref().join(name))?.dataset();
        Ok((read("train.bin")?, read("test.bin")?))
    }
}
