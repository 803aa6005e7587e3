//! Resident memory while a thread makes batches, in a program of its own, where no other test disturbs it.

use std::fs;

use rensa::Tensor;
use rensa::data::{Dataset, Examples, Loader};

/// The pages of this process that are in memory, where the system tells.
fn resident_pages() -> Option<usize> {
    fs::read_to_string("/proc/self/statm").ok()?.split_whitespace().nth(1)?.parse().ok()
}

/// Tensors that are made on one thread and dropped on another must not pile up in the free list of the latter, which never asks for blocks
/// of their size. 600 batches are 60 MB.
#[test]
fn trap_06_batches_of_another_thread_do_not_pile_up() {
    let data = Dataset::new(Tensor::<f32>::ones([500, 250]), Tensor::from_fn([500], |i| i[0])).expect("as many labels");
    let scaled = data.map(|batch| Dataset { inputs: &batch.inputs * 2.0, labels: batch.labels });
    let mut loader = Loader::new(scaled, 100, 0).with_prefetch(2);
    let mut take = |n: usize| {
        for _ in 0..n {
            let batch = loader.next_batch().expect("it is in memory");
            assert_eq!(batch.inputs[[99, 249]], 2.0);
        }
    };
    take(100);
    let before = resident_pages();
    take(600);
    match (before, resident_pages()) {
        (Some(before), Some(after)) => {
            println!("resident pages after 100 and 700 batches: {before}, {after}");
            assert!(after <= before + 2_000, "resident pages grew from {before} to {after}");
        }
        _ => println!("this system does not tell the resident memory of a process"),
    }
}
