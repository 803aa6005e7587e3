//! Convolutions, pooling, upsampling, unfolding and padding against PyTorch in f64, values and gradients
//! (`tests/golden/torch_conv.py`).

#[path = "support/golden.rs"]
mod golden;

use std::collections::BTreeMap;

use rensa::Padding::Same;
use rensa::{Conv, PadMode, Pool, Tape, Tensor, Upsample, Var};

type V<'t> = Var<'t, f64>;

/// The convolutions of the generator.
fn convolve<'t>(case: &str, x: V<'t>, w: V<'t>) -> Option<V<'t>> {
    let conv = Conv::new;
    Some(match case {
        "conv1d" => x.conv1d(w, conv()),
        "conv1d_options" => x.conv1d(w, conv().stride(3).padding(2).dilation(2).groups(2)),
        "conv1d_same" => x.conv1d(w, conv().padding(Same)),
        "conv1d_unbatched" => x.conv1d(w, conv().padding(1)),
        "conv2d" | "conv2d_one_element" => x.conv2d(w, conv()),
        "conv2d_stride_does_not_divide" => x.conv2d(w, conv().stride([2, 3])),
        "conv2d_dilation" => x.conv2d(w, conv().dilation([2, 3]).padding([1, 2])),
        "conv2d_groups" => x.conv2d(w, conv().groups(2).padding(1).stride(2)),
        "conv2d_depthwise" => x.conv2d(w, conv().groups(3).padding(1).stride([1, 2])),
        "conv2d_one_element_stride" => x.conv2d(w, conv().stride(2)),
        "conv2d_cube" => x.conv2d(w, conv().padding(1)),
        "conv2d_same" => x.conv2d(w, conv().padding(Same).dilation([1, 2])),
        "conv2d_uneven_padding" => x.conv2d(w, conv().padding([(0, 1), (2, 0)])),
        "conv3d" => x.conv3d(w, conv().stride([1, 2, 1]).padding([1, 0, 1])),
        "conv3d_groups" => x.conv3d(w, conv().groups(2).dilation([2, 1, 1])),
        "conv_transpose1d" => x.conv_transpose1d(w, conv().stride(2).padding(1)),
        "conv_transpose2d" => x.conv_transpose2d(w, conv()),
        "conv_transpose2d_options" => {
            let options = conv().stride([2, 3]).padding([1, 0]).output_padding([1, 2]).groups(2).dilation([1, 2]);
            x.conv_transpose2d(w, options)
        }
        "conv_transpose2d_output_padding_by_dilation" => {
            x.conv_transpose2d(w, conv().output_padding([1, 0]).dilation([2, 1]))
        }
        "conv_transpose2d_depthwise" => x.conv_transpose2d(w, conv().stride(2).padding(1).output_padding(1).groups(2)),
        "conv_transpose3d" => x.conv_transpose3d(w, conv().stride([1, 2, 2])),
        _ => return None,
    })
}

fn pool<'t>(case: &str, x: V<'t>) -> Option<V<'t>> {
    let pool = |kernel_size: [usize; 2]| Pool::new(kernel_size);
    Some(match case {
        "max_pool1d" => x.max_pool1d(Pool::new(3).stride(2)),
        "max_pool2d" | "max_pool2d_special" => x.max_pool2d(2),
        "max_pool2d_overlapping" => x.max_pool2d(pool([3, 2]).stride(1)),
        "max_pool2d_padding" => x.max_pool2d(pool([3, 2]).stride([2, 1]).padding(1)),
        "max_pool2d_dilation" => x.max_pool2d(pool([2, 3]).stride(1).dilation([3, 2])),
        "max_pool2d_ceil" | "max_pool2d_ceil_larger_than_image" => x.max_pool2d(pool([3, 3]).stride(2).ceil_mode(true)),
        "max_pool2d_ceil_padding" => x.max_pool2d(pool([2, 2]).stride(3).padding(1).ceil_mode(true)),
        "max_pool2d_ties" => x.max_pool2d(pool([2, 2]).stride(1)),
        "max_pool3d" => x.max_pool3d(Pool::new([2, 3, 2]).stride([1, 1, 2])),
        "adaptive_max_pool1d" => x.adaptive_max_pool1d(3),
        "adaptive_max_pool2d" => x.adaptive_max_pool2d([3, 4]),
        "adaptive_max_pool2d_larger" => x.adaptive_max_pool2d([3, 5]),
        "adaptive_max_pool3d" => x.adaptive_max_pool3d([2, 3, 1]),
        "global_max_pool2d" => x.global_max_pool2d(),
        "avg_pool1d" => x.avg_pool1d(Pool::new(3).stride(2).padding(1)),
        "avg_pool2d" => x.avg_pool2d(2),
        "avg_pool2d_overlapping" => x.avg_pool2d(pool([2, 4]).stride(1)),
        "avg_pool2d_counting" => x.avg_pool2d(pool([4, 2]).stride(2).padding([2, 1])),
        "avg_pool2d_not_counting" => x.avg_pool2d(pool([4, 2]).stride(2).padding([2, 1]).count_include_pad(false)),
        "avg_pool2d_ceil_counting" => x.avg_pool2d(pool([3, 4]).stride(2).padding(1).ceil_mode(true)),
        "avg_pool2d_ceil_not_counting" => {
            x.avg_pool2d(pool([3, 4]).stride(2).padding(1).ceil_mode(true).count_include_pad(false))
        }
        "avg_pool2d_divisor" => x.avg_pool2d(pool([2, 2]).padding(1).divisor_override(3)),
        "avg_pool3d" => x.avg_pool3d(Pool::new([2, 3, 2]).stride([1, 1, 2]).padding([1, 0, 1])),
        "adaptive_avg_pool1d" => x.adaptive_avg_pool1d(3),
        "adaptive_avg_pool2d" => x.adaptive_avg_pool2d([3, 4]),
        "adaptive_avg_pool3d" => x.adaptive_avg_pool3d([2, 3, 1]),
        "global_avg_pool2d" => x.global_avg_pool2d(),
        _ => return None,
    })
}

fn upsample<'t>(case: &str, x: V<'t>) -> Option<V<'t>> {
    Some(match case {
        "upsample_nearest1d" => x.upsample_nearest1d(Upsample::size(7)),
        "upsample_nearest2d" => x.upsample_nearest2d(Upsample::size([3, 8])),
        "upsample_nearest2d_scale" => x.upsample_nearest2d(Upsample::scale_factor([3, 2])),
        "upsample_nearest3d" => x.upsample_nearest3d(Upsample::size([3, 2, 4])),
        "upsample_linear1d" => x.upsample_linear1d(Upsample::size(9)),
        "upsample_linear1d_corners" => x.upsample_linear1d(Upsample::size(9).align_corners(true)),
        "upsample_bilinear2d" => x.upsample_bilinear2d(Upsample::size([5, 7])),
        "upsample_bilinear2d_corners" => x.upsample_bilinear2d(Upsample::size([5, 7]).align_corners(true)),
        "upsample_bilinear2d_smaller" => x.upsample_bilinear2d(Upsample::size([3, 4])),
        "upsample_bilinear2d_scale" => x.upsample_bilinear2d(Upsample::scale_factor(2)),
        "upsample_bilinear2d_to_one" => x.upsample_bilinear2d(Upsample::size(1).align_corners(true)),
        "upsample_trilinear3d" => x.upsample_trilinear3d(Upsample::size([3, 2, 4])),
        _ => return None,
    })
}

fn rearrange<'t>(case: &str, x: V<'t>) -> Option<V<'t>> {
    let conv = Conv::new;
    Some(match case {
        "unfold" => x.unfold([2, 3], conv().padding([1, 0]).stride([2, 1])),
        "unfold_dilation" => x.unfold(2, conv().dilation([3, 2]).padding(1).stride(2)),
        "fold" => x.fold([4, 5], [2, 3], conv().padding([1, 0]).stride([2, 1])),
        "pad_constant" => x.pad(&[(0, 1), (1, 2)], 0.5),
        "pad_constant_below_0" => x.pad(&[(1, -2), (-1, 2)], 0.5),
        "pad_reflect" => x.pad(&[(2, 0), (3, 1)], PadMode::Reflect),
        "pad_replicate" => x.pad(&[(0, 2), (3, 1)], PadMode::Replicate),
        "pad_circular" => x.pad(&[(2, 0), (4, 1)], PadMode::Circular),
        _ => return None,
    })
}

/// Why `found` is not `expected`, up to a few roundings of the largest element; only NaN is NaN, only ∞ is ∞.
fn difference(found: &Tensor<f64>, (shape, expected): &(Vec<usize>, Vec<f64>)) -> Option<String> {
    if found.shape()[..] != shape[..] {
        return Some(format!("shape {:?}, expected {shape:?}", found.shape()));
    }
    let scale = expected.iter().filter(|x| x.is_finite()).fold(1.0, |m: f64, x| m.max(x.abs()));
    let close = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-14 * scale;
    let found = found.to_vec();
    let wrong = found.iter().zip(expected).position(|(&a, &b)| !close(a, b))?;
    Some(format!("element {wrong} is {}, expected {}; all: {found:?}", found[wrong], expected[wrong]))
}

#[test]
fn the_comparator_lets_nothing_through() {
    let of = |x: &[f64]| Tensor::from_vec(x.to_vec(), [x.len()]).expect("as many as there are");
    let golden = |x: &[f64]| (vec![x.len()], x.to_vec());
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    assert!(difference(&of(&[1.0, nan, inf]), &golden(&[1.0, nan, inf])).is_none());
    for (a, b) in [(nan, 1.0), (1.0, nan), (inf, 1.0), (1.0, inf), (inf, -inf), (1.0, 1.0 + 1e-13)] {
        assert!(difference(&of(&[a]), &golden(&[b])).is_some(), "{a} passed for {b}");
    }
    assert!(difference(&of(&[1.0]), &golden(&[1.0, 1.0])).is_some());
}

#[test]
fn values_and_gradients_equal_those_of_pytorch() {
    let golden: BTreeMap<_, _> = golden::load(include_str!("golden/torch_conv.txt"));
    let cases: Vec<&str> = golden.keys().filter_map(|name| name.strip_suffix("/x")).collect();
    assert!(cases.len() >= 71, "only {} cases", cases.len());
    let tensor = |name: String| {
        let (shape, values) = golden.get(&name)?;
        Some(Tensor::from_vec(values.clone(), &shape[..]).expect("as many values as the shape holds"))
    };
    let mut wrong = Vec::new();
    for case in cases {
        let tape = Tape::new();
        let leaf = |letter: char| tensor(format!("{case}/{letter}")).map(|x| tape.leaf(x));
        let (x, w) = (leaf('x').expect("every case has an x"), leaf('w'));
        let y = match w {
            Some(w) => convolve(case, x, w),
            None => pool(case, x).or_else(|| upsample(case, x)).or_else(|| rearrange(case, x)),
        };
        let y = y.unwrap_or_else(|| panic!("nothing is called {case}"));
        let gradients = y.backward_with(tensor(format!("{case}/g")).expect("every case has a g"));
        let mut judge = |found: &Tensor<f64>, what: &str| {
            wrong.extend(difference(found, &golden[&format!("{case}/{what}")]).map(|d| format!("{case}/{what}: {d}")));
        };
        judge(&y.value(), "y");
        judge(&gradients[x], "gx");
        w.into_iter().for_each(|w| judge(&gradients[w], "gw"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
