//! Where a kink comes from: the first node whose values bend although those of its inputs do not.

use std::fmt;
use std::panic::Location;

use super::experiment::{Move, NodeRecord, Probe};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A node on a kink, or at a jump: the slopes of its value on the two sides differ, while those of its inputs agree.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Kink {
    /// The op.
    pub op: &'static str,
    /// The shape of the node's value.
    pub shape: Shape,
    /// The line of the program that made the node.
    pub location: &'static Location<'static>,
    /// How many of the value's elements bend.
    pub elements: usize,
    /// Whether the program itself takes another way there on one side: the node is the first that is not of the same op.
    pub branch: bool,
}

/// `relu [1, 50] at src/net.rs:12`.
impl fmt::Display for Kink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} at {}:{}", self.op, self.shape, self.location.file(), self.location.line())?;
        if self.branch {
            return write!(f, ", from which on the program takes another way on one side");
        }
        if self.elements < self.shape.elements() {
            write!(f, " (in {} of its {} elements)", self.elements, self.shape.elements())?;
        }
        Ok(())
    }
}

/// The nodes that bend at 0 along a direction though none of their inputs does, as seen with both steps.
pub(super) fn origins(probe: &mut dyn Probe, input: usize, u: &Tensor<f64>, [far, near]: [f64; 2]) -> Vec<Kink> {
    let epsilon = probe.epsilon();
    let mut at = |h: f64| probe.nodes((h != 0.0).then_some(Move { input, u, h }));
    let zero = at(0.0);
    let sides = [at(far), at(-far), at(near), at(-near)];
    let same = |a: &NodeRecord, b: &NodeRecord| a.op == b.op && a.shape == b.shape && a.inputs == b.inputs;
    let mut bent: Vec<bool> = Vec::new();
    let mut found = Vec::new();
    for (i, node) in zero.iter().enumerate() {
        let others: Vec<&NodeRecord> = sides.iter().filter_map(|nodes| nodes.get(i)).collect();
        if others.len() < 4 || others.iter().any(|other| !same(node, other)) {
            found.push(Kink { branch: true, ..kink(node, 0) });
            break;
        }
        let bends = |k: &usize| {
            let [far_plus, far_minus, plus, minus] = [0, 1, 2, 3].map(|side| others[side].values[*k]);
            let (near_side, far_side) = ([plus, minus, near], [far_plus, far_minus, far]);
            is_bent(node.values[*k], near_side, far_side, epsilon)
        };
        let elements = (0..node.values.len()).filter(bends).count();
        bent.push(elements > 0);
        if elements > 0 && !node.inputs.iter().any(|&input| bent[input]) {
            found.push(kink(node, elements));
        }
    }
    found
}

/// Whether a node bends between x and a step along a direction, on either side, though none of its inputs does.
pub(super) fn bends_within(probe: &mut dyn Probe, input: usize, u: &Tensor<f64>, h: f64) -> bool {
    let epsilon = probe.epsilon();
    let mut at = |h: f64| probe.nodes((h != 0.0).then_some(Move { input, u, h }));
    let (zero, sides) = (at(0.0), [at(h), at(-h), at(h / 2.0), at(-h / 2.0), at(h / 4.0), at(-h / 4.0)]);
    if sides.iter().any(|nodes| nodes.len() != zero.len()) {
        return true;
    }
    let mut bent: Vec<bool> = Vec::new();
    for (i, node) in zero.iter().enumerate() {
        if sides.iter().any(|nodes| nodes[i].values.len() != node.values.len()) {
            return true;
        }
        let pair = |k: usize, side: usize| [sides[side][i].values[k], sides[side + 1][i].values[k]];
        let bends = |k: usize| is_bent_within(node.values[k], [0, 2, 4].map(|side| pair(k, side)), epsilon);
        bent.push((0..node.values.len()).any(bends));
        if bent[i] && !node.inputs.iter().any(|&input| bent[input]) {
            return true;
        }
    }
    false
}

/// Whether a value bends somewhere between x and a step, from its values at both sides of x at the step, at half and at a quarter of it.
/// Where it is smooth, what is missing to a straight line is 4 and 16 times less there, or more at a flat place. With a bend it is not
/// that much less at half of the step, or at a quarter, or else it is nothing at a quarter.
fn is_bent_within(zero: f64, [far, half, quarter]: [[f64; 2]; 3], epsilon: f64) -> bool {
    let missing = |[plus, minus]: [f64; 2]| ((plus - zero) - (zero - minus)).abs();
    let rounding = 64.0 * epsilon * (zero.abs() + far[0].abs() + far[1].abs());
    let all = missing(far);
    let visible = all > 32.0 * rounding && all > 0.05 * (far[0] - zero).abs().max((zero - far[1]).abs());
    let less = all > 3.2 * missing(half) && all > 10.0 * missing(quarter);
    visible && !(less && missing(quarter) > rounding + all / 1000.0)
}

fn kink(node: &NodeRecord, elements: usize) -> Kink {
    Kink { op: node.op, shape: node.shape.clone(), location: node.location, elements, branch: false }
}

/// Whether the difference of the slopes on the two sides stays the same from the far step to the near one, where that of a smooth
/// value shrinks and that of a noisy one grows; or whether the slope across grows, by more than rounding.
fn is_bent(zero: f64, [plus, minus, h]: [f64; 3], [far_plus, far_minus, far]: [f64; 3], epsilon: f64) -> bool {
    let bend = |plus: f64, minus: f64, h: f64| ((plus - zero) - (zero - minus)).abs() / h;
    let slope = |plus: f64, minus: f64, h: f64| (plus - minus).abs() / (2.0 * h);
    let rounding = 64.0 * epsilon * (zero.abs() + plus.abs() + minus.abs()) / h;
    let (near_bend, far_bend) = (bend(plus, minus, h), bend(far_plus, far_minus, far));
    let (near_slope, far_slope) = (slope(plus, minus, h), slope(far_plus, far_minus, far));
    let kinked = near_bend > rounding + 1e-3 * near_slope
        && near_bend > (h / far).sqrt() * far_bend
        && near_bend < 2.0 * far_bend;
    let steep = near_slope > 4.0 * rounding && near_slope > 1.7 * far_slope;
    kinked || steep
}
