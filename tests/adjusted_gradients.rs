//! What is done to gradients between the backward sweep and the optimizer's step: adding up, scaling, clipping.

#[path = "support/allocations.rs"]
mod allocations;

use allocations::{Counting, allocations};
use rensa::optim::{Optimizer, Sgd};
use rensa::{Gradients, Param, Tape, Tensor, tensor};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The gradients that are `g`, whatever the parameter.
fn gradients_of(w: &Param<f32>, g: [f32; 2]) -> Gradients<f32> {
    let tape = Tape::new();
    tape.param(w).backward_with(tensor![g[0], g[1]])
}

#[test]
fn gradients_add_up_by_parameter_and_absences_stay_explained() {
    let [a, b, c] = [1.0, 2.0, 3.0].map(|x| Param::new(tensor![x, x]));
    let first = {
        let tape = Tape::new();
        tape.param(&c);
        let x = tape.leaf(tensor![1.0, 1.0]);
        let first = (tape.param(&a) * 2.0 + x).sum(..).backward();
        assert_eq!(first[x].to_vec(), [1.0, 1.0]);
        first
    };
    let tape = Tape::new();
    let x = tape.leaf(tensor![5.0, 5.0]);
    let second = (tape.param(&a) * x + tape.param(&b) * 7.0).sum(..).backward();
    let mut whole = Gradients::new();
    whole.add_from(&first);
    assert!(whole.get(&c).unwrap_err().to_string().contains("does not depend on it"));
    assert!(whole.get(&b).unwrap_err().to_string().contains("was not on the tape"));
    whole.add_from(&second);
    assert_eq!((whole[&a].to_vec(), whole[&b].to_vec()), (vec![7.0, 7.0], vec![7.0, 7.0]));
    assert_eq!((first[&a].to_vec(), second[&a].to_vec()), (vec![2.0, 2.0], vec![5.0, 5.0]), "the parts stay");
    assert!(whole.get(&c).is_err());
    assert!(whole.get(x).unwrap_err().to_string().contains("another tape"), "a sum has gradients by parameter only");
    // Into gradients that a sweep has left.
    let mut second = second;
    second.add_from(&first);
    assert_eq!((second[&a].to_vec(), second[&b].to_vec()), (vec![7.0, 7.0], vec![7.0, 7.0]));
    assert!(second.get(x).is_err());
    whole.clear();
    assert!(whole.get(&a).is_err());
}

#[test]
fn clipping_changes_gradients_by_parameters_only() {
    let w = Param::new(tensor![3.0_f64, 4.0]);
    let tape = Tape::new();
    let (x, p) = (tape.leaf(tensor![300.0, 400.0]), tape.param(&w));
    let mut gradients = (p * x).sum(..).backward();
    assert_eq!(gradients.norm(), 500.0, "without the gradient by x");
    assert_eq!(gradients.clip_norm(1000.0), 500.0);
    assert_eq!(gradients[&w].to_vec(), [300.0, 400.0], "small enough, and so the same bits");
    assert_eq!(gradients.clip_norm(5.0), 500.0);
    assert!((gradients[&w][[1]] - 4.0).abs() < 1e-7);
    gradients.clip_value(3.5);
    assert_eq!((gradients[&w][[1]], gradients[x].to_vec()), (3.5, vec![3.0, 4.0]));
}

#[test]
fn a_norm_neither_overflows_nor_hides_what_is_not_finite() {
    let w = Param::new(Tensor::<f32>::zeros([2]));
    let of = |g: [f32; 2]| gradients_of(&w, g);
    assert!((of([3e30, 4e30]).norm() - 5e30).abs() < 1e24);
    assert!((of([3e-30, 4e-30]).norm() - 5e-30).abs() < 1e-36);
    assert_eq!(of([0.0, 0.0]).norm(), 0.0);
    assert_eq!(Gradients::<f32>::new().norm(), 0.0);
    for bad in [f32::INFINITY, f32::NAN] {
        for g in [[1.0, bad], [bad, 1.0]] {
            let mut gradients = of(g);
            let norm = gradients.clip_norm(0.1);
            assert!(!norm.is_finite() && norm.is_nan() == bad.is_nan(), "{norm} of {g:?}");
            assert!(gradients[&w].iter().any(|&g| g == 1.0), "left as it was");
            assert!(Sgd::new(1.0).refuse_non_finite().step(&mut Param::new(w.value.clone()), &gradients).is_err());
            gradients.clip_value(0.5);
            let [clipped, kept] =
                [0.5, f32::NAN].map(|x| gradients[&w].iter().filter(|g| g.total_cmp(&x).is_eq()).count());
            assert_eq!((clipped, kept), if bad.is_nan() { (1, 1) } else { (2, 0) });
        }
    }
    let mut clipped = of([3e30, 4e30]);
    clipped.clip_norm(1.0);
    assert!((clipped.norm() - 1.0).abs() < 1e-6);
}

#[test]
fn gradients_are_added_up_scaled_and_clipped_without_allocation() {
    let params = [3, 5, 1].map(|n| Param::new(Tensor::<f64>::ones([n])));
    let tape = Tape::new();
    let [a, b, c] = params.each_ref().map(|param| tape.param(param).sum(..));
    let (part, mut whole) = ((a + b + c).backward(), Gradients::new());
    let mut round = || {
        whole.clear();
        whole.add_from(&part);
        whole.add_from(&part);
        whole.scale(0.5);
        whole.clip_value(0.9);
        whole.clip_norm(0.1);
    };
    round();
    // Blocks go round through the free list: what the first addition makes unshared, the next round's clear gives back.
    round();
    assert_eq!(allocations(&mut round), 0);
}
