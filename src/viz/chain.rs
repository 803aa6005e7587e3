//! The backward sweep as text, node by node.

use std::fmt::Write;

use crate::float::Float;
use crate::graph::Var;
use crate::tensor::Tensor;

/// The chain rule at work on `loss`, as text: each node with its value and the gradient that has arrived at it, and under it, for
/// every input, that gradient times the local derivative; where a value fanned out, the sum.
///
/// `names` gives nodes a name of their own; the others are called after their op and number. The local derivative is printed for
/// single numbers, where it is one.
///
/// # Panics
/// If `loss` has more than one element, or none.
///
/// # Examples
/// ```
/// use rensa::{Tape, Tensor, viz::chain_rule};
/// let tape = Tape::<f64>::new();
/// let (price, number) = (tape.leaf(Tensor::scalar(100.0)), tape.leaf(Tensor::scalar(2.0)));
/// let text = chain_rule(price * number, &[(price, "price"), (number, "number")]);
/// assert!(text.contains("→ price: 1 × 2 = 2"));
/// ```
#[track_caller]
pub fn chain_rule<T: Float>(loss: Var<'_, T>, names: &[(Var<'_, T>, &str)]) -> String {
    let name = |x: Var<'_, T>| match names.iter().find(|(named, _)| named.index() == x.index()) {
        Some((_, name)) => name.to_string(),
        None => format!("{}#{}", x.name(), x.index()),
    };
    let mut text = String::new();
    let mut totals: Vec<(usize, String, Vec<Tensor<T>>)> = Vec::new();
    let mut line = |line: String| {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{line}");
    };
    for step in loss.backward_steps() {
        let inputs: Vec<String> = step.node.inputs().iter().map(|&x| name(x)).collect();
        line(format!(
            "{} = {}({}) = {}",
            name(step.node),
            step.node.name(),
            inputs.join(", "),
            short(&step.node.value())
        ));
        line(format!("  gradient that arrives: {}", short(&step.gradient)));
        for part in &step.contributions {
            line(format!("  → {}: {}", name(part.input), product(&step.gradient, &part.product)));
            match totals.iter_mut().find(|total| total.0 == part.input.index()) {
                Some(total) => total.2.push(part.product.clone()),
                None => totals.push((part.input.index(), name(part.input), vec![part.product.clone()])),
            }
        }
    }
    totals.sort_by_key(|total| total.0);
    line("sums of what arrives at each value:".into());
    for (_, name, parts) in totals {
        let sum = parts.iter().skip(1).fold(parts[0].clone(), |sum, part| sum + part);
        let terms: Vec<String> = parts.iter().map(short).collect();
        let terms = if terms.len() > 1 { format!("{} = ", terms.join(" + ")) } else { String::new() };
        line(format!("  {name}: {terms}{}", short(&sum)));
    }
    text
}

/// The gradient that arrives times the local derivative, or their product alone where they are not single numbers.
fn product<T: Float>(gradient: &Tensor<T>, product: &Tensor<T>) -> String {
    if gradient.len() == 1 && product.len() == 1 && !gradient.item().is_zero() {
        let local = Tensor::scalar(product.item() / gradient.item());
        return format!("{} × {} = {}", short(gradient), short(&local), short(product));
    }
    short(product)
}

/// A number as it is, rounded to nine digits; of a larger tensor its shape and first elements.
fn short<T: Float>(x: &Tensor<T>) -> String {
    let number = |x: &T| match x.to_f64() {
        Some(x) if x.is_finite() => format!("{}", format!("{x:.8e}").parse::<f64>().unwrap_or(x)),
        _ => format!("{x:?}"),
    };
    if x.ndim() == 0 {
        return number(&x.item());
    }
    let mut list: Vec<String> = x.iter().take(4).map(number).collect();
    if x.len() > list.len() {
        list.push("…".into());
    }
    format!("{:?} [{}]", x.shape(), list.join(", "))
}
