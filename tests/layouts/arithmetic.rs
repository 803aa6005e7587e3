//! Elementwise arithmetic, comparisons and selection.

use super::*;

pub(super) fn trap_1_arithmetic_broadcasts<T: Float>(case: &Case) -> Outcome {
    let (a, ma) = case.build_special::<T>();
    let mut dice = case.dice();
    let mb = partner::<T>(&ma.shape, &mut dice, Dice::special);
    let b = embed(&mb, T::nan(), &mut dice);
    for (x, mx, y, my) in [(&a, &ma, &b, &mb), (&b, &mb, &a, &ma)] {
        macro_rules! all_forms {
            ($op:tt) => {{
                let expected = mx.zip(my, |x, y| x $op y);
                same(concat!("&x ", stringify!($op), " &y"), &(x $op y), &expected)?;
                same(concat!("x ", stringify!($op), " &y"), &(x.clone() $op y), &expected)?;
                same(concat!("&x ", stringify!($op), " y"), &(x $op y.clone()), &expected)?;
                same(concat!("x ", stringify!($op), " y"), &(x.clone() $op y.clone()), &expected)?;
                // Operands that nobody else holds, whose buffers may be reused.
                let (u, v) = (mx.tensor(), my.tensor());
                same(concat!("unshared x ", stringify!($op), " y"), &(u $op v), &expected)?;
                same(concat!("&x ", stringify!($op), " unshared y"), &(x $op my.tensor()), &expected)?;
            }};
        }
        all_forms!(+);
        all_forms!(-);
        all_forms!(*);
        all_forms!(/);
        same("zip", &x.zip(y, |x, y| x + y + y), &mx.zip(my, |x, y| x + y + y))?;
    }
    same("the operand", &a, &ma)?;
    same("the other operand", &b, &mb)
}

pub(super) fn arithmetic_in_place<T: Float>(case: &Case) -> Outcome {
    let (a, ma) = case.build::<T>();
    let mut dice = case.dice();
    let sizes = &ma.shape[dice.below(ma.shape.len() + 1)..];
    let sizes: Vec<usize> = sizes.iter().map(|&size| if dice.chance(3) { 1 } else { size }).collect();
    let mb = Model::from_fn(&sizes, |_| T::of(dice.number()));
    let b = embed(&mb, T::nan(), &mut dice);
    let two = T::of(2.0);
    macro_rules! assigns {
        ($($op:tt, $assign:tt;)*) => { $(
            let mut x = a.clone();
            x $assign &b;
            same(stringify!($assign), &x, &ma.zip(&mb, |x, y| x $op y))?;
            let mut x = ma.tensor();
            x $assign &b;
            same(concat!("unshared ", stringify!($assign)), &x, &ma.zip(&mb, |x, y| x $op y))?;
            x = a.clone();
            x $assign two;
            same(concat!("scalar ", stringify!($assign)), &x, &ma.map(|x| x $op two))?;
        )* };
    }
    assigns! { +, +=; -, -=; *, *=; /, /=; }
    let mut x = a.clone();
    x += &x.clone();
    same("added to itself", &x, &ma.map(|x| x + x))?;
    same("the operand", &a, &ma)?;
    same("the other operand", &b, &mb)
}

pub(super) fn scalars<T: Float>(case: &Case) -> Outcome {
    let (x, m) = case.build_special::<T>();
    let s = T::of(case.dice().number());
    same("&x + s", &(&x + s), &m.map(|x| x + s))?;
    same("x + s", &(x.clone() + s), &m.map(|x| x + s))?;
    same("&x − s", &(&x - s), &m.map(|x| x - s))?;
    same("x − s, unshared", &(m.tensor() - s), &m.map(|x| x - s))?;
    same("&x · s", &(&x * s), &m.map(|x| x * s))?;
    same("x / s", &(x.clone() / s), &m.map(|x| x / s))?;
    same("−x", &-&x, &m.map(|x| -x))?;
    same("−x, owned", &-x.clone(), &m.map(|x| -x))?;
    same("−x, unshared", &-m.tensor(), &m.map(|x| -x))?;
    same("map", &x.map(|x| x * x + s), &m.map(|x| x * x + s))?;
    same("cast to f64", &x.cast::<f64>(), &m.to_f64())?;
    same("cast to f32", &x.cast::<f32>(), &m.to_f64().map(|x| x as f32))?;
    same("the operand", &x, &m)
}

pub(super) fn comparisons_and_selection<T: Float>(case: &Case) -> Outcome {
    let (a, ma) = case.build_special::<T>();
    let mut dice = case.dice();
    let mb = partner::<T>(&ma.shape, &mut dice, Dice::special);
    let b = embed(&mb, T::nan(), &mut dice);
    identical("=", &a.equal(&b), &ma.zip(&mb, |a, b| a == b))?;
    identical("≠", &a.not_equal(&b), &ma.zip(&mb, |a, b| a != b))?;
    identical("<", &a.less(&b), &ma.zip(&mb, |a, b| a < b))?;
    identical("≤", &b.less_equal(&a), &mb.zip(&ma, |b, a| b <= a))?;
    identical(">", &b.greater(&a), &mb.zip(&ma, |b, a| b > a))?;
    identical("≥", &a.greater_equal(&b), &ma.zip(&mb, |a, b| a >= b))?;
    identical("NaN", &a.is_nan(), &ma.map(|x| x.is_nan()))?;
    identical("finite", &a.is_finite(), &ma.map(|x| x.is_finite()))?;
    let mc = Model::from_fn(&ma.zip(&mb, |a, _| a).shape, |_| dice.chance(2));
    let c = embed(&mc, true, &mut dice);
    let expected = mc.zip(&ma.zip(&mb, |a, b| (a, b)), |c, (a, b)| if c { a } else { b });
    same("select", &Tensor::where_cond(&c, &a, &b), &expected)?;
    let small = partner::<f64>(&expected.shape, &mut dice, Dice::number).map(|x| x > 0.0);
    let expected = small.zip(&ma.zip(&mb, |a, b| (a, b)), |c, (a, b)| if c { a } else { b });
    same("select, broadcast", &Tensor::where_cond(&embed(&small, true, &mut dice), &a, &b), &expected)?;
    same("to float", &c.to_float::<T>(), &mc.map(|c| if c { T::one() } else { T::zero() }))
}
