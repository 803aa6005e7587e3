//! A shop's bill as a computational graph: how much does the price change if the apples cost one yen more?
//!
//! Two apples at 100 yen and three oranges at 150 yen, with 10 % tax. Each line of the sum is a node; walking them backwards,
//! each hands on the gradient that has arrived at it times its own derivative. That is all there is to the chain rule.
//!
//! Source: Saitoh, Deep Learning from Scratch (2016), §5.1 to §5.4.

use rensa::{Tape, Tensor, viz::chain_rule};

fn main() {
    let tape = Tape::<f64>::new();
    let [apple, apples, orange, oranges, tax] =
        [100.0, 2.0, 150.0, 3.0, 1.1].map(|value| tape.leaf(Tensor::scalar(value)));

    let apple_price = apple * apples;
    let orange_price = orange * oranges;
    let sum = apple_price + orange_price;
    let price = sum * tax;

    println!("forward: the price is {:.0} yen\n", price.item());
    println!("backward, node by node:");
    let names = [
        (apple, "apple"),
        (apples, "number of apples"),
        (orange, "orange"),
        (oranges, "number of oranges"),
        (tax, "tax"),
        (apple_price, "price of the apples"),
        (orange_price, "price of the oranges"),
        (sum, "sum"),
        (price, "price"),
    ];
    print!("{}", chain_rule(price, &names));

    let gradients = price.backward();
    let expected = [(apple, 2.2), (apples, 110.0), (orange, 3.3), (oranges, 165.0), (tax, 650.0)];
    println!("\nthe price changes, for one more of");
    for (value, slope) in expected {
        assert!((gradients[value].item() - slope).abs() < 1e-9, "expected {slope}");
        println!("  {:>18}: by {:.1}", names[value.index()].1, gradients[value].item());
    }
    assert!((price.item() - 715.0).abs() < 1e-9);
}
