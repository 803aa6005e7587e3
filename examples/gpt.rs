//! A small GPT: a transformer that learns to continue a text, character by character. It prints samples as it learns and the loss on the
//! last tenth of the text, which it does not learn from: on the million characters of tiny Shakespeare 1.53 nats per character after ten
//! minutes on two cores that were busy with other work too.
//!
//! `cargo run --release --example gpt -- --data FILE [--minutes 10] [--quick]`; without a file it learns a sonnet by heart.
//!
//! Source: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), §2.3.

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use rand::distr::weighted::{self, WeightedIndex};
use rand::{SeedableRng, distr::Distribution, rngs::StdRng};
use rensa::data::text::{self, Vocabulary, Windows};
use rensa::data::{Dataset, Examples, Loader};
use rensa::nn::{Embedding, LayerNorm, Linear, Mask, TransformerEncoderLayer};
use rensa::optim::{AdamW, Scheduled};
use rensa::prelude::*;

/// Tokens that are looked at to predict the next; sequences in a batch; numbers for each token.
const CONTEXT: usize = 64;
const BATCH: usize = 16;
const WIDTH: usize = 128;
const RATE: f64 = 2e-3;

struct Gpt<T: Float> {
    token: Embedding<T>,
    position: Embedding<T>,
    blocks: Vec<TransformerEncoderLayer<T>>,
    norm: LayerNorm<T>,
    head: Linear<T>,
}
parts!(Gpt<T> { token, position, blocks, norm, head });

impl<T: Float> Gpt<T> {
    fn init(tokens: usize, rng: &mut StdRng) -> Self {
        let block =
            |rng: &mut StdRng| TransformerEncoderLayer::init(WIDTH, 4, 4 * WIDTH, rng).norm_first().gelu().dropout(0.0);
        Gpt {
            token: Embedding::init(tokens, WIDTH, rng),
            position: Embedding::init(CONTEXT, WIDTH, rng),
            blocks: (0..4).map(|_| block(rng)).collect(),
            norm: LayerNorm::init([WIDTH]),
            head: Linear::init(WIDTH, tokens, rng),
        }
    }

    /// The scores of every token to come next, at each place: `[n, length]` → `[n · length, tokens]`.
    fn forward<'t>(&self, tape: &'t Tape<T>, tokens: &Tensor<usize>) -> Var<'t, T> {
        let places = Tensor::from_fn([tokens.shape()[1]], |i| i[0]);
        let x = (self.token.forward(tape, tokens) + self.position.forward(tape, &places)) * T::of(0.1);
        let x = self.blocks.iter().fold(x, |x, block| block.forward_masked(x, &[Mask::Causal]));
        let scores = self.head.forward(self.norm.forward(x));
        scores.reshape([-1, scores.shape()[2] as isize])
    }

    fn loss<'t>(&self, tape: &'t Tape<T>, batch: &Dataset<usize>) -> Var<'t, T> {
        let targets = batch.labels.reshape([-1]);
        self.forward(tape, &batch.inputs).cross_entropy(&targets, Reduction::Mean)
    }

    /// `n` tokens that follow `start`, drawn one by one.
    fn continuation(&self, start: &[usize], n: usize, rng: &mut StdRng) -> Result<Vec<usize>, weighted::Error> {
        let mut tokens = start.to_vec();
        for _ in 0..n {
            let tape = Tape::new();
            let _paused = tape.pause();
            let seen = &tokens[tokens.len().saturating_sub(CONTEXT)..];
            let input = Tensor::from_fn([1, seen.len()], |i| seen[i[1]]);
            let scores = self.forward(&tape, &input).value();
            let chances = scores.narrow(0, seen.len() - 1, 1).softmax(-1).cast::<f64>().to_vec();
            tokens.push(WeightedIndex::new(chances)?.sample(rng));
        }
        Ok(tokens)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (data, minutes, quick) = options()?;
    let text = data.map_or_else(|| Ok(SONNET.repeat(8)), text::read)?;
    let vocabulary = Vocabulary::chars(&text);
    let tokens = vocabulary.encode(&text)?;
    let (training, held_out) = tokens.split_at(tokens.len() * 9 / 10);
    let rng = &mut StdRng::seed_from_u64(0);
    let mut net = Gpt::<f32>::init(vocabulary.len(), rng);
    println!("{} characters, {} different; {} parameters", tokens.len(), vocabulary.len(), net.parameter_count());
    let held_out = Windows::new(held_out.to_vec(), CONTEXT).with_step(CONTEXT);
    let mut loader = Loader::new(Windows::new(training.to_vec(), CONTEXT), BATCH, 0);
    let (mut tape, mut gradients, mut optimizer) = (Tape::new(), Gradients::new(), AdamW::new(RATE));
    let budget = if quick { 5.0 } else { minutes * 60.0 };
    let (clock, mut step, mut told) = (Instant::now(), 0, 0.0);
    loop {
        // Up over the first fiftieth of the time, then down along a cosine.
        let done = clock.elapsed().as_secs_f64() / budget;
        if done >= 1.0 {
            break;
        }
        optimizer.set_lr(RATE * (done * 50.0).min(1.0) * (0.5 + 0.5 * (std::f64::consts::PI * done).cos()).max(0.05));
        let batch = loader.next_batch()?;
        let loss = tape.step(&mut gradients, |tape| net.loss(tape, &batch));
        gradients.clip_norm(1.0);
        optimizer.step(&mut net, &gradients)?;
        step += 1;
        if done >= told {
            told += 0.1;
            println!("\n{:>3.0} % of the time, step {step}: loss {loss:.3} nats per character", done * 100.0);
            let sample = net.continuation(&training[..1], 80, rng)?;
            println!("{}", vocabulary.decode(&sample)?);
        }
    }
    let loss = held_out_loss(&net, &held_out, if quick { 4 } else { 64 })?;
    println!("\n{step} steps in {:.0} s: held-out loss {loss:.3} nats per character", clock.elapsed().as_secs_f64());
    Ok(())
}

/// The mean loss over up to `batches` batches.
fn held_out_loss(net: &Gpt<f32>, pieces: &Windows, batches: usize) -> rensa::Result<f64> {
    let (mut tape, n) = (Tape::new(), (BATCH * batches).min(pieces.len()));
    let mut sum = 0.0;
    for start in (0..n).step_by(BATCH) {
        let index: Vec<usize> = (start..n.min(start + BATCH)).collect();
        let batch = pieces.batch(&index)?;
        sum += tape.paused(|| f64::from(net.loss(&tape, &batch).item())) * index.len() as f64;
        tape.reset();
    }
    Ok(sum / n as f64)
}

fn options() -> Result<(Option<PathBuf>, f64, bool), lexopt::Error> {
    use lexopt::prelude::*;
    let (mut data, mut minutes, mut quick) = (None, 10.0, false);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("data") => data = Some(arguments.value()?.into()),
            Long("minutes") => minutes = arguments.value()?.parse()?,
            Long("quick") => quick = true,
            _ => return Err(argument.unexpected()),
        }
    }
    Ok((data, minutes, quick))
}

/// From Shakespeare's sonnet 18 (1609).
const SONNET: &str = "Shall I compare thee to a summer's day?\nThou art more lovely and more temperate:\n\
Rough winds do shake the darling buds of May,\nAnd summer's lease hath all too short a date:\n\
Sometime too hot the eye of heaven shines,\nAnd often is his gold complexion dimm'd;\n\
And every fair from fair sometime declines,\nBy chance or nature's changing course untrimm'd;\n";
