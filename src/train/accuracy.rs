//! How often a classifier is right.

use crate::data::Dataset;
use crate::float::Float;
use crate::graph::Tape;
use crate::nn::Module;

/// How many examples are evaluated at a time: enough for a large product, few enough for their values to stay in the cache.
const BATCH: usize = 1000;

/// The share of examples for which the module's highest score is that of the right class; NaN for no example.
///
/// The module maps `[n, …]` to scores `[n, classes]`. It is evaluated on `tape`, whose memory is used again.
///
/// # Panics
/// If the shapes do not fit.
///
/// # Examples
/// ```
/// use rensa::{Tape, data::Dataset, nn::Sequential, tensor, train::accuracy};
/// let identity = Sequential::<f64>::new();
/// let data = Dataset::new(tensor![[1.0, 0.0], [1.0, 0.0]], tensor![0_usize, 1])?;
/// assert_eq!(accuracy(&identity, &data, &mut Tape::new()), 0.5);
/// # Ok::<(), rensa::Error>(())
/// ```
#[track_caller]
pub fn accuracy<T: Float>(module: &dyn Module<T>, data: &Dataset<T>, tape: &mut Tape<T>) -> f64 {
    let mut right = 0;
    for start in (0..data.len()).step_by(BATCH) {
        let batch = data.narrow(start, BATCH.min(data.len() - start));
        let answers = {
            let _paused = tape.pause();
            module.forward(tape.constant(batch.inputs)).value().argmax(-1)
        };
        tape.reset();
        right += answers.iter().zip(&batch.labels).filter(|(answer, label)| answer == label).count();
    }
    right as f64 / data.len() as f64
}
