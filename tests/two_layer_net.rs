//! The two-layer net, from primitive nodes and from the library's parts, against the fixed-layer original in NumPy
//! (`tests/golden/two_layer.py`), and its training.

#[path = "support/golden.rs"]
mod golden;

use std::collections::BTreeMap;

use rand::{SeedableRng, rngs::StdRng};
use rensa::data::{Dataset, Loader};
use rensa::nn::{Labels, Linear, Module, Parts, Relu, Sequential, TwoLayerNet};
use rensa::optim::{Optimizer, Sgd};
use rensa::train::accuracy;
use rensa::{Float, Gradients, Param, Reduction, Tape, Tensor};

const TOLERANCE: f64 = 1e-12;

struct Golden(BTreeMap<String, (Vec<usize>, Vec<f64>)>);

impl Golden {
    fn load() -> Self {
        Golden(golden::load(include_str!("golden/two_layer.txt")))
    }

    fn get(&self, name: &str) -> Tensor<f64> {
        let (shape, values) = &self.0[name];
        Tensor::from_vec(values.clone(), &shape[..]).unwrap()
    }

    /// The net of case a.
    fn net(&self) -> TwoLayerNet<f64> {
        net(["W1", "b1", "W2", "b2"].map(|name| self.get(&format!("a/{name}"))))
    }
}

fn net(values: [Tensor<f64>; 4]) -> TwoLayerNet<f64> {
    let [inputs, hidden, outputs] = [values[0].shape()[0], values[1].len(), values[3].len()];
    let mut net = TwoLayerNet::init(inputs, hidden, outputs, &mut StdRng::seed_from_u64(0));
    let [w1, b1, w2, b2] = values;
    (net.w1.value, net.b1.value, net.w2.value, net.b2.value) = (w1, b1, w2, b2);
    net
}

/// The same weights in ready parts, whose matrices stand the other way round.
fn parts(net: &TwoLayerNet<f64>) -> Sequential<f64> {
    Sequential::new()
        .with(Linear::new(net.w1.value.t(), net.b1.value.clone()))
        .with(Relu)
        .with(Linear::new(net.w2.value.t(), net.b2.value.clone()))
}

#[track_caller]
fn assert_close(found: &Tensor<f64>, expected: &Tensor<f64>) {
    assert_eq!(found.shape(), expected.shape());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= TOLERANCE * e.abs().max(1.0), "found {f}, expected {e}");
    }
}

/// The gradients of the net's parameters, in the order of the golden names.
fn parameter_gradients(net: &TwoLayerNet<f64>, gradients: &Gradients<f64>) -> [(&'static str, Tensor<f64>); 4] {
    [("dW1", &net.w1), ("db1", &net.b1), ("dW2", &net.w2), ("db2", &net.b2)]
        .map(|(name, param)| (name, gradients[param].clone()))
}

fn check_primitive(case: &str, net: &TwoLayerNet<f64>, golden: &Golden, labels: Labels<'_, f64>) {
    let tape = Tape::new();
    let x = tape.leaf(golden.get("a/x"));
    assert_close(&net.predict(x).value(), &golden.get(&format!("{case}/logits")));
    let loss = net.loss(x, labels);
    assert_close(&loss.value(), &golden.get(&format!("{case}/loss")));
    let gradients = loss.backward();
    for (name, gradient) in parameter_gradients(net, &gradients) {
        assert_close(&gradient, &golden.get(&format!("{case}/{name}")));
    }
    assert_close(&gradients[x], &golden.get(&format!("{case}/dx")));
    let expected = golden.get(&format!("{case}/accuracy")).item();
    assert_eq!(net.accuracy(&golden.get("a/x"), labels), expected);
}

#[test]
fn primitive_nodes_equal_the_fixed_layers() {
    let golden = Golden::load();
    let one_hot = golden.get("a/t");
    let classes = Tensor::from_vec(golden.0["b/t"].1.iter().map(|&c| c as usize).collect(), [4]).unwrap();
    check_primitive("a", &golden.net(), &golden, Labels::from(&one_hot));
    check_primitive("a", &golden.net(), &golden, Labels::from(&classes));
}

#[test]
fn the_variant_with_a_second_relu_equals_the_fixed_layers() {
    let golden = Golden::load();
    check_primitive("c", &golden.net().with_last_relu(), &golden, Labels::from(&golden.get("a/t")));
}

#[test]
fn ready_parts_equal_the_fixed_layers() {
    let golden = Golden::load();
    let (net, t) = (golden.net(), golden.get("a/t"));
    let classes = t.argmax(-1);
    let parts = parts(&net);
    let tape = Tape::new();
    let (x, t) = (tape.leaf(golden.get("a/x")), tape.constant(t));
    for loss in
        [parts.forward(x).cross_entropy(&classes, Reduction::Mean), parts.forward(x).cross_entropy(t, Reduction::Mean)]
    {
        assert_close(&loss.value(), &golden.get("a/loss"));
        let gradients = loss.backward();
        assert_close(&gradients[x], &golden.get("a/dx"));
        let mut found = Vec::new();
        parts.visit(&rensa::nn::Path::ROOT, &mut |path, param: &Param<f64>| {
            found.push((path.to_string(), gradients[param].clone()));
        });
        let names: Vec<&str> = found.iter().map(|(name, _)| &name[..]).collect();
        assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias"]);
        for ((_, gradient), name) in found.iter().zip(["dW1", "db1", "dW2", "db2"]) {
            assert_close(&gradient.t(), &golden.get(&format!("a/{name}")));
        }
    }
}

/// `((a·i² + b·i) mod p) / p` for the flat index i, which has the same bits everywhere.
fn formula(p: u64, a: u64, b: u64, shape: &[usize]) -> Tensor<f64> {
    let n: usize = shape.iter().product();
    let value = |i: u64| ((a * i * i + b * i) % p) as f64 / p as f64;
    Tensor::from_vec((0..n as u64).map(value).collect(), shape).unwrap()
}

#[test]
fn the_net_of_full_size_equals_the_fixed_layers() {
    let golden = Golden::load();
    let net = net([
        (formula(10009, 53, 4001, &[784, 50]) - 0.5) * 0.2,
        (formula(1009, 11, 17, &[50]) - 0.5) * 0.2,
        formula(1013, 29, 301, &[50, 10]) - 0.5,
        (formula(1019, 7, 101, &[10]) - 0.5) * 0.2,
    ]);
    let labels = Tensor::from_fn([100], |i| (7 * i[0] + 3) % 10);
    let tape = Tape::new();
    let x = tape.leaf(formula(10007, 37, 7919, &[100, 784]));
    let loss = net.loss(x, &labels);
    assert_close(&loss.value(), &golden.get("d/loss"));
    let gradients = loss.backward();
    let mut all: Vec<(&str, Tensor<f64>)> = parameter_gradients(&net, &gradients).into();
    all.push(("dx", gradients[x].clone()));
    for (name, gradient) in all {
        let [sum, weighted, at, entries] =
            ["sum", "wsum", "at", "entries"].map(|what| golden.get(&format!("d/{name}/{what}")));
        assert_close(&gradient.sum(..), &sum);
        let weights = Tensor::from_fn([gradient.len()], |i| (0.11 * i[0] as f64).cos());
        assert_close(&(gradient.flatten() * weights).sum(..), &weighted);
        let places = Tensor::from_vec(at.iter().map(|&i| i as usize).collect(), at.shape()).unwrap();
        assert_close(&gradient.flatten().index_select(0, &places), &entries);
    }
}

#[test]
fn gradient_is_loss_and_gradients() {
    let golden = Golden::load();
    let (net, t) = (golden.net(), golden.get("a/t"));
    let (loss, gradients) = net.gradient(&mut Tape::new(), &golden.get("a/x"), &t);
    assert_close(&Tensor::scalar(loss), &golden.get("a/loss"));
    assert_close(&gradients[&net.w1], &golden.get("a/dW1"));
}

#[test]
fn the_second_relu_stops_the_gradient_of_a_class_with_a_negative_score() {
    let mut net = TwoLayerNet::<f64>::init(4, 3, 3, &mut StdRng::seed_from_u64(0)).with_last_relu();
    net.b2.value = rensa::tensor![1.0, -1.0, 2.0]; // the score of class 1 is negative for every input
    let (x, labels) = (Tensor::ones([2, 4]), rensa::tensor![1_usize, 0]);
    let (_, gradients) = net.gradient(&mut Tape::new(), &x, &labels);
    assert_eq!(gradients[&net.w2].slice(rensa::slice![.., 1]).to_vec(), [0.0; 3]);
    assert_eq!(gradients[&net.b2][[1]], 0.0);
    assert!(gradients[&net.b2][[0]] != 0.0);
}

/// Some steps of training on drawn digits, and the final parameters.
fn trained<T: Float>(iterations: usize) -> (TwoLayerNet<T>, f64, f64) {
    let data = Dataset::<T>::digits(2_000, 1).unwrap();
    let mut net = TwoLayerNet::init(784, 50, 10, &mut StdRng::seed_from_u64(3));
    let (mut tape, mut gradients, mut sgd) = (Tape::new(), Gradients::new(), Sgd::new(0.1));
    let before = accuracy(&net, &data, &mut tape);
    let mut loader = Loader::new(&data, 100, 3);
    for _ in 0..iterations {
        let batch = loader.next_batch().unwrap();
        tape.step(&mut gradients, |tape| net.loss(tape.constant(batch.inputs), &batch.labels));
        sgd.step(&mut net, &gradients).unwrap();
    }
    let after = accuracy(&net, &data, &mut tape);
    (net, before, after)
}

#[test]
fn training_learns_the_drawn_digits() {
    let (_, before, after) = trained::<f32>(600);
    assert!(before < 0.3 && after > 0.9, "accuracy {before} before and {after} after training");
}

#[test]
fn trap_28_the_same_seed_gives_the_same_bits_with_any_number_of_threads() {
    let bits = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (net, _, after) = pool.install(|| trained::<f32>(60));
        let bits: Vec<u32> =
            net.state().tensors.values().flat_map(|t| t.iter().map(|x| x.to_bits()).collect::<Vec<_>>()).collect();
        (bits, after)
    };
    let one = bits(1);
    assert_eq!(one, bits(2));
    assert_eq!(one, bits(4));
}
