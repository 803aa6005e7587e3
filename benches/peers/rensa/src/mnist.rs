//! rensa, the whole training of the tutorial: `peer-rensa-mnist DIRECTORY ITERATIONS` prints the accuracy on the test images.

use rand::{SeedableRng, rngs::StdRng};
use rensa::data::{Dataset, Loader};
use rensa::nn::TwoLayerNet;
use rensa::optim::{Optimizer, Sgd};
use rensa::train::accuracy;
use rensa::{Gradients, Tape};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (directory, iterations) = (&arguments[0], arguments[1].parse()?);
    println!("{}", rensa::awake(|| train(directory, iterations))?);
    Ok(())
}

fn train(directory: &str, iterations: usize) -> rensa::Result<f64> {
    let (train, test) = Dataset::<f32>::mnist(directory)?;
    let mut net = TwoLayerNet::init(784, 50, 10, &mut StdRng::seed_from_u64(1));
    let (mut loader, mut sgd) = (Loader::new(&train, 100, 1), Sgd::new(0.1));
    let (mut tape, mut gradients) = (Tape::new(), Gradients::new());
    for i in 0..iterations {
        let batch = loader.next_batch()?;
        tape.step(&mut gradients, |tape| net.loss(tape.constant(batch.inputs), &batch.labels));
        sgd.step(&mut net, &gradients).expect("every parameter has a gradient");
        if i % 600 == 0 {
            accuracy(&net, &train, &mut tape);
            accuracy(&net, &test, &mut tape);
        }
    }
    Ok(accuracy(&net, &test, &mut tape))
}
