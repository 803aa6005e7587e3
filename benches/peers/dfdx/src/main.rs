//! dfdx.

use common::{Work, noise32, serve};
use dfdx::losses::cross_entropy_with_logits_loss;
use dfdx::nn::builders::*;
use dfdx::optim::{Adam, AdamConfig, Optimizer, Sgd, SgdConfig};
use dfdx::prelude::*;

type TwoLayer = (Linear<784, 50>, ReLU, Linear<50, 10>);
type Mlp = (Linear<784, 1024>, ReLU, Linear<1024, 1024>, ReLU, Linear<1024, 10>);

fn hot(n: usize) -> Vec<f32> {
    (0..n * 10).map(|i| f32::from(i % 10 == i / 10 % 10)).collect()
}

fn layer<const I: usize, const O: usize>(layer: &mut modules::Linear<I, O, f32, Cpu>, seed: u32, scale: f64) {
    layer.weight.copy_from(&noise32(I * O, seed, scale));
    layer.bias.copy_from(&noise32(O, seed + 1, scale));
}

macro_rules! training {
    ($net:ident, $batch:literal, $dev:ident, $optimizer:expr) => {{
        let x: Tensor<Rank2<$batch, 784>, f32, Cpu> =
            $dev.tensor_from_vec(noise32($batch * 784, 1, 1.0), (Const, Const));
        let y: Tensor<Rank2<$batch, 10>, f32, Cpu> = $dev.tensor_from_vec(hot($batch), (Const, Const));
        let mut gradients = Some($net.alloc_grads());
        let mut optimizer = $optimizer;
        Work::step(move || {
            let scores = $net.forward_mut(x.clone().traced(gradients.take().expect("they come back")));
            let loss = cross_entropy_with_logits_loss(scores, y.clone());
            let value = f64::from(loss.array());
            let mut found = loss.backward();
            optimizer.update(&mut $net, &found).expect("every parameter has a gradient");
            $net.zero_grads(&mut found);
            gradients = Some(found);
            value
        })
    }};
}

fn two_layer() -> Option<Work> {
    let dev = Cpu::default();
    let mut net = dev.build_module::<TwoLayer, f32>();
    layer(&mut net.0, 2, 0.05);
    layer(&mut net.2, 4, 0.1);
    training!(net, 100, dev, Sgd::new(&net, SgdConfig { lr: 0.1, momentum: None, weight_decay: None }))
}

fn mlp_adam() -> Option<Work> {
    let dev = Cpu::default();
    let mut net = dev.build_module::<Mlp, f32>();
    layer(&mut net.0, 2, 0.03);
    layer(&mut net.2, 4, 0.03);
    layer(&mut net.4, 6, 0.03);
    training!(
        net,
        512,
        dev,
        Adam::new(&net, AdamConfig { lr: 1e-5, betas: [0.9, 0.999], eps: 1e-8, weight_decay: None })
    )
}

fn chain() -> Option<Work> {
    let dev = Cpu::default();
    let [x, a, b]: [Tensor<Rank1<1>, f32, Cpu>; 3] = [0.5, 0.9, 0.1].map(|x| dev.tensor_from_vec(vec![x], (Const,)));
    let call = move || {
        let mut z = x.leaky_trace();
        for _ in 0..500 {
            z = z * a.clone() + b.clone();
        }
        f64::from(z.sum().backward().get(&x).array()[0])
    };
    Work::new(vec![call()], move || {
        let _ = call();
    })
}

fn main() {
    serve(|case| match case {
        "two-layer" => two_layer(),
        "mlp-adam" => mlp_adam(),
        "chain" => chain(),
        _ => None,
    });
}
