//! The functions of one number, and of two, on intervals.
//!
//! Those of the system's library are not rounded correctly, so their results are widened by [`ULPS`]. Most are monotone and take
//! their bounds from the ends.

use std::f64::consts;
use std::num::FpCategory;
use std::ops::Rem;

use num_traits::{Float, One as _, Zero as _};

use super::{Interval, NO_UNDERFLOW, enclose};
use crate::float::Float as _;

/// By how many units in the last place the library's functions may be off.
///
/// Source: The GNU C Library Reference Manual, "Known Maximum Errors in Math Functions": at most 4 for the functions here.
const ULPS: usize = 4;

/// What encloses π and its half and double; the `f64` nearest to them is below.
const PI: Interval = between(consts::PI, consts::PI.next_up());
const HALF_PI: Interval = between(consts::FRAC_PI_2, consts::FRAC_PI_2.next_up());
const TWO_PI: Interval = between(consts::TAU, consts::TAU.next_up());

const LINE: Interval = Interval::ENTIRE;

const fn from(lo: f64) -> Interval {
    Interval { lo, hi: f64::INFINITY }
}

const fn between(lo: f64, hi: f64) -> Interval {
    Interval { lo, hi }
}

fn widen_down(y: f64) -> f64 {
    (0..ULPS).fold(y, |y, _| y.next_down())
}

fn widen_up(y: f64) -> f64 {
    (0..ULPS).fold(y, |y, _| y.next_up())
}

impl Interval {
    /// The part inside `[lo, hi]`; NaN if there is none.
    fn part_in(self, lo: f64, hi: f64) -> Self {
        if self.hi < lo || self.lo > hi || self.lo.is_nan() {
            return Interval::NAN;
        }
        Interval { lo: self.lo.max(lo), hi: self.hi.min(hi) }
    }

    /// Bounds that the library's functions gave, widened, and cut to what the function can be.
    fn widened(lo: f64, hi: f64, range: Interval) -> Self {
        if lo.is_nan() || hi.is_nan() {
            return Interval::NAN;
        }
        Interval { lo: widen_down(lo).max(range.lo), hi: widen_up(hi).min(range.hi) }
    }

    /// Whether it may hold `at + k · period` for some whole `k`.
    fn may_hold(self, at: Interval, period: Interval) -> bool {
        let periods = (self - at) / period;
        periods.lo.ceil() <= periods.hi.floor()
    }

    /// A function between −1 and 1 with maxima at `top` and minima at `bottom`, and so on every period of 2π.
    fn wave(self, f: fn(f64) -> f64, top: Interval, bottom: Interval) -> Self {
        if self.lo.is_nan() {
            return Interval::NAN;
        }
        let (a, b) = (f(self.lo), f(self.hi)); // NaN at ±∞, where both extrema are held
        let lo = if self.may_hold(bottom, TWO_PI) { -1.0 } else { widen_down(a.min(b)).max(-1.0) };
        let hi = if self.may_hold(top, TWO_PI) { 1.0 } else { widen_up(a.max(b)).min(1.0) };
        Interval { lo, hi }
    }

    /// `xⁿ` of a single number that is not below 0, by squaring.
    fn power(x: f64, mut n: u32) -> Interval {
        let (mut y, mut square) = (Interval::point(1.0), Interval::point(x));
        loop {
            if n & 1 == 1 {
                y = y * square;
            }
            n >>= 1;
            if n == 0 {
                return y;
            }
            square = square * square;
        }
    }

    /// The hull of what the library gives at four corners.
    fn of_corners(corners: [f64; 4], range: Interval) -> Self {
        let lo = corners.into_iter().fold(f64::INFINITY, f64::min);
        let hi = corners.into_iter().fold(f64::NEG_INFINITY, f64::max);
        if corners.iter().any(|y| y.is_nan()) { range } else { Interval::widened(lo, hi, range) }
    }
}

impl Rem for Interval {
    type Output = Self;

    /// The remainder of a division that is cut towards 0: of the sign of `self` and smaller than `o`. Exact of single numbers, and
    /// tight where there is one whole quotient only.
    fn rem(self, o: Self) -> Self {
        if self.lo.is_nan() || o.lo.is_nan() || (self.is_point() && o.is_point()) {
            return Interval::point(self.lo % o.lo);
        }
        let size = o.abs().hi.min(self.abs().hi);
        let any = Interval { lo: if self.lo < 0.0 { -size } else { 0.0 }, hi: if self.hi > 0.0 { size } else { 0.0 } };
        let whole = (self / o).trunc();
        if !whole.is_point() || !whole.lo.is_finite() {
            return any;
        }
        let rest = self - whole * o;
        Interval { lo: rest.lo.clamp(any.lo, any.hi), hi: rest.hi.clamp(any.lo, any.hi) }
    }
}

macro_rules! constants {
    ($($name:ident)*) => { $(
        fn $name() -> Self {
            Interval::point(<f64 as Float>::$name())
        }
    )* };
}

/// Functions of the library that rise: where they are defined, and where their results lie.
macro_rules! rising {
    ($($name:ident on $domain:expr, $range:expr;)*) => { $(
        fn $name(self) -> Self {
            let x = self.part_in($domain.lo, $domain.hi);
            Interval::widened(x.lo.$name(), x.hi.$name(), $range)
        }
    )* };
}

macro_rules! rising_exactly {
    ($($name:ident)*) => { $(
        fn $name(self) -> Self {
            Interval { lo: self.lo.$name(), hi: self.hi.$name() }
        }
    )* };
}

impl Float for Interval {
    constants! { nan infinity neg_infinity neg_zero min_value min_positive_value epsilon max_value }

    rising_exactly! { floor ceil round trunc }

    rising! {
        cbrt on LINE, LINE;
        exp on LINE, from(0.0);
        exp2 on LINE, from(0.0);
        exp_m1 on LINE, from(-1.0);
        ln on from(0.0), LINE;
        log2 on from(0.0), LINE;
        log10 on from(0.0), LINE;
        ln_1p on from(-1.0), LINE;
        asin on between(-1.0, 1.0), between(-HALF_PI.hi, HALF_PI.hi);
        atan on LINE, between(-HALF_PI.hi, HALF_PI.hi);
        sinh on LINE, LINE;
        tanh on LINE, between(-1.0, 1.0);
        asinh on LINE, LINE;
        acosh on from(1.0), from(0.0);
        atanh on between(-1.0, 1.0), LINE;
    }

    fn acos(self) -> Self {
        let x = self.part_in(-1.0, 1.0);
        Interval::widened(x.hi.acos(), x.lo.acos(), between(0.0, PI.hi))
    }

    fn cosh(self) -> Self {
        let x = self.abs();
        Interval::widened(x.lo.cosh(), x.hi.cosh(), from(1.0))
    }

    fn sin(self) -> Self {
        self.wave(f64::sin, HALF_PI, -HALF_PI)
    }

    fn cos(self) -> Self {
        self.wave(f64::cos, Interval::zero(), PI)
    }

    fn sin_cos(self) -> (Self, Self) {
        (self.sin(), self.cos())
    }

    /// The whole line where it may hold a pole.
    fn tan(self) -> Self {
        if self.lo.is_nan() || self.may_hold(HALF_PI, PI) {
            return if self.lo.is_nan() { self } else { LINE };
        }
        Interval::widened(self.lo.tan(), self.hi.tan(), LINE)
    }

    fn abs(self) -> Self {
        let larger = Interval { lo: 0.0, hi: self.hi.max(-self.lo) };
        if self.lo >= 0.0 || self.lo.is_nan() {
            self
        } else if self.hi <= 0.0 {
            -self
        } else {
            larger
        }
    }

    /// −1 or 1, or between where it holds 0.
    fn signum(self) -> Self {
        if self.contains(0.0) { between(-1.0, 1.0) } else { Interval { lo: self.lo.signum(), hi: self.hi.signum() } }
    }

    /// What stands behind the point, with the sign of x.
    fn fract(self) -> Self {
        if self.lo.trunc() == self.hi.trunc() || self.lo.is_nan() {
            return Interval { lo: self.lo.fract(), hi: self.hi.fract() };
        }
        Interval { lo: if self.lo < 0.0 { -1.0 } else { 0.0 }, hi: if self.hi > 0.0 { 1.0 } else { 0.0 } }
    }

    fn recip(self) -> Self {
        Interval::one() / self
    }

    /// The square root of what is not below 0.
    fn sqrt(self) -> Self {
        let root = |x: f64| {
            let y = x.sqrt();
            enclose(y, (x >= NO_UNDERFLOW || x == 0.0).then_some(f64::mul_add(-y, y, x)))
        };
        let x = self.part_in(0.0, f64::INFINITY);
        let (lo, hi) = (root(x.lo)[0], root(x.hi)[1]);
        if x.lo.is_nan() { x } else { Interval { lo: lo.max(0.0), hi } }
    }

    fn mul_add(self, a: Self, b: Self) -> Self {
        self * a + b
    }

    /// `xⁿ`, of an even n never below 0.
    fn powi(self, n: i32) -> Self {
        let power = n.unsigned_abs();
        let y = if n == 0 {
            Interval::one()
        } else if self.lo.is_nan() {
            self
        } else if power.is_multiple_of(2) {
            let x = self.abs();
            Interval { lo: Interval::power(x.lo, power).lo, hi: Interval::power(x.hi, power).hi }
        } else {
            let signed = |x: f64| if x < 0.0 { -Interval::power(-x, power) } else { Interval::power(x, power) };
            Interval { lo: signed(self.lo).lo, hi: signed(self.hi).hi }
        };
        if n < 0 { y.recip() } else { y }
    }

    /// `xᵖ`; where x reaches below 0 and p is not a single number, which might be whole or not, the whole line.
    fn powf(self, p: Self) -> Self {
        let whole = p.lo as i32;
        if p.is_point() && f64::from(whole) == p.lo {
            return self.powi(whole);
        }
        if self.lo.is_nan() || p.lo.is_nan() {
            return Interval::NAN;
        }
        let is_fraction = p.is_point() && p.lo.fract() != 0.0;
        if self.lo < 0.0 && !is_fraction {
            return LINE;
        }
        let x = self.part_in(0.0, f64::INFINITY);
        if x.lo.is_nan() {
            return x;
        }
        Interval::of_corners([x.lo.powf(p.lo), x.lo.powf(p.hi), x.hi.powf(p.lo), x.hi.powf(p.hi)], from(0.0))
    }

    fn log(self, base: Self) -> Self {
        self.ln() / base.ln()
    }

    /// The larger one; the number where one is NaN.
    fn max(self, other: Self) -> Self {
        match (self.lo.is_nan(), other.lo.is_nan()) {
            (true, _) => other,
            (_, true) => self,
            _ => self.maximum(other),
        }
    }

    fn min(self, other: Self) -> Self {
        -(-self).max(-other)
    }

    fn abs_sub(self, other: Self) -> Self {
        (self - other).maximum(Interval::zero())
    }

    fn hypot(self, other: Self) -> Self {
        let (a, b) = (self.abs(), other.abs());
        Interval::widened(a.lo.hypot(b.lo), a.hi.hypot(b.hi), from(0.0))
    }

    /// The angle of the point `(other, self)`; where the two may lie on the negative axis, at which it jumps, any angle.
    fn atan2(self, other: Self) -> Self {
        let any = between(-PI.hi, PI.hi);
        if self.lo.is_nan() || other.lo.is_nan() {
            return Interval::NAN;
        }
        if self.contains(0.0) && other.lo <= 0.0 {
            return any;
        }
        let at = |y: f64, x: f64| y.atan2(x);
        let corners = [at(self.lo, other.lo), at(self.lo, other.hi), at(self.hi, other.lo), at(self.hi, other.hi)];
        Interval::of_corners(corners, any)
    }

    fn is_nan(self) -> bool {
        self.lo.is_nan()
    }

    fn is_infinite(self) -> bool {
        self.is_point() && self.lo.is_infinite()
    }

    fn is_finite(self) -> bool {
        self.lo.is_finite() && self.hi.is_finite()
    }

    fn is_normal(self) -> bool {
        self.lo.is_normal() && self.hi.is_normal() && !self.contains(0.0)
    }

    /// The class of both bounds, or `Normal`.
    fn classify(self) -> FpCategory {
        if self.lo.classify() == self.hi.classify() { self.lo.classify() } else { FpCategory::Normal }
    }

    fn is_sign_positive(self) -> bool {
        self.lo.is_sign_positive() && self.hi.is_sign_positive()
    }

    fn is_sign_negative(self) -> bool {
        self.lo.is_sign_negative() && self.hi.is_sign_negative()
    }

    fn integer_decode(self) -> (u64, i16, i8) {
        Float::integer_decode(self.midpoint())
    }
}
