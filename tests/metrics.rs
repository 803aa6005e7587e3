//! Metrics of classification against counting by hand.

#[path = "support/panics.rs"]
mod panics;

use panics::panic_of;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rensa::train::{ConfusionMatrix, top_k_accuracy};
use rensa::{Tensor, tensor};

#[test]
fn top_k_accuracy_is_the_share_of_labels_among_the_k_first_of_a_stable_sort() {
    let rng = &mut StdRng::seed_from_u64(0);
    // Few different scores, so that ties are frequent, and some NaN.
    let scores = Tensor::from_fn([500, 6], |_| match rng.random_range(0..9) {
        0 => f64::NAN,
        n => f64::from(n / 2),
    });
    let labels = Tensor::from_fn([500], |_| rng.random_range(0..6_usize));
    for k in 1..=6 {
        let among = |n: usize| {
            let mut order: Vec<usize> = (0..6).collect();
            let key = |i: usize| if scores[[n, i]].is_nan() { f64::INFINITY } else { scores[[n, i]] };
            order.sort_by(|&a, &b| key(b).total_cmp(&key(a)));
            order[..k].contains(&labels[[n]])
        };
        let expected = (0..500).filter(|&n| among(n)).count() as f64 / 500.0;
        assert_eq!(top_k_accuracy(&scores, &labels, k), expected, "k = {k}");
    }
    let answers = scores.argmax(-1);
    let right = answers.iter().zip(&labels).filter(|(a, l)| a == l).count();
    assert_eq!(top_k_accuracy(&scores, &labels, 1), right as f64 / 500.0, "the first is argmax");
    assert_eq!(top_k_accuracy(&scores, &labels, 6), 1.0);
    assert!(top_k_accuracy(&Tensor::<f64>::zeros([0, 3]), &Tensor::from_fn([0], |_| 0), 1).is_nan());
}

#[test]
fn bad_input_is_named() {
    let scores = Tensor::<f32>::zeros([2, 3]);
    assert!(
        panic_of(|| top_k_accuracy(&scores, &tensor![0_usize], 1)).message.contains("labels [1] for scores [2, 3]")
    );
    assert!(panic_of(|| top_k_accuracy(&scores, &tensor![0_usize, 3], 1)).message.contains("label 3 of 3 classes"));
    assert!(panic_of(|| top_k_accuracy(&scores, &tensor![0_usize, 1], 4)).message.contains("k 4 of 3 classes"));
    let mut confusion = ConfusionMatrix::new(2);
    assert!(
        panic_of(|| confusion.add(&tensor![2_usize], &tensor![0_usize])).message.contains("answer 2 to label 0 of 2")
    );
    assert!(
        panic_of(|| confusion.add(&tensor![0_usize], &tensor![0_usize, 1])).message.contains("[1] answers for [2]")
    );
}

#[test]
fn precision_recall_and_f1_follow_from_the_counts() {
    let (labels, answers) = (tensor![0_usize, 0, 0, 0, 1, 1, 1, 2], tensor![0_usize, 0, 1, 2, 1, 1, 0, 0]);
    let mut confusion = ConfusionMatrix::new(4);
    confusion.add(&answers, &labels);
    assert_eq!(confusion.total(), 8);
    assert_eq!([0, 1, 2, 3].map(|a| confusion.count(0, a)), [2, 1, 1, 0]);
    assert_eq!(confusion.accuracy(), 0.5);
    assert_eq!([0, 1, 2, 3].map(|c| confusion.precision(c)), [0.5, 2.0 / 3.0, 0.0, 0.0]);
    assert_eq!([0, 1, 2, 3].map(|c| confusion.recall(c)), [0.5, 2.0 / 3.0, 0.0, 0.0]);
    assert_eq!([0, 1, 2, 3].map(|c| confusion.f1(c)), [0.5, 2.0 / 3.0, 0.0, 0.0]);
    assert_eq!(confusion.macro_f1(), (0.5 + 2.0 / 3.0) / 4.0);
    let mut parts = ConfusionMatrix::new(4);
    for i in 0..8 {
        parts.add(&answers.narrow(0, i, 1), &labels.narrow(0, i, 1));
    }
    assert_eq!(parts, confusion, "counted one by one");
    assert!(ConfusionMatrix::new(3).accuracy().is_nan());
}

#[test]
fn the_confusion_matrix_prints_as_a_table() {
    let mut confusion = ConfusionMatrix::new(2);
    confusion.add(&Tensor::from_fn([12], |i| usize::from(i[0] > 1)), &Tensor::from_fn([12], |i| usize::from(i[0] > 0)));
    let expected = "\
class |  0  1 | precision  recall      F1
    0 |  1  0 |    0.5000  1.0000  0.6667
    1 |  1 10 |    1.0000  0.9091  0.9524
accuracy 0.9167, macro F1 0.8095 of 12 examples
";
    assert_eq!(confusion.to_string(), expected);
}
