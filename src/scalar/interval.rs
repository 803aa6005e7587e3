//! Intervals: a scalar that encloses every value that is possible.
//!
//! Source: Moore, Kearfott, Cloud, Introduction to Interval Analysis (2009); IEEE 1788-2015, Standard for Interval Arithmetic.

mod functions;

use std::cmp::Ordering;
use std::fmt::{self, Display, Formatter};
use std::ops::{Add, Div, Mul, Neg, Sub};

use num_traits::{Num, NumCast, One, ToPrimitive, Zero};

use crate::float::Float;
use crate::tensor::{Nested, Tensor};

/// Closed interval `[lo, hi]` of real numbers, with bounds in `f64` that every operation rounds outward.
///
/// Guaranteed: if `y = f(x₁, x₂, …)` is computed with intervals, then `f` of any real numbers `xᵢ` inside of them, computed without
/// rounding, lies inside `y`. Of points at which an operation is not defined (√ below 0, a quotient at a divisor of 0) it says
/// nothing; where it is defined for no point, or where an operand is NaN, the result is NaN, which holds no number.
///
/// * Sums, differences, quotients and square roots are the tightest that there are; products are at most one rounding wider.
///   Functions of the system's library are widened by 4 units in the last place, the largest error that the GNU C library's manual
///   states for them, and cut to the function's range.
/// * A quotient by an interval that holds 0 is the whole line. A bound of ±∞ is a limit, no number: 0 · ∞ is 0 there.
/// * `a < b` holds if it holds for every pair of their numbers, and `a == b` if both are the same single number: of intervals that
///   overlap no comparison holds. Code that decides by comparisons is wrong for them; what does instead are the hooks
///   [`maximum`](crate::Float::maximum), [`minimum`](crate::Float::minimum) and [`if_positive`](crate::Float::if_positive), which enclose
///   both branches, and [`increasing`](crate::Float::increasing).
/// * Questions are answered by yes if the answer is certain: `is_finite`, `is_zero`, `is_sign_negative`.
///
/// An interval knows nothing of where it comes from, so that `x − x` of `[0, 1]` is `[−1, 1]`: bounds are true, seldom the best.
///
/// # Examples
/// ```
/// use num_traits::Float;
/// use rensa::{Tape, Tensor, scalar::Interval, tensor};
///
/// let tenth = Interval::around(0.1, 1e-3);
/// assert!((tenth + tenth + tenth).contains(0.3));
/// assert!(tenth < Interval::point(0.2) && !(tenth < Interval::point(0.1)));
///
/// // What a net's output can be if its inputs are off by 0.5 at most.
/// let tape = Tape::new();
/// let x = tape.constant(Tensor::around(&tensor![1.0, -2.0, 0.25], 0.5));
/// let y = x.relu().value();
/// assert_eq!(y.lower().to_vec(), [0.5, 0.0, 0.0]);
/// assert_eq!(y.upper().to_vec(), [1.5, 0.0, 0.75]);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Interval {
    /// At most `hi`, or both are NaN.
    lo: f64,
    hi: f64,
}

impl Interval {
    /// The whole line, `[−∞, ∞]`.
    pub const ENTIRE: Interval = Interval { lo: f64::NEG_INFINITY, hi: f64::INFINITY };

    /// No number.
    pub const NAN: Interval = Interval { lo: f64::NAN, hi: f64::NAN };

    /// `[lo, hi]`; NaN if either is.
    ///
    /// # Panics
    /// If `lo > hi`.
    #[track_caller]
    pub fn new(lo: f64, hi: f64) -> Self {
        assert!(lo <= hi || lo.is_nan() || hi.is_nan(), "Interval: the lower bound {lo} is above the upper one, {hi}");
        Interval::of_bounds(lo, hi)
    }

    /// `[x, x]`.
    #[inline]
    pub const fn point(x: f64) -> Self {
        Interval { lo: x, hi: x }
    }

    /// `[center − radius, center + radius]`, rounded outward.
    ///
    /// # Panics
    /// If `radius` is negative.
    #[track_caller]
    pub fn around(center: f64, radius: f64) -> Self {
        assert!(radius >= 0.0 || radius.is_nan(), "Interval: the radius {radius} is negative");
        Interval::of_bounds(sum_down(center, -radius), sum_up(center, radius))
    }

    /// The smallest interval that encloses both; NaN if either is.
    #[inline]
    pub fn hull(self, other: Self) -> Self {
        let hull = Interval { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) };
        hull.nan_if(self.lo.is_nan() | other.lo.is_nan())
    }

    /// The lower bound.
    #[inline]
    pub const fn lo(self) -> f64 {
        self.lo
    }

    /// The upper bound.
    #[inline]
    pub const fn hi(self) -> f64 {
        self.hi
    }

    /// A number in the middle, rounded; of the whole line 0, and of half of it the largest or smallest number.
    pub fn midpoint(self) -> f64 {
        // `max` and `min` would turn NaN into a number.
        if self.is_point() || self.lo.is_nan() {
            return self.lo;
        }
        self.lo.max(f64::MIN).midpoint(self.hi.min(f64::MAX))
    }

    /// `hi − lo`, rounded up.
    pub fn width(self) -> f64 {
        if self.is_point() { 0.0 } else { sum_up(self.hi, -self.lo) }
    }

    /// Whether it holds `x`; NaN holds nothing and is held by nothing.
    #[inline]
    pub fn contains(self, x: f64) -> bool {
        self.lo <= x && x <= self.hi
    }

    /// Whether it is a single number.
    #[inline]
    fn is_point(self) -> bool {
        self.lo == self.hi
    }

    /// These bounds, both NaN if either is.
    #[inline]
    fn of_bounds(lo: f64, hi: f64) -> Self {
        Interval { lo, hi }.nan_if(lo.is_nan() | hi.is_nan())
    }

    /// NaN if the condition holds. Written so, and `|` for `||`, that the compiler makes vectors of it in a matrix product.
    #[inline]
    fn nan_if(self, condition: bool) -> Self {
        let or = |x: f64| if condition { f64::NAN } else { x };
        Interval { lo: or(self.lo), hi: or(self.hi) }
    }

    /// These bounds of a product or quotient, cut where the operands' signs are known: rounding outward leads across 0, and what
    /// is 0 stays 0.
    #[inline]
    fn cut_at_zero(a: Self, b: Self, lo: f64, hi: f64) -> Self {
        let (a_up, a_down, b_up, b_down) = (a.lo >= 0.0, a.hi <= 0.0, b.lo >= 0.0, b.hi <= 0.0);
        let zero = (a_up & a_down) | (b_up & b_down);
        let lo = if zero | (a_up & b_up) | (a_down & b_down) { lo.max(0.0) } else { lo };
        let hi = if zero | (a_up & b_down) | (a_down & b_up) { hi.min(0.0) } else { hi };
        Interval { lo, hi }.nan_if(a.lo.is_nan() | b.lo.is_nan())
    }
}

/// `a + b` and its rounding error, which is NaN if the sum is not finite.
///
/// Source: Knuth, The Art of Computer Programming, volume 2 (1997), §4.2.2, theorem B.
#[inline]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

/// The largest number that is not above the sum.
#[inline]
fn sum_down(a: f64, b: f64) -> f64 {
    let (sum, error) = two_sum(a, b);
    if error >= 0.0 { sum } else { sum.next_down() }
}

/// The smallest number that is not below the sum.
#[inline]
fn sum_up(a: f64, b: f64) -> f64 {
    let (sum, error) = two_sum(a, b);
    if error <= 0.0 { sum } else { sum.next_up() }
}

/// Down and up from `y`, which is a result rounded to nearest, by the sign of `error`, the exact result less `y` or something of
/// its sign; both ways if that is not known.
#[inline]
fn enclose(y: f64, error: Option<f64>) -> [f64; 2] {
    match error {
        Some(0.0) => [y, y],
        Some(error) if error > 0.0 => [y, y.next_up()],
        Some(error) if error < 0.0 => [y.next_down(), y],
        _ => [y.next_down(), y.next_up()],
    }
}

/// From this size of dividend and radicand on the remainders of quotients and roots are exact: nothing underflows.
const NO_UNDERFLOW: f64 = 1e-290;

/// Bounds of `a / b`.
fn quotient(a: f64, b: f64) -> [f64; 2] {
    let y = a / b;
    let remainder = f64::mul_add(-y, b, a);
    let known = a.abs() >= NO_UNDERFLOW || a == 0.0;
    enclose(y, known.then_some(if b > 0.0 { remainder } else { -remainder }))
}

impl Add for Interval {
    type Output = Self;

    #[inline]
    fn add(self, o: Self) -> Self {
        Interval::of_bounds(sum_down(self.lo, o.lo), sum_up(self.hi, o.hi))
    }
}

impl Sub for Interval {
    type Output = Self;

    #[inline]
    fn sub(self, o: Self) -> Self {
        self + -o
    }
}

impl Neg for Interval {
    type Output = Self;

    #[inline]
    fn neg(self) -> Self {
        Interval { lo: -self.hi, hi: -self.lo }
    }
}

impl Mul for Interval {
    type Output = Self;

    #[inline]
    fn mul(self, o: Self) -> Self {
        let [a, b, c, d] = [self.lo * o.lo, self.lo * o.hi, self.hi * o.lo, self.hi * o.hi];
        // A product 0 · ∞ of bounds is NaN, which `min` and `max` pass over: the 0 that it stands for is another of the four, unless
        // one operand is 0 itself.
        let (lo, hi) = (a.min(b).min(c.min(d)).next_down(), a.max(b).max(c.max(d)).next_up());
        Interval::cut_at_zero(self, o, lo, hi)
    }
}

impl Div for Interval {
    type Output = Self;

    fn div(self, o: Self) -> Self {
        if self.lo.is_nan() || o.lo.is_nan() {
            return Interval::NAN;
        }
        if o.contains(0.0) {
            return Interval::ENTIRE;
        }
        let corners = [(self.lo, o.lo), (self.lo, o.hi), (self.hi, o.lo), (self.hi, o.hi)].map(|(a, b)| quotient(a, b));
        let lo = corners.iter().fold(f64::NAN, |lo, corner| lo.min(corner[0]));
        let hi = corners.iter().fold(f64::NAN, |hi, corner| hi.max(corner[1]));
        Interval::cut_at_zero(self, o, lo, hi)
    }
}

impl PartialEq for Interval {
    /// Whether both are the same single number.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.is_point() && other.is_point() && self.lo == other.lo
    }
}

impl PartialOrd for Interval {
    /// The order of all pairs of their numbers, if it is one.
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        if self.hi < other.lo {
            Some(Ordering::Less)
        } else if self.lo > other.hi {
            Some(Ordering::Greater)
        } else {
            (self == other).then_some(Ordering::Equal)
        }
    }
}

impl Float for Interval {
    #[inline]
    fn of(x: f64) -> Self {
        Interval::point(x)
    }

    #[inline]
    fn maximum(self, other: Self) -> Self {
        let larger = Interval { lo: self.lo.max(other.lo), hi: self.hi.max(other.hi) };
        larger.nan_if(self.lo.is_nan() | other.lo.is_nan())
    }

    #[inline]
    fn minimum(self, other: Self) -> Self {
        let smaller = Interval { lo: self.lo.min(other.lo), hi: self.hi.min(other.hi) };
        smaller.nan_if(self.lo.is_nan() | other.lo.is_nan())
    }

    #[inline]
    fn if_positive(self, a: Self, b: Self) -> Self {
        if self.lo > 0.0 {
            a
        } else if self.hi > 0.0 {
            a.hull(b)
        } else {
            b
        }
    }

    #[inline]
    fn increasing(self, f: impl Fn(Self) -> Self) -> Self {
        if self.is_point() || self.lo.is_nan() {
            return f(self);
        }
        Interval::of_bounds(f(Interval::point(self.lo)).lo, f(Interval::point(self.hi)).hi)
    }
}

impl Zero for Interval {
    #[inline]
    fn zero() -> Self {
        Interval::point(0.0)
    }

    #[inline]
    fn is_zero(&self) -> bool {
        self.lo == 0.0 && self.hi == 0.0
    }
}

impl One for Interval {
    #[inline]
    fn one() -> Self {
        Interval::point(1.0)
    }
}

impl Num for Interval {
    type FromStrRadixErr = <f64 as Num>::FromStrRadixErr;

    /// What encloses the number that the text spells.
    fn from_str_radix(text: &str, radix: u32) -> Result<Self, Self::FromStrRadixErr> {
        f64::from_str_radix(text, radix).map(|x| Interval { lo: x.next_down(), hi: x.next_up() })
    }
}

/// As the number in the middle.
impl ToPrimitive for Interval {
    fn to_i64(&self) -> Option<i64> {
        self.midpoint().to_i64()
    }

    fn to_u64(&self) -> Option<u64> {
        self.midpoint().to_u64()
    }

    fn to_f64(&self) -> Option<f64> {
        Some(self.midpoint())
    }
}

impl NumCast for Interval {
    fn from<N: ToPrimitive>(n: N) -> Option<Self> {
        let x = n.to_f64()?;
        // From 2⁵³ on not every whole number is one of `f64`.
        let rounded = x.abs() >= (1u64 << 53) as f64 && n.to_i128().is_some_and(|whole| x as i128 != whole);
        Some(if rounded { Interval { lo: x.next_down(), hi: x.next_up() } } else { Interval::point(x) })
    }
}

impl From<f64> for Interval {
    fn from(x: f64) -> Self {
        Interval::point(x)
    }
}

impl Nested<Interval> for Interval {
    fn append_shape(_: &mut Vec<usize>) {}

    fn append_to(self, data: &mut Vec<Interval>) {
        data.push(self);
    }
}

/// `[lo, hi]`, both with the precision asked for, rounded to nearest.
impl Display for Interval {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (Interval { lo, hi }, sign) = (self, if f.sign_plus() { "+" } else { "" });
        match f.precision() {
            Some(digits) => write!(f, "{sign}[{lo:.digits$}, {hi:.digits$}]"),
            None => write!(f, "{sign}[{lo}, {hi}]"),
        }
    }
}

impl Tensor<Interval> {
    /// Every number within `radius` of each of `x`.
    ///
    /// Shapes: any → the same.
    ///
    /// # Panics
    /// If `radius` is negative.
    #[track_caller]
    pub fn around(x: &Tensor<f64>, radius: f64) -> Self {
        assert!(radius >= 0.0 || radius.is_nan(), "around: the radius {radius} is negative");
        Tensor::from_elements(x.iter().map(|&x| Interval::around(x, radius)).collect(), x.shape().clone())
    }

    /// The lower bounds.
    ///
    /// Shapes: any → the same.
    pub fn lower(&self) -> Tensor<f64> {
        Tensor::from_elements(self.iter().map(|x| x.lo).collect(), self.shape().clone())
    }

    /// The upper bounds.
    ///
    /// Shapes: any → the same.
    pub fn upper(&self) -> Tensor<f64> {
        Tensor::from_elements(self.iter().map(|x| x.hi).collect(), self.shape().clone())
    }
}
