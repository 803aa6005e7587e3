//! Initialisers and the defaults of layers: what they draw is distributed as they say.
//!
//! A distribution is judged by the largest distance D between the distribution function of n draws and the one that is claimed: √n · D
//! is above 1.95 with probability 0.001 if the claim is true (Kolmogorov, 1933). Seeds are fixed, so a test that passes keeps passing.

#[path = "support/golden.rs"]
mod golden;
#[path = "support/panics.rs"]
mod panics;

use panics::panic_of;
use rand::{SeedableRng, rngs::StdRng};
use rensa::nn::*;
use rensa::{Tensor, tensor};

const LIMIT: f64 = 1.95;

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// √n · D.
fn distance(x: &Tensor<f64>, claimed: impl Fn(f64) -> f64) -> f64 {
    let mut x = x.to_vec();
    x.sort_by(f64::total_cmp);
    let n = x.len() as f64;
    let apart = |(i, &x): (usize, &f64)| {
        let p = claimed(x);
        (p - i as f64 / n).abs().max(((i + 1) as f64 / n - p).abs())
    };
    x.iter().enumerate().map(apart).fold(0.0, |largest: f64, d| if d <= largest { largest } else { d }) * n.sqrt()
}

fn normal(x: f64) -> f64 {
    Tensor::scalar(x).normal_cdf().item()
}

fn uniform(bound: f64) -> impl Fn(f64) -> f64 {
    move |x| ((x + bound) / (2.0 * bound)).clamp(0.0, 1.0)
}

#[track_caller]
fn follows(what: &str, x: &Tensor<f64>, claimed: impl Fn(f64) -> f64) {
    let d = distance(x, claimed);
    assert!(d < LIMIT, "{what}: √n · D is {d}");
}

#[test]
fn the_judge_of_distributions_finds_them_out() {
    let x = Tensor::normal([20_000], 0.0, 1.0, &mut rng(1));
    assert!(distance(&x, normal) < LIMIT);
    assert!(distance(&x, |x| normal(x / 1.08)) > LIMIT && distance(&x, |x| normal(x - 0.05)) > LIMIT);
    assert!(distance(&x, |_| f64::NAN).is_nan() || distance(&x, |_| f64::NAN) > LIMIT, "NaN does not pass");
    assert!(distance(&Tensor::uniform([20_000], -1.0, 1.0, &mut rng(1)), uniform(1.04)) > LIMIT);
}

#[test]
fn initialisers_draw_from_the_distributions_that_they_name() {
    let shape = [60, 50, 7]; // fans of 350 and 420
    let (mean, fan_in, fan_out) = (385.0, 350.0, 420.0);
    let table: [(&str, Init, f64); 8] = [
        ("xavier_normal", Init::xavier_normal(), 1.0 / f64::sqrt(mean)),
        ("xavier_normal with a gain", Init::xavier_normal().gain(3.0), 3.0 / f64::sqrt(mean)),
        ("he_normal", Init::he_normal(), f64::sqrt(2.0 / fan_in)),
        ("he_normal by fan_out", Init::he_normal().fan_out(), f64::sqrt(2.0 / fan_out)),
        ("lecun_normal", Init::lecun_normal(), 1.0 / f64::sqrt(fan_in)),
        ("xavier_uniform", Init::xavier_uniform().fan_out(), 1.0 / f64::sqrt(mean)),
        ("he_uniform", Init::he_uniform(), f64::sqrt(2.0 / fan_in)),
        ("lecun_uniform", Init::lecun_uniform(), 1.0 / f64::sqrt(fan_in)),
    ];
    for (i, (what, init, std)) in table.into_iter().enumerate() {
        let x: Tensor<f64> = init.draw(shape, &mut rng(i as u64));
        assert_eq!(*x.shape(), shape);
        match what.contains("normal") {
            true => follows(what, &x, |x| normal(x / std)),
            false => follows(what, &x, uniform(3f64.sqrt() * std)),
        }
    }
    let x: Tensor<f64> = Init::normal(3.0, 0.5).draw(shape, &mut rng(0));
    follows("normal", &x, |x| normal((x - 3.0) / 0.5));
    let x: Tensor<f64> = Init::uniform(2.0, 6.0).draw(shape, &mut rng(0));
    follows("uniform", &(x - Tensor::scalar(4.0)), uniform(2.0));
    let constants =
        [Init::zeros(), Init::ones(), Init::constant(2.5)].map(|init| init.draw::<f64>([1], &mut rng(0)).item());
    assert_eq!(constants, [0.0, 1.0, 2.5]);
}

#[test]
fn fans_are_those_of_pytorch() {
    let file = golden::load(include_str!("golden/torch_layers.txt"));
    let fans: Vec<_> = file.iter().filter_map(|(key, value)| Some((key.strip_prefix("fans/")?, &value.1))).collect();
    assert_eq!(fans.len(), 3);
    for (shape, fans) in fans {
        let shape: Vec<usize> = shape.split('x').map(|size| size.parse().expect("a size")).collect();
        let [fan_in, fan_out] = [fans[0], fans[1]];
        let bounds = [(Init::lecun_uniform(), fan_in), (Init::lecun_uniform().fan_out(), fan_out)];
        for (init, fan) in bounds.into_iter().chain([(Init::xavier_uniform(), (fan_in + fan_out) / 2.0)]) {
            let bound = (3.0 / fan).sqrt();
            let expected = Tensor::<f64>::uniform(&shape[..], -bound, bound, &mut rng(5));
            assert_eq!(init.draw::<f64>(&shape[..], &mut rng(5)), expected, "{shape:?}");
        }
    }
    let message = panic_of(|| Init::he_normal().draw::<f64>([3], &mut rng(0))).message;
    assert_eq!(message, "Init: a weight of shape [3] has no fans, which takes two axes at least");
    assert_eq!(Init::he_normal().draw::<f64>([3, 0], &mut rng(0)).len(), 0);
}

#[test]
fn truncated_normals_are_normal_within_their_bounds() {
    let inf = f64::INFINITY;
    let cases = [
        (0.0, 1.0, -2.0, 2.0),
        (0.0, 1.0, -0.5, 1.0),
        (1.0, 2.0, 0.5, 0.6),
        (0.0, 1.0, 3.0, inf),
        (0.0, 1.0, 2.0, 2.5),
        (0.0, 1.0, -inf, -4.0),
        (5.0, 0.5, -inf, 5.0),
        (0.0, 1.0, 0.0, inf),
    ];
    for (seed, (mean, std, low, high)) in cases.into_iter().enumerate() {
        let x: Tensor<f64> = Init::truncated_normal(mean, std, low, high).draw([20_000], &mut rng(seed as u64));
        assert!(x.iter().all(|x| (low..=high).contains(x)), "within {low} and {high}");
        // In the lower half, where the distribution function keeps its digits.
        let sign = if low > mean { -1.0 } else { 1.0 };
        let p = |x: f64| normal(sign * (x - mean) / std);
        follows(&format!("from {low} to {high}"), &x, |x| (p(x) - p(low)) / (p(high) - p(low)));
    }
    let x: Tensor<f32> = Init::truncated_normal(0.0, 1.0, 0.1, 0.1000001).draw([1000], &mut rng(0));
    assert!(x.iter().all(|&x| (0.1_f32..=0.1000001).contains(&x)));
    let far: Tensor<f64> = Init::truncated_normal(0.0, 1.0, 1e6, inf).draw([100], &mut rng(0));
    assert!(far.iter().all(|&x| (1e6..1e6 + 1e-4).contains(&x)));
    let message = panic_of(|| Init::truncated_normal(0.0, 1.0, 2.0, f64::NAN)).message;
    assert!(message.starts_with("truncated_normal: standard deviation 1, within 2 and NaN"), "{message}");
}

#[test]
fn orthogonal_weights_are_orthonormal_and_uniform_among_all_that_are() {
    for shape in [&[3, 5][..], &[5, 3], &[4, 4], &[4, 2, 3], &[1, 1], &[0, 3], &[60, 60]] {
        let w: Tensor<f64> = Init::orthogonal().gain(2.0).draw(shape, &mut rng(0));
        assert_eq!(w.shape()[..], shape[..]);
        let (rows, columns) = (shape[0], shape[1..].iter().product::<usize>());
        let w = w.reshape([rows, columns]);
        let product = if rows > columns { w.t().matmul(&w) } else { w.matmul(&w.t()) };
        let off = product - Tensor::eye(rows.min(columns)) * 4.0;
        assert!(off.iter().all(|x| x.abs() < 1e-14), "{shape:?}: {off:?}");
    }
    // A row of a random rotation is a point of the sphere, and each of its coordinates uniform (Archimedes).
    let rng = &mut rng(1);
    let draws: Vec<Tensor<f64>> = (0..4000).map(|_| Init::orthogonal().draw([3, 3], rng)).collect();
    for place in [[0, 0], [1, 2], [2, 1]] {
        let coordinate = Tensor::from_fn([draws.len()], |i| draws[i[0]][place]);
        follows("a coordinate", &coordinate, uniform(1.0));
    }
    let determinant = |w: &Tensor<f64>| {
        let minor = |a: usize, b: usize| w[[1, a]] * w[[2, b]] - w[[1, b]] * w[[2, a]];
        w[[0, 0]] * minor(1, 2) - w[[0, 1]] * minor(0, 2) + w[[0, 2]] * minor(0, 1)
    };
    // Half of them turn, half mirror; 4 standard deviations, which are 0.5 · √4000.
    let turns = draws.iter().filter(|w| determinant(w) > 0.0).count() as f64;
    assert!((turns - 2000.0).abs() < 4.0 * 0.5 * 4000f64.sqrt(), "{turns}");
}

#[test]
fn layers_begin_with_the_weights_of_pytorch() {
    let r = &mut rng(2);
    let linear = Linear::<f64>::init(100, 200, r);
    follows("Linear weight", &linear.weight.value, uniform(0.1));
    follows("Linear bias", &linear.bias.expect("there is one").value, uniform(0.1));
    let table = Embedding::<f64>::init(200, 100, r).padding(7);
    assert!(table.weight.value.narrow(0, 7, 1).iter().all(|&x| x == 0.0));
    follows("Embedding", &table.weight.value.narrow(0, 8, 192), normal);

    let options = Recurrent::new().layers(2).bidirectional();
    let lstm = Lstm::<f64>::init(10, 25, options, r);
    for gates in &lstm.gates {
        for (what, param) in [("weight_ih", &gates.weight_ih), ("weight_hh", &gates.weight_hh)] {
            follows(what, &param.value, uniform(0.2));
        }
        follows("bias", &gates.bias_hh.as_ref().expect("there is one").value, uniform(0.2));
    }
    assert_eq!(lstm.gates.iter().map(|g| g.weight_ih.value.shape()[1]).collect::<Vec<_>>(), [10, 10, 50, 50]);

    let attention = MultiheadAttention::<f64>::init(64, 4, r);
    let packed = attention.in_proj_weight.expect("all have one size").value;
    follows("in_proj_weight", &packed, uniform((6.0_f64 / (64.0 + 192.0)).sqrt()));
    follows("out_proj.weight", &attention.out_proj.weight.value, uniform(0.125));
    let biases = [attention.in_proj_bias, attention.out_proj.bias].map(|b| b.expect("there is one").value);
    assert!(biases.iter().flatten().all(|&b| b == 0.0));
    let attention = MultiheadAttention::<f64>::init_with_sizes(64, 4, 32, 64, r);
    let key = attention.k_proj_weight.expect("keys are of another size").value;
    follows("k_proj_weight", &key, uniform((6.0_f64 / 96.0).sqrt()));
}

#[test]
fn the_same_seed_gives_the_same_weights_in_every_type() {
    for init in
        [Init::he_normal(), Init::xavier_uniform(), Init::orthogonal(), Init::truncated_normal(0.0, 1.0, -2.0, 2.0)]
    {
        let draw = |seed| init.draw::<f64>([4, 3], &mut rng(seed));
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
        let narrow = init.draw::<f32>([4, 3], &mut rng(3)).cast::<f64>();
        assert!((narrow - draw(3)).iter().all(|x| x.abs() < 1e-6));
    }
    let mut layer = Linear::new(tensor![[1.0, 2.0]], tensor![0.5]);
    let id = layer.weight.id();
    Init::constant(7.0).fill(&mut layer.weight, &mut rng(0));
    assert!(layer.weight.value == tensor![[7.0, 7.0]] && layer.weight.id() == id);
}
