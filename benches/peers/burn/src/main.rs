//! burn, on its CPU backend.

use burn::module::Module;
use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::nn::pool::MaxPool2dConfig;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData, activation, module};
use common::{Work, noise32, serve};

fn tensor<const D: usize>(shape: [usize; D], seed: u32, scale: f64, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(noise32(shape.iter().product(), seed, scale), shape), device)
}

fn labels(n: usize, device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new((0..n as i64).map(|i| i % 10).collect::<Vec<_>>(), [n]), device)
}

fn number(x: Tensor<1>) -> f64 {
    x.into_data().iter::<f64>().next().expect("one number")
}

/// A parameter with an SGD update.
struct Parameter<const D: usize>(Option<Tensor<D>>);

impl<const D: usize> Parameter<D> {
    fn new(x: Tensor<D>) -> Self {
        Parameter(Some(x.detach().require_grad()))
    }

    fn get(&self) -> Tensor<D> {
        self.0.clone().expect("it is put back")
    }

    fn step(&mut self, gradients: &mut Gradients, lr: f32) {
        let p = self.0.take().expect("it is put back");
        let d = p.grad_remove(gradients).expect("a gradient");
        self.0 = Some(Tensor::from_inner(p.inner() - d * lr).require_grad());
    }
}

/// Weights `[inputs, outputs]` and bias.
struct Affine(Parameter<2>, Parameter<1>);

impl Affine {
    fn new(inputs: usize, outputs: usize, seed: u32, scale: f64, device: &Device) -> Self {
        // Laid out anew, as burn keeps them.
        let from = noise32(outputs * inputs, seed, scale);
        let weight = (0..inputs * outputs).map(|i| from[i % outputs * inputs + i / outputs]).collect::<Vec<_>>();
        let weight = Tensor::from_data(TensorData::new(weight, [inputs, outputs]), device);
        Affine(Parameter::new(weight), Parameter::new(tensor([outputs], seed + 1, scale, device)))
    }

    fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        module::linear(x, self.0.get(), Some(self.1.get()))
    }

    fn step(&mut self, gradients: &mut Gradients, lr: f32) {
        self.0.step(gradients, lr);
        self.1.step(gradients, lr);
    }
}

fn two_layer(device: &Device, loss: CrossEntropyLoss) -> Option<Work> {
    let (x, y) = (tensor([100, 784], 1, 1.0, device), labels(100, device));
    let (mut a, mut b) = (Affine::new(784, 50, 2, 0.05, device), Affine::new(50, 10, 4, 0.1, device));
    Work::step(move || {
        let value = loss.forward(b.forward(activation::relu(a.forward(x.clone()))), y.clone());
        let mut gradients = value.backward();
        a.step(&mut gradients, 0.1);
        b.step(&mut gradients, 0.1);
        number(value)
    })
}

#[derive(Module, Debug)]
struct Mlp {
    a: burn::nn::Linear,
    b: burn::nn::Linear,
    c: burn::nn::Linear,
}

fn mlp_adam(device: &Device, loss: CrossEntropyLoss) -> Option<Work> {
    let (x, y) = (tensor([512, 784], 1, 1.0, device), labels(512, device));
    let linear = |inputs, outputs, seed| {
        let mut layer = burn::nn::LinearConfig::new(inputs, outputs).init(device);
        let Affine(weight, bias) = Affine::new(inputs, outputs, seed, 0.03, device);
        layer.weight = burn::module::Param::from_tensor(weight.get().detach());
        layer.bias = Some(burn::module::Param::from_tensor(bias.get().detach()));
        layer
    };
    let mut net = Some(Mlp { a: linear(784, 1024, 2), b: linear(1024, 1024, 4), c: linear(1024, 10, 6) });
    let mut adam = AdamConfig::new().with_epsilon(1e-8).init();
    Work::step(move || {
        let m = net.take().expect("it is put back");
        let h = activation::relu(m.b.forward(activation::relu(m.a.forward(x.clone()))));
        let value = loss.forward(m.c.forward(h), y.clone());
        let gradients = GradientsParams::from_grads(value.backward(), &m);
        net = Some(adam.step(1e-5, m, gradients));
        number(value)
    })
}

fn convnet(device: &Device, loss: CrossEntropyLoss) -> Option<Work> {
    let (x, y) = (tensor([100, 1, 28, 28], 1, 1.0, device), labels(100, device));
    let mut w = Parameter::new(tensor([30, 1, 5, 5], 2, 0.1, device));
    let mut bias = Parameter::new(tensor([30], 3, 0.1, device));
    let (mut a, mut b) = (Affine::new(4320, 100, 4, 0.02, device), Affine::new(100, 10, 6, 0.1, device));
    let pool = MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init();
    Work::step(move || {
        let h = module::conv2d(x.clone(), w.get(), Some(bias.get()), ConvOptions::new([1, 1], [0, 0], [1, 1], 1));
        let h: Tensor<2> = pool.forward(activation::relu(h)).flatten(1, 3);
        let value = loss.forward(b.forward(activation::relu(a.forward(h))), y.clone());
        let mut gradients = value.backward();
        w.step(&mut gradients, 0.01);
        bias.step(&mut gradients, 0.01);
        a.step(&mut gradients, 0.01);
        b.step(&mut gradients, 0.01);
        number(value)
    })
}

fn transformer(device: &Device) -> Option<Work> {
    let (b, s, d, h) = (16, 64, 128, 4);
    let x = tensor([b, s, d], 1, 1.0, device);
    let sizes = [(d, 3 * d, 2, 0.1), (d, d, 4, 0.1), (d, 4 * d, 6, 0.1), (4 * d, d, 8, 0.05)];
    let mut p = sizes.map(|(i, o, seed, scale)| Affine::new(i, o, seed, scale, device));
    let mut norms = [1.0, 0.0, 1.0, 0.0].map(|c| Parameter::new(Tensor::<1>::zeros([d], device) + c));
    Work::step(move || {
        let n = module::layer_norm(x.clone(), norms[0].get(), Some(norms[1].get()), 1e-5);
        let qkv = p[0].forward(n).reshape([b, s, 3, h, d / h]);
        let at = |i: usize| qkv.clone().narrow(2, i, 1).squeeze_dim::<4>(2).swap_dims(1, 2);
        let weights = activation::softmax(at(0).matmul(at(1).transpose()) / ((d / h) as f32).sqrt(), 3);
        let attended = weights.matmul(at(2)).swap_dims(1, 2).reshape([b, s, d]);
        let y = x.clone() + p[1].forward(attended);
        let n = module::layer_norm(y.clone(), norms[2].get(), Some(norms[3].get()), 1e-5);
        let value = (y + p[3].forward(activation::gelu(p[2].forward(n)))).square().mean();
        let mut gradients = value.backward();
        p.iter_mut().for_each(|p| p.step(&mut gradients, 0.01));
        norms.iter_mut().for_each(|p| p.step(&mut gradients, 0.01));
        number(value)
    })
}

fn chain(device: &Device) -> Option<Work> {
    let [x, a, b] = [0.5_f32, 0.9, 0.1].map(|x| Tensor::<1>::from_data([x], device));
    let x = x.detach().require_grad();
    let call = move || {
        let mut z: Tensor<1> = x.clone();
        for _ in 0..500 {
            z = z * a.clone() + b.clone();
        }
        number(x.grad(&z.backward()).expect("z depends on x"))
    };
    Work::new(vec![call()], move || {
        let _ = call();
    })
}

fn elementwise(n: usize, device: &Device) -> Option<Work> {
    let inputs: [Tensor<1>; 3] = [1, 2, 3].map(|seed| tensor([n], seed, 1.0, device).detach().require_grad());
    let call = move |check: bool| {
        let [x, w, b] = inputs.clone();
        let value = ((x.clone() * w + b).tanh() * activation::sigmoid(x)).sum();
        let gradients = value.backward();
        if !check {
            return Vec::new();
        }
        let sums = inputs.iter().map(|x| number(x.grad(&gradients).expect("a gradient").sum()));
        [number(value)].into_iter().chain(sums).collect()
    };
    Work::new(call(true), move || drop(call(false)))
}

fn main() {
    #[allow(deprecated)]
    let inner = Device::flex();
    let device = &inner.clone().autodiff();
    let loss: CrossEntropyLoss = CrossEntropyLossConfig::new().init(device);
    serve(|case| match case {
        "two-layer" => two_layer(device, loss.clone()),
        "mlp-adam" => mlp_adam(device, loss.clone()),
        "chain" => chain(device),
        "elementwise 10000" => elementwise(10_000, device),
        "elementwise 1000000" => elementwise(1_000_000, device),
        "convnet" => convnet(device, loss.clone()),
        "transformer" => transformer(device),
        _ => None,
    });
}
