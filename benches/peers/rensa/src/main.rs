//! rensa.

mod peak;

use common::{Work, noise, serve};
use rensa::nn::{
    Conv2d, Flatten, LayerNorm, Linear, MaxPool2d, Module, Parts, Relu, Sequential, scaled_dot_product_attention,
};
use rensa::optim::{Adam, Optimizer, Sgd};
use rensa::{Conv, Float, Gradients, Param, Reduction, Tape, Tensor, Var};

fn tensor<T: Float>(shape: &[usize], seed: u32, scale: f64) -> Tensor<T> {
    let values = noise(shape.iter().product(), seed, scale).into_iter().map(T::of).collect();
    Tensor::from_vec(values, shape).expect("as many as the shape has")
}

fn linear(inputs: usize, outputs: usize, seed: u32, scale: f64) -> Linear<f32> {
    Linear::new(tensor(&[outputs, inputs], seed, scale), tensor(&[outputs], seed + 1, scale))
}

fn labels(n: usize) -> Tensor<usize> {
    Tensor::from_fn([n], |i| i[0] % 10)
}

type Loss<M> = for<'t> fn(&M, Var<'t, f32>) -> Var<'t, f32>;

fn training<M: Parts<f32> + 'static>(
    mut net: M,
    x: Tensor<f32>,
    mut optimizer: impl Optimizer<f32> + 'static,
    loss: Loss<M>,
) -> Option<Work> {
    let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
    Work::step(move || {
        let loss = tape.step(&mut gradients, |tape| loss(&net, tape.constant(x.clone())));
        optimizer.step(&mut net, &gradients).expect("every parameter has a gradient");
        f64::from(loss)
    })
}

fn classify<'t>(net: &Sequential<f32>, x: Var<'t, f32>) -> Var<'t, f32> {
    net.forward(x).cross_entropy(&labels(x.shape()[0]), Reduction::Mean)
}

fn two_layer() -> Option<Work> {
    let net = Sequential::new().with(linear(784, 50, 2, 0.05)).with(Relu).with(linear(50, 10, 4, 0.1));
    training(net, tensor(&[100, 784], 1, 1.0), Sgd::new(0.1), classify)
}

fn mlp_adam() -> Option<Work> {
    let net = Sequential::new().with(linear(784, 1024, 2, 0.03)).with(Relu).with(linear(1024, 1024, 4, 0.03));
    let net = net.with(Relu).with(linear(1024, 10, 6, 0.03));
    training(net, tensor(&[512, 784], 1, 1.0), Adam::new(1e-5), classify)
}

fn convnet() -> Option<Work> {
    let conv = Conv2d::new(tensor(&[30, 1, 5, 5], 2, 0.1), tensor(&[30], 3, 0.1), Conv::new());
    let net = Sequential::new().with(conv).with(Relu).with(MaxPool2d::new(2)).with(Flatten::default());
    let net = net.with(linear(4320, 100, 4, 0.02)).with(Relu).with(linear(100, 10, 6, 0.1));
    training(net, tensor(&[100, 1, 28, 28], 1, 1.0), Sgd::new(0.01), classify)
}

struct Block<T: Float> {
    qkv: Linear<T>,
    out: Linear<T>,
    up: Linear<T>,
    down: Linear<T>,
    norms: Vec<LayerNorm<T>>,
}
rensa::parts!(Block<T> { qkv, out, up, down, norms });

const BATCH: usize = 16;
const TOKENS: usize = 64;
const WIDTH: usize = 128;
const HEADS: usize = 4;

fn transformer() -> Option<Work> {
    let block = Block {
        qkv: linear(WIDTH, 3 * WIDTH, 2, 0.1),
        out: linear(WIDTH, WIDTH, 4, 0.1),
        up: linear(WIDTH, 4 * WIDTH, 6, 0.1),
        down: linear(4 * WIDTH, WIDTH, 8, 0.05),
        norms: (0..2).map(|_| LayerNorm::init([WIDTH])).collect(),
    };
    training(block, tensor(&[BATCH, TOKENS, WIDTH], 1, 1.0), Sgd::new(0.01), |block, x| {
        let (b, s, h) = (BATCH as isize, TOKENS as isize, HEADS as isize);
        let qkv = block.qkv.forward(block.norms[0].forward(x)).reshape([b, s, 3, h, (WIDTH / HEADS) as isize]);
        let qkv = qkv.permute(&[2, 0, 3, 1, 4]);
        let [q, k, v] = [0, 1, 2].map(|i| qkv.narrow(0, i, 1).squeeze(0));
        let attended = scaled_dot_product_attention(q, k, v, &[]).swapaxes(1, 2).reshape([b, s, WIDTH as isize]);
        let y = x + block.out.forward(attended);
        let y = y + block.down.forward(block.up.forward(block.norms[1].forward(y)).gelu());
        y.square().mean(..)
    })
}

fn chain() -> Option<Work> {
    let (x, mut tape, mut gradients) = (Param::new(Tensor::full([1], 0.5_f32)), Tape::new(), Gradients::new());
    let (a, b) = (Tensor::full([1], 0.9), Tensor::full([1], 0.1));
    let mut call = move || {
        tape.step(&mut gradients, |tape| {
            let (a, b) = (tape.constant(a.clone()), tape.constant(b.clone()));
            (0..500).fold(tape.param(&x), |z, _| z * a + b)
        });
        f64::from(gradients[&x].item())
    };
    Work::new(vec![call()], move || {
        let _ = call();
    })
}

fn elementwise(n: usize) -> Option<Work> {
    let inputs = [1, 2, 3].map(|seed| Param::new(tensor::<f32>(&[n], seed, 1.0)));
    let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
    let mut call = move |check: bool| {
        let value = tape.step(&mut gradients, |tape| {
            let [x, w, b] = inputs.each_ref().map(|p| tape.param(p));
            ((x * w + b).tanh() * x.sigmoid()).sum(..)
        });
        if !check {
            return Vec::new();
        }
        [value].into_iter().chain(inputs.iter().map(|p| gradients[p].sum(..).item())).map(f64::from).collect()
    };
    Work::new(call(true), move || drop(call(false)))
}

fn few<T: Float>(y: &Tensor<T>) -> Vec<f64> {
    let flat = y.to_contiguous().reshape([-1]);
    let of = |x: T| x.to_f64().expect("a number");
    vec![of((&flat * &flat).mean(..).item()), of(flat[[0]]), of(flat[[flat.len() - 1]])]
}

fn computed<T: Float>(call: impl Fn() -> Tensor<T> + 'static) -> Option<Work> {
    Work::new(few(&call()), move || drop(std::hint::black_box(call())))
}

fn matmul<T: Float>(form: &str, sizes: &[usize]) -> Option<Work> {
    let (m, k, n) = (sizes[0], sizes[1], sizes[2]);
    let a: Tensor<T> = if form.starts_with('T') { tensor(&[k, m], 1, 1.0).t() } else { tensor(&[m, k], 1, 1.0) };
    let b: Tensor<T> = if form.ends_with('T') { tensor(&[n, k], 2, 1.0).t() } else { tensor(&[k, n], 2, 1.0) };
    computed(move || a.matmul(&b))
}

fn bmm(sizes: &[usize]) -> Option<Work> {
    let (a, b) = (tensor::<f32>(&sizes[..3], 1, 1.0), tensor(&[sizes[0], sizes[2], sizes[3]], 2, 1.0));
    computed(move || a.matmul(&b))
}

fn reduction(axis: isize, op: &str) -> Option<Work> {
    let x: Tensor<f32> = tensor(&[1024, 1024], 1, 1.0);
    let norm = LayerNorm::init([1024]);
    match op {
        "sum" => computed(move || x.sum(axis)),
        "mean" => computed(move || x.mean(axis)),
        "var" => computed(move || x.var(axis, 1)),
        "softmax" => computed(move || x.softmax(axis)),
        "log_softmax" => computed(move || x.log_softmax(axis)),
        "layer_norm" => {
            let mut tape = Tape::new();
            let mut call = move || {
                tape.reset();
                tape.paused(|| norm.forward(tape.constant(x.clone())).value())
            };
            Work::new(few(&call()), move || drop(call()))
        }
        _ => None,
    }
}

fn conv2d(sizes: &[usize]) -> Option<Work> {
    let &[n, channels, size, kernel, stride] = sizes else { return None };
    let (x, w) = (
        Param::new(tensor::<f32>(&[n, channels, size, size], 1, 1.0)),
        Param::new(tensor(&[64, channels, kernel, kernel], 2, 0.05)),
    );
    let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
    let mut call = move |check: bool| {
        tape.step(&mut gradients, |tape| {
            tape.param(&x).conv2d(tape.param(&w), Conv::new().stride(stride).padding(kernel / 2)).sum(..)
        });
        if check { [few(&gradients[&x]), few(&gradients[&w])].concat() } else { Vec::new() }
    };
    Work::new(call(true), move || drop(call(false)))
}

fn make(case: &str) -> Option<Work> {
    let words: Vec<&str> = case.split(' ').collect();
    let numbers: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
    match words[..] {
        ["matmul", "f32", form, ..] => matmul::<f32>(form, &numbers),
        ["matmul", "f64", form, ..] => matmul::<f64>(form, &numbers),
        ["peak", scalar] => peak::peak(scalar),
        ["bmm", ..] => bmm(&numbers),
        ["two-layer"] => two_layer(),
        ["mlp-adam"] => mlp_adam(),
        ["chain"] => chain(),
        ["elementwise", _] => elementwise(numbers[0]),
        ["rows", op] => reduction(1, op),
        ["columns", op] => reduction(0, op),
        ["convnet"] => convnet(),
        ["conv2d", ..] => conv2d(&numbers),
        ["transformer"] => transformer(),
        _ => None,
    }
}

/// The pool is entered once, as a training loop should.
fn main() {
    rensa::awake(|| serve(make));
}
