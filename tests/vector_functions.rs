//! The functions that loops over elements compute by code of their own: errors in units in the last place over the whole range, special
//! values, and that neither the layout nor the place in a block makes a difference.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "support/golden.rs"]
mod golden;

use rensa::{Float, Tensor, slice, tensor};

/// A function on a whole tensor.
type Map<T> = fn(&Tensor<T>) -> Tensor<T>;

/// A function in both types, and in `f64` by the standard library.
type Entry = (&'static str, Map<f32>, Map<f64>, fn(f64) -> f64);

/// Arguments and values.
type Values<'a> = &'a [(f64, f64)];

fn functions() -> [Entry; 6] {
    [
        ("exp", |x| x.exp(), |x| x.exp(), f64::exp),
        ("exp_m1", |x| x.exp_m1(), |x| x.exp_m1(), f64::exp_m1),
        ("ln", |x| x.ln(), |x| x.ln(), f64::ln),
        ("ln_1p", |x| x.ln_1p(), |x| x.ln_1p(), f64::ln_1p),
        ("tanh", |x| x.tanh(), |x| x.tanh(), f64::tanh),
        (
            "sigmoid",
            |x| x.sigmoid(),
            |x| x.sigmoid(),
            |x| if x > 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) },
        ),
    ]
}

/// The distance of `y` from the exact `exact` in units in the last place of `f32`; infinite unless both are NaN, infinite or zero alike.
fn units(y: f32, exact: f64) -> f64 {
    let nearest = exact as f32;
    if exact.is_nan() || y.is_nan() || exact == 0.0 || y.is_infinite() || nearest.is_infinite() {
        let alike = (exact.is_nan() && y.is_nan()) || y.to_bits() == nearest.to_bits();
        return if alike { 0.0 } else { f64::INFINITY };
    }
    let exponent = (exact.abs().log2().floor() as i32).max(-126);
    (f64::from(y) - exact).abs() / 2f64.powi(exponent - 23)
}

#[test]
fn units_tell_what_is_wrong() {
    assert_eq!(units(1.0, 1.0), 0.0);
    assert_eq!(units(f32::from_bits(0x3F80_0003), 1.0), 3.0);
    assert_eq!(units(f32::from_bits(3), f64::from(f32::from_bits(1))), 2.0);
    for (y, exact) in [(f32::NAN, 1.0), (1.0, f64::NAN), (-0.0, 0.0), (f32::INFINITY, 1.0), (f32::MAX, f64::INFINITY)] {
        assert_eq!(units(y, exact), f64::INFINITY, "{y} for {exact}");
    }
}

#[test]
fn functions_in_f32_are_within_two_units_over_all_numbers() {
    let bits: Vec<f32> = (0..=u32::MAX / 8209).map(|i| f32::from_bits(i * 8209)).collect();
    let x = Tensor::from_vec(bits.clone(), [bits.len()]).unwrap();
    for (name, f, _, exact) in functions() {
        for (&x, &y) in bits.iter().zip(f(&x).as_slice().unwrap()) {
            let error = units(y, exact(f64::from(x)));
            assert!(error <= 2.0, "{name} of {x:e} is {y:e}, {error} units from {:e}", exact(f64::from(x)));
        }
    }
}

#[test]
fn functions_in_f64_are_within_two_units_of_golden_values() {
    let golden = golden::load(include_str!("golden/functions.txt"));
    let erf: Entry = ("erf", |x| x.erf(), |x| x.erf(), |x| x);
    for (name, _, f, _) in functions().into_iter().chain([erf]) {
        let (xs, ys) = (&golden[&format!("{name}/x")].1, &golden[&format!("{name}/y")].1);
        assert!(xs.len() > 100, "{name}");
        let found = f(&Tensor::from_vec(xs.clone(), [xs.len()]).unwrap());
        for ((&x, &y), &found) in xs.iter().zip(ys).zip(found.iter()) {
            let apart = (y.to_bits() as i64).wrapping_sub(found.to_bits() as i64).unsigned_abs();
            assert!(apart <= 2, "{name} of {x:e} is {found:e}, {apart} numbers from {y:e}");
        }
    }
}

/// `erf` in `f32` against that in `f64`, which has golden values.
#[test]
fn erf_in_f32_is_within_two_units() {
    let bits: Vec<f32> = (0..=u32::MAX / 65_537).map(|i| f32::from_bits(i * 65_537)).collect();
    let x = Tensor::from_vec(bits.clone(), [bits.len()]).unwrap();
    let exact = x.cast::<f64>().erf();
    for ((&x, &y), &exact) in bits.iter().zip(x.erf().iter()).zip(exact.iter()) {
        assert!(units(y, exact) <= 2.0, "erf of {x:e} is {y:e}, not {exact:e}");
    }
}

fn special_values_of<T: Float>(of: fn(f64) -> T) {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let cases: [(&str, Map<T>, Values<'_>); 6] = [
        (
            "exp",
            |x| x.exp(),
            &[(-inf, 0.0), (-1e30, 0.0), (0.0, 1.0), (-0.0, 1.0), (1e30, inf), (inf, inf), (nan, nan)],
        ),
        (
            "exp_m1",
            |x| x.exp_m1(),
            &[(-inf, -1.0), (-1e30, -1.0), (0.0, 0.0), (-0.0, -0.0), (1e30, inf), (inf, inf), (nan, nan)],
        ),
        ("ln", |x| x.ln(), &[(-inf, nan), (-1.0, nan), (-0.0, -inf), (0.0, -inf), (1.0, 0.0), (inf, inf), (nan, nan)]),
        (
            "ln_1p",
            |x| x.ln_1p(),
            &[(-inf, nan), (-2.0, nan), (-1.0, -inf), (-0.0, -0.0), (0.0, 0.0), (inf, inf), (nan, nan)],
        ),
        (
            "tanh",
            |x| x.tanh(),
            &[(-inf, -1.0), (-1e30, -1.0), (-0.0, -0.0), (0.0, 0.0), (30.0, 1.0), (inf, 1.0), (nan, nan)],
        ),
        (
            "sigmoid",
            |x| x.sigmoid(),
            &[(-inf, 0.0), (-1e30, 0.0), (-0.0, 0.5), (0.0, 0.5), (50.0, 1.0), (inf, 1.0), (nan, nan)],
        ),
    ];
    for (name, f, values) in cases {
        for &(x, y) in values {
            // Alone, and in the middle of a block.
            for n in [1, 7, 300] {
                let found = f(&Tensor::full([n], of(x))).iter().last().unwrap().to_f64().unwrap();
                let same = found.to_bits() == y.to_bits() || (found.is_nan() && y.is_nan());
                assert!(same, "{name} of {x} is {found}, not {y}");
            }
        }
    }
}

#[test]
fn special_values_are_exact() {
    special_values_of::<f32>(|x| x as f32);
    special_values_of::<f64>(|x| x);
}

/// Elements are computed in runs, in blocks of repeated and of copied ones, or one by one, as they lie; the bits are the same.
#[test]
fn layouts_and_lengths_make_no_difference() {
    let base = Tensor::<f32>::from_fn([40, 1100], |i| ((i[0] * 1100 + i[1]) as f32 * 0.37).sin() * 3.0);
    for n in [1, 2, 7, 15, 16, 17, 31, 33, 255, 256, 257, 511, 513, 1100] {
        let x = base.slice(slice![.., ..n]);
        let odd =
            [x.t(), x.slice(slice![..; -1, ..; -1]), base.slice(slice![..2, ..n; 3]), base.slice(slice![..;7, ..n])];
        let column = base.slice(slice![.., ..1]);
        for (name, f, _, _) in functions() {
            for x in &odd {
                let expected: Vec<f32> = x.iter().map(|&x| f(&tensor![x]).item()).collect();
                same(&f(x).to_vec(), &expected, name);
            }
        }
        let expected: Vec<f32> =
            x.iter().enumerate().map(|(i, &x)| (x * *column.get(&[i / n, 0]).unwrap()).max(x)).collect();
        let largest = |a: f32, b: f32| (a * b).max(a);
        same(&x.zip(&column, largest).to_vec(), &expected, "a column against rows");
        let flipped = x.slice(slice![.., ..; -1]);
        let mixed = Tensor::<f32>::where_cond(&x.greater(&flipped), &x, &(&flipped * &column));
        let one = |i: usize| {
            let (x, y) = (*x.get(&[i / n, i % n]).unwrap(), *x.get(&[i / n, n - 1 - i % n]).unwrap());
            if x > y { x } else { y * *column.get(&[i / n, 0]).unwrap() }
        };
        same(&mixed.to_vec(), &(0..40 * n).map(one).collect::<Vec<_>>(), "three operands");
    }
}

fn same(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!(
            a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            "{what}: {a} for {b} at {i} of {}",
            found.len()
        );
    }
}

/// A function's name, itself in both types, and how many units it may be wrong near 0 and further out.
type Case = (&'static str, Map<f32>, Map<f64>, f64, f64);

/// What is made of the error function, in `f32` against `f64`, which has golden values. Up to 5 from 0 closely, beyond that as far as there
/// are normal numbers.
#[test]
fn the_normal_distribution_in_f32_has_small_relative_errors() {
    let bits: Vec<f32> = (0..=u32::MAX / 65_537).map(|i| f32::from_bits(i * 65_537)).collect();
    let x = Tensor::from_vec(bits.clone(), [bits.len()]).unwrap();
    let functions: [Case; 4] = [
        ("erfc", |x| x.erfc(), |x| x.erfc(), 4.0, 10.0),
        ("normal_cdf", |x| x.normal_cdf(), |x| x.normal_cdf(), 4.0, 10.0),
        ("normal_pdf", |x| x.normal_pdf(), |x| x.normal_pdf(), 2.5, 3.0),
        ("gelu", |x| x.gelu(), |x| x.gelu(), 5.0, 12.0),
    ];
    for (name, f, wide, near, far) in functions {
        let (found, exact) = (f(&x), wide(&x.cast::<f64>()));
        for ((&x, &y), &exact) in bits.iter().zip(found.iter()).zip(exact.iter()) {
            let most = if x.abs() < 5.0 { near } else { far };
            let vanishes = exact.abs() < 2e-37 && y.abs() <= 2e-37 && x.abs() > 5.0;
            assert!(vanishes || units(y, exact) <= most, "{name} of {x:e} is {y:e}, {} units", units(y, exact));
        }
    }
}
