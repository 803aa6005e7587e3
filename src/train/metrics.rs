//! How good answers are: top-k accuracy, and the confusion matrix with what follows from it.

use std::fmt;

use crate::float::Float;
use crate::tensor::Tensor;

/// The share of examples whose right class is among the `k` highest scores; NaN of no example. Of classes with equal scores those with the
/// lower number count as higher, as in [`Tensor::argmax`]; a NaN score counts as the highest.
///
/// Shapes: `scores` `[n, classes]`, `labels` `[n]`.
///
/// # Panics
/// If the shapes do not fit, `k` is 0 or above the number of classes, or a label is not below it.
///
/// # Examples
/// ```
/// use rensa::{tensor, train::top_k_accuracy};
/// let scores = tensor![[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]];
/// assert_eq!(top_k_accuracy(&scores, &tensor![2_usize, 2], 1), 0.0);
/// assert_eq!(top_k_accuracy(&scores, &tensor![2_usize, 2], 2), 0.5);
/// ```
#[track_caller]
pub fn top_k_accuracy<T: Float>(scores: &Tensor<T>, labels: &Tensor<usize>, k: usize) -> f64 {
    let shape = scores.shape();
    let fits = shape.ndim() == 2 && labels.shape()[..] == shape[..1];
    assert!(fits, "top_k_accuracy: labels {:?} for scores {shape:?}, which are to be [n, classes]", labels.shape());
    let (n, classes) = (shape[0], shape[1]);
    assert!((1..=classes).contains(&k), "top_k_accuracy: k {k} of {classes} classes");
    let rows = scores.to_vec();
    let mut right = 0usize;
    for (row, &label) in rows.chunks(classes).zip(labels) {
        assert!(label < classes, "top_k_accuracy: label {label} of {classes} classes");
        let own = row[label];
        let above = |(i, x): &(usize, &T)| match (x.is_nan(), own.is_nan()) {
            (false, false) => **x > own || (**x == own && *i < label),
            (is_nan, own_is_nan) => is_nan && (!own_is_nan || *i < label),
        };
        right += usize::from(row.iter().enumerate().filter(above).count() < k);
    }
    right as f64 / n as f64
}

/// How often examples of each class were answered by each class: a row for each right class, a column for each answer.
///
/// # Examples
/// ```
/// use rensa::{tensor, train::ConfusionMatrix};
/// let mut confusion = ConfusionMatrix::new(2);
/// confusion.add(&tensor![0_usize, 1, 1, 1], &tensor![0_usize, 0, 1, 1]);
/// assert_eq!(confusion.count(0, 1), 1); // one 0 was taken for a 1
/// assert_eq!((confusion.accuracy(), confusion.precision(1), confusion.recall(1)), (0.75, 2.0 / 3.0, 1.0));
/// ```
/// Source: Sokolova, Lapalme, "A Systematic Analysis of Performance Measures for Classification Tasks" (2009), tables 2 and 3; where a
/// quotient is 0/0 the result is 0, as in scikit-learn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfusionMatrix {
    classes: usize,
    counts: Vec<u64>,
}

impl ConfusionMatrix {
    /// That of no example.
    pub fn new(classes: usize) -> Self {
        ConfusionMatrix { classes, counts: vec![0; classes * classes] }
    }

    /// Counts examples in.
    ///
    /// Shapes: both `[n]`.
    ///
    /// # Panics
    /// If the shapes differ, or a class is not below the number of classes.
    #[track_caller]
    pub fn add(&mut self, answers: &Tensor<usize>, labels: &Tensor<usize>) {
        let (a, l) = (answers.shape(), labels.shape());
        assert!(a == l, "ConfusionMatrix: {a:?} answers for {l:?} labels");
        for (&answer, &label) in answers.iter().zip(labels) {
            let known = answer < self.classes && label < self.classes;
            assert!(known, "ConfusionMatrix: answer {answer} to label {label} of {} classes", self.classes);
            self.counts[label * self.classes + answer] += 1;
        }
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How many examples of class `label` were answered by class `answer`.
    ///
    /// # Panics
    /// If one of them is not below the number of classes.
    #[track_caller]
    pub fn count(&self, label: usize, answer: usize) -> u64 {
        assert!(
            label < self.classes && answer < self.classes,
            "ConfusionMatrix: {label}, {answer} of {}",
            self.classes
        );
        self.counts[label * self.classes + answer]
    }

    /// The number of examples.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The share that was answered right; NaN of no example.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = (0..self.classes).map(|class| self.count(class, class)).sum();
        right as f64 / self.total() as f64
    }

    /// Of the answers `class`, the share that was right; 0 if there was no such answer.
    ///
    /// # Panics
    /// If `class` is not below the number of classes.
    #[track_caller]
    pub fn precision(&self, class: usize) -> f64 {
        ratio(self.count(class, class), (0..self.classes).map(|label| self.count(label, class)).sum())
    }

    /// Of the examples of `class`, the share that was answered right; 0 if there was no such example.
    ///
    /// # Panics
    /// If `class` is not below the number of classes.
    #[track_caller]
    pub fn recall(&self, class: usize) -> f64 {
        ratio(self.count(class, class), (0..self.classes).map(|answer| self.count(class, answer)).sum())
    }

    /// The harmonic mean of precision and recall, `2 p r / (p + r)`; 0 where both are.
    ///
    /// # Panics
    /// If `class` is not below the number of classes.
    #[track_caller]
    pub fn f1(&self, class: usize) -> f64 {
        let (p, r) = (self.precision(class), self.recall(class));
        if p + r == 0.0 { 0.0 } else { 2.0 * p * r / (p + r) }
    }

    /// The mean of [`ConfusionMatrix::f1`] over the classes; NaN of no class.
    pub fn macro_f1(&self) -> f64 {
        (0..self.classes).map(|class| self.f1(class)).sum::<f64>() / self.classes as f64
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A table: a row for each class with its counts, precision, recall and F1.
impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = self.counts.iter().copied().max().unwrap_or(0).max(self.classes as u64);
        let width = widest.to_string().len();
        let header: String = (0..self.classes).map(|answer| format!(" {answer:>width$}")).collect();
        writeln!(f, "{:>5} |{header} | precision  recall      F1", "class")?;
        for class in 0..self.classes {
            let row: String =
                (0..self.classes).map(|answer| format!(" {:>width$}", self.count(class, answer))).collect();
            let (p, r, f1) = (self.precision(class), self.recall(class), self.f1(class));
            writeln!(f, "{class:>5} |{row} | {p:>9.4} {r:>7.4} {f1:>7.4}")?;
        }
        writeln!(f, "accuracy {:.4}, macro F1 {:.4} of {} examples", self.accuracy(), self.macro_f1(), self.total())
    }
}
