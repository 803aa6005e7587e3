//! The order in which a pass goes over the examples.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

/// A generator that depends on these three numbers and on nothing else.
pub(super) fn generator(seed: u64, epoch: u64, batch: u64) -> StdRng {
    let mut key = [0; 32];
    for (i, number) in [seed, epoch, batch].into_iter().enumerate() {
        key[8 * i..8 * (i + 1)].copy_from_slice(&number.to_le_bytes());
    }
    StdRng::from_seed(key)
}

/// Which examples an epoch has, and in what order.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// All, from the first to the last.
    Given,
    /// All, in a random order.
    Shuffled,
    /// So many, drawn by their weights.
    Weighted { weights: SumTree, draws: usize, replace: bool },
}

impl Order {
    /// The number of examples in an epoch of `n` examples.
    pub(super) fn len(&self, n: usize) -> usize {
        match self {
            Order::Given | Order::Shuffled => n,
            Order::Weighted { draws, .. } => *draws,
        }
    }

    /// The order of an epoch of `n` examples.
    pub(super) fn epoch(&self, n: usize, rng: &mut StdRng) -> Vec<usize> {
        match self {
            Order::Given => (0..n).collect(),
            Order::Shuffled => {
                let mut order: Vec<usize> = (0..n).collect();
                order.shuffle(rng);
                order
            }
            Order::Weighted { weights, draws, replace: true } => (0..*draws).map(|_| weights.draw(rng)).collect(),
            Order::Weighted { weights, draws, replace: false } => {
                let mut rest = weights.clone();
                (0..*draws).map(|_| rest.take(rng)).collect()
            }
        }
    }
}

/// Weights as the leaves of a binary tree whose nodes are the sums of their two children, so that one is drawn, or taken out, in log n
/// steps. No sum is ever corrected by a difference, so a tree of which all is taken out is exactly 0.
#[derive(Clone, Debug)]
pub(super) struct SumTree {
    /// The root is 1; the children of i are 2i and 2i + 1; the leaves come last, their number a power of two.
    nodes: Vec<f64>,
}

impl SumTree {
    pub(super) fn new(weights: &[f64]) -> Self {
        let leaves = weights.len().next_power_of_two();
        let mut nodes = vec![0.0; leaves];
        nodes.extend(weights);
        nodes.resize(2 * leaves, 0.0);
        for i in (1..leaves).rev() {
            nodes[i] = nodes[2 * i] + nodes[2 * i + 1];
        }
        SumTree { nodes }
    }

    fn leaves(&self) -> usize {
        self.nodes.len() / 2
    }

    /// The sum of all weights.
    pub(super) fn total(&self) -> f64 {
        self.nodes[1]
    }

    /// An index, with probability proportional to its weight; never one of weight 0, as long as there is another.
    fn draw(&self, rng: &mut StdRng) -> usize {
        let mut rest = rng.random::<f64>() * self.total();
        let mut i = 1;
        while i < self.leaves() {
            let (left, right) = (self.nodes[2 * i], self.nodes[2 * i + 1]);
            // A sum is rounded, so what is left of the number may reach beyond the last weight.
            if rest < left || right == 0.0 {
                i *= 2;
            } else {
                rest -= left;
                i = 2 * i + 1;
            }
        }
        i - self.leaves()
    }

    /// Draws an index and takes its weight out.
    fn take(&mut self, rng: &mut StdRng) -> usize {
        let index = self.draw(rng);
        let mut i = index + self.leaves();
        self.nodes[i] = 0.0;
        while i > 1 {
            i /= 2;
            self.nodes[i] = self.nodes[2 * i] + self.nodes[2 * i + 1];
        }
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_weights_are_drawn_once_and_then_the_tree_is_empty() {
        let weights = [0.1, 1e-9, 0.0, 3.0, 0.7, 1e9, 0.2];
        for seed in 0..50 {
            let rng = &mut generator(seed, 0, 0);
            let mut tree = SumTree::new(&weights);
            let mut drawn: Vec<usize> = (0..6).map(|_| tree.take(rng)).collect();
            assert_eq!(tree.total(), 0.0);
            drawn.sort_unstable();
            assert_eq!(drawn, [0, 1, 3, 4, 5, 6]);
        }
        assert_eq!(SumTree::new(&[2.0]).draw(&mut generator(0, 0, 0)), 0);
    }
}
