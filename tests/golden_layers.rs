//! Layers against PyTorch: outputs, gradients by inputs and parameters, and what running statistics have become
//! (`tests/golden/torch_layers.py`). States are loaded by their names in PyTorch.

#[path = "support/golden.rs"]
mod golden;

use std::collections::BTreeMap;

use rand::{SeedableRng, rngs::StdRng};
use rensa::nn::*;
use rensa::{Conv, Padding, Pool, Tape, Tensor, Var};

type Golden = BTreeMap<String, (Vec<usize>, Vec<f64>)>;
type Vars<'t> = BTreeMap<String, Var<'t, f64>>;

/// What has no parameters.
struct Nothing;
rensa::parts!(Nothing for all {});

/// One case of a file.
struct Case<'a> {
    file: &'a Golden,
    name: &'a str,
}

impl Case<'_> {
    fn tensor(&self, name: &str) -> Tensor<f64> {
        let key = format!("{}/{name}", self.name);
        let (shape, values) = self.file.get(&key).unwrap_or_else(|| panic!("no {key}"));
        Tensor::from_vec(values.clone(), &shape[..]).expect("as many values as the shape holds")
    }

    /// Where a tensor of zeros and ones is one.
    fn mask(&self, name: &str) -> Tensor<bool> {
        self.tensor(name).equal(&Tensor::scalar(1.0))
    }

    /// The names below one of the groups `in`, `p`, ….
    fn names(&self, group: &str) -> Vec<String> {
        let prefix = format!("{}/{group}/", self.name);
        self.file.keys().filter_map(|key| key.strip_prefix(&prefix)).map(String::from).collect()
    }

    fn state(&self) -> State<f64> {
        let tensors = self.names("p").into_iter().map(|name| (name.clone(), self.tensor(&format!("p/{name}"))));
        let counts =
            self.names("n").into_iter().map(|name| (name.clone(), self.tensor(&format!("n/{name}")).item() as u64));
        State { tensors: tensors.collect(), counts: counts.collect() }
    }

    /// Whether `found` is what the file has under `name`, as closely as `f64` permits.
    fn compare(&self, name: &str, found: &Tensor<f64>) -> Vec<String> {
        let expected = self.tensor(name);
        if found.shape() != expected.shape() {
            return vec![format!("{}/{name}: {:?}, expected {:?}", self.name, found.shape(), expected.shape())];
        }
        let size = expected.iter().filter(|x| x.is_finite()).fold(1.0, |m: f64, x| m.max(x.abs()));
        let close = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-13 * size;
        let pairs = found.to_vec().into_iter().zip(expected.to_vec()).enumerate();
        let wrong = pairs.filter(|&(_, (a, b))| !close(a, b));
        wrong.map(|(i, (a, b))| format!("{}/{name}[{i}]: {a:e}, expected {b:e}", self.name)).collect()
    }

    /// Loads the state into `net`, runs it, and compares everything.
    fn check<P: Parts<f64>>(
        &self,
        mut net: P,
        forward: impl for<'t> Fn(&P, &Vars<'t>, &'t Tape<f64>) -> Vec<Var<'t, f64>>,
    ) -> Vec<String> {
        net.load_state(self.state()).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let tape = Tape::new();
        let inputs: Vars<'_> = self
            .names("in")
            .into_iter()
            .map(|name| (name.clone(), tape.leaf(self.tensor(&format!("in/{name}")))))
            .collect();
        let outputs = forward(&net, &inputs, &tape);
        assert_eq!(outputs.len(), self.names("y").len(), "{}: outputs", self.name);
        let mut wrong = Vec::new();
        let mut loss = tape.scalar(0.0);
        for (k, y) in outputs.iter().enumerate() {
            wrong.extend(self.compare(&format!("y/{k}"), &y.value()));
            // As the generator has it: what is infinite is not part of the loss.
            let finite = Var::where_cond(&y.value().is_finite(), *y, tape.scalar(0.0));
            loss = loss + (finite * tape.constant(self.tensor(&format!("w/{k}")))).sum(..);
        }
        let gradients = loss.backward();
        for name in self.names("gin") {
            wrong.extend(self.compare(&format!("gin/{name}"), &gradients[inputs[&name]]));
        }
        let mut seen = Vec::new();
        net.visit(&Path::ROOT, &mut |path, param| {
            seen.push(path.to_string());
            wrong.extend(self.compare(&format!("gp/{path}"), &gradients[param]));
        });
        seen.sort();
        assert_eq!(seen, self.names("gp"), "{}: parameters with a gradient", self.name);
        let State { tensors, counts } = net.state();
        for name in self.names("after") {
            let value = tensors.get(&name).cloned().unwrap_or_else(|| Tensor::scalar(counts[&name] as f64));
            wrong.extend(self.compare(&format!("after/{name}"), &value));
        }
        wrong
    }

    /// A module of the input x.
    fn module(&self, net: impl Module<f64>) -> Vec<String> {
        self.check(net, |net, x, _| vec![net.forward(x["x"])])
    }
}

/// Calls `check` with every case of a file, and says what was wrong.
fn every(text: &str, at_least: usize, check: impl Fn(&Case<'_>) -> Vec<String>) {
    let file = golden::load(text);
    let names: Vec<&str> = file.keys().filter_map(|key| key.strip_suffix("/y/0")).collect();
    assert!(names.len() >= at_least, "only {names:?}");
    let wrong: Vec<String> = names.into_iter().flat_map(|name| check(&Case { file: &file, name })).collect();
    assert!(wrong.is_empty(), "{} numbers differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(0)
}

#[test]
fn the_comparator_finds_what_is_wrong() {
    let file = golden::load("a/y 2 | 1.0 nan\n");
    let case = Case { file: &file, name: "a" };
    let judge =
        |values: &[f64]| case.compare("y", &Tensor::from_vec(values.to_vec(), [values.len()]).expect("fits")).len();
    assert_eq!((judge(&[1.0, f64::NAN]), judge(&[1.0]), judge(&[1.0, 0.0])), (0, 1, 1));
    assert_eq!((judge(&[f64::NAN, f64::NAN]), judge(&[1.0 + 1e-12, f64::NAN])), (1, 1));
}

fn activation(case: &Case<'_>, name: &str) -> Vec<String> {
    match name {
        "relu" => case.module(Relu),
        "leaky_relu" => case.module(LeakyRelu::default()),
        "relu6" => case.module(Relu6),
        "elu" => case.module(Elu { alpha: 1.5 }),
        "celu" => case.module(Celu { alpha: 2.0 }),
        "selu" => case.module(Selu),
        "gelu" => case.module(Gelu),
        "gelu_tanh" => case.module(GeluTanh),
        "silu" => case.module(Silu),
        "mish" => case.module(Mish),
        "hardswish" => case.module(Hardswish),
        "sigmoid" => case.module(Sigmoid),
        "hardsigmoid" => case.module(Hardsigmoid),
        "log_sigmoid" => case.module(LogSigmoid),
        "tanh" => case.module(Tanh),
        "hardtanh" => case.module(Hardtanh::default()),
        "softsign" => case.module(Softsign),
        "softplus" => case.module(Softplus { beta: 2.0 }),
        "prelu" => case.module(PRelu::init(1)),
        "softmax" => case.module(Softmax::default()),
        "log_softmax" => case.module(LogSoftmax::default()),
        _ => panic!("no activation called {name}"),
    }
}

#[test]
fn layers_and_activations_equal_those_of_pytorch() {
    every(include_str!("golden/torch_layers.txt"), 31, |case| {
        let embed = |table: Embedding<f64>| {
            let indices = case.tensor("in/indices");
            let indices = Tensor::from_fn(indices.shape(), |i| *indices.get(i).expect("inside") as usize);
            case.check(table, |table, _, tape| vec![table.forward(tape, &indices)])
        };
        let linear = || Linear::init(3, 2, &mut rng());
        let rotary = |pairing| {
            let rotary = Rotary::<f64>::init(9, 6, pairing);
            case.check(rotary, |rotary, x, _| vec![rotary.forward_from(x["x"], 3)])
        };
        match case.name {
            "linear" | "linear_vector" => case.module(linear()),
            "linear_without_bias" => case.module(linear().without_bias()),
            "embedding" => embed(Embedding::init(4, 2, &mut rng())),
            "embedding_padding" => embed(Embedding::init(4, 2, &mut rng()).padding(0)),
            "prelu_channels" => case.module(PRelu::init(3)),
            "glu" => case.module(Glu { axis: 1 }),
            "sinusoidal" => case.module(SinusoidalPositions::init(9, 6)),
            "rotary_halves" => rotary(Pairing::Halves),
            "rotary_neighbours" => rotary(Pairing::Neighbours),
            name => activation(case, name.strip_prefix("activation/").unwrap_or(name)),
        }
    });
}

#[test]
fn gains_equal_those_of_pytorch() {
    let file = golden::load(include_str!("golden/torch_layers.txt"));
    let table = [
        ("linear", Nonlinearity::Linear),
        ("sigmoid", Nonlinearity::Sigmoid),
        ("tanh", Nonlinearity::Tanh),
        ("relu", Nonlinearity::Relu),
        ("leaky_relu", Nonlinearity::LeakyRelu(0.2)),
        ("selu", Nonlinearity::Selu),
    ];
    assert_eq!(file.keys().filter(|key| key.starts_with("gain/")).count(), table.len());
    for (name, nonlinearity) in table {
        let wrong = Case { file: &file, name: "gain" }.compare(name, &Tensor::scalar(nonlinearity.gain()));
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

#[test]
fn normalisations_equal_those_of_pytorch() {
    every(include_str!("golden/torch_norms.txt"), 22, |case| {
        let evaluated = |net: &dyn Parts<f64>| net.eval();
        let three_batches = |norm: BatchNorm1d<f64>| {
            case.check(norm, |norm, x, _| {
                let mut outputs = Vec::from(["x0", "x1", "x2"].map(|name| norm.forward(x[name])));
                norm.eval();
                outputs.push(norm.forward(x["x0"]));
                outputs
            })
        };
        match case.name {
            "batch_norm_1d" => three_batches(BatchNorm1d::init(2)),
            "batch_norm_cumulative" => three_batches(BatchNorm1d::init(2).momentum(None)),
            "batch_norm_length" => case.module(BatchNorm1d::init(2).momentum(0.3).eps(0.1)),
            "batch_norm_2d" => case.module(BatchNorm2d::init(2)),
            "batch_norm_3d" => case.module(BatchNorm3d::init(2)),
            "batch_norm_eval" => {
                let norm = BatchNorm2d::init(2);
                evaluated(&norm);
                case.module(norm)
            }
            "batch_norm_one_in_eval" => {
                let norm = BatchNorm1d::init(2);
                evaluated(&norm);
                case.module(norm)
            }
            "batch_norm_without_affine" => case.module(BatchNorm1d::init(2).without_affine()),
            "batch_norm_without_running" => {
                let norm = BatchNorm1d::init(2).without_running();
                evaluated(&norm);
                case.module(norm)
            }
            "layer_norm" => case.module(LayerNorm::init([4])),
            "layer_norm_two_axes" => case.module(LayerNorm::init([2, 3]).eps(0.1)),
            "layer_norm_without_bias" => case.module(LayerNorm::init([3]).without_bias()),
            "layer_norm_without_affine" => case.module(LayerNorm::init([3]).without_affine()),
            "layer_norm_of_equals" => case.module(LayerNorm::init([3])),
            "rms_norm" => case.module(RmsNorm::init([4])),
            "rms_norm_eps" => case.module(RmsNorm::init([2, 2]).eps(0.1)),
            "group_norm" => case.module(GroupNorm::init(2, 4)),
            "group_norm_rank_2" => case.module(GroupNorm::init(2, 4).eps(0.1)),
            "group_norm_without_affine" => case.module(GroupNorm::init(1, 2).without_affine()),
            "instance_norm" => case.module(InstanceNorm1d::init(2)),
            "instance_norm_affine" => case.module(InstanceNorm2d::init(2).affine()),
            "instance_norm_unbatched" => case.module(InstanceNorm1d::init(2).affine()),
            name => panic!("no case {name}"),
        }
    });
}

fn pool(case: &Case<'_>, name: &str) -> Vec<String> {
    match name {
        "max1d" => case.module(MaxPool1d::new(2)),
        "max2d" => case.module(MaxPool2d::new(Pool::new([2, 3]).stride([1, 2]).padding(1).ceil_mode(true))),
        "max2d_dilated" => case.module(MaxPool2d::new(Pool::new(2).stride(1).dilation([2, 1]))),
        "max3d" => case.module(MaxPool3d::new(2)),
        "avg1d" => case.module(AvgPool1d::new(Pool::new(3).stride(2))),
        "avg2d" => case.module(AvgPool2d::new(Pool::new(2).stride(1).padding(1))),
        "avg2d_inside" => case.module(AvgPool2d::new(Pool::new(2).padding(1).count_include_pad(false).ceil_mode(true))),
        "avg3d" => case.module(AvgPool3d::new([1, 2, 2])),
        "adaptive_max1d" => case.module(AdaptiveMaxPool1d::new(3)),
        "adaptive_max2d" => case.module(AdaptiveMaxPool2d::new([2, 3])),
        "adaptive_max3d" => case.module(AdaptiveMaxPool3d::new(1)),
        "adaptive_avg1d" => case.module(AdaptiveAvgPool1d::new(3)),
        "adaptive_avg2d" => case.module(AdaptiveAvgPool2d::new([2, 3])),
        "adaptive_avg3d" => case.module(AdaptiveAvgPool3d::new(1)),
        _ => panic!("no pooling called {name}"),
    }
}

#[test]
fn convolutions_and_pooling_equal_those_of_pytorch() {
    every(include_str!("golden/torch_convs.txt"), 26, |case| {
        let (r, plain) = (&mut rng(), Conv::new());
        let options = plain.stride([2, 1]).padding([1, 0]).dilation([1, 2]).groups(2);
        let transposed = plain.stride([2, 3]).padding([1, 0]).output_padding([1, 2]).dilation([2, 1]).groups(2);
        match case.name {
            "conv1d" => case.module(Conv1d::init(2, 3, 2, plain.stride(2).padding(1), r)),
            "conv2d" => case.module(Conv2d::init(2, 2, 3, plain.padding(1), r)),
            "conv2d_options" => case.module(Conv2d::init(4, 2, 2, options, r)),
            "conv2d_same" => case.module(Conv2d::init(1, 2, [2, 3], plain.padding(Padding::Same), r).without_bias()),
            "conv2d_pointwise" => case.module(Conv2d::init(3, 2, 1, plain.stride(2), r)),
            "conv2d_unbatched" => case.module(Conv2d::init(2, 1, 2, plain, r)),
            "conv2d_depthwise" => case.module(Conv2d::init(2, 4, 2, plain.groups(2), r)),
            "conv3d" => case.module(Conv3d::init(1, 2, 2, plain.stride([1, 2, 1]), r)),
            "transposed1d" => {
                case.module(ConvTranspose1d::init(2, 3, 3, plain.stride(2).padding(1).output_padding(1), r))
            }
            "transposed2d" => case.module(ConvTranspose2d::init(4, 2, [2, 3], transposed, r)),
            "transposed2d_unbatched" => case.module(ConvTranspose2d::init(2, 1, 2, plain, r).without_bias()),
            "transposed3d" => case.module(ConvTranspose3d::init(1, 2, [1, 2, 2], plain.stride(2), r)),
            name => pool(case, name.strip_prefix("pool/").unwrap_or(name)),
        }
    });
}

#[test]
fn recurrent_layers_equal_those_of_pytorch() {
    every(include_str!("golden/torch_recurrent.txt"), 10, |case| {
        let (plain, r) = (Recurrent::new(), &mut rng());
        let deep = plain.layers(2).bidirectional();
        let rnn = |rnn: Rnn<f64>| {
            case.check(rnn, |rnn, x, _| {
                let (y, h) = rnn.forward(x["x"], x.get("h").copied());
                vec![y, h]
            })
        };
        let lstm = |lstm: Lstm<f64>| {
            case.check(lstm, |lstm, x, _| {
                let (y, (h, c)) = lstm.forward(x["x"], x.get("h").map(|&h| (h, x["c"])));
                vec![y, h, c]
            })
        };
        let gru = |gru: Gru<f64>| {
            case.check(gru, |gru, x, _| {
                let (y, h) = gru.forward(x["x"], x.get("h").copied());
                vec![y, h]
            })
        };
        match case.name {
            "rnn" => rnn(Rnn::init(3, 2, plain, r)),
            "rnn_relu" => rnn(Rnn::init(2, 3, plain.without_biases(), r).relu()),
            "rnn_deep" => rnn(Rnn::init(2, 2, deep.batch_first(), r)),
            "lstm" => lstm(Lstm::init(3, 2, plain, r)),
            "lstm_deep" => lstm(Lstm::init(2, 2, deep.batch_first(), r)),
            "lstm_unbatched" => lstm(Lstm::init(2, 3, plain.without_biases(), r)),
            "lstm_one_step" => lstm(Lstm::init(2, 2, plain.bidirectional(), r)),
            "gru" => gru(Gru::init(3, 2, plain, r)),
            "gru_deep" => gru(Gru::init(2, 2, deep, r)),
            "gru_unbatched" => gru(Gru::init(2, 3, plain.without_biases().bidirectional(), r)),
            name => panic!("no case {name}"),
        }
    });
}

/// Attention of x["q"] to x["k"] and x["v"].
fn dot<'t>(x: &Vars<'t>, masks: &[Mask<'_, 't, f64>]) -> Vec<Var<'t, f64>> {
    vec![scaled_dot_product_attention(x["q"], x["k"], x["v"], masks)]
}

/// Output and weights of an attention to itself.
fn to_itself<'t>(net: &MultiheadAttention<f64>, x: &Vars<'t>, masks: &[Mask<'_, 't, f64>]) -> Vec<Var<'t, f64>> {
    let (y, weights) = net.forward_with_weights(x["x"], x["x"], x["x"], masks);
    vec![y, weights]
}

/// Output and weights of an attention to something else.
fn cross<'t>(net: &MultiheadAttention<f64>, x: &Vars<'t>, masks: &[Mask<'_, 't, f64>]) -> Vec<Var<'t, f64>> {
    let (y, weights) = net.forward_with_weights(x["q"], x["k"], x["v"], masks);
    vec![y, weights]
}

#[test]
fn attention_equals_that_of_pytorch() {
    every(include_str!("golden/torch_attention.txt"), 16, |case| {
        let plain = || MultiheadAttention::init(4, 2, &mut rng());
        let encoder = || {
            let layer = TransformerEncoderLayer::init(4, 2, 3, &mut rng());
            layer.eval();
            layer
        };
        let decoder = || {
            let layer = TransformerDecoderLayer::init(4, 2, 3, &mut rng());
            layer.eval();
            layer
        };
        match case.name {
            "dot" => case.check(Nothing, |_, x, _| dot(x, &[])),
            "dot_causal" => case.check(Nothing, |_, x, _| dot(x, &[Mask::Causal])),
            "dot_allowed" => case.check(Nothing, |_, x, _| dot(x, &[Mask::Allowed(&case.mask("mask"))])),
            "dot_infinite" => {
                case.check(Nothing, |_, x, tape| dot(x, &[Mask::Added(tape.constant(case.tensor("mask")))]))
            }
            "dot_added" => case.check(Nothing, |_, x, _| dot(x, &[Mask::Added(x["bias"])])),
            "self" => case.check(plain(), |net, x, _| to_itself(net, x, &[])),
            "self_unbatched" => case.check(plain().without_bias(), |net, x, _| to_itself(net, x, &[])),
            "self_masked" => case
                .check(plain(), |net, x, _| to_itself(net, x, &[Mask::Causal, Mask::Padding(&case.mask("padding"))])),
            "cross_by_head" => case.check(plain(), |net, x, _| cross(net, x, &[Mask::Blocked(&case.mask("mask"))])),
            "cross_added" => {
                case.check(plain(), |net, x, tape| cross(net, x, &[Mask::Added(tape.constant(case.tensor("mask")))]))
            }
            "cross_other_sizes" => {
                let net = MultiheadAttention::init_with_sizes(4, 2, 3, 2, &mut rng());
                case.check(net, |net, x, _| cross(net, x, &[]))
            }
            "encoder" => case.module(encoder()),
            "encoder_masked" => case.check(encoder().norm_first().gelu().eps(0.01), |net, x, _| {
                vec![net.forward_masked(x["x"], &[Mask::Causal, Mask::Padding(&case.mask("padding"))])]
            }),
            "encoder_without_biases" => case.module(encoder().without_biases()),
            "decoder" => case.check(decoder(), |net, x, _| vec![net.forward(x["x"], x["memory"], &[], &[])]),
            "decoder_masked" => case.check(decoder().norm_first().gelu(), |net, x, _| {
                let padding = case.mask("padding");
                vec![net.forward(x["x"], x["memory"], &[Mask::Causal], &[Mask::Padding(&padding)])]
            }),
            name => panic!("no case {name}"),
        }
    });
}
