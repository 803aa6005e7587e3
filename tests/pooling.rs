//! Pooling, upsampling and padding: index by index, their conventions, and that tensors have them without a tape.

#[path = "support/arbitrary.rs"]
mod arbitrary;
#[path = "support/odd.rs"]
mod odd;
#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/panics.rs"]
mod panics;

use arbitrary::{Dice, embed};
use oracle::{Model, indices};
use proptest::prelude::*;
use rayon::ThreadPoolBuilder;
use rensa::{Conv, PadMode, Padding, Pool, Tape, Tensor, Upsample, Var, tensor};

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

/// Value and gradient of `Σ w · f(x)`, where the weights are 1, 2, 3, …
fn at(x: &Tensor<f64>, f: impl for<'t> FnOnce(Var<'t, f64>) -> Var<'t, f64>) -> (Tensor<f64>, Tensor<f64>) {
    let tape = Tape::new();
    let x = tape.leaf(x.clone());
    let y = f(x);
    let mut next = 0.0;
    let weights = Tensor::from_fn(y.shape(), |_| {
        next += 1.0;
        next
    });
    (y.value(), y.backward_with(weights)[x].clone())
}

/// NaN for NaN, and else the same number.
fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

#[track_caller]
fn is(found: &Tensor<f64>, expected: &[f64]) {
    let found = found.to_vec();
    let equal = found.len() == expected.len() && found.iter().zip(expected).all(|(&a, &b)| same(a, b));
    assert!(equal, "{found:?}, expected {expected:?}");
}

// ---- index by index ----------------------------------------------------------------------------------------------------

/// One axis of a pool: `places[o]` are the elements of window o, or none where it reaches into the padding.
#[derive(Clone, Debug)]
struct Axis {
    size: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    before: usize,
    after: usize,
    ceil: bool,
}

impl Axis {
    /// The windows, by their definition: one after the other, as long as they are full, and in ceil mode one more if it begins inside
    /// or in the padding before and the full ones did not come out even.
    fn windows(&self) -> Vec<Vec<Option<usize>>> {
        let extent = self.dilation * (self.kernel - 1) + 1;
        let end = self.before + self.size + self.after;
        let is_full = |start: usize| start + extent <= end;
        let is_begun = |start: usize| start < self.before + self.size && start + extent < end + self.stride;
        let starts =
            (0..).map(|o| o * self.stride).take_while(|&start| is_full(start) || (self.ceil && is_begun(start)));
        // Behind the padding there is nothing, and it does not count.
        let taps = |start: usize| (0..self.kernel).map(move |k| start + k * self.dilation).filter(move |&at| at < end);
        let place = |at: usize| at.checked_sub(self.before).filter(|&i| i < self.size);
        starts.map(|start| taps(start).map(place).collect()).collect()
    }
}

fn adaptive_windows(size: usize, count: usize) -> Vec<Vec<Option<usize>>> {
    let window = |o: usize| (o * size / count..((o + 1) * size).div_ceil(count)).map(Some).collect();
    (0..count).map(window).collect()
}

/// The elements of every window of an image over axes with these windows, in row-major order of the elements.
fn windows(axes: &[Vec<Vec<Option<usize>>>]) -> Vec<Vec<Option<Vec<usize>>>> {
    let counts: Vec<usize> = axes.iter().map(Vec::len).collect();
    let of = |position: &Vec<usize>| {
        let chosen: Vec<_> = axes.iter().zip(position).map(|(axis, &o)| &axis[o]).collect();
        let taps = indices(&chosen.iter().map(|places| places.len()).collect::<Vec<_>>());
        taps.iter().map(|tap| chosen.iter().zip(tap).map(|(places, &k)| places[k]).collect()).collect()
    };
    indices(&counts).iter().map(of).collect()
}

/// Largest elements and means of windows with their gradients, against `found`; `count` gives the divisor of a window.
fn check_pool(
    x: &Model<f64>,
    axes: &[Vec<Vec<Option<usize>>>],
    max: (&Tensor<f64>, &Tensor<f64>),
    mean: (&Tensor<f64>, &Tensor<f64>),
    count: impl Fn(&[Option<Vec<usize>>]) -> f64,
) -> Result<(), String> {
    let lead = x.shape.len() - axes.len();
    let (sizes, planes) = (&x.shape[lead..], x.shape[..lead].iter().product::<usize>());
    let pixels: usize = sizes.iter().product();
    let windows = windows(axes);
    let place = |index: &Vec<usize>| index.iter().zip(sizes).fold(0, |place, (i, n)| place * n + i);
    let zeros = x.map(|_| 0.0).data;
    let (mut largest, mut by_max, mut means, mut by_mean) = (vec![], zeros.clone(), vec![], zeros);
    for plane in 0..planes {
        for window in &windows {
            let elements: Vec<usize> = window.iter().flatten().map(|i| plane * pixels + place(i)).collect();
            let best = elements.iter().copied().reduce(|best, i| if x.data[i] > x.data[best] { i } else { best });
            let best = best.ok_or("a window without an element")?;
            largest.push(x.data[best]);
            by_max[best] += largest.len() as f64;
            let divisor = count(window);
            means.push(elements.iter().map(|&i| x.data[i]).sum::<f64>() / divisor);
            elements.iter().for_each(|&i| by_mean[i] += means.len() as f64 / divisor);
        }
    }
    let judge = |what: &str, found: &Tensor<f64>, expected: &[f64]| {
        let found = found.to_vec();
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * b.abs().max(1.0);
        let equal = found.len() == expected.len() && found.iter().zip(expected).all(close);
        if equal { Ok(()) } else { Err(format!("{what}: {found:?}, expected {expected:?}")) }
    };
    judge("max", max.0, &largest)?;
    judge("gradient of max", max.1, &by_max)?;
    judge("mean", mean.0, &means)?;
    judge("gradient of mean", mean.1, &by_mean)
}

fn max_pool<'t>(x: Var<'t, f64>, rank: usize, pool: Pool) -> Var<'t, f64> {
    [Var::max_pool1d, Var::max_pool2d, Var::max_pool3d][rank - 1](x, pool)
}

fn avg_pool<'t>(x: Var<'t, f64>, rank: usize, pool: Pool) -> Var<'t, f64> {
    [Var::avg_pool1d, Var::avg_pool2d, Var::avg_pool3d][rank - 1](x, pool)
}

fn pools() -> impl Strategy<Value = Vec<Axis>> {
    let axis = (1usize..7, 1usize..4, 1usize..5, 1usize..4, 0usize..4, 0usize..4).prop_map(
        |(size, kernel, stride, dilation, before, after)| {
            let extent = dilation * (kernel - 1) + 1;
            let size = size.max(extent.saturating_sub(before + after));
            Axis { size, kernel, stride, dilation, before, after, ceil: false }
        },
    );
    (prop::collection::vec(axis, 1..=3), any::<bool>()).prop_map(|(mut axes, ceil)| {
        axes.iter_mut().for_each(|axis| axis.ceil = ceil);
        axes
    })
}

fn options(axes: &[Axis]) -> Pool {
    let each = |value: fn(&Axis) -> usize| axes.iter().map(value).collect::<Vec<_>>();
    let (kernel, stride, dilation) = (each(|a| a.kernel), each(|a| a.stride), each(|a| a.dilation));
    let pool = Pool::new(&kernel[..]).stride(&stride[..]).dilation(&dilation[..]).ceil_mode(axes[0].ceil);
    match axes {
        [a] => pool.padding([(a.before, a.after)]),
        [a, b] => pool.padding([(a.before, a.after), (b.before, b.after)]),
        [a, b, c] => pool.padding([(a.before, a.after), (b.before, b.after), (c.before, c.after)]),
        _ => unreachable!("one to three axes"),
    }
}

/// A few whole numbers, so that ties are frequent.
fn image(lead: &[usize], sizes: impl Iterator<Item = usize>, dice: &mut Dice) -> Model<f64> {
    let shape: Vec<usize> = lead.iter().copied().chain(sizes).collect();
    Model::from_fn(&shape, |_| dice.below(5) as f64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pooling_takes_the_windows_of_its_definition(
        axes in pools(), batched in any::<bool>(), counts in any::<bool>(), seed in any::<u64>()
    ) {
        let dice = &mut Dice(seed);
        let of_axes: Vec<_> = axes.iter().map(Axis::windows).collect();
        // A window without an element has no maximum, and is refused.
        prop_assume!(of_axes.iter().flatten().all(|window| window.iter().any(Option::is_some)));
        let lead: &[usize] = if batched { &[2, 2] } else { &[3] };
        let x = image(lead, axes.iter().map(|axis| axis.size), dice);
        let (lain, rank, pool) = (embed(&x, NAN, dice), axes.len(), options(&axes));
        let max = at(&lain, |x| max_pool(x, rank, pool));
        let mean = at(&lain, |x| avg_pool(x, rank, pool.count_include_pad(counts)));
        let divisor = |window: &[Option<Vec<usize>>]| window.iter().filter(|i| counts || i.is_some()).count() as f64;
        check_pool(&x, &of_axes, (&max.0, &max.1), (&mean.0, &mean.1), divisor).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn adaptive_pooling_divides_each_axis(sizes in prop::collection::vec((1usize..8, 1usize..8), 1..=3), seed in any::<u64>()) {
        let dice = &mut Dice(seed);
        let x = image(&[2], sizes.iter().map(|&(size, _)| size), dice);
        let (lain, to): (_, Vec<usize>) = (embed(&x, NAN, dice), sizes.iter().map(|&(_, count)| count).collect());
        let of_axes: Vec<_> = sizes.iter().map(|&(size, count)| adaptive_windows(size, count)).collect();
        let (max, mean) = match sizes.len() {
            1 => (at(&lain, |x| x.adaptive_max_pool1d(&to[..])), at(&lain, |x| x.adaptive_avg_pool1d(&to[..]))),
            2 => (at(&lain, |x| x.adaptive_max_pool2d(&to[..])), at(&lain, |x| x.adaptive_avg_pool2d(&to[..]))),
            _ => (at(&lain, |x| x.adaptive_max_pool3d(&to[..])), at(&lain, |x| x.adaptive_avg_pool3d(&to[..]))),
        };
        let divisor = |window: &[Option<Vec<usize>>]| window.len() as f64;
        check_pool(&x, &of_axes, (&max.0, &max.1), (&mean.0, &mean.1), divisor).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn padding_shows_the_elements_that_its_mode_names(
        n in 1isize..6, before in -6isize..12, after in -6isize..12, mode in 0usize..4, seed in any::<u64>()
    ) {
        prop_assume!(n + before + after >= 0);
        prop_assume!(mode != 1 || (before < n && after < n));
        let dice = &mut Dice(seed);
        let x = image(&[2], [n as usize, 2].into_iter(), dice);
        let shown = |o: isize| -> Option<isize> {
            let mut i = o - before;
            match mode {
                0 => return (0..n).contains(&i).then_some(i),
                1 => {
                    while !(0..n).contains(&i) {
                        i = if i < 0 { -i } else { 2 * (n - 1) - i };
                    }
                }
                2 => i = i.max(0).min(n - 1),
                _ => {
                    while !(0..n).contains(&i) {
                        i += if i < 0 { n } else { -n };
                    }
                }
            }
            Some(i)
        };
        let size = (n + before + after) as usize;
        let value = |index: &Vec<usize>| shown(index[1] as isize).map(|i| x.get(&[index[0], i as usize, index[2]]));
        let y = Model::from_fn(&[2, size, 2], |index| value(index).unwrap_or(7.5));
        let mut by_x = x.map(|_| 0.0);
        for (k, index) in indices(&y.shape).iter().enumerate() {
            if let Some(i) = shown(index[1] as isize) {
                let place = [index[0], i as usize, index[2]];
                by_x.set(&place, by_x.get(&place) + (k + 1) as f64);
            }
        }
        let mode = [PadMode::Constant(7.5), PadMode::Reflect, PadMode::Replicate, PadMode::Circular][mode];
        let found = at(&embed(&x, NAN, dice), |x| x.pad(&[(before, after), (0, 0)], mode));
        prop_assert_eq!(found.0.to_vec(), y.data);
        prop_assert_eq!(found.1.to_vec(), by_x.data);
    }
}

// ---- conventions -------------------------------------------------------------------------------------------------------

/// As PyTorch: the first in row-major order. Over whole axes, in `max`, equal elements share.
#[test]
fn trap_16_of_equal_elements_the_first_gets_the_gradient() {
    let x = tensor![[[3.0, 3.0, 1.0], [3.0, 3.0, 1.0]]];
    let (y, g) = at(&x, |x| x.max_pool2d(2));
    is(&y, &[3.0]);
    is(&g, &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    is(&at(&x, |x| x.max_pool2d(Pool::new(2).stride(1))).1, &[1.0, 2.0, 0.0, 0.0, 0.0, 0.0]);
    is(&at(&x, |x| x.global_max_pool2d()).1, &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    is(&at(&x, |x| x.max(rensa::keep([-2, -1]))).1, &[0.25, 0.25, 0.0, 0.25, 0.25, 0.0]);
    // Zeros of either sign are equal.
    is(&at(&tensor![[-0.0, 0.0]], |x| x.max_pool1d(2)).1, &[1.0, 0.0]);
    // However the elements lie, the order is that of the indices.
    for how in odd::ODD {
        is(&at(&odd::lay(&x, how), |x| x.max_pool2d(Pool::new(2).stride(1))).1, &[1.0, 2.0, 0.0, 0.0, 0.0, 0.0]);
    }
}

#[test]
fn trap_17_nan_wins_in_a_pool_and_the_first_of_several_gets_the_gradient() {
    let x = tensor![[1.0, NAN, INF, NAN, 2.0, 3.0]];
    let (y, g) = at(&x, |x| x.max_pool1d(2));
    is(&y, &[NAN, NAN, 3.0]);
    is(&g, &[0.0, 1.0, 0.0, 2.0, 0.0, 3.0]);
    let (y, g) = at(&x, |x| x.max_pool1d(Pool::new(4).stride(2)));
    is(&y, &[NAN, NAN]);
    is(&g, &[0.0, 1.0, 0.0, 2.0, 0.0, 0.0]);
    is(&at(&x, |x| x.adaptive_max_pool1d(1)).0, &[NAN]);
    is(&at(&x, |x| x.avg_pool1d(2)).0, &[NAN, NAN, 2.5]);
    // An all-NaN window, and one of a window alone.
    let (y, g) = at(&tensor![[NAN, NAN, NAN]], |x| x.max_pool1d(Pool::new(2).stride(1).padding([(1, 0)])));
    is(&y, &[NAN, NAN, NAN]);
    is(&g, &[3.0, 3.0, 0.0]);
}

#[test]
fn trap_17_a_window_of_minus_infinity_alone_is_minus_infinity() {
    let (y, g) = at(&tensor![[-INF, -INF, -INF, 1.0]], |x| x.max_pool1d(2));
    is(&y, &[-INF, 1.0]);
    is(&g, &[1.0, 0.0, 0.0, 2.0]);
    // Padding never wins, and never gets the gradient.
    let x = Tensor::full([1, 2, 2], -INF);
    let (y, g) = at(&x, |x| x.max_pool2d(Pool::new(2).stride(1).padding(1)));
    is(&y, &[-INF; 9]);
    assert_eq!(g.sum(..).item(), 45.0);
    let (y, g) = at(&tensor![[f64::MIN]], |x| x.max_pool1d(Pool::new(3).padding(1)));
    is(&y, &[f64::MIN]);
    is(&g, &[1.0]);
}

#[test]
fn trap_25_the_gradient_of_a_largest_element_is_one() {
    for (kernel, stride) in [(2, 2), (3, 3), (2, 1), (3, 2), (2, 3), (4, 1)] {
        let x = Tensor::from_fn([1, 1, 7, 8], |i| ((i[2] * 8 + i[3]) * 37 % 56) as f64);
        let tape = Tape::new();
        let x = tape.leaf(x);
        let y = x.max_pool2d(Pool::new(kernel).stride(stride));
        let g = y.sum(..).backward()[x].clone();
        assert_eq!(g.sum(..).item(), y.value().len() as f64, "kernel {kernel}, stride {stride}");
        // A step of one element changes y by that step in each window that it wins.
        for place in 0..56 {
            let mut moved = x.value();
            moved.make_mut()[place] += 0.25; // less than the distance to the next
            let change = moved.max_pool2d(Pool::new(kernel).stride(stride)).sum(..) - y.value().sum(..);
            assert_eq!(change.item(), 0.25 * g.to_vec()[place], "kernel {kernel}, stride {stride}, element {place}");
        }
    }
}

#[test]
fn trap_25_each_axis_has_its_own_dilation_kernel_and_stride() {
    let x = Tensor::from_fn([1, 5, 7], |i| (i[1] * 7 + i[2]) as f64);
    let pool = Pool::new([2, 3]).stride([1, 2]).dilation([3, 1]);
    let y = x.max_pool2d(pool);
    assert_eq!(y, Tensor::from_fn([1, 2, 3], |i| ((i[1] + 3) * 7 + 2 * i[2] + 2) as f64));
    let y = x.avg_pool2d(pool);
    assert_eq!(y, Tensor::from_fn([1, 2, 3], |i| (i[1] as f64 + 1.5) * 7.0 + (2 * i[2] + 1) as f64));
}

#[test]
fn windows_that_are_not_full() {
    // In ceil mode a window begins inside or in the padding before, never behind.
    let x = Tensor::<f64>::ones([1, 5]);
    for (kernel, stride, padding, counts) in
        [(2, 2, 0, [2, 3]), (3, 2, 1, [3, 3]), (2, 3, 1, [2, 2]), (1, 3, 0, [2, 2]), (2, 4, 0, [1, 2])]
    {
        let pool = Pool::new(kernel).stride(stride).padding(padding);
        let count = |ceil| x.max_pool1d(pool.ceil_mode(ceil)).shape()[1];
        assert_eq!([count(false), count(true)], counts, "kernel {kernel}, stride {stride}, padding {padding}");
    }
    // What lies behind the padding never counts in a mean; what lies in the padding does unless told otherwise.
    let x = tensor![[6.0, 6.0, 6.0]];
    let pool = Pool::new(4).stride(2).padding([(1, 1)]).ceil_mode(true);
    is(&x.avg_pool1d(pool), &[4.5, 4.0]);
    is(&x.avg_pool1d(pool.count_include_pad(false)), &[6.0, 6.0]);
    is(&x.avg_pool1d(pool.divisor_override(2)), &[9.0, 6.0]);
    // Padding::Same gives ⌈n / stride⌉ windows.
    assert_eq!(
        Tensor::<f64>::ones([1, 7, 8]).max_pool2d(Pool::new(3).stride(2).padding(Padding::Same)).shape(),
        [1, 4, 4]
    );
}

#[test]
fn trap_14_pooling_nothing() {
    let none = Tensor::<f64>::zeros([0, 3, 4, 4]);
    assert_eq!(none.max_pool2d(2).shape(), [0, 3, 2, 2]);
    assert_eq!(none.avg_pool2d(2).shape(), [0, 3, 2, 2]);
    assert_eq!(none.global_avg_pool2d().shape(), [0, 3, 1, 1]);
    let flat = Tensor::<f64>::zeros([1, 0]);
    // The mean of none is NaN; of none there is no largest, nor something to stretch or repeat.
    is(&flat.adaptive_avg_pool1d(2), &[NAN, NAN]);
    is(&flat.global_avg_pool1d(), &[NAN]);
    is(&flat.avg_pool1d(Pool::new(2).padding(1)), &[0.0]);
    is(&flat.avg_pool1d(Pool::new(2).padding(1).count_include_pad(false)), &[NAN]);
    for refused in [
        |x: &Tensor<f64>| x.max_pool1d(Pool::new(2).padding(1)),
        |x: &Tensor<f64>| x.adaptive_max_pool1d(1),
        |x: &Tensor<f64>| x.global_max_pool1d(),
        |x: &Tensor<f64>| x.upsample_linear1d(Upsample::size(2)),
        |x: &Tensor<f64>| x.upsample_nearest1d(Upsample::size(2)),
        |x: &Tensor<f64>| x.pad(&[(0, 1)], PadMode::Circular),
        |x: &Tensor<f64>| x.pad(&[(0, 1)], PadMode::Replicate),
        |x: &Tensor<f64>| x.pad(&[(0, 1)], PadMode::Reflect),
        |x: &Tensor<f64>| x.max_pool1d(1),
    ] {
        let panic = panics::panic_of(|| refused(&flat));
        assert!(panic.file.ends_with("pooling.rs") && panic.message.contains("[1, 0]"), "{panic:?}");
    }
    assert_eq!(flat.upsample_nearest1d(Upsample::scale_factor(3)).shape(), [1, 0]);
    assert_eq!(flat.pad(&[(1, 2)], 5.0).to_vec(), [5.0; 3]);
    assert_eq!(flat.pad(&[(0, 0)], PadMode::Reflect).shape(), [1, 0]);
}

#[test]
fn lines_between_neighbours_reach_the_ends_and_do_not_look_beyond() {
    let x = tensor![[1.0, INF, 3.0, NAN]];
    let y = x.upsample_linear1d(Upsample::size(7).align_corners(true));
    is(&y, &[1.0, INF, INF, INF, 3.0, NAN, NAN]); // at 3 the NaN has no part
    let (_, g) = at(&tensor![[1.0, 2.0]], |x| x.upsample_linear1d(Upsample::size(4)));
    is(&g, &[1.0 + 1.5 + 0.75, 0.5 + 2.25 + 4.0]);
    let smaller = tensor![[0.0, 1.0, 2.0, 3.0, 4.0]].upsample_linear1d(Upsample::size(3).align_corners(true));
    is(&smaller, &[0.0, 2.0, 4.0]);
}

#[test]
fn messages_name_the_op_the_shapes_and_the_options() {
    let x = Tensor::<f64>::ones([2, 3, 5, 5]);
    let says = |f: &dyn Fn() -> Tensor<f64>, part: &str| {
        let panic = panics::panic_of(f);
        assert!(panic.file.ends_with("pooling.rs") && panic.message.contains("[2, 3, 5, 5]"), "{panic:?}");
        assert!(panic.message.contains(part), "`{part}` is not in: {}", panic.message);
    };
    says(&|| x.max_pool2d(6), "max_pool2d: input [2, 3, 5, 5] with Pool { kernel_size: 6");
    says(&|| x.max_pool2d(6), "a window of 6 elements in 5, padding included");
    says(&|| x.max_pool2d(Pool::new(2).divisor_override(3)), "are for averages");
    says(&|| x.max_pool2d(Pool::new(1).padding(1)), "a window has no element");
    says(&|| x.max_pool2d([2, 2, 2]), "kernel_size has 3 values for 2 spatial axes");
    says(&|| x.avg_pool2d(Pool::new(2).stride(0)), "stride must be positive");
    says(&|| x.avg_pool1d(2), "avg_pool1d: input [2, 3, 5, 5]");
    says(&|| x.global_avg_pool1d(), "the input must have rank 3, or 2 without a batch");
    says(&|| x.adaptive_avg_pool2d([2, 2, 2]), "output_size has 3 values for 2 spatial axes");
    says(&|| x.upsample_nearest2d(Upsample::size(2).align_corners(true)), "align_corners is for linear upsampling");
    says(&|| x.upsample_bilinear2d(Upsample::scale_factor(0)), "scale_factor must be positive");
    says(&|| x.pad(&[(0, 1), (5, 0)], PadMode::Reflect), "a mirror of 5 elements shows 4 at most, axis 3 needs 5");
    says(&|| x.pad(&[(-3, -3)], 0.0), "it leaves nothing of axis 3");
    says(&|| x.pad(&[(0, 0); 5], 0.0), "5 pairs of widths for 4 axes");
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let dice = &mut Dice(1);
    let x = Tensor::from_fn([3, 5, 70, 90], |_| dice.below(1 << 20) as f32 / 3e5 - 1.5);
    let run = || {
        let tape = Tape::new();
        let x = tape.leaf(x.clone());
        let ys = [
            x.max_pool2d(Pool::new(3).stride(2)),
            x.avg_pool2d(Pool::new(3).stride(2).padding(1)),
            x.adaptive_avg_pool2d([3, 4]),
            x.global_avg_pool2d(),
            x.upsample_bilinear2d(Upsample::size([90, 31])),
            x.pad(&[(3, 1), (2, 2)], PadMode::Reflect),
        ];
        let bits = |x: &Tensor<f32>| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        ys.map(|y| [bits(&y.value()), bits(&(y * y).sum(..).backward()[x])])
    };
    let expected = run();
    for threads in [1, 2, 4] {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        assert!(pool.install(run) == expected, "other bits with {threads} threads");
    }
}

/// Tensors have every function without a tape, under the same name.
#[test]
fn what_handles_do_tensors_do() {
    fn image(sizes: &[usize]) -> Tensor<f64> {
        Tensor::from_fn(sizes, |i| (i.iter().fold(1, |h, k| h * 7 + k) * 37 % 101) as f64 - 50.0)
    }
    macro_rules! agree {
        ($($x:expr, $method:ident($($arg:expr),*);)*) => { $(
            let (tape, x): (Tape<f64>, Tensor<f64>) = (Tape::new(), image(&$x));
            assert!(tape.leaf(x.clone()).$method($($arg),*).value() == x.$method($($arg),*), stringify!($method));
        )* };
    }
    agree! {
        [2, 3, 8], max_pool1d(3);
        [2, 3, 8, 7], max_pool2d(Pool::new([3, 2]).stride(2));
        [3, 4, 5, 6], max_pool3d(2);
        [2, 3, 8], avg_pool1d(3);
        [2, 3, 8, 7], avg_pool2d([3, 2]);
        [3, 4, 5, 6], avg_pool3d(Pool::new(2).padding(1));
        [2, 3, 8], adaptive_max_pool1d(3);
        [3, 8, 7], adaptive_max_pool2d([3, 4]);
        [3, 4, 5, 6], adaptive_max_pool3d(2);
        [2, 3, 8], adaptive_avg_pool1d(3);
        [3, 8, 7], adaptive_avg_pool2d([3, 4]);
        [3, 4, 5, 6], adaptive_avg_pool3d(2);
        [2, 3, 8], global_max_pool1d();
        [2, 3, 8, 7], global_max_pool2d();
        [3, 4, 5, 6], global_max_pool3d();
        [2, 3, 8], global_avg_pool1d();
        [2, 3, 8, 7], global_avg_pool2d();
        [3, 4, 5, 6], global_avg_pool3d();
        [3, 5], upsample_nearest1d(Upsample::size(7));
        [1, 3, 5, 4], upsample_nearest2d(Upsample::scale_factor([2, 3]));
        [2, 2, 3, 2], upsample_nearest3d(Upsample::size(4));
        [3, 5], upsample_linear1d(Upsample::size(7));
        [1, 3, 5, 4], upsample_bilinear2d(Upsample::scale_factor([2, 3]));
        [2, 2, 3, 2], upsample_trilinear3d(Upsample::size(4));
        [2, 3, 4], pad(&[(1, -1), (2, 0)], 3.0);
        [2, 3, 4], pad(&[(1, -1), (2, 0)], PadMode::Reflect);
        [2, 3, 4, 5], unfold([2, 3], Conv::new().padding(1));
        [2, 12, 6], fold([3, 4], [2, 2], Conv::new());
    }
    macro_rules! agree_by_weight {
        ($($x:expr, $w:expr, $method:ident;)*) => { $(
            let (tape, x, w, options) = (Tape::new(), image(&$x), image(&$w), Conv::new().stride(2).padding(1));
            let found = tape.leaf(x.clone()).$method(tape.leaf(w.clone()), options).value();
            assert!(found == x.$method(&w, options), stringify!($method));
        )* };
    }
    agree_by_weight! {
        [2, 3, 8], [4, 3, 3], conv1d;
        [2, 3, 8, 7], [4, 3, 3, 2], conv2d;
        [3, 4, 5, 6], [2, 3, 2, 2, 3], conv3d;
        [2, 3, 8], [3, 4, 3], conv_transpose1d;
        [2, 3, 8, 7], [3, 4, 3, 2], conv_transpose2d;
        [3, 4, 5, 6], [3, 2, 2, 2, 3], conv_transpose3d;
    }
}
