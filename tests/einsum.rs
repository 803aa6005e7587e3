//! Contractions: any equation on any layout gives what the sum written out index by index gives, and so do its gradients; what is
//! no equation is refused with all of it; and nothing is copied or kept that need not be.

#[path = "support/arbitrary.rs"]
mod arbitrary;
#[path = "support/compare.rs"]
mod compare;
#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/panics.rs"]
mod panics;

use std::collections::BTreeMap;

use arbitrary::{Dice, embed};
use compare::{Outcome, same};
use oracle::{Model, indices};
use panics::panic_of;
use proptest::prelude::*;
use rensa::{Tape, Tensor, Var};

/// An axis: a letter, or an axis of the ellipsis by its number from the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Axis {
    Ellipsis(usize),
    Letter(char),
}

/// A random equation, and the operands' axes and shapes. A size of an ellipsis may be 1 in an operand and another one in all.
struct Equation {
    text: String,
    inputs: Vec<(Vec<Axis>, Vec<usize>)>,
    output: Vec<Axis>,
    sizes: BTreeMap<Axis, usize>,
}

fn text_of(axes: &[Axis], dots_at: usize, has_dots: bool) -> String {
    let mut letters: Vec<String> =
        axes.iter().filter_map(|a| if let Axis::Letter(c) = a { Some(c.to_string()) } else { None }).collect();
    if has_dots {
        letters.insert(dots_at, "...".into());
    }
    letters.concat()
}

/// Letters with the axes of an ellipsis at a place between them.
fn with_ellipsis(letters: Vec<Axis>, at: usize, n: usize) -> Vec<Axis> {
    let mut axes = letters;
    axes.splice(at..at, (0..n).rev().map(Axis::Ellipsis));
    axes
}

impl Equation {
    fn random(dice: &mut Dice) -> Self {
        let pool = ['i', 'j', 'k', 'B', 'a'];
        let size = |dice: &mut Dice| dice.pick(&[0, 1, 1, 2, 2, 2, 2, 3, 3, 3]);
        let mut sizes: BTreeMap<Axis, usize> = pool.iter().map(|&c| (Axis::Letter(c), size(dice))).collect();
        sizes.extend((0..2).map(|k| (Axis::Ellipsis(k), size(dice))));
        let dotted = dice.chance(2);
        let (mut inputs, mut parts, mut longest) = (Vec::new(), Vec::new(), 0);
        for _ in 0..1 + dice.below(4) {
            let letters: Vec<Axis> = (0..dice.below(4)).map(|_| Axis::Letter(dice.pick(&pool))).collect();
            let has_dots = dotted && !dice.chance(4);
            let (at, n) = (dice.below(letters.len() + 1), if has_dots { dice.below(3) } else { 0 });
            longest = longest.max(n);
            let axes = with_ellipsis(letters, at, n);
            let stretched = |axis: &Axis, dice: &mut Dice| matches!(axis, Axis::Ellipsis(_)) && dice.chance(3);
            let shape: Vec<usize> = axes.iter().map(|a| if stretched(a, dice) { 1 } else { sizes[a] }).collect();
            parts.push(text_of(&axes, at, has_dots));
            inputs.push((axes, shape));
        }
        // What an axis of the ellipsis has in all: the size that is not 1, if some operand has it.
        for k in 0..2 {
            let found = |(axes, shape): &(Vec<Axis>, Vec<usize>)| {
                axes.iter().position(|&a| a == Axis::Ellipsis(k)).map(|at| shape[at])
            };
            let all: Vec<usize> = inputs.iter().filter_map(found).collect();
            sizes.insert(Axis::Ellipsis(k), all.iter().copied().find(|&n| n != 1).unwrap_or(1));
        }
        let used: Vec<Axis> = inputs.iter().flat_map(|(axes, _)| axes.clone()).collect();
        let mut letters: Vec<Axis> = used.iter().copied().filter(|a| matches!(a, Axis::Letter(_))).collect();
        letters.sort_unstable();
        if dice.chance(3) {
            let count = |a: &Axis| letters.iter().filter(|b| *b == a).count();
            let once: Vec<Axis> = letters.iter().copied().filter(|a| count(a) == 1).collect();
            let output = with_ellipsis(once, 0, longest);
            return Equation { text: parts.join(","), inputs, output, sizes };
        }
        letters.dedup();
        let chosen: Vec<Axis> = dice.subset(letters.len()).into_iter().map(|i| letters[i]).collect();
        let (at, has_dots) = (dice.below(chosen.len() + 1), dotted && !dice.chance(4));
        let output = with_ellipsis(chosen, at, if has_dots { longest } else { 0 });
        let text = format!("{} -> {}", parts.join(", "), text_of(&output, at, has_dots));
        Equation { text, inputs, output, sizes }
    }

    /// The place of an operand's element, given a value of every axis.
    fn place(axes: &[Axis], shape: &[usize], values: &BTreeMap<Axis, usize>) -> Vec<usize> {
        axes.iter().zip(shape).map(|(a, &n)| if n == 1 { 0 } else { values[a] }).collect()
    }

    /// Calls `visit` with every value of all axes that are used.
    fn visit(&self, mut visit: impl FnMut(&BTreeMap<Axis, usize>)) {
        let mut axes: Vec<Axis> = self.inputs.iter().flat_map(|(axes, _)| axes.clone()).collect();
        axes.sort_unstable();
        axes.dedup();
        let shape: Vec<usize> = axes.iter().map(|a| self.sizes[a]).collect();
        for index in indices(&shape) {
            visit(&axes.iter().copied().zip(index).collect());
        }
    }

    fn result_shape(&self) -> Vec<usize> {
        self.output.iter().map(|a| self.sizes[a]).collect()
    }

    /// `Σ Π xₖ`, term by term.
    fn value(&self, xs: &[Model<f64>]) -> Model<f64> {
        let shape = self.result_shape();
        let mut y = Model::from_fn(&shape, |_| 0.0);
        self.visit(|values| {
            let factor =
                |(x, (axes, shape)): (&Model<f64>, &(Vec<Axis>, Vec<usize>))| x.get(&Self::place(axes, shape, values));
            let product: f64 = xs.iter().zip(&self.inputs).map(factor).product();
            let at = Self::place(&self.output, &shape, values);
            y.set(&at, y.get(&at) + product);
        });
        y
    }

    /// The gradient by operand `k` of the results with weights `w`, term by term.
    fn gradient(&self, k: usize, xs: &[Model<f64>], w: &Model<f64>) -> Model<f64> {
        let (axes, shape) = &self.inputs[k];
        let mut g = Model::from_fn(shape, |_| 0.0);
        self.visit(|values| {
            let mut product = w.get(&Self::place(&self.output, &w.shape, values));
            for (j, (x, (axes, shape))) in xs.iter().zip(&self.inputs).enumerate() {
                product *= if j == k { 1.0 } else { x.get(&Self::place(axes, shape, values)) };
            }
            let at = Self::place(axes, shape, values);
            g.set(&at, g.get(&at) + product);
        });
        g
    }
}

/// Small whole numbers: sums of products of four of them are exact in any order.
fn whole(dice: &mut Dice) -> f64 {
    dice.below(17) as f64 - 8.0
}

fn check(seed: u64) -> Outcome {
    let mut dice = Dice(seed);
    let equation = Equation::random(&mut dice);
    let what = |part: &str| {
        format!("{} of {:?}: {part}", equation.text, equation.inputs.iter().map(|i| &i.1).collect::<Vec<_>>())
    };
    let models: Vec<_> = equation.inputs.iter().map(|(_, shape)| Model::from_fn(shape, |_| whole(&mut dice))).collect();
    let tensors: Vec<_> = models.iter().map(|m| embed(m, f64::NAN, &mut dice)).collect();
    let expected = equation.value(&models);
    same(&what("value"), &Tensor::einsum(&equation.text, &tensors.iter().collect::<Vec<_>>()), &expected)?;

    let tape = Tape::new();
    let leaves: Vec<_> = tensors.iter().map(|x| tape.leaf(x.clone())).collect();
    let y = Var::einsum(&equation.text, &leaves);
    same(&what("value on the tape"), &y.value(), &expected)?;
    let w = Model::from_fn(&equation.result_shape(), |_| whole(&mut dice));
    let gradients = y.backward_with(embed(&w, f64::NAN, &mut dice));
    for (k, &x) in leaves.iter().enumerate() {
        same(&what(&format!("gradient {k}")), &gradients[x], &equation.gradient(k, &models, &w))?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_equation_on_any_layout_is_the_sum_written_out_and_so_are_its_gradients(seed in any::<u64>()) {
        check(seed)?;
    }

    #[test]
    fn tensordot_is_the_sum_written_out(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let shape: Vec<usize> = (0..dice.below(4)).map(|_| dice.pick(&[0, 1, 2, 3])).collect();
        let of_a = dice.subset(shape.len());
        let mut other: Vec<usize> = of_a.iter().map(|&a| shape[a]).collect();
        let mut of_b: Vec<usize> = (0..of_a.len()).collect();
        for _ in 0..dice.below(3) {
            let at = dice.below(other.len() + 1);
            other.insert(at, 1 + dice.below(3));
            of_b.iter_mut().for_each(|b| *b += usize::from(*b >= at));
        }
        let (a, b) = (Model::from_fn(&shape, |_| whole(&mut dice)), Model::from_fn(&other, |_| whole(&mut dice)));
        let free = |n: usize, bound: &[usize]| (0..n).filter(|axis| !bound.contains(axis)).collect::<Vec<_>>();
        let (free_a, free_b) = (free(shape.len(), &of_a), free(other.len(), &of_b));
        let left: Vec<usize> = free_a.iter().map(|&i| shape[i]).collect();
        let result = [left.clone(), free_b.iter().map(|&j| other[j]).collect()].concat();
        let expected = Model::from_fn(&result, |index| {
            let term = |over: &Vec<usize>| {
                let (mut i, mut j) = (vec![0; shape.len()], vec![0; other.len()]);
                free_a.iter().zip(index).for_each(|(&axis, &at)| i[axis] = at);
                free_b.iter().zip(&index[left.len()..]).for_each(|(&axis, &at)| j[axis] = at);
                of_a.iter().zip(over).for_each(|(&axis, &at)| i[axis] = at);
                of_b.iter().zip(over).for_each(|(&axis, &at)| j[axis] = at);
                a.get(&i) * b.get(&j)
            };
            indices(&of_a.iter().map(|&axis| shape[axis]).collect::<Vec<_>>()).iter().map(term).fold(0.0, |s, x| s + x)
        });
        let behind = if seed % 2 == 0 { 0 } else { 1 }; // or counted from the end
        let signed = |axes: &[usize], n: usize| axes.iter().map(|&a| a as isize - behind * n as isize).collect::<Vec<_>>();
        let (x, y) = (embed(&a, f64::NAN, &mut dice), embed(&b, f64::NAN, &mut dice));
        let found = x.tensordot(&y, (&signed(&of_a, shape.len())[..], &signed(&of_b, other.len())[..]));
        same(&format!("{shape:?} and {other:?} over {of_a:?} and {of_b:?}"), &found, &expected)?;
    }
}

#[test]
fn what_is_no_equation_is_refused_with_all_of_it_at_the_callers_line() {
    let x = |shape: &[usize]| Tensor::<f64>::ones(shape);
    let cases: [(&str, &[&[usize]], &str); 13] = [
        ("ij,jk", &[&[2, 3], &[4, 5]], "'j' has size 3 and size 4"),
        ("ij,j", &[&[2, 3], &[1]], "'j' has size 3 and size 1"),
        ("ii", &[&[2, 3]], "'i' has size 2 and size 3"),
        ("...i,...i", &[&[2, 3], &[4, 3]], "axis -1 of the ellipsis has size 2 and size 4"),
        ("ij", &[&[2]], "\"ij\" does not name the axes of [2]"),
        ("i", &[&[2, 3]], "\"i\" does not name the axes of [2, 3]"),
        ("...ij", &[&[2]], "\"...ij\" names more axes than [2] has"),
        ("i,j", &[&[2]], "it names 2 operands, there are 1"),
        ("i", &[&[2], &[2]], "it names 1 operands, there are 2"),
        ("i->ii", &[&[2]], "'i' stands twice in the result"),
        ("i->j", &[&[2]], "'j' of the result is in no operand"),
        ("i1", &[&[2, 2]], "'1' is no letter"),
        ("i->i...j...", &[&[2]], "'.' is no letter"),
    ];
    for (text, shapes, problem) in cases {
        let tensors: Vec<_> = shapes.iter().map(|s| x(s)).collect();
        let line = line!() + 1;
        let panic = panic_of(|| Tensor::einsum(text, &tensors.iter().collect::<Vec<_>>()));
        let whole = shapes.iter().map(|s| format!("{s:?}")).collect::<Vec<_>>().join(", ");
        assert_eq!(panic.message, format!("einsum: \"{text}\" of {whole}: {problem}"));
        assert_eq!((panic.file.as_str(), panic.line), (file!(), line));
    }
    let none = panic_of(|| Tensor::<f64>::einsum("", &[]));
    assert_eq!(none.message, "einsum: \"\" of no operand: it names 1 operands, there are 0");
    let tape = Tape::new();
    let (a, line) = (tape.leaf(x(&[2, 3])), line!() + 1);
    let panic = panic_of(|| Var::einsum("ij,jk->ik", &[a, a]));
    assert_eq!((panic.file.as_str(), panic.line), (file!(), line));
    assert!(panic.message.contains("einsum: \"ij,jk->ik\" of [2, 3], [2, 3]: 'j' has size 3 and size 2"), "{panic:?}");
}

#[test]
fn what_does_not_fit_a_tensordot_is_refused_at_the_callers_line() {
    let (a, b) = (Tensor::<f64>::ones([2, 3]), Tensor::<f64>::ones([4, 3]));
    type Attempt<'a> = Box<dyn Fn() -> Tensor<f64> + 'a>;
    let cases: [(Attempt<'_>, &str); 6] = [
        (Box::new(|| a.tensordot(&b, 1)), "tensordot: [2, 3] and [4, 3]: size 3 of axis 1 and 4 of axis 0 differ"),
        (Box::new(|| a.tensordot(&b, 3)), "tensordot: 3 axes of [2, 3] and [4, 3]"),
        (Box::new(|| a.tensordot(&b, ([1, 1], [1, 1]))), "tensordot: [2, 3] and [4, 3]: axis 1 or 1 is named twice"),
        (Box::new(|| a.tensordot(&b, ([2], [1]))), "tensordot: axis 2 is out of range for rank 2"),
        (Box::new(|| a.dot(&b)), "dot: [2, 3] and [4, 3] are not both of rank 1"),
        (Box::new(|| Tensor::ones([2]).dot(&Tensor::ones([3]))), "dot: [2] and [3] differ in length"),
    ];
    for (call, message) in cases {
        let panic = panic_of(call);
        assert_eq!((panic.message.as_str(), panic.file.as_str()), (message, file!()));
    }
}

/// The names of the nodes that an equation appends.
fn nodes(text: &str, shapes: &[&[usize]]) -> Vec<&'static str> {
    let tape = Tape::<f64>::new();
    let xs: Vec<_> = shapes.iter().map(|shape| tape.leaf(Tensor::ones(*shape))).collect();
    Var::einsum(text, &xs);
    tape.vars().skip(xs.len()).map(Var::name).collect()
}

#[test]
fn an_equation_appends_no_more_nodes_than_one_would_by_hand() {
    assert_eq!(nodes("ij,jk->ik", &[&[2, 3], &[3, 4]]), ["matmul"]);
    assert_eq!(nodes("bij,bjk->bik", &[&[5, 2, 3], &[5, 3, 4]]), ["matmul"]);
    assert_eq!(nodes("bhqd,bhkd->bhqk", &[&[2, 3, 4, 5], &[2, 3, 6, 5]]), ["permute", "matmul"]);
    assert_eq!(nodes("ij->ij", &[&[2, 3]]), [""; 0]);
    assert_eq!(nodes("ii->i", &[&[3, 3]]), ["diagonal"]);
    assert_eq!(nodes("ij->i", &[&[2, 3]]), ["sum"]);
}

#[test]
fn one_operand_is_viewed_where_nothing_is_summed() {
    let x = Tensor::from_fn([3, 4, 3], |i| (i[0] * 12 + i[1] * 3 + i[2]) as f64);
    for equation in ["ijk->kij", "iji->ij", "...i->i..."] {
        assert!(Tensor::einsum(equation, &[&x]).shares_storage(&x), "{equation}");
    }
}

/// Multiplied from left to right, the first product would have 50 × 50 elements.
#[test]
fn operands_are_contracted_in_an_order_that_keeps_values_small() {
    let tape = Tape::<f64>::new();
    let matrix = || tape.leaf(Tensor::from_fn([50, 50], |i| ((i[0] * 7 + i[1] * 3) % 5) as f64));
    let (a, b, c) = (matrix(), matrix(), tape.leaf(Tensor::ones([50])));
    let y = Var::einsum("ab,bc,c->a", &[a, b, c]);
    let largest = tape.vars().skip(3).map(|node| node.value().len()).max();
    assert_eq!(largest, Some(50));
    assert_eq!(y.value(), a.value().matmul(&b.value().matmul(&c.value())));
}
