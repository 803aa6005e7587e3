//! The number that an interval is: what each operation and function of it encloses, and how tightly.

use num_traits::{Float as _, Num as _};
use proptest::prelude::*;
use rensa::scalar::{Dual, Interval};
use rensa::{Float, Tensor, tensor};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

fn seeds(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn bounds(x: Interval) -> [f64; 2] {
    [x.lo(), x.hi()]
}

fn interval(lo: f64, hi: f64) -> Interval {
    Interval::new(lo, hi)
}

// ---- exact arithmetic --------------------------------------------------------------------------------------------------

/// `whole · 2^exponent`: every finite `f64` is one, and so are their sums and products.
#[derive(Clone, Copy, Debug)]
struct Exact {
    whole: i128,
    exponent: i32,
}

impl Exact {
    fn of(x: f64) -> Self {
        let (mantissa, exponent, sign) = x.integer_decode();
        Exact { whole: i128::from(mantissa) * i128::from(sign), exponent: exponent.into() }
    }

    fn plus(self, o: Self) -> Self {
        let exponent = self.exponent.min(o.exponent);
        let at = |x: Self| x.whole.checked_mul(1i128 << (x.exponent - exponent)).expect("exponents are close");
        Exact { whole: at(self) + at(o), exponent }
    }

    fn times(self, o: Self) -> Self {
        Exact { whole: self.whole * o.whole, exponent: self.exponent + o.exponent }
    }

    fn at_most(self, o: Self) -> bool {
        let top = |x: Self| 128 - x.whole.unsigned_abs().leading_zeros() as i32 + x.exponent;
        if self.whole.signum() != o.whole.signum() || self.whole == 0 {
            return self.whole.signum() <= o.whole.signum();
        }
        if top(self) != top(o) {
            return (top(self) < top(o)) == (self.whole > 0);
        }
        let exponent = self.exponent.min(o.exponent);
        (self.whole << (self.exponent - exponent)) <= (o.whole << (o.exponent - exponent))
    }
}

#[test]
fn exact_numbers_are_compared_exactly() {
    let of = Exact::of;
    assert!(of(0.1).plus(of(0.2)).at_most(of(0.1 + 0.2)) && !of(0.1 + 0.2).at_most(of(0.1).plus(of(0.2))));
    assert!(
        of(-3.0).at_most(of(2.0))
            && !of(2.0).at_most(of(-3.0))
            && of(-3.0).at_most(of(-2.0))
            && of(0.0).at_most(of(0.0))
    );
    assert!(
        of(0.25).at_most(of(1024.0))
            && of(-1024.0).at_most(of(-0.25))
            && of(-1.0).at_most(of(0.0))
            && of(0.0).at_most(of(1.0))
    );
    assert!(of(3.0).times(of(0.5)).at_most(of(1.5)) && of(1.5).at_most(of(3.0).times(of(0.5))));
}

/// A number of any mantissa and sign, of size 2⁻²⁰ to 2²⁰; now and then a short one, whose results are exact.
fn numbers() -> impl Strategy<Value = f64> {
    let long = (1.0..2.0f64, -20..20i32).prop_map(|(m, e)| m * 2f64.powi(e));
    let short = (1..64i32).prop_map(|n| f64::from(n) / 8.0);
    (prop_oneof![4 => long, 1 => short], any::<bool>()).prop_map(|(x, negative)| if negative { -x } else { x })
}

fn encloses(y: Interval, exact: Exact) -> bool {
    Exact::of(y.lo()).at_most(exact) && exact.at_most(Exact::of(y.hi()))
}

proptest! {
    #![proptest_config(seeds(4000))]

    #[test]
    fn sums_products_quotients_and_roots_enclose_the_exact_result_tightly(a in numbers(), b in numbers()) {
        let (x, y, product) = (Interval::point(a), Interval::point(b), Exact::of(a).times(Exact::of(b)));
        let within_ulps = |y: Interval, n: usize| (0..n).fold(y.lo(), |lo, _| lo.next_up()) >= y.hi();
        let sum = x + y;
        prop_assert!(encloses(sum, Exact::of(a).plus(Exact::of(b))) && within_ulps(sum, 1), "{a} + {b} in {sum}");
        prop_assert!(encloses(x * y, product) && within_ulps(x * y, 2), "{a} · {b} in {}", x * y);
        // lo ≤ a/b ≤ hi, times b.
        let quotient = x / y;
        let (lo, hi) = (Exact::of(quotient.lo()).times(Exact::of(b)), Exact::of(quotient.hi()).times(Exact::of(b)));
        let (lo, hi) = if b > 0.0 { (lo, hi) } else { (hi, lo) };
        prop_assert!(lo.at_most(Exact::of(a)) && Exact::of(a).at_most(hi) && within_ulps(quotient, 1), "{a} / {b} in {quotient}");
        let root = Interval::point(a.abs()).sqrt();
        let square = |x: f64| Exact::of(x).times(Exact::of(x));
        let inside = square(root.lo()).at_most(Exact::of(a.abs())) && Exact::of(a.abs()).at_most(square(root.hi()));
        prop_assert!(inside && within_ulps(root, 1), "√{} in {root}", a.abs());
    }
}

#[test]
fn what_is_exact_stays_a_single_number() {
    let [a, b] = [0.75, -6.0].map(Interval::point);
    for (found, exact) in [(a + b, -5.25), (a - b, 6.75), (a / b, -0.125), (b / a, -8.0), ((a * a).sqrt(), 0.75)] {
        assert!(found.contains(exact));
    }
    assert_eq!([bounds(a + b), bounds(a - b), bounds(b / a)], [[-5.25; 2], [6.75; 2], [-8.0; 2]]);
    assert_eq!(bounds(Interval::point(2.25).sqrt()), [1.5; 2]);
    let zero = Interval::point(0.0);
    assert_eq!([bounds(zero * a), bounds(b * zero), bounds(zero + zero), bounds(zero / b)], [[0.0; 2]; 4]);
    assert_eq!(bounds(zero * Interval::ENTIRE), [0.0; 2]);
    // And what is not has neighbours for bounds.
    let third = Interval::point(0.1) + Interval::point(0.2);
    assert_eq!(bounds(third), [0.3, 0.1 + 0.2]);
    assert_eq!(bounds(Interval::point(1.0) / Interval::point(3.0)), [1.0 / 3.0, (1.0f64 / 3.0).next_up()]);
}

#[test]
fn at_the_ends_of_the_range_bounds_are_finite_or_limits() {
    let [max, tiny] = [f64::MAX, 5e-324].map(Interval::point);
    assert_eq!(bounds(max + max), [f64::MAX, INF]);
    assert_eq!(bounds(max * max), [f64::MAX, INF]);
    assert_eq!(bounds(-max * max), [-INF, f64::MIN]);
    assert_eq!(bounds(max / Interval::point(0.5)), [f64::MAX, INF]);
    assert_eq!(bounds(tiny * tiny), [0.0, 5e-324]);
    assert_eq!(bounds(-tiny * tiny), [-5e-324, 0.0]);
    assert_eq!(bounds(tiny / max), [0.0, 5e-324]);
    assert!((tiny / Interval::point(3.0)).contains(0.0));
    assert_eq!(bounds(Interval::point(1000.0).exp()), [widened(f64::INFINITY), INF]);
    assert_eq!(Interval::point(-1000.0).exp().lo(), 0.0);
    assert!(Interval::point(-1000.0).exp().hi() > 0.0);
}

/// Four places down.
fn widened(x: f64) -> f64 {
    x.next_down().next_down().next_down().next_down()
}

// ---- single functions --------------------------------------------------------------------------------------------------

/// Functions of one number, where they are tried, and the same for `f64`.
type Function = (&'static str, std::ops::Range<f64>, fn(Interval) -> Interval, fn(f64) -> f64);

macro_rules! functions {
    ($($name:ident on $domain:expr),* $(,)?) => {
        vec![$((stringify!($name), $domain, |x| x.$name(), |x: f64| x.$name())),*]
    };
}

fn functions() -> Vec<Function> {
    let mut all: Vec<Function> = functions![
        abs on -5.0..5.0, recip on -5.0..5.0, sqrt on 0.0..5.0, cbrt on -5.0..5.0, exp on -5.0..5.0, exp2 on -5.0..5.0,
        exp_m1 on -5.0..5.0, ln on 0.0..5.0, log2 on 0.0..5.0, log10 on 0.0..5.0, ln_1p on -1.0..5.0, sin on -9.0..9.0,
        cos on -9.0..9.0, tan on -9.0..9.0, asin on -1.0..1.0, acos on -1.0..1.0, atan on -5.0..5.0, sinh on -5.0..5.0,
        cosh on -5.0..5.0, tanh on -5.0..5.0, asinh on -5.0..5.0, acosh on 1.0..5.0, atanh on -1.0..1.0, floor on -5.0..5.0,
        ceil on -5.0..5.0, round on -5.0..5.0, trunc on -5.0..5.0, fract on -5.0..5.0, signum on -5.0..5.0,
    ];
    let powers: [Function; 8] = [
        ("x²", -5.0..5.0, |x| x.powi(2), |x| x.powi(2)),
        ("x⁵", -2.0..2.0, |x| x.powi(5), |x| x.powi(5)),
        ("x⁻¹", -5.0..5.0, |x| x.powi(-1), |x| x.powi(-1)),
        ("x⁻²", -5.0..5.0, |x| x.powi(-2), |x| x.powi(-2)),
        ("x^1.5", 0.0..5.0, |x| x.powf(Interval::point(1.5)), |x| x.powf(1.5)),
        ("x^−0.5", 0.0..5.0, |x| x.powf(Interval::point(-0.5)), |x| x.powf(-0.5)),
        ("x^3.0", -5.0..5.0, |x| x.powf(Interval::point(3.0)), |x| x.powf(3.0)),
        ("1.5^x", -5.0..5.0, |x| Interval::point(1.5).powf(x), |x| 1.5f64.powf(x)),
    ];
    let others: [Function; 7] = [
        ("ln x / ln 3", 0.1..5.0, |x| x.log(Interval::point(3.0)), |x| x.log(3.0)),
        ("x % 0.7", -5.0..5.0, |x| x % Interval::point(0.7), |x| x % 0.7),
        ("3 % x", 0.1..5.0, |x| Interval::point(3.0) % x, |x| 3.0 % x),
        ("sin and cos", -9.0..9.0, |x| x.sin_cos().0 + x.sin_cos().1, |x| x.sin() + x.cos()),
        ("maximum", -5.0..5.0, |x| x.maximum(Interval::point(0.5)), |x| x.max(0.5)),
        ("minimum", -5.0..5.0, |x| x.minimum(-x), |x| x.min(-x)),
        (
            "if_positive",
            -5.0..5.0,
            |x| x.if_positive(x + Interval::point(2.0), -x),
            |x| if x > 0.0 { x + 2.0 } else { -x },
        ),
    ];
    all.extend(powers);
    all.extend(others);
    all
}

fn inside(y: Interval, x: f64) -> bool {
    // What is computed in f64 is rounded itself, several times in some of these.
    let slack = 1e-14 * x.abs().max(1e-300);
    x.is_nan() || (y.lo() - slack <= x && x <= y.hi() + slack)
}

proptest! {
    #![proptest_config(seeds(500))]

    #[test]
    fn functions_enclose_their_values_at_points_inside(a in 0.0..1.0f64, b in 0.0..1.0f64, t in 0.0..1.0f64, narrow in any::<bool>()) {
        for (name, domain, f, value) in functions() {
            let at = |t: f64| domain.start + t * (domain.end - domain.start);
            let b = if narrow { a + 0.01 * b * (1.0 - a) } else { b };
            let x = interval(at(a.min(b)), at(a.max(b)));
            let point = (x.lo() + t * (x.hi() - x.lo())).clamp(x.lo(), x.hi());
            for point in [point, x.lo(), x.hi()] {
                prop_assert!(inside(f(x), value(point)), "{name} of {x} is {}, at {point} it is {}", f(x), value(point));
            }
            prop_assert!(f(Interval::NAN).is_nan(), "{name} of NaN");
        }
    }

    #[test]
    fn functions_of_two_enclose_their_values(a in -4.0..4.0f64, b in -4.0..4.0f64, r in 0.0..2.0f64, s in 0.0..2.0f64, t in 0.0..1.0f64, u in 0.0..1.0f64) {
        let (x, y) = (Interval::around(a, r), Interval::around(b, s));
        let at = |x: Interval, t: f64| (x.lo() + t * (x.hi() - x.lo())).clamp(x.lo(), x.hi());
        for (p, q) in [(at(x, t), at(y, u)), (x.lo(), y.hi()), (x.hi(), y.lo()), (x.hi(), y.hi())] {
            prop_assert!(inside(x * y, p * q) && inside(x / y, p / q) && inside(x - y, p - q), "{p} and {q} in {x} and {y}");
            prop_assert!(inside(x.hypot(y), p.hypot(q)), "hypot({p}, {q}) in {}", x.hypot(y));
            prop_assert!(inside(x.atan2(y), p.atan2(q)), "atan2({p}, {q}) in {}", x.atan2(y));
            prop_assert!(inside(x.powf(y), p.powf(q)), "{p}^{q} in {}", x.powf(y));
            prop_assert!(inside(x % y, p % q), "{p} % {q} in {}", x % y);
            prop_assert!(inside(x.max(y), p.max(q)) && inside(x.min(y), p.min(q)) && inside(x.abs_sub(y), (p - q).max(0.0)));
        }
    }
}

/// Whether two bounds are those expected but for a relative error of 1e-14.
fn near(what: &str, y: Interval, expected: [f64; 2]) {
    let close = |a: f64, b: f64| a == b || (a - b).abs() <= 1e-14 * b.abs().max(1e-300);
    assert!(close(y.lo(), expected[0]) && close(y.hi(), expected[1]), "{what}: {y}, expected {expected:?}");
}

#[test]
fn extrema_inside_are_found_and_others_are_not_claimed() {
    near("sin over a maximum", interval(1.0, 2.0).sin(), [1f64.sin(), 1.0]);
    near("sin over a minimum", interval(4.0, 5.0).sin(), [-1.0, 4f64.sin()]);
    near("sin over neither", interval(-1.0, 1.0).sin(), [-1f64.sin(), 1f64.sin()]);
    near("sin over both", interval(1.0, 5.0).sin(), [-1.0, 1.0]);
    near("sin between extrema", interval(2.0, 4.0).sin(), [4f64.sin(), 2f64.sin()]);
    near("cos over a maximum", interval(-0.5, 1.0).cos(), [1f64.cos(), 1.0]);
    near("cos over a minimum", interval(3.0, 4.0).cos(), [-1.0, 4f64.cos()]);
    near("cos far out", interval(1e6, 1e6 + 0.01).cos(), [1e6f64.cos(), (1e6f64 + 0.01).cos()]);
    near("sin of everything", interval(-1e300, 1e300).sin(), [-1.0, 1.0]);
    near("sin of the line", Interval::ENTIRE.sin(), [-1.0, 1.0]);
    near("tan between poles", interval(-1.0, 1.5).tan(), [(-1f64).tan(), 1.5f64.tan()]);
    near("tan over a pole", interval(1.0, 2.0).tan(), [-INF, INF]);
    near("cosh", interval(-1.0, 2.0).cosh(), [1.0, 2f64.cosh()]);
    near("x²", interval(-3.0, 2.0).powi(2), [0.0, 9.0]);
    near("x⁴ below 0", interval(-3.0, -2.0).powi(4), [16.0, 81.0]);
    near("x³", interval(-3.0, 2.0).powi(3), [-27.0, 8.0]);
    near("x⁻²", interval(-3.0, -2.0).powi(-2), [1.0 / 9.0, 0.25]);
    near("x⁰", interval(-3.0, 2.0).powi(0), [1.0, 1.0]);
    near("|x|", interval(-3.0, 2.0).abs(), [0.0, 3.0]);
    near("1/x", interval(2.0, 4.0).recip(), [0.25, 0.5]);
    near("1/x over 0", interval(-1.0, 2.0).recip(), [-INF, INF]);
    near("1/x at 0", interval(0.0, 2.0).recip(), [-INF, INF]);
    near("x / y over 0", interval(1.0, 2.0) / interval(-1.0, 1.0), [-INF, INF]);
    near("a fraction of the line", Interval::ENTIRE.tanh(), [-1.0, 1.0]);
    near("exp of the line", Interval::ENTIRE.exp(), [0.0, INF]);
    near("atan of the line", Interval::ENTIRE.atan(), [-std::f64::consts::FRAC_PI_2, std::f64::consts::FRAC_PI_2]);
    near("product with a half line", interval(-2.0, 3.0) * interval(1.0, INF), [-INF, INF]);
    near(
        "angle across the cut",
        interval(-1.0, 1.0).atan2(interval(-2.0, -1.0)),
        [-std::f64::consts::PI, std::f64::consts::PI],
    );
    near(
        "angle to the right",
        interval(-1.0, 1.0).atan2(interval(1.0, 2.0)),
        [-std::f64::consts::FRAC_PI_4, std::f64::consts::FRAC_PI_4],
    );
}

#[test]
fn functions_take_the_part_where_they_are_defined() {
    near("√", interval(-1.0, 4.0).sqrt(), [0.0, 2.0]);
    near("ln", interval(-1.0, 1.0).ln(), [-INF, 2e-323]);
    near("asin", interval(-7.0, 0.0).asin(), [-std::f64::consts::FRAC_PI_2, 2e-323]);
    near("acosh", interval(0.0, 1.0).acosh(), [0.0, 2e-323]);
    near("x^1.5", interval(-1.0, 4.0).powf(Interval::point(1.5)), [0.0, 8.0]);
    near("x^p, below 0", interval(-1.0, 4.0).powf(interval(1.0, 2.0)), [-INF, INF]);
    let below = interval(-2.0, -1.5);
    for y in [below.sqrt(), below.ln(), below.log2(), below.ln_1p(), below.acos(), below.acosh(), below.atanh()] {
        assert!(y.is_nan(), "{y}");
    }
    assert!(below.powf(Interval::point(0.5)).is_nan());
}

#[test]
fn nan_stays_nan() {
    let (nan, one, zero) = (Interval::NAN, Interval::point(1.0), Interval::point(0.0));
    for y in [
        nan + one,
        one - nan,
        nan * zero,
        zero * nan,
        nan / one,
        one / nan,
        nan % one,
        -nan,
        nan.hull(one),
        one.hull(nan),
    ] {
        assert!(y.is_nan() && !y.contains(0.0), "{y}");
    }
    assert!(
        nan.maximum(one).is_nan()
            && one.maximum(nan).is_nan()
            && nan.minimum(one).is_nan()
            && one.minimum(nan).is_nan()
    );
    assert_eq!([bounds(nan.max(one)), bounds(one.min(nan))], [[1.0; 2]; 2]); // as of f64, these pass NaN over
    assert_eq!(bounds(nan.if_positive(one, zero)), [0.0; 2]); // as of f64, which is not above 0
    assert!((Interval::ENTIRE + Interval::point(INF)).is_nan() && Interval::new(NAN, 1.0).is_nan());
    assert!(nan.atan2(one).is_nan() && nan.hypot(one).is_nan() && one.powf(nan).is_nan() && nan.midpoint().is_nan());
    assert_eq!(bounds(nan.powi(0)), [1.0; 2]);
}

#[test]
fn comparisons_hold_for_every_pair_or_not_at_all() {
    let holds = |a: Interval, b: Interval| [a < b, a <= b, a > b, a >= b, a == b];
    let (a, b, one) = (interval(0.0, 1.0), interval(2.0, 3.0), Interval::point(1.0));
    assert_eq!([holds(a, b), holds(b, a)], [[true, true, false, false, false], [false, false, true, true, false]]);
    assert_eq!(holds(one, one), [false, true, false, true, true]);
    assert_eq!(holds(Interval::point(-0.0), Interval::point(0.0)), [false, true, false, true, true]);
    // Of intervals that overlap, if in a single number, nothing is known; two numbers of one interval need not be equal.
    for (a, b) in [
        (a, interval(1.0, 2.0)),
        (a, one),
        (a, a),
        (Interval::ENTIRE, b),
        (Interval::NAN, Interval::NAN),
        (Interval::NAN, a),
    ] {
        assert_eq!(holds(a, b), [false; 5], "{a} and {b}");
    }
}

#[test]
fn questions_are_answered_by_yes_if_it_is_certain() {
    let (x, half) = (interval(-1.0, 1.0), interval(0.0, INF));
    assert!(
        x.is_finite()
            && !half.is_finite()
            && !half.is_infinite()
            && Interval::point(INF).is_infinite()
            && !half.is_nan()
    );
    assert!(!x.is_sign_positive() && !x.is_sign_negative() && interval(-2.0, -1.0).is_sign_negative());
    assert!(!num_traits::Zero::is_zero(&x) && num_traits::Zero::is_zero(&Interval::point(0.0)));
    assert!(interval(1.0, 2.0).is_normal() && !x.is_normal());
    assert_eq!(x.classify(), std::num::FpCategory::Normal);
    assert_eq!([x.midpoint(), half.midpoint(), Interval::ENTIRE.midpoint()], [0.0, f64::MAX / 2.0, 0.0]);
    assert_eq!([interval(1.0, 4.0).width(), Interval::point(INF).width(), half.width()], [3.0, 0.0, INF]);
}

#[test]
fn conversions() {
    assert_eq!(bounds(Interval::of(0.1)), [0.1; 2]);
    assert_eq!(bounds(<Interval as num_traits::NumCast>::from(7u8).expect("a number")), [7.0; 2]);
    let large = <Interval as num_traits::NumCast>::from((1u64 << 53) + 1).expect("a number");
    assert!(large.lo() < large.hi() && large.contains((1u64 << 53) as f64), "2⁵³ + 1 is no f64: {large}");
    let tenth = Interval::from_str_radix("0.1", 10).expect("a number");
    assert!(tenth.lo() < 0.1 && 0.1 < tenth.hi());
    assert_eq!(bounds(Interval::from(2.5)), [2.5; 2]);
    assert_eq!(interval(1.0, 2.0).to_string(), "[1, 2]");
    assert_eq!(format!("{:.2}", interval(-1.0, 0.125)), "[-1.00, 0.12]");
    assert_eq!(tensor![interval(1.0, 2.0), interval(-0.5, 0.5)].to_string(), "[     [1, 2] [-0.5, 0.5]]");
}

#[test]
#[should_panic(expected = "the lower bound 2 is above the upper one, 1")]
fn bounds_in_the_wrong_order_are_refused() {
    Interval::new(2.0, 1.0);
}

#[test]
#[should_panic(expected = "around: the radius -1 is negative")]
fn a_negative_radius_is_refused() {
    Tensor::around(&tensor![1.0], -1.0);
}

/// Derivatives over a whole interval, by dual numbers of intervals.
#[test]
fn dual_numbers_of_intervals_bound_derivatives() {
    let x = Dual::variable(interval(1.0, 2.0));
    assert!((x * x * x).derivative().contains(3.0) && (x * x * x).derivative().contains(12.0));
    near("relu′ over 0", Dual::variable(interval(-1.0, 1.0)).maximum(Dual::of(0.0)).derivative(), [0.0, 1.0]);
    near("|x|′ over 0", Dual::variable(interval(-1.0, 1.0)).abs().derivative(), [-1.0, 1.0]);
    near("√′", Dual::variable(interval(1.0, 4.0)).sqrt().derivative(), [0.25, 0.5]);
}
