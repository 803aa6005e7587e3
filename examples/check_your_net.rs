//! Is my gradient right? Three checks of a net with a normalisation over the batch, and what their tables say.
//!
//! With one example in the batch everything before the normalisation is taken out by its mean: nearly every gradient is zero, and a
//! check that compares zeros with zeros proves nothing. And as β starts at 0, each value behind it lies exactly on the kink of the
//! relu, where no gradient is right or wrong. A checker that does not look for both passes such a net, or blames it.
//!
//! `cargo run --release --example check_your_net [-- --quick]`; with `--quick` along random directions only, else every element, and
//! second order.

use rand::{SeedableRng, rngs::StdRng};
use rensa::check::{self, Check, Part, Verdict};
use rensa::nn::{Linear, Module};
use rensa::{Float, Op, Param, Pullback, Tensor, Var, keep};

/// Linear, batch normalisation, relu, linear.
struct Net<T: Float> {
    first: Linear<T>,
    gamma: Param<T>,
    beta: Param<T>,
    last: Linear<T>,
}
rensa::parts!(Net<T> { first, gamma, beta, last });

impl<T: Float> Net<T> {
    fn init(rng: &mut StdRng) -> Self {
        Net {
            first: Linear::init(4, 6, rng),
            gamma: Param::new(Tensor::ones([6])),
            beta: Param::new(Tensor::zeros([6])),
            last: Linear::init(6, 3, rng),
        }
    }
}

impl<T: Float> Module<T> for Net<T> {
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let tape = x.tape();
        let x = self.first.forward(x);
        let centred = x - x.mean(keep(0));
        let deviation = ((centred * centred).mean(keep(0)) + T::of(1e-5)).sqrt();
        let normalised = centred / deviation * tape.param(&self.gamma) + tape.param(&self.beta);
        self.last.forward(normalised.relu())
    }
}

/// `y = x · sigmoid(x)`, whose rule has forgotten a term.
#[derive(Debug)]
struct Swish;

impl<T: Float> Op<T> for Swish {
    fn name(&self) -> &'static str {
        "swish"
    }

    fn forward(&mut self, xs: &[&Tensor<T>]) -> Tensor<T> {
        xs[0] * &xs[0].sigmoid()
    }

    fn vjp<'t>(&self, p: &mut Pullback<'t, T>) {
        let ([x], g) = (p.inputs(), p.g);
        p.accum(0, || g * x.sigmoid()); // + y (1 − sigmoid(x))
    }
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rng = &mut StdRng::seed_from_u64(0);
    let mut net = Net::<f64>::init(rng);

    println!("A batch of one example, before training:\n");
    let one = check::module(&mut net, &Tensor::normal([1, 4], 0.0, 1.0, rng));
    println!("{one}");
    let verdict = |name: &str| one.rows().iter().find(|row| row.name == name).map(|row| row.verdict);
    assert_eq!(verdict("first.weight"), Some(Verdict::Vacuous));
    assert_eq!(verdict("beta"), Some(Verdict::Kink));
    assert!(!one.is_right() && one.rows().iter().all(|row| row.verdict != Verdict::Wrong));

    println!(
        "Eight examples, β as after some training. The mean also takes out the first bias: that is so, and we declare it:\n"
    );
    net.beta.value = Tensor::normal([6], 0.0, 1.0, rng);
    let check = Check::new().flat("first.bias");
    let check = if quick { check } else { check.full().parts([Part::First, Part::Second]) };
    let eight = check.module(&mut net, &Tensor::normal([8, 4], 0.0, 1.0, rng));
    println!("{eight}");
    eight.assert();

    println!("An op of our own, with a mistake in its rule:\n");
    let swish = check::op(|| Swish, [&Tensor::<f64>::normal([2, 3], 0.0, 1.0, rng)]);
    println!("{swish}");
    assert_eq!(swish.rows()[0].verdict, Verdict::Wrong);
}
