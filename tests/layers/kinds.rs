//! What each kind of layer promises.

use super::*;

// ---- normalisation -----------------------------------------------------------------------------------------------------

#[test]
fn running_statistics_are_values_and_pass_no_gradient() {
    let norm = BatchNorm1d::<f64>::init(2);
    let tape = Tape::new();
    let x = tape.leaf(normal(&[4, 2], 0));
    norm.forward(x);
    norm.eval();
    let y = norm.forward(x).sum(..);
    let gradient = y.backward()[x].to_vec();
    let var = norm.running.as_ref().expect("there are some").var.get().to_vec();
    let scale = |i: usize| 1.0 / (var[i % 2] + 1e-5).sqrt();
    near(&Tensor::from_vec(gradient, [8]).expect("eight"), &Tensor::from_fn([8], |i| scale(i[0])), 1e-15);
    // Paused or not, a batch seen in training counts.
    norm.train();
    tape.paused(|| norm.forward(x));
    assert_eq!(norm.state().counts["num_batches_tracked"], 2);
}

#[test]
fn an_empty_batch_teaches_nothing() {
    let norm = BatchNorm2d::<f64>::init(2);
    let before = norm.state();
    assert_eq!(run(&norm, &Tensor::zeros([0, 2, 3, 3])).shape(), [0, 2, 3, 3]);
    assert_eq!(norm.state(), before);
    for (net, shape) in [(&LayerNorm::init([3]) as &dyn Module<f64>, [0, 3]), (&GroupNorm::init(1, 3), [0, 3])] {
        let tape = Tape::new();
        assert_eq!(net.forward(tape.constant(Tensor::zeros(shape))).shape(), shape);
    }
}

#[test]
fn trap_22_normalisation_at_a_large_offset_keeps_its_digits() {
    let expected = run(&LayerNorm::init([4]).eps(0.0), &tensor![[1.0, 2.0, 4.0, 5.0]]);
    let x = tensor![[1.0, 2.0, 4.0, 5.0]] + Tensor::scalar(1e8);
    near(&run(&LayerNorm::init([4]).eps(0.0), &x), &expected, 1e-15);
    near(&run(&GroupNorm::init(1, 4).eps(0.0), &x), &expected, 1e-15);
    near(&run(&InstanceNorm1d::init(1).eps(0.0), &x), &expected, 1e-15);
    near(&run(&BatchNorm1d::init(1).eps(0.0), &x.t()), &expected.t(), 1e-15);
}

#[test]
fn a_norm_of_equal_values_is_its_bias_and_has_finite_gradients() {
    let norm = LayerNorm::<f64>::new(tensor![2.0, 3.0], tensor![0.5, -0.5]);
    let tape = Tape::new();
    let x = tape.leaf(tensor![[7.0, 7.0], [0.0, 0.0]]);
    let y = norm.forward(x);
    assert_eq!(y.value().to_vec(), [0.5, -0.5, 0.5, -0.5]);
    assert!(y.backward_with(tensor![[1.0, 2.0], [3.0, 4.0]])[x].iter().all(|g| g.is_finite()));
    assert!(run(&RmsNorm::init([3]), &Tensor::zeros([2, 3])).iter().all(|&y| y == 0.0));
}

// ---- dropout -----------------------------------------------------------------------------------------------------------

/// Whether a count of n tries of probability p is within 4 standard deviations: with probability 6 · 10⁻⁵ it is not.
fn is_likely(count: usize, n: usize, p: f64) -> bool {
    (count as f64 - n as f64 * p).abs() <= 4.0 * (n as f64 * p * (1.0 - p)).sqrt()
}

#[test]
fn dropout_drops_its_share_and_keeps_the_mean() {
    let n = 40_000;
    for rate in [0.1, 0.5, 0.9] {
        let y = run(&Dropout::init(rate, &mut rng(0)), &Tensor::full([n], 3.0));
        let dropped = y.iter().filter(|&&y| y == 0.0).count();
        assert!(is_likely(dropped, n, rate), "{dropped} of {n} at {rate}");
        assert!(y.iter().all(|&y| y == 0.0 || (y - 3.0 / (1.0 - rate)).abs() < 1e-14));
    }
    let x = normal(&[3, 4], 0);
    assert_eq!(run(&Dropout::init(0.0, &mut rng(0)), &x), x);
    assert_eq!(run(&Dropout::init(1.0, &mut rng(0)), &Tensor::full([3], NAN)), Tensor::zeros([3]));
    let none = Dropout::init(1.0, &mut rng(0));
    Parts::<f64>::eval(&none);
    assert_eq!(run(&none, &x), x);
}

#[test]
fn whole_channels_are_dropped_together() {
    let y = run(&Dropout::init(0.5, &mut rng(1)).whole_channels(), &Tensor::ones([20, 30, 4, 5]));
    let sums = y.sum([2, 3]);
    assert!(sums.iter().all(|&s| s == 0.0 || s == 40.0));
    assert!(is_likely(sums.iter().filter(|&&s| s == 0.0).count(), 600, 0.5));
}

// ---- embedding ---------------------------------------------------------------------------------------------------------

#[test]
fn the_padding_row_stays_as_it_is_in_training() {
    let mut table = Embedding::<f64>::init(3, 2, &mut rng(0)).padding(1);
    let (mut tape, mut gradients, before) = (Tape::new(), Gradients::new(), table.weight.value.clone());
    tape.step(&mut gradients, |tape| table.forward(tape, &tensor![[0_usize, 1], [1, 2]]).sum(..));
    assert_eq!(gradients[&table.weight].to_vec(), [1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
    Sgd::new(0.5).step(&mut table, &gradients).expect("every parameter has a gradient");
    assert_eq!(table.weight.value.to_vec()[2..4], [0.0, 0.0]);
    assert_ne!(table.weight.value, before);
}

#[test]
fn indices_of_any_shape_are_looked_up() {
    let table = Embedding::<f64>::init(5, 3, &mut rng(0));
    let tape = Tape::new();
    let rows = |index: Tensor<usize>| table.forward(&tape, &index).shape().to_vec();
    assert_eq!(rows(Tensor::scalar(4)), [3]);
    assert_eq!(rows(Tensor::from_fn([2, 0, 2], |_| 9)), [2, 0, 2, 3]);
    let index = tensor![[0_usize, 1, 2], [3, 4, 0]].t(); // no row-major view
    assert_eq!(table.forward(&tape, &index).value().slice(slice![0, 1]), table.weight.value.slice(slice![3]));
}

// ---- recurrent layers --------------------------------------------------------------------------------------------------

#[test]
fn a_sequence_in_two_parts_is_the_sequence_in_one() {
    let (x, tape) = (normal(&[6, 2, 3], 0), Tape::new());
    let x = tape.constant(x);
    let (front, back) = (x.narrow(0, 0, 4), x.narrow(0, 4, 2));
    let options = Recurrent::new().layers(2);
    let lstm = Lstm::<f64>::init(3, 4, options, &mut rng(1));
    let (y, (h, c)) = lstm.forward(x, None);
    let (y1, state) = lstm.forward(front, None);
    let (y2, (h2, c2)) = lstm.forward(back, Some(state));
    near(&Var::concat(&[y1, y2], 0).value(), &y.value(), 1e-15);
    near(&Var::concat(&[h2, c2], 0).value(), &Var::concat(&[h, c], 0).value(), 1e-15);
    let gru = Gru::<f64>::init(3, 4, options, &mut rng(1));
    let (y, _) = gru.forward(x, None);
    let (y1, state) = gru.forward(front, None);
    near(&Var::concat(&[y1, gru.forward(back, Some(state)).0], 0).value(), &y.value(), 1e-15);
}

#[test]
fn layouts_of_a_batch_do_not_matter() {
    let (a, x) = (Gru::<f64>::init(3, 4, Recurrent::new().bidirectional(), &mut rng(1)), normal(&[5, 2, 3], 0));
    let b = Gru::<f64>::init(3, 4, Recurrent::new().bidirectional().batch_first(), &mut rng(1));
    let tape = Tape::new();
    let x = tape.constant(x);
    let ((y, h), (z, g)) = (a.forward(x, None), b.forward(x.swapaxes(0, 1), None));
    near(&z.swapaxes(0, 1).value(), &y.value(), 0.0);
    near(&g.value(), &h.value(), 0.0);
    // One sequence of the batch on its own.
    let (z, g) = a.forward(x.slice(slice![.., 1]), None);
    near(&z.value(), &y.slice(slice![.., 1]).value(), 1e-15);
    near(&g.value(), &h.slice(slice![.., 1]).value(), 1e-15);
    // No sequence at all.
    let (y, h) = a.forward(tape.constant(Tensor::zeros([5, 0, 3])), None);
    assert_eq!((y.shape(), h.shape()), ([5, 0, 8].into(), [2, 0, 4].into()));
}

#[test]
fn dropout_stands_between_layers_and_not_behind_the_last() {
    let x = normal(&[4, 3, 2], 0);
    let outputs = |layers: usize, rate: f64| {
        let options = Recurrent::new().layers(layers).dropout(rate);
        let (net, tape) = (Rnn::<f64>::init(2, 3, options, &mut rng(1)), Tape::new());
        net.forward(tape.constant(x.clone()), None).0.value()
    };
    assert_eq!(outputs(1, 0.9), outputs(1, 0.0));
    assert_ne!(outputs(2, 0.9), outputs(2, 0.0));
    assert!(outputs(2, 0.9).iter().all(|&y| y != 0.0));
    // With everything dropped the second layer sees zeros, at every step and in every sequence.
    let y = outputs(2, 1.0);
    assert_eq!(y.slice(slice![.., 0]), y.slice(slice![.., 2]));
}

#[test]
fn an_lstm_learns_to_remember() {
    // The first of four numbers is to be told at the end.
    let r = &mut rng(5);
    let x = Tensor::<f64>::uniform([4, 32, 1], -1.0, 1.0, r);
    let target = x.slice(slice![0]);
    let (mut lstm, mut head) = (Lstm::init(1, 8, Recurrent::new(), r), Linear::init(8, 1, r));
    let (mut tape, mut gradients, mut losses) = (Tape::new(), Gradients::new(), Vec::new());
    for _ in 0..300 {
        losses.push(tape.step(&mut gradients, |tape| {
            let (y, _) = lstm.forward(tape.constant(x.clone()), None);
            head.forward(y.slice(slice![-1])).mse(tape.constant(target.clone()), Reduction::Mean)
        }));
        Sgd::new(0.3).step(&mut lstm, &gradients).expect("every parameter has a gradient");
        Sgd::new(0.3).step(&mut head, &gradients).expect("every parameter has a gradient");
    }
    // Who remembers nothing can do no better than the variance, 1/3.
    assert!(losses[0] > 0.25 && losses[299] < 0.1, "from {} to {}", losses[0], losses[299]);
}

// ---- attention ---------------------------------------------------------------------------------------------------------

#[test]
fn trap_18_a_query_that_may_look_at_nothing_gets_0_and_spoils_no_gradient() {
    let net = MultiheadAttention::<f64>::init(4, 2, &mut rng(0));
    let tape = Tape::new();
    tape.trap_non_finite(); // an attention without added infinities computes none
    let x = tape.leaf(normal(&[2, 3, 4], 0));
    // The first sequence is padding throughout; causal, the first query of the second sees padding only.
    let padding = tensor![[true, true, true], [true, false, false]];
    let (y, weights) = net.forward_with_weights(x, x, x, &[Mask::Causal, Mask::Padding(&padding)]);
    for (sequence, place) in [(0, 0), (0, 1), (0, 2), (1, 0)] {
        assert!(weights.value().slice(slice![sequence, .., place]).iter().all(|&w| w == 0.0));
        assert_eq!(
            y.value().slice(slice![sequence, place]).to_vec(),
            [0.0; 4],
            "of zeros the projection, with biases of 0"
        );
    }
    near(&weights.value().slice(slice![1, .., 1..]).sum(-1), &Tensor::ones([2, 2]), 1e-15);
    let gradients = y.backward_with(normal(&[2, 3, 4], 1));
    assert!(gradients[x].iter().all(|g| g.is_finite()));
    assert!(gradients[x].slice(slice![0]).iter().all(|&g| g == 0.0));
    net.visit(&Path::ROOT, &mut |path, param| assert!(gradients[param].iter().all(|g| g.is_finite()), "{path}"));
}

#[test]
fn the_forms_of_a_mask_are_one() {
    let (tape, inf) = (Tape::new(), f64::INFINITY);
    let [q, k, v] = [1, 2, 3].map(|seed| tape.constant(normal(&[2, 2, 3, 4], seed)));
    let attend = |masks: &[Mask<'_, '_, f64>]| {
        // Masks here are none of this tape but for the one that is added.
        scaled_dot_product_attention(q, k, v, masks).value()
    };
    let blocked = tensor![[false, true, false], [true, false, false], [false, false, true]];
    let allowed = Tensor::from_fn([3, 3], |i| !blocked[[i[0], i[1]]]);
    let added = tape.constant(Tensor::from_fn([3, 3], |i| if blocked[[i[0], i[1]]] { -inf } else { 0.0 }));
    let expected = attend(&[Mask::Blocked(&blocked)]);
    assert_eq!(attend(&[Mask::Allowed(&allowed)]), expected);
    near(&scaled_dot_product_attention(q, k, v, &[Mask::Added(added)]).value(), &expected, 1e-15);
    let causal = Tensor::from_fn([3, 3], |i| i[1] > i[0]);
    assert_eq!(attend(&[Mask::Causal]), attend(&[Mask::Blocked(&causal)]));
    let both = Tensor::from_fn([3, 3], |i| blocked[[i[0], i[1]]] || causal[[i[0], i[1]]]);
    assert_eq!(attend(&[Mask::Blocked(&blocked), Mask::Causal]), attend(&[Mask::Blocked(&both)]));
    let padding = tensor![[false, true, false], [false, false, true]];
    let spread = padding.reshape([2, 1, 1, 3]);
    assert_eq!(attend(&[Mask::Padding(&padding)]), attend(&[Mask::Blocked(&spread)]));
    let by_head = Tensor::from_fn([4, 3, 3], |i| (i[0] + i[1] + 2 * i[2]) % 4 == 0);
    assert_eq!(attend(&[Mask::Blocked(&by_head)]), attend(&[Mask::Blocked(&by_head.reshape([2, 2, 3, 3]))]));
    assert_eq!(attend(&[]), attend(&[Mask::Blocked(&Tensor::scalar(false))]));
}

#[test]
fn what_is_masked_has_no_influence() {
    let layer = TransformerEncoderLayer::<f64>::init(4, 2, 3, &mut rng(0));
    layer.eval();
    let tape = Tape::new();
    let x = tape.leaf(normal(&[1, 4, 4], 0));
    // Causal: the output at place 1 depends on places 0 and 1 alone.
    let y = layer.forward_masked(x, &[Mask::Causal]).slice(slice![0, 1]);
    let g = y.backward_with(tensor![1.0, 2.0, -1.0, 0.5])[x].abs().sum(-1).flatten();
    assert!(g[[0]] > 0.0 && g[[1]] > 0.0 && g[[2]] == 0.0 && g[[3]] == 0.0, "{g:?}");
    // The same without the padded places.
    let padding = tensor![[false, false, true, true]];
    let y = layer.forward_masked(x, &[Mask::Padding(&padding)]).narrow(1, 0, 2);
    near(&y.value(), &layer.forward(x.narrow(1, 0, 2)).value(), 1e-15);
}

#[test]
fn no_queries_and_no_keys_are_ordinary() {
    let net = MultiheadAttention::<f64>::init(4, 2, &mut rng(0));
    let tape = Tape::new();
    let [some, none] = [3, 0].map(|n| tape.leaf(normal(&[2, n, 4], 0)));
    let y = net.forward(some, none, none, &[]);
    assert_eq!(y.value(), Tensor::zeros([2, 3, 4]), "a sum over no values, and biases of 0");
    assert_eq!(net.forward(none, some, some, &[Mask::Causal]).shape(), [2, 0, 4]);
}

// ---- positions ---------------------------------------------------------------------------------------------------------

#[test]
fn rotary_products_depend_on_distances_alone() {
    let [q, k] = [1, 2].map(|seed| normal(&[1, 6], seed));
    for pairing in [Pairing::Halves, Pairing::Neighbours] {
        let rotary = Rotary::<f64>::init(50, 6, pairing);
        let tape = Tape::new();
        let at = |x: &Tensor<f64>, t: usize| rotary.forward_from(tape.constant(x.clone()), t);
        let product = |a: usize, b: usize| at(&q, a).matmul(at(&k, b).t()).item();
        assert!((product(3, 10) - product(40, 47)).abs() < 1e-13);
        assert!((product(3, 10) - product(3, 11)).abs() > 1e-3);
        near(&at(&q, 0).value(), &q, 0.0);
        let (turned, norm) = (at(&q, 17).value(), q.norm(..).item());
        assert!((turned.norm(..).item() - norm).abs() < 1e-14);
        // A sequence is turned place by place.
        let x = normal(&[2, 5, 6], 3);
        let y = rotary.forward(tape.constant(x.clone())).value();
        near(&y.slice(slice![1, 4..]), &at(&x.slice(slice![1, 4..]), 4).value(), 0.0);
    }
}

#[test]
fn the_pairings_of_rotary_positions_differ_by_a_permutation() {
    let tape = Tape::new();
    let x = normal(&[4, 6], 0);
    let to_halves = |x: &Tensor<f64>| x.index_select(-1, &tensor![0_usize, 2, 4, 1, 3, 5]);
    let [halves, neighbours] = [Pairing::Halves, Pairing::Neighbours].map(|p| Rotary::<f64>::init(4, 6, p));
    let y = neighbours.forward(tape.constant(x.clone())).value();
    near(&halves.forward(tape.constant(to_halves(&x))).value(), &to_halves(&y), 0.0);
}
