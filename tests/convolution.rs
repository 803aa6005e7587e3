//! Convolutions, transposed ones, their gradients, unfolding and folding against sums taken index by index.

#[path = "support/arbitrary.rs"]
mod arbitrary;
#[path = "support/odd.rs"]
mod odd;
#[path = "support/oracle.rs"]
mod oracle;
#[path = "support/panics.rs"]
mod panics;

use arbitrary::{Dice, embed};
use oracle::Model;
use proptest::prelude::*;
use rayon::ThreadPoolBuilder;
use rensa::{Conv, Float, Padding, Tape, Tensor, Var};

/// A convolution of any rank, by its sizes: the axes last, as everywhere.
#[derive(Clone, Debug, Default)]
struct Case {
    /// None without an axis of images.
    batch: Option<usize>,
    groups: usize,
    /// Channels per group, of x and of y.
    inputs: usize,
    outputs: usize,
    axes: Vec<Axis>,
}

#[derive(Clone, Copy, Debug)]
struct Axis {
    size: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    before: usize,
    after: usize,
}

impl Axis {
    const fn new(size: usize, kernel: usize) -> Self {
        Axis { size, kernel, stride: 1, dilation: 1, before: 0, after: 0 }
    }

    fn count(&self) -> usize {
        (self.before + self.size + self.after - self.dilation * (self.kernel - 1) - 1) / self.stride + 1
    }
}

impl Case {
    fn of(batch: usize, channels: [usize; 2], axes: &[Axis]) -> Self {
        Case { batch: Some(batch), groups: 1, inputs: channels[0], outputs: channels[1], axes: axes.to_vec() }
    }

    fn image(&self, channels: usize, size: impl Fn(&Axis) -> usize) -> Vec<usize> {
        self.batch.into_iter().chain([channels]).chain(self.axes.iter().map(size)).collect()
    }

    fn x(&self) -> Vec<usize> {
        self.image(self.groups * self.inputs, |axis| axis.size)
    }

    fn y(&self) -> Vec<usize> {
        self.image(self.groups * self.outputs, Axis::count)
    }

    fn w(&self) -> Vec<usize> {
        [self.groups * self.outputs, self.inputs].into_iter().chain(self.axes.iter().map(|a| a.kernel)).collect()
    }

    fn options(&self) -> Conv {
        let each = |value: fn(&Axis) -> usize| self.axes.iter().map(value).collect::<Vec<_>>();
        let (stride, dilation) = (each(|a| a.stride), each(|a| a.dilation));
        let conv = Conv::new().stride(&stride[..]).dilation(&dilation[..]).groups(self.groups);
        match self.axes[..] {
            [a] => conv.padding([(a.before, a.after)]),
            [a, b] => conv.padding([(a.before, a.after), (b.before, b.after)]),
            [a, b, c] => conv.padding([(a.before, a.after), (b.before, b.after), (c.before, c.after)]),
            _ => unreachable!("one to three axes"),
        }
    }

    /// What [`Case::options`] of a transposed convolution leaves open: the elements behind the last window.
    fn output_padding(&self) -> Vec<usize> {
        let reach = |a: &Axis| (a.count() - 1) * a.stride + a.dilation * (a.kernel - 1) + 1;
        self.axes.iter().map(|a| a.before + a.size + a.after - reach(a)).collect()
    }

    /// Calls `visit` with the places in x, w and y of every product that there is.
    fn products(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let place = |index: &[usize], shape: &[usize]| index.iter().zip(shape).fold(0, |place, (i, n)| place * n + i);
        let sizes: Vec<usize> = self.axes.iter().map(|a| a.size).collect();
        let (counts, kernels): (Vec<_>, Vec<_>) = self.axes.iter().map(|a| (a.count(), a.kernel)).unzip();
        let pixels: usize = sizes.iter().product();
        let (positions, taps) = (oracle::indices(&counts), oracle::indices(&kernels));
        for (p, position) in positions.iter().enumerate() {
            for (k, tap) in taps.iter().enumerate() {
                let at = |a: usize| {
                    let Axis { size, stride, dilation, before, .. } = self.axes[a];
                    (position[a] * stride + tap[a] * dilation).checked_sub(before).filter(|&i| i < size)
                };
                let Some(at) = (0..self.axes.len()).map(at).collect::<Option<Vec<_>>>() else { continue };
                let pixel = place(&at, &sizes);
                for n in 0..self.batch.unwrap_or(1) {
                    for o in 0..self.groups * self.outputs {
                        for c in 0..self.inputs {
                            let channel = o / self.outputs * self.inputs + c;
                            visit(
                                (n * self.groups * self.inputs + channel) * pixels + pixel,
                                (o * self.inputs + c) * taps.len() + k,
                                (n * self.groups * self.outputs + o) * positions.len() + p,
                            );
                        }
                    }
                }
            }
        }
    }
}

fn conv<'t, T: Float>(x: Var<'t, T>, w: Var<'t, T>, options: Conv) -> Var<'t, T> {
    match w.ndim() {
        3 => x.conv1d(w, options),
        4 => x.conv2d(w, options),
        _ => x.conv3d(w, options),
    }
}

fn conv_transpose<'t, T: Float>(x: Var<'t, T>, w: Var<'t, T>, options: Conv) -> Var<'t, T> {
    match w.ndim() {
        3 => x.conv_transpose1d(w, options),
        4 => x.conv_transpose2d(w, options),
        _ => x.conv_transpose3d(w, options),
    }
}

/// Whole numbers of size 4 at most, so that every sum of products is exact in any order.
fn whole(shape: &[usize], dice: &mut Dice) -> Model<f64> {
    Model::from_fn(shape, |_| dice.below(9) as f64 - 4.0)
}

/// Why `found` is not `expected`; the numbers are exact, so equal is equal.
fn differs(what: &str, found: &Tensor<f64>, expected: &Model<f64>) -> Result<(), String> {
    if found.shape()[..] != expected.shape[..] {
        return Err(format!("{what}: shape {:?}, expected {:?}", found.shape(), expected.shape));
    }
    let found = found.to_vec();
    match found.iter().zip(&expected.data).position(|(a, b)| !(a == b)) {
        None => Ok(()),
        Some(i) => Err(format!("{what}: element {i} is {}, expected {}", found[i], expected.data[i])),
    }
}

/// Convolution and transposed convolution of a case with both gradients, on operands that lie in any way.
fn check(case: &Case, seed: u64, lay: impl Fn(&Model<f64>, &mut Dice) -> Tensor<f64>) -> Result<(), String> {
    let dice = &mut Dice(seed);
    let [x, w, g] = [case.x(), case.w(), case.y()].map(|shape| whole(&shape, dice));
    let zeros = |model: &Model<f64>| model.map(|_| 0.0);
    let (mut y, mut by_x, mut by_w) = (zeros(&g), zeros(&x), zeros(&w));
    case.products(|i, j, k| {
        y.data[k] += w.data[j] * x.data[i];
        by_x.data[i] += w.data[j] * g.data[k];
        by_w.data[j] += g.data[k] * x.data[i];
    });
    let tape = Tape::new();
    let [vx, vw, vg] = [&x, &w, &g].map(|model| tape.leaf(lay(model, dice)));
    let found = conv(vx, vw, case.options());
    differs("y", &found.value(), &y)?;
    let gradients = found.backward_with(vg.value());
    differs("gradient by x", &gradients[vx], &by_x)?;
    differs("gradient by w", &gradients[vw], &by_w)?;

    // The transposed one maps y's shape to x's, and its gradients by y and w are the other two products. A stride that is
    // skipped at the end is named by output_padding, where that may name as much.
    let extra = case.output_padding();
    let fits = |(a, &extra): (&Axis, &usize)| extra < a.stride.max(a.dilation);
    if case.axes.iter().zip(&extra).all(fits) && case.axes.iter().all(|a| a.size > 0) {
        let found = conv_transpose(vg, vw, case.options().output_padding(&extra[..]));
        differs("transposed", &found.value(), &by_x)?;
        let gradients = found.backward_with(vx.value());
        differs("gradient of the transposed by its input", &gradients[vg], &y)?;
        differs("gradient of the transposed by w", &gradients[vw], &by_w)?;
    }
    Ok(())
}

#[track_caller]
fn agrees(case: &Case) {
    let plain = |model: &Model<f64>, _: &mut Dice| model.tensor();
    let strange = |model: &Model<f64>, dice: &mut Dice| embed(model, f64::NAN, dice);
    for seed in 0..3 {
        check(case, seed, plain).unwrap_or_else(|why| panic!("{case:?}: {why}"));
        check(case, seed, strange).unwrap_or_else(|why| panic!("{case:?}, lying strangely: {why}"));
    }
}

fn axes() -> impl Strategy<Value = Vec<Axis>> {
    let axis = (0usize..7, 1usize..4, 1usize..4, 1usize..4, 0usize..4, 0usize..4).prop_map(
        |(size, kernel, stride, dilation, before, after)| {
            // A window has to fit: the image grows until it does.
            let extent = dilation * (kernel - 1) + 1;
            let size = size.max(extent.saturating_sub(before + after));
            Axis { size, kernel, stride, dilation, before, after }
        },
    );
    prop::collection::vec(axis, 1..=3)
}

fn cases() -> impl Strategy<Value = Case> {
    let channels = (1usize..4, 0usize..4, 0usize..4);
    (prop_oneof![1 => Just(None), 4 => (0usize..4).prop_map(Some)], channels, axes())
        .prop_map(|(batch, (groups, inputs, outputs), axes)| Case { batch, groups, inputs, outputs, axes })
        .prop_filter("little work", |case| {
            let sizes = [case.x(), case.w(), case.y()].map(|shape| shape.iter().product::<usize>());
            let work = sizes[2] * case.inputs * case.axes.iter().map(|a| a.kernel).product::<usize>();
            sizes.iter().all(|&n| n <= 2000) && work <= 20_000
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn convolutions_and_their_gradients_are_the_sums_that_define_them(case in cases(), seed in any::<u64>(), odd in any::<bool>()) {
        let lay = |model: &Model<f64>, dice: &mut Dice| {
            if odd { embed(model, f64::NAN, dice) } else { model.tensor() }
        };
        check(&case, seed, lay).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn unfolding_takes_every_window_and_folding_adds_them_up(case in cases(), seed in any::<u64>()) {
        let dice = &mut Dice(seed);
        let case = Case { groups: 1, outputs: 1, ..case };
        let x = whole(&case.x(), dice);
        let (taps, positions): (usize, usize) =
            (case.axes.iter().map(|a| a.kernel).product(), case.axes.iter().map(Axis::count).product());
        let shape: Vec<usize> = case.batch.into_iter().chain([case.inputs * taps, positions]).collect();
        let g = whole(&shape, dice);
        let (mut y, mut back) = (g.map(|_| 0.0), x.map(|_| 0.0));
        case.products(|i, j, k| {
            // Of one output, y's place tells the image and the window, and w's the row.
            let place = k / positions * case.inputs * taps * positions + j * positions + k % positions;
            y.data[place] += x.data[i];
            back.data[i] += g.data[place];
        });
        let kernel: Vec<usize> = case.axes.iter().map(|a| a.kernel).collect();
        let options = case.options();
        let tape = Tape::new();
        let (vx, vg) = (tape.leaf(embed(&x, f64::NAN, dice)), tape.leaf(embed(&g, f64::NAN, dice)));
        let found = vx.unfold(&kernel[..], options);
        differs("unfold", &found.value(), &y).map_err(TestCaseError::fail)?;
        let gradients = found.backward_with(vg.value());
        differs("gradient of unfold", &gradients[vx], &back).map_err(TestCaseError::fail)?;
        let sizes: Vec<usize> = case.axes.iter().map(|a| a.size).collect();
        let taps_divide = case.inputs > 0 || sizes.iter().all(|&n| n > 0);
        if taps_divide {
            let found = vg.fold(&sizes[..], &kernel[..], options);
            differs("fold", &found.value(), &back).map_err(TestCaseError::fail)?;
            differs("gradient of fold", &found.backward_with(vx.value())[vg], &y).map_err(TestCaseError::fail)?;
        }
    }
}

// ---- sizes that take every path ----------------------------------------------------------------------------------------

/// Blocks of one image and of several; deep ones; windows that are the elements; one channel per group.
fn large() -> Vec<Case> {
    let padded = |size, kernel| Axis { before: kernel / 2, after: kernel / 2, ..Axis::new(size, kernel) };
    let mut cases = vec![
        Case::of(2, [3, 5], &[padded(23, 3), padded(29, 3)]), // two blocks of windows an image
        Case::of(7, [4, 6], &[Axis { stride: 2, ..padded(9, 3) }, padded(8, 3)]), // several images a block, not all alike
        Case::of(3, [70, 4], &[padded(4, 3), padded(4, 2)]),                      // deeper than a block
        Case::of(1, [33, 5], &[padded(18, 3), padded(18, 3)]),                    // one image, deep
        Case::of(2, [9, 4], &[Axis::new(17, 1), Axis::new(19, 1)]), // windows that are the elements, a view
        Case::of(5, [9, 4], &[Axis::new(3, 1), Axis::new(4, 1)]),   // the same, several images
        Case::of(1, [5, 3], &[Axis::new(700, 4)]),
        Case::of(1, [2, 3], &[padded(7, 3), padded(9, 2), padded(10, 3)]),
        Case::of(40, [1, 30], &[Axis::new(8, 3), Axis::new(8, 3)]),
        Case::of(13, [8, 12], &[padded(20, 3), padded(20, 3)]), // enough work for several parts of the weight's gradient
        Case::of(52, [16, 17], &[padded(6, 3), padded(6, 3)]),  // the same, several images a block
        Case::of(2, [17, 18], &[padded(15, 3), padded(16, 3)]), // a product for each tap
    ];
    cases.push(Case { groups: 3, ..Case::of(2, [6, 4], &[padded(20, 3), padded(17, 3)]) });
    cases.push(Case { groups: 6, ..Case::of(3, [1, 2], &[padded(19, 3), Axis { stride: 2, ..padded(37, 3) }]) });
    cases.push(Case { groups: 40, ..Case::of(2, [1, 1], &[padded(12, 3), padded(13, 5)]) });
    cases
}

#[test]
fn every_way_of_computing_gives_the_sums() {
    for case in large() {
        for (seed, odd) in [(1, false), (2, true)] {
            let lay = |model: &Model<f64>, dice: &mut Dice| {
                if odd { embed(model, f64::NAN, dice) } else { model.tensor() }
            };
            check(&case, seed, lay).unwrap_or_else(|why| panic!("{case:?}, odd {odd}: {why}"));
        }
    }
}

#[test]
fn f32_gives_the_same_whole_numbers_as_f64() {
    for case in large() {
        let dice = &mut Dice(3);
        let [x, w, g] = [case.x(), case.w(), case.y()].map(|shape| whole(&shape, dice).tensor());
        let run = |x: Tensor<f32>, w: Tensor<f32>, g: Tensor<f32>| {
            let tape = Tape::new();
            let (x, w) = (tape.leaf(x), tape.leaf(w));
            let y = conv(x, w, case.options());
            let gradients = y.backward_with(g);
            [y.value(), gradients[x].clone(), gradients[w].clone()]
        };
        let found = run(x.cast(), w.cast(), g.cast());
        let tape = Tape::new();
        let (x, w) = (tape.leaf(x), tape.leaf(w));
        let y = conv(x, w, case.options());
        let gradients = y.backward_with(g);
        for (found, expected) in found.iter().zip([y.value(), gradients[x].clone(), gradients[w].clone()]) {
            assert!(found.cast::<f64>() == expected, "{case:?}");
        }
    }
}

/// Numbers whose sums round: every order gives other bits.
fn rounding(shape: &[usize], dice: &mut Dice) -> Tensor<f32> {
    Tensor::from_fn(shape, |_| dice.below(1 << 20) as f32 / 3e5 - 1.5)
}

#[test]
fn trap_28_the_bits_do_not_depend_on_the_number_of_threads() {
    let padded = |size, kernel| Axis { before: kernel / 2, after: kernel / 2, ..Axis::new(size, kernel) };
    let cases = [
        Case::of(9, [16, 24], &[padded(20, 3), padded(20, 3)]),
        Case::of(1, [24, 40], &[padded(30, 3), padded(31, 3)]),
        Case::of(33, [40, 33], &[padded(6, 3), padded(6, 3)]),
        Case::of(3, [64, 96], &[Axis::new(24, 1), Axis::new(24, 1)]),
        Case { groups: 2, ..Case::of(3, [12, 17], &[Axis { stride: 2, ..padded(41, 5) }, padded(20, 5)]) },
        Case { groups: 30, ..Case::of(4, [1, 1], &[padded(40, 3), padded(40, 3)]) },
        Case::of(1, [600, 9], &[padded(33, 3)]),
    ];
    let pools = [1, 2, 4].map(|n| ThreadPoolBuilder::new().num_threads(n).build().expect("threads can be started"));
    for case in cases {
        let dice = &mut Dice(5);
        let [x, w, g] = [case.x(), case.w(), case.y()].map(|shape| rounding(&shape, dice));
        let run = || {
            let tape = Tape::new();
            let (x, w) = (tape.leaf(x.clone()), tape.leaf(w.clone()));
            let y = conv(x, w, case.options());
            let gradients = y.backward_with(g.clone());
            [y.value(), gradients[x].clone(), gradients[w].clone()]
                .map(|x| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>())
        };
        let expected = run();
        for pool in &pools {
            assert!(pool.install(run) == expected, "{case:?}: other bits with {} threads", pool.current_num_threads());
        }
    }
}

// ---- defects that other libraries had ----------------------------------------------------------------------------------

#[test]
fn trap_24_gradients_with_dilation() {
    agrees(&Case::of(2, [2, 3], &[Axis { dilation: 2, ..Axis::new(7, 3) }]));
    agrees(&Case::of(1, [2, 2], &[Axis { dilation: 3, before: 2, after: 1, ..Axis::new(6, 2) }, Axis::new(5, 3)]));
    agrees(&Case::of(
        1,
        [1, 2],
        &[Axis { dilation: 2, stride: 3, ..Axis::new(9, 3) }, Axis { dilation: 4, ..Axis::new(9, 2) }],
    ));
}

#[test]
fn trap_24_gradients_with_groups() {
    for groups in [2, 3] {
        agrees(&Case { groups, ..Case::of(2, [2, 3], &[Axis::new(5, 2), Axis::new(4, 3)]) });
        agrees(&Case { groups, ..Case::of(2, [1, 1], &[Axis::new(5, 2), Axis::new(4, 3)]) });
        agrees(&Case { groups, ..Case::of(1, [1, 5], &[Axis { before: 1, ..Axis::new(5, 2) }]) });
    }
}

#[test]
fn trap_24_gradients_with_a_stride_that_does_not_divide() {
    for (size, kernel, stride) in [(6, 3, 2), (8, 3, 4), (7, 2, 3), (5, 1, 3), (9, 2, 4)] {
        agrees(&Case::of(2, [2, 2], &[Axis { stride, ..Axis::new(size, kernel) }]));
        agrees(&Case::of(1, [2, 2], &[Axis { stride, after: 1, ..Axis::new(size, kernel) }, Axis::new(3, 2)]));
    }
}

#[test]
fn trap_24_windows_of_one_element_on_strided_channels() {
    let case = Case::of(2, [3, 4], &[Axis::new(3, 1), Axis::new(4, 1)]);
    for how in odd::ODD {
        let lay = |model: &Model<f64>, _: &mut Dice| odd::lay(&model.tensor(), how);
        check(&case, 1, lay).unwrap_or_else(|why| panic!("{how:?}: {why}"));
    }
    // Every second channel of a larger tensor, and images that are one image repeated.
    let every_second = |model: &Model<f64>, _: &mut Dice| {
        let x = model.tensor();
        let wide = x.unsqueeze(2).broadcast_to([&x.shape()[..2], &[2], &x.shape()[2..]].concat());
        wide.to_contiguous().narrow(2, 1, 1).squeeze(2)
    };
    check(&case, 2, every_second).expect("every second channel");
    let tape = Tape::new();
    let (x, w) =
        (tape.leaf(Tensor::<f64>::ones([1, 3, 2, 2])), tape.leaf(Tensor::from_fn([2, 3, 1, 1], |i| i[1] as f64)));
    let y = x.broadcast_to([4, 3, 2, 2]).conv2d(w, Conv::new());
    assert!(y.value().iter().all(|&y| y == 3.0));
    let gradients = y.sum(..).backward();
    assert_eq!(gradients[x].sum([0, 2, 3]).to_vec(), [0.0, 32.0, 64.0]);
    assert!(gradients[w].iter().all(|&g| g == 16.0));
}

#[test]
fn trap_24_as_many_channels_as_rows_and_columns() {
    let padded = |n| Axis { before: 1, after: 1, ..Axis::new(n, 3) };
    agrees(&Case::of(3, [3, 3], &[padded(3), padded(3)]));
    agrees(&Case::of(2, [2, 2], &[Axis::new(2, 2), Axis::new(2, 2), Axis::new(2, 2)]));
    agrees(&Case { groups: 4, ..Case::of(4, [1, 1], &[padded(4), padded(4)]) });
}

#[test]
fn trap_24_output_padding() {
    let tape = Tape::new();
    for (stride, dilation, extra) in [(2, 1, 1), (3, 1, 2), (1, 3, 2), (3, 2, 1)] {
        let options = Conv::new().stride(stride).dilation(dilation).padding(1);
        let (x, w) = (tape.leaf(Tensor::<f64>::ones([1, 2, 3])), tape.leaf(Tensor::<f64>::ones([2, 3, 2])));
        let (short, long) = (x.conv_transpose1d(w, options), x.conv_transpose1d(w, options.output_padding(extra)));
        assert_eq!(long.shape()[2], short.shape()[2] + extra, "stride {stride}, dilation {dilation}");
        // What is there without it is there with it; behind lies what the padding had cut off, or 0.
        assert_eq!(long.value().narrow(2, 0, short.shape()[2]), short.value());
        let whole = x.conv_transpose1d(w, Conv::new().stride(stride).dilation(dilation)).value();
        let seen = |i: &[usize]| *whole.get(&[0, i[1], i[2] + 1]).unwrap_or(&0.0);
        assert_eq!(long.value(), Tensor::from_fn(long.shape(), seen));
    }
}

#[test]
fn padding_same_and_valid() {
    let tape = Tape::<f64>::new();
    for (size, kernel, stride, dilation) in
        [(5, 3, 1, 1), (6, 4, 1, 1), (7, 3, 2, 1), (8, 2, 3, 2), (4, 1, 3, 1), (9, 2, 4, 3)]
    {
        let same = Conv::new().stride(stride).dilation(dilation).padding(Padding::Same);
        let (x, w) = (tape.leaf(Tensor::ones([1, size])), tape.leaf(Tensor::ones([1, 1, kernel])));
        let y = x.conv1d(w, same);
        assert_eq!(y.shape(), [1, size.div_ceil(stride)]);
        // The adjoint's size is a whole number of strides.
        let back = y.conv_transpose1d(w, same);
        assert_eq!(back.shape(), [1, size.div_ceil(stride) * stride]);
        if size % stride == 0 {
            assert_eq!(back.value(), y.value().conv1d_adjoint_of(x, w, same), "{size} {kernel} {stride} {dilation}");
        }
        let valid = Conv::new().stride(stride).dilation(dilation);
        assert_eq!(valid, valid.padding(Padding::Valid));
        let count = (size - dilation * (kernel - 1) - 1) / stride + 1;
        assert_eq!(x.conv1d(w, valid).shape(), [1, count]);
    }
}

trait Adjoint {
    /// The gradient by x of `conv1d(x, w)`, where this one arrives.
    fn conv1d_adjoint_of(&self, x: Var<'_, f64>, w: Var<'_, f64>, options: Conv) -> Tensor<f64>;
}

impl Adjoint for Tensor<f64> {
    fn conv1d_adjoint_of(&self, x: Var<'_, f64>, w: Var<'_, f64>, options: Conv) -> Tensor<f64> {
        let tape = Tape::new();
        let x = tape.leaf(x.value());
        x.conv1d(tape.constant(w.value()), options).backward_with(self.clone())[x].clone()
    }
}

#[test]
fn trap_23_nothing_skips_a_zero_weight() {
    // Products of matrices, and rows times numbers.
    for (channels, groups) in [(1, 1), (6, 1), (6, 6)] {
        let mut x = Tensor::<f64>::ones([1, channels, 3, 3]);
        x.make_mut()[4] = f64::INFINITY;
        let w = Tensor::zeros([6, channels / groups, 1, 1]);
        let y = x.conv2d(&w, Conv::new().groups(groups));
        let of_nan = |o: usize| y.to_vec()[o * 9..][..9].iter().map(|y| y.is_nan()).collect::<Vec<_>>();
        assert_eq!(of_nan(0), [false, false, false, false, true, false, false, false, false], "groups {groups}");
    }
}

// ---- second order, other scalars, messages -----------------------------------------------------------------------------

/// The gradient of a convolution is differentiated by everything that it depends on, to fourth order.
#[test]
fn every_order_is_there() {
    let tape = Tape::<f64>::new();
    let x = tape.leaf(Tensor::from_fn([1, 1, 4], |i| i[2] as f64 - 1.0));
    let w = tape.leaf(Tensor::from_fn([1, 1, 2], |i| i[2] as f64 + 0.5));
    let y = x.conv1d(w, Conv::new());
    let energy = (y * y * y).sum(..); // of degree 3 in x and in w
    let [by_x] = energy.grad([x]).expect("it depends on x");
    let [by_xw] = (by_x * x).sum(..).grad([w]).expect("it depends on w");
    let [by_xwx] = (by_xw * w).sum(..).grad([x]).expect("it depends on x");
    let [by_xwxw] = (by_xwx * x).sum(..).grad([w]).expect("it depends on w");
    // Euler: x · ∂/∂x is 3, and so is w · ∂/∂w, each time.
    let whole = (by_xwxw * w).sum(..).item();
    assert!((whole - 81.0 * energy.item()).abs() <= 1e-9 * whole.abs(), "{whole} is not 81 times {}", energy.item());
}

#[test]
fn an_output_that_overflows_is_refused_with_its_shape() {
    let (x, w) = (Tensor::<f32>::ones([1, 16, 4, 4]), Tensor::ones([16, 16, 3, 3]));
    let panic = panics::panic_of(|| x.conv2d(&w, Conv::new().padding([(0, 1 << 40), (0, 1 << 40)])));
    assert!(panic.message.contains("[1, 16, 1099511627778, 1099511627778]"), "{panic:?}");
}

#[test]
fn messages_name_the_op_the_shapes_and_the_options_at_the_callers_line() {
    let (x, w) = (Tensor::<f32>::ones([2, 3, 5, 5]), Tensor::<f32>::ones([4, 3, 3, 3]));
    let says = |f: &dyn Fn() -> Tensor<f32>, parts: &[&str]| {
        let panic = panics::panic_of(f);
        assert!(panic.file.ends_with("convolution.rs"), "{panic:?}");
        for part in parts {
            assert!(panic.message.contains(part), "`{part}` is not in: {}", panic.message);
        }
        panic.line
    };
    let narrow = w.narrow(1, 0, 2);
    let (line, wrong) = (line!(), || x.conv2d(&narrow, Conv::new()));
    assert_eq!(says(&wrong, &["conv2d: input [2, 3, 5, 5], weight [4, 2, 3, 3] with Conv { stride: 1"]), line);
    says(&|| x.conv2d(&w, Conv::new().groups(2)), &["groups: 2", "3 channels for 2 groups of the 3"]);
    says(&|| x.conv2d(&w, Conv::new().stride([1, 0])), &["stride: [1, 0]", "stride must be positive"]);
    says(&|| x.conv2d(&w, Conv::new().dilation([1, 2, 3])), &["dilation has 3 values for 2 spatial axes"]);
    says(&|| x.conv2d(&w, Conv::new().dilation(3)), &["a window of 7 elements in 5, padding included"]);
    says(&|| x.conv2d(&w, Conv::new().output_padding(1)), &["output_padding is for transposed convolutions"]);
    says(&|| x.conv2d(&w, Conv::new().padding(usize::MAX)), &["the padding overflows"]);
    says(&|| x.conv2d(&w, Conv::new().groups(0)), &["groups must be positive"]);
    says(&|| x.conv1d(&w, Conv::new()), &["conv1d", "the input must have rank 3, or 2 without a batch"]);
    says(&|| x.conv_transpose2d(&w, Conv::new()), &["conv_transpose2d", "3 channels for a weight that takes 4"]);
    let w = w.narrow(0, 0, 3);
    says(&|| x.conv_transpose2d(&w, Conv::new().output_padding(1)), &["output_padding 1 must be below stride 1"]);
    says(&|| x.conv_transpose2d(&w, Conv::new().padding(9)), &["padding (9, 9) leaves nothing of 7 elements"]);
    says(&|| x.conv_transpose2d(&w, Conv::new().padding(Padding::Same).output_padding(1)), &["leaves nothing open"]);
    says(&|| x.unfold([2, 2, 2, 2], Conv::new()), &["unfold", "4 spatial axes, not 1 to 3"]);
    says(&|| x.unfold(2, Conv::new().groups(3)), &["it takes no groups"]);
    says(
        &|| x.flatten().reshape([25, 6]).fold(4, 2, Conv::new()),
        &["fold", "25 rows are not a number of windows of 4"],
    );
    says(
        &|| x.flatten().reshape([10, 15]).fold([4, 4], [1, 2], Conv::new()),
        &["15 columns, where that image has 12 windows"],
    );
}
