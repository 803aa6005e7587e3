//! candle.

use candle_core::{D, DType, Device::Cpu, Result, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, SGD, loss::cross_entropy, ops};
use common::{Work, noise32, serve};

fn tensor(shape: &[usize], seed: u32, scale: f64) -> Tensor {
    Tensor::from_vec(noise32(shape.iter().product(), seed, scale), shape, &Cpu).expect("as many as the shape has")
}

fn var(shape: &[usize], seed: u32, scale: f64) -> Var {
    Var::from_tensor(&tensor(shape, seed, scale)).expect("a tensor")
}

fn linear(inputs: usize, outputs: usize, seed: u32, scale: f64) -> [Var; 2] {
    [var(&[outputs, inputs], seed, scale), var(&[outputs], seed + 1, scale)]
}

fn labels(n: usize) -> Tensor {
    Tensor::from_vec((0..n as u32).map(|i| i % 10).collect::<Vec<_>>(), n, &Cpu).expect("n labels")
}

fn affine(x: &Tensor, w: &Tensor, b: &Tensor) -> Result<Tensor> {
    x.broadcast_matmul(&w.t()?)?.broadcast_add(b)
}

fn layer_norm(x: &Tensor, g: &Tensor, b: &Tensor) -> Result<Tensor> {
    let d = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let s = (d.sqr()?.mean_keepdim(D::Minus1)? + 1e-5)?.sqrt()?;
    d.broadcast_div(&s)?.broadcast_mul(g)?.broadcast_add(b)
}

fn training(
    mut optimizer: impl Optimizer + 'static,
    loss: impl Fn() -> Result<Tensor> + 'static,
) -> Result<Option<Work>> {
    Ok(Work::step(move || {
        let mut step = || -> Result<f64> {
            let loss = loss()?;
            optimizer.backward_step(&loss)?;
            Ok(f64::from(loss.to_scalar::<f32>()?))
        };
        step().expect("a step")
    }))
}

fn two_layer() -> Result<Option<Work>> {
    let (x, y) = (tensor(&[100, 784], 1, 1.0), labels(100));
    let p = [linear(784, 50, 2, 0.05), linear(50, 10, 4, 0.1)].concat();
    training(SGD::new(p.clone(), 0.1)?, move || {
        cross_entropy(&affine(&affine(&x, &p[0], &p[1])?.relu()?, &p[2], &p[3])?, &y)
    })
}

fn mlp_adam() -> Result<Option<Work>> {
    let (x, y) = (tensor(&[512, 784], 1, 1.0), labels(512));
    let p = [linear(784, 1024, 2, 0.03), linear(1024, 1024, 4, 0.03), linear(1024, 10, 6, 0.03)].concat();
    let adam = AdamW::new(p.clone(), ParamsAdamW { lr: 1e-5, weight_decay: 0.0, ..Default::default() })?;
    training(adam, move || {
        let h = affine(&affine(&x, &p[0], &p[1])?.relu()?, &p[2], &p[3])?.relu()?;
        cross_entropy(&affine(&h, &p[4], &p[5])?, &y)
    })
}

fn convnet() -> Result<Option<Work>> {
    let (x, y) = (tensor(&[100, 1, 28, 28], 1, 1.0), labels(100));
    let conv = [var(&[30, 1, 5, 5], 2, 0.1), var(&[30], 3, 0.1)];
    let p = [conv, linear(4320, 100, 4, 0.02), linear(100, 10, 6, 0.1)].concat();
    training(SGD::new(p.clone(), 0.01)?, move || {
        let h = x.conv2d(&p[0], 0, 1, 1, 1)?.broadcast_add(&p[1].reshape((1, 30, 1, 1))?)?.relu()?;
        let h = affine(&h.max_pool2d(2)?.flatten_from(1)?, &p[2], &p[3])?.relu()?;
        cross_entropy(&affine(&h, &p[4], &p[5])?, &y)
    })
}

fn transformer() -> Result<Option<Work>> {
    let (b, s, d, h) = (16, 64, 128, 4);
    let x = tensor(&[b, s, d], 1, 1.0);
    let mut p =
        [linear(d, 3 * d, 2, 0.1), linear(d, d, 4, 0.1), linear(d, 4 * d, 6, 0.1), linear(4 * d, d, 8, 0.05)].concat();
    for _ in 0..2 {
        p.extend([Var::ones(d, DType::F32, &Cpu)?, Var::zeros(d, DType::F32, &Cpu)?]);
    }
    training(SGD::new(p.clone(), 0.01)?, move || {
        let qkv = affine(&layer_norm(&x, &p[8], &p[9])?, &p[0], &p[1])?.reshape((b, s, 3, h, d / h))?;
        let at = |i| qkv.narrow(2, i, 1)?.squeeze(2)?.transpose(1, 2)?.contiguous();
        let (q, k, v) = (at(0)?, at(1)?, at(2)?);
        let weights = ops::softmax(&(q.matmul(&k.t()?)? / ((d / h) as f64).sqrt())?, 3)?;
        let attended = weights.matmul(&v)?.transpose(1, 2)?.reshape((b, s, d))?;
        let y = (&x + affine(&attended, &p[2], &p[3])?)?;
        let m = affine(&layer_norm(&y, &p[10], &p[11])?, &p[4], &p[5])?.gelu_erf()?;
        (y + affine(&m, &p[6], &p[7])?)?.sqr()?.mean_all()
    })
}

fn chain() -> Result<Option<Work>> {
    let (x, a, b) = (Var::new(&[0.5_f32], &Cpu)?, Tensor::new(&[0.9_f32], &Cpu)?, Tensor::new(&[0.1_f32], &Cpu)?);
    let call = move || -> Result<f64> {
        let mut z = x.as_tensor().clone();
        for _ in 0..500 {
            z = ((z * &a)? + &b)?;
        }
        let gradients = z.backward()?;
        Ok(f64::from(gradients.get(&x).expect("z depends on x").to_vec1::<f32>()?[0]))
    };
    Ok(Work::new(vec![call()?], move || drop(call())))
}

fn elementwise(n: usize) -> Result<Option<Work>> {
    let [x, w, b] = [1, 2, 3].map(|seed| var(&[n], seed, 1.0));
    let call = move |check: bool| -> Result<Vec<f64>> {
        let z = ((x.as_tensor() * w.as_tensor())? + b.as_tensor())?.tanh()?;
        let value = (z * ops::sigmoid(&x)?)?.sum_all()?;
        let gradients = value.backward()?;
        let mut found = Vec::new();
        if check {
            found.push(f64::from(value.to_scalar::<f32>()?));
            for input in [&x, &w, &b] {
                found.push(f64::from(gradients.get(input).expect("a gradient").sum_all()?.to_scalar::<f32>()?));
            }
        }
        Ok(found)
    };
    Ok(Work::new(call(true)?, move || drop(call(false))))
}

fn main() {
    serve(|case| {
        let made = match case {
            "two-layer" => two_layer(),
            "mlp-adam" => mlp_adam(),
            "chain" => chain(),
            "elementwise 10000" => elementwise(10_000),
            "elementwise 1000000" => elementwise(1_000_000),
            "convnet" => convnet(),
            "transformer" => transformer(),
            _ => Ok(None),
        };
        made.expect("a case that candle can compute")
    });
}
