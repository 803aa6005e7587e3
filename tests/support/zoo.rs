//! Every layer once, each as a module of one input, for tests that hold for all of them.

#![allow(dead_code, unreachable_pub, reason = "a module of tests, of which every file uses its own part")]

use rand::rngs::StdRng;
use rensa::nn::*;
use rensa::{Conv, Padding, Param, Pool, Var, tensor};

/// Parts with a formula for their output, as a module.
pub struct With<P, F>(pub P, pub F);

impl<P: Parts<f64>, F> Parts<f64> for With<P, F> {
    fn parts(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Part<'_, f64>)) {
        self.0.parts(path, f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &mut Param<f64>)) {
        self.0.visit_mut(path, f);
    }
}

impl<P: Parts<f64>, F: for<'t> Fn(&P, Var<'t, f64>) -> Var<'t, f64>> Module<f64> for With<P, F> {
    fn forward<'t>(&self, x: Var<'t, f64>) -> Var<'t, f64> {
        (self.1)(&self.0, x)
    }
}

/// What is done with each layer.
pub trait Visit {
    /// `names` are those of the parameters in PyTorch's order; `shape` is that of an input.
    fn visit<M: Module<f64> + Send + Sync + 'static>(&mut self, kind: &str, names: &str, net: M, shape: &[usize]);
}

/// Everything in one vector.
fn joined<'t>(parts: &[Var<'t, f64>]) -> Var<'t, f64> {
    let flat: Vec<_> = parts.iter().map(|part| part.flatten()).collect();
    Var::concat(&flat, 0)
}

/// Parts of a vector, of these shapes.
fn cut<'t, const N: usize>(x: Var<'t, f64>, shapes: [&[usize]; N]) -> [Var<'t, f64>; N] {
    let mut start = 0;
    shapes.map(|shape| {
        let len = shape.iter().product();
        start += len;
        x.narrow(0, start - len, len).reshape(shape)
    })
}

/// The names of layers of a recurrent net.
pub fn recurrent_names(suffixes: &[&str], biases: bool) -> String {
    let all: &[&str] =
        if biases { &["weight_ih", "weight_hh", "bias_ih", "bias_hh"] } else { &["weight_ih", "weight_hh"] };
    let names: Vec<String> = suffixes.iter().flat_map(|s| all.iter().map(move |name| format!("{name}{s}"))).collect();
    names.join(" ")
}

/// Calls `visit` with every layer, its weights drawn from `rng`.
pub fn every_layer(v: &mut impl Visit, rng: &mut StdRng) {
    single(v, rng);
    norms(v, rng);
    convs(v, rng);
    recurrent(v, rng);
    attention(v, rng);
}

fn single(v: &mut impl Visit, rng: &mut StdRng) {
    v.visit("Linear", "weight bias", Linear::init(3, 2, rng), &[2, 2, 3]);
    v.visit("Linear", "weight", Linear::init(3, 2, rng).without_bias(), &[3]);
    v.visit("Flatten", "", Flatten::default(), &[2, 2, 3]);
    v.visit("Dropout", "", Dropout::init(0.4, rng), &[3, 4]);
    v.visit("Dropout", "", Dropout::init(0.4, rng).whole_channels(), &[2, 4, 2]);
    let residual = Residual::new(Linear::init(3, 3, rng));
    v.visit("Residual", "inner.weight inner.bias", residual, &[2, 3]);
    let residual = Residual::new(Linear::init(3, 2, rng)).shortcut(Linear::init(3, 2, rng).without_bias());
    v.visit("Residual", "inner.weight inner.bias shortcut.weight", residual, &[2, 3]);
    // Its input is a factor of what it looks up.
    fn looked_up<'t>(table: &Embedding<f64>, x: Var<'t, f64>) -> Var<'t, f64> {
        table.forward(x.tape(), &tensor![[2_usize, 0, 3], [3, 3, 0]]) * x
    }
    v.visit("Embedding", "weight", With(Embedding::init(4, 3, rng), looked_up), &[2, 1, 3]);
    v.visit("PRelu", "weight", PRelu::init(1), &[2, 3]);
    v.visit("PRelu", "weight", PRelu::init(3), &[2, 3, 2]);
    v.visit("SinusoidalPositions", "", SinusoidalPositions::init(5, 3), &[2, 4, 3]);
    v.visit("Rotary", "", Rotary::init(5, 4, Pairing::Halves), &[2, 3, 4]);
    v.visit("Rotary", "", Rotary::init(5, 4, Pairing::Neighbours), &[3, 4]);
    activations(v);
}

fn activations(v: &mut impl Visit) {
    v.visit("Identity", "", Identity, &[3, 2]);
    v.visit("Relu", "", Relu, &[3, 2]);
    v.visit("LeakyRelu", "", LeakyRelu::default(), &[3, 2]);
    v.visit("Relu6", "", Relu6, &[3, 2]);
    v.visit("Elu", "", Elu { alpha: 1.5 }, &[3, 2]);
    v.visit("Celu", "", Celu { alpha: 1.5 }, &[3, 2]);
    v.visit("Selu", "", Selu, &[3, 2]);
    v.visit("Gelu", "", Gelu, &[3, 2]);
    v.visit("GeluTanh", "", GeluTanh, &[3, 2]);
    v.visit("Silu", "", Silu, &[3, 2]);
    v.visit("Mish", "", Mish, &[3, 2]);
    v.visit("Hardswish", "", Hardswish, &[3, 2]);
    v.visit("Sigmoid", "", Sigmoid, &[3, 2]);
    v.visit("Hardsigmoid", "", Hardsigmoid, &[3, 2]);
    v.visit("LogSigmoid", "", LogSigmoid, &[3, 2]);
    v.visit("Tanh", "", Tanh, &[3, 2]);
    v.visit("Hardtanh", "", Hardtanh::default(), &[3, 2]);
    v.visit("Softsign", "", Softsign, &[3, 2]);
    v.visit("Softplus", "", Softplus { beta: 2.0 }, &[3, 2]);
    v.visit("Softmax", "", Softmax::default(), &[3, 2]);
    v.visit("LogSoftmax", "", LogSoftmax { axis: 0 }, &[3, 2]);
    v.visit("Glu", "", Glu::default(), &[3, 4]);
}

fn norms(v: &mut impl Visit, rng: &mut StdRng) {
    // Weights other than ones and zeros.
    let mut two = || [(); 2].map(|()| Init::uniform(0.5, 1.5).draw([2], rng));
    let [w, b] = two();
    v.visit("BatchNorm1d", "weight bias", BatchNorm1d::new(w, b), &[4, 2]);
    let [w, b] = two();
    v.visit("BatchNorm1d", "weight bias", BatchNorm1d::new(w, b), &[2, 2, 3]);
    let [w, b] = two();
    v.visit("BatchNorm2d", "weight bias", BatchNorm2d::new(w, b).momentum(None), &[2, 2, 3, 2]);
    v.visit("BatchNorm3d", "", BatchNorm3d::init(2).without_affine().without_running(), &[3, 2, 1, 2, 1]);
    let [w, b] = two();
    v.visit("LayerNorm", "weight bias", LayerNorm::new(w.reshape([1, 2]), b.reshape([1, 2])), &[2, 3, 1, 2]);
    v.visit("LayerNorm", "weight", LayerNorm::init([3]).without_bias(), &[2, 3]);
    let [w, _] = two();
    v.visit("RmsNorm", "weight", RmsNorm::new(w).eps(1e-3), &[3, 2]);
    v.visit("GroupNorm", "weight bias", GroupNorm::init(2, 4), &[2, 4, 3]);
    v.visit("InstanceNorm1d", "weight bias", InstanceNorm1d::init(2).affine(), &[2, 2, 3]);
    v.visit("InstanceNorm2d", "", InstanceNorm2d::init(2), &[2, 2, 2]);
}

fn convs(v: &mut impl Visit, rng: &mut StdRng) {
    let plain = Conv::new();
    v.visit("Conv1d", "weight bias", Conv1d::init(2, 3, 2, plain.stride(2).padding(1), rng), &[2, 2, 5]);
    let options = plain.stride([2, 1]).padding([(1, 0), (0, 1)]).dilation([1, 2]).groups(2);
    v.visit("Conv2d", "weight bias", Conv2d::init(4, 2, 2, options, rng), &[1, 4, 3, 3]);
    v.visit("Conv2d", "weight", Conv2d::init(2, 2, 3, plain.padding(Padding::Same), rng).without_bias(), &[2, 3, 3]);
    v.visit("Conv3d", "weight bias", Conv3d::init(1, 2, [1, 2, 2], plain, rng), &[1, 1, 2, 3, 2]);
    v.visit("ConvTranspose1d", "weight bias", ConvTranspose1d::init(2, 3, 3, plain.stride(2), rng), &[1, 2, 3]);
    let options = plain.stride([2, 3]).padding([1, 0]).output_padding([1, 2]).groups(2);
    v.visit("ConvTranspose2d", "weight bias", ConvTranspose2d::init(4, 2, 2, options, rng), &[1, 4, 2, 2]);
    v.visit("ConvTranspose3d", "weight", ConvTranspose3d::init(1, 2, 2, plain, rng).without_bias(), &[1, 2, 1, 2]);
    v.visit("MaxPool1d", "", MaxPool1d::new(2), &[2, 2, 5]);
    v.visit("MaxPool2d", "", MaxPool2d::new(Pool::new(2).stride(1).padding(1)), &[1, 2, 3, 3]);
    v.visit("MaxPool3d", "", MaxPool3d::new(2), &[1, 2, 2, 4]);
    v.visit("AvgPool1d", "", AvgPool1d::new(3), &[1, 2, 6]);
    v.visit("AvgPool2d", "", AvgPool2d::new(Pool::new([2, 3]).stride(1).padding(1)), &[1, 1, 3, 3]);
    v.visit("AvgPool3d", "", AvgPool3d::new(2), &[1, 1, 2, 2, 4]);
    v.visit("AdaptiveMaxPool1d", "", AdaptiveMaxPool1d::new(2), &[1, 2, 5]);
    v.visit("AdaptiveMaxPool2d", "", AdaptiveMaxPool2d::new([2, 1]), &[1, 3, 4]);
    v.visit("AdaptiveMaxPool3d", "", AdaptiveMaxPool3d::new(1), &[1, 2, 2, 2]);
    v.visit("AdaptiveAvgPool1d", "", AdaptiveAvgPool1d::new(2), &[1, 2, 5]);
    v.visit("AdaptiveAvgPool2d", "", AdaptiveAvgPool2d::new([2, 1]), &[1, 3, 4]);
    v.visit("AdaptiveAvgPool3d", "", AdaptiveAvgPool3d::new(1), &[1, 2, 2, 2]);
}

fn recurrent(v: &mut impl Visit, rng: &mut StdRng) {
    let (plain, deep) = (Recurrent::new(), Recurrent::new().layers(2).bidirectional().dropout(0.3));
    let deep_names = recurrent_names(&["_l0", "_l0_reverse", "_l1", "_l1_reverse"], true);
    // What is cut out of the input: time or batch first, and the state.
    fn rnn<'t>(net: &Rnn<f64>, x: Var<'t, f64>) -> Var<'t, f64> {
        let [x, h] = cut(x, [&[3, 2, 2], &[1, 2, 3]]);
        let (y, h) = net.forward(x, Some(h));
        joined(&[y, h])
    }
    fn unbatched<'t>(net: &Rnn<f64>, x: Var<'t, f64>) -> Var<'t, f64> {
        net.forward(x, None).0
    }
    fn lstm<'t>(net: &Lstm<f64>, x: Var<'t, f64>) -> Var<'t, f64> {
        let [x, h, c] = cut(x, [&[2, 3, 2], &[4, 2, 2], &[4, 2, 2]]);
        let (y, (h, c)) = net.forward(x, Some((h, c)));
        joined(&[y, h, c])
    }
    fn gru<'t>(net: &Gru<f64>, x: Var<'t, f64>) -> Var<'t, f64> {
        let [x, h] = cut(x, [&[2, 3, 2], &[4, 2, 2]]);
        let (y, h) = net.forward(x, Some(h));
        joined(&[y, h])
    }
    fn gru_without_state<'t>(net: &Gru<f64>, x: Var<'t, f64>) -> Var<'t, f64> {
        net.forward(x, None).0
    }
    v.visit("Rnn", &recurrent_names(&["_l0"], true), With(Rnn::init(2, 3, plain, rng), rnn), &[18]);
    let relu = Rnn::init(2, 3, plain.without_biases().bidirectional(), rng).relu();
    v.visit("Rnn", &recurrent_names(&["_l0", "_l0_reverse"], false), With(relu, unbatched), &[3, 2]);
    v.visit("Lstm", &deep_names, With(Lstm::init(2, 2, deep.batch_first(), rng), lstm), &[44]);
    v.visit("Gru", &deep_names, With(Gru::init(2, 2, deep.batch_first(), rng), gru), &[28]);
    v.visit("Gru", &recurrent_names(&["_l0"], true), With(Gru::init(2, 3, plain, rng), gru_without_state), &[3, 2, 2]);
}

const ATTENTION: &str = "in_proj_weight in_proj_bias out_proj.weight out_proj.bias";

fn attention(v: &mut impl Visit, rng: &mut StdRng) {
    fn to_itself<'t>(net: &MultiheadAttention<f64>, x: Var<'t, f64>) -> Var<'t, f64> {
        // The second query of the second sequence may look at nothing.
        let blocked = tensor![[false, false, true], [true, true, false], [false, false, false]];
        let padding = tensor![[false, true, false], [false, false, true]];
        net.forward(x, x, x, &[Mask::Blocked(&blocked), Mask::Padding(&padding)])
    }
    fn to_others<'t>(net: &MultiheadAttention<f64>, x: Var<'t, f64>) -> Var<'t, f64> {
        let [q, k, v, bias] = cut(x, [&[2, 4], &[3, 3], &[3, 2], &[2, 3]]);
        let (y, weights) = net.forward_with_weights(q, k, v, &[Mask::Added(bias)]);
        joined(&[y, weights])
    }
    fn encoder<'t>(net: &TransformerEncoderLayer<f64>, x: Var<'t, f64>) -> Var<'t, f64> {
        net.forward_masked(x, &[Mask::Causal])
    }
    fn decoder<'t>(net: &TransformerDecoderLayer<f64>, x: Var<'t, f64>) -> Var<'t, f64> {
        let [x, memory] = cut(x, [&[1, 3, 4], &[1, 2, 4]]);
        net.forward(x, memory, &[Mask::Causal], &[])
    }
    let net = MultiheadAttention::init(4, 2, rng).dropout(0.2);
    v.visit("MultiheadAttention", ATTENTION, With(net, to_itself), &[2, 3, 4]);
    let net = MultiheadAttention::init_with_sizes(4, 2, 3, 2, rng);
    let names = "q_proj_weight k_proj_weight v_proj_weight in_proj_bias out_proj.weight out_proj.bias";
    v.visit("MultiheadAttention", names, With(net, to_others), &[29]);

    let below = |layer: &str| ATTENTION.split(' ').map(|name| format!("{layer}.{name}")).collect::<Vec<_>>().join(" ");
    let pairs = |layers: &str| layers.split(' ').map(|l| format!("{l}.weight {l}.bias")).collect::<Vec<_>>().join(" ");
    let names = [below("self_attn"), pairs("linear1 linear2 norm1 norm2")].join(" ");
    let net = TransformerEncoderLayer::init(4, 2, 3, rng);
    v.visit("TransformerEncoderLayer", &names, With(net, encoder), &[1, 3, 4]);
    let net = TransformerEncoderLayer::init(4, 2, 3, rng).dropout(0.0).norm_first().gelu();
    v.visit("TransformerEncoderLayer", &names, net, &[2, 2, 4]);
    let names = [below("self_attn"), below("multihead_attn"), pairs("linear1 linear2 norm1 norm2 norm3")].join(" ");
    let net = TransformerDecoderLayer::init(4, 2, 6, rng);
    v.visit("TransformerDecoderLayer", &names, With(net, decoder), &[20]);
    let net = TransformerDecoderLayer::init(4, 2, 3, rng).norm_first().gelu();
    v.visit("TransformerDecoderLayer", &names, With(net, decoder), &[20]);
}
