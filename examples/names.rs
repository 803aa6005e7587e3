//! A model that invents names: it learns, from the eight characters before, which one comes next, and then draws names of its own.
//!
//! `cargo run --release --example names -- [--data FILE] [--quick]`, with a file of one name a line, such as the 32,000 most frequent first
//! names of a country; without one it learns from a few hundred that it knows. Of those 32,000 it is left with 2.05 nats per character on the
//! tenth that it has not seen.
//!
//! Source: Bengio et al., "A Neural Probabilistic Language Model" (2003), §2.

use std::error::Error;
use std::path::PathBuf;

use rand::distr::{Distribution, weighted::WeightedIndex};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rensa::data::{Dataset, Loader, text, text::Vocabulary};
use rensa::nn::{Embedding, Linear};
use rensa::optim::{AdamW, Scheduled};
use rensa::prelude::*;

const CONTEXT: usize = 8;
/// Marks both the place before a name begins and the one behind its end.
const END: usize = 0;

struct Model<T: Float> {
    embedding: Embedding<T>,
    hidden: Linear<T>,
    output: Linear<T>,
}
parts!(Model<T> { embedding, hidden, output });

impl<T: Float> Model<T> {
    fn init(tokens: usize, rng: &mut StdRng) -> Self {
        Model {
            embedding: Embedding::init(tokens, 16, rng),
            hidden: Linear::init(CONTEXT * 16, 200, rng),
            output: Linear::init(200, tokens, rng),
        }
    }

    /// The scores of every character to come next: `[n, context]` → `[n, tokens]`.
    fn forward<'t>(&self, tape: &'t Tape<T>, context: &Tensor<usize>) -> Var<'t, T> {
        let x = self.embedding.forward(tape, context).reshape([-1, CONTEXT as isize * 16]);
        self.output.forward(self.hidden.forward(x).tanh())
    }

    fn name(&self, vocabulary: &Vocabulary, rng: &mut StdRng) -> Result<String, Box<dyn Error>> {
        let mut tokens = vec![END; CONTEXT];
        loop {
            let tape = Tape::new();
            let _paused = tape.pause();
            let context = Tensor::from_fn([1, CONTEXT], |i| tokens[tokens.len() - CONTEXT + i[1]]);
            let chances = self.forward(&tape, &context).value().softmax(-1).cast::<f64>().to_vec();
            match WeightedIndex::new(chances)?.sample(rng) {
                END => return Ok(vocabulary.decode(&tokens[CONTEXT..])?),
                token => tokens.push(token),
            }
        }
    }
}

/// Every character of every name with those before it.
fn examples(names: &[String], vocabulary: &Vocabulary) -> rensa::Result<Dataset<usize>> {
    let (mut contexts, mut next) = (Vec::new(), Vec::new());
    for name in names {
        let mut tokens = vec![END; CONTEXT];
        tokens.extend(vocabulary.encode(name)?);
        tokens.push(END);
        for window in tokens.windows(CONTEXT + 1) {
            contexts.extend(&window[..CONTEXT]);
            next.push(window[CONTEXT]);
        }
    }
    let n = next.len();
    Dataset::new(Tensor::from_vec(contexts, [n, CONTEXT])?, Tensor::from_vec(next, [n])?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (data, quick) = options()?;
    let mut names: Vec<String> = match data {
        Some(path) => text::lines(path)?.iter().map(|name| name.to_lowercase()).collect(),
        None => NAMES.split_whitespace().map(String::from).collect(),
    };
    let rng = &mut StdRng::seed_from_u64(0);
    for i in (1..names.len()).rev() {
        names.swap(i, rng.random_range(0..=i));
    }
    let vocabulary = Vocabulary::chars(&format!("\n{}", names.concat())); // the line end is character 0: END
    let (training, held_out) = names.split_at(names.len() * 9 / 10);
    let (training, held_out) = (examples(training, &vocabulary)?, examples(held_out, &vocabulary)?);
    let mut net = Model::<f32>::init(vocabulary.len(), rng);
    let mut loader = Loader::new(&training, 64.min(training.len()), 0);
    let (mut tape, mut gradients, mut optimizer) = (Tape::new(), Gradients::new(), AdamW::new(3e-3).weight_decay(0.05));
    let steps = if quick { 300 } else { 20_000 };
    for step in 0..steps {
        optimizer.set_lr(3e-3 * (1.0 - f64::from(step) / f64::from(steps)));
        let batch = loader.next_batch()?;
        tape.step(&mut gradients, |tape| {
            net.forward(tape, &batch.inputs).cross_entropy(&batch.labels, Reduction::Mean)
        });
        optimizer.step(&mut net, &gradients)?;
        if step % (steps / 10) == 0 || step + 1 == steps {
            let loss = |data: &Dataset<usize>| {
                let (tape, some) = (Tape::new(), data.narrow(0, data.len().min(20_000)));
                tape.paused(|| net.forward(&tape, &some.inputs).cross_entropy(&some.labels, Reduction::Mean).item())
            };
            println!("step {step:>5}: loss {:.3}, held out {:.3} nats per character", loss(&training), loss(&held_out));
        }
    }
    let invented: Result<Vec<String>, _> = (0..20).map(|_| net.name(&vocabulary, rng)).collect();
    println!("invented: {}", invented?.join(", "));
    Ok(())
}

fn options() -> Result<(Option<PathBuf>, bool), lexopt::Error> {
    use lexopt::prelude::*;
    let (mut data, mut quick) = (None, false);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("data") => data = Some(arguments.value()?.into()),
            Long("quick") => quick = true,
            _ => return Err(argument.unexpected()),
        }
    }
    Ok((data, quick))
}

const NAMES: &str = "anna emma olivia ava sophia mia amelia harper evelyn abigail emily ella avery sofia camila aria scarlett victoria \
madison luna grace chloe penelope layla riley zoey nora lily eleanor hannah lillian addison aubrey ellie stella natalie zoe leah hazel \
violet aurora savannah audrey brooklyn bella claire skylar lucy paisley everly nova naomi elena sarah ariana allison gabriella alice \
liam noah william james oliver benjamin elijah lucas mason logan alexander ethan jacob michael daniel henry jackson sebastian aiden \
matthew samuel david joseph carter owen wyatt john jack luke jayden dylan grayson levi isaac gabriel julian mateo anthony jaxon lincoln \
joshua christopher andrew theodore caleb ryan asher nathan thomas leo isaiah charles josiah hudson christian hunter connor eli ezra \
aaron landon adrian jonathan nolan jeremiah easton elias colton cameron carson robert angel maverick nicholas dominic jaxson greyson";
