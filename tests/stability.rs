//! What reductions, products and shapes do where a naive implementation loses digits, NaN, or memory safety; and that a panic
//! points at the caller's line.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Once;

use rensa::{Tensor, keep, slice, tensor};

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;

fn ulps(x: f32, y: f32) -> i64 {
    (i64::from(x.to_bits()) - i64::from(y.to_bits())).abs()
}

mod accuracy {
    use super::*;

    #[test]
    fn trap_22_many_ones_sum_exactly() {
        let n = 50_000_000;
        assert_eq!(Tensor::<f32>::ones([n]).sum(..).item(), 5e7);
        assert_eq!(Tensor::<f32>::ones([5000, 10_000]).sum(0).sum(0).item(), 5e7);
    }

    #[test]
    fn trap_22_a_mean_of_many() {
        let x = Tensor::full([10_000_000], 0.1f32);
        assert!(ulps(x.mean(..).item(), 0.1) <= 1, "{}", x.mean(..).item());
        let x = Tensor::full([10_000_000, 1], 0.1f32).broadcast_to([10_000_000, 2]);
        assert!(x.mean(0).iter().all(|&mean| ulps(mean, 0.1) <= 1), "{:?}", x.mean(0));
    }

    /// Values around `offset`, and their variance, computed around the offset.
    fn far(offset: f64, n: usize) -> (Tensor<f64>, f64) {
        let value = |i: usize| offset + ((i * 7919) % 1000) as f64 / 500.0 - 1.0;
        let x = Tensor::from_fn([n], |i| value(i[0]));
        let differences: Vec<f64> = x.iter().map(|x| x - offset).collect();
        let mean = differences.iter().sum::<f64>() / n as f64;
        let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / n as f64;
        (x, variance)
    }

    #[test]
    fn trap_22_a_variance_far_from_zero() {
        for n in [10, 1000, 12_345, 300_000] {
            let (x, variance) = far(1e8, n);
            let found = x.var(.., 0).item();
            assert!((found / variance - 1.0).abs() < 1e-6, "{n}: {found}, not {variance}");
            // What f32 holds are other values; their variance is computed from these.
            let (x, _) = far(1e4, n);
            let x: Tensor<f32> = x.cast();
            let variance = (x.cast::<f64>() - 1e4).var(.., 0).item();
            for found in [x.var(.., 0).item(), x.reshape([n as isize, 1]).broadcast_to([n, 3]).var(0, 0)[[1]]] {
                assert!((f64::from(found) / variance - 1.0).abs() < 1e-6, "{n}: {found}, not {variance}");
            }
        }
        assert_eq!(Tensor::full([1000], 1e30f32).var(.., 0).item(), 0.0);
        assert_eq!(Tensor::full([7], 0.1f32).var(.., 1).item(), 0.0);
    }

    #[test]
    fn trap_18_logsumexp_of_extremes() {
        let lse = |x: &[f32]| Tensor::from_vec(x.to_vec(), [x.len()]).unwrap().logsumexp(..).item();
        let ln2 = 2f32.ln();
        assert_eq!(lse(&[1e4, 1e4]), 1e4 + ln2);
        assert_eq!(lse(&[-1e4, -1e4]), -1e4 + ln2);
        assert_eq!(lse(&[1e4, -1e4]), 1e4);
        assert_eq!(lse(&[-INF, 3.0, -INF]), 3.0);
        assert_eq!(lse(&[-INF, -INF]), -INF);
        assert_eq!(lse(&[-INF; 300]), -INF);
        assert_eq!(lse(&[INF, 1.0]), INF);
        assert_eq!(lse(&[INF, 1e5, -INF]), INF);
        assert_eq!(lse(&[INF, INF]), INF);
        assert!(lse(&[NAN, 1.0]).is_nan() && lse(&[1.0, NAN, INF]).is_nan() && lse(&[NAN, -INF]).is_nan());
        assert_eq!(lse(&[]), -INF);
        assert_eq!(lse(&[f32::MAX, f32::MAX]), f32::MAX);
        let rows = tensor![[1e4f32, 1e4], [-INF, -INF], [0.0, 0.0]];
        assert_eq!(rows.logsumexp(-1).to_vec(), [1e4 + ln2, -INF, ln2]);
        assert_eq!(rows.t().logsumexp(keep(0)).shape(), [1, 3]);
    }
}

mod nothing {
    use super::*;

    #[test]
    fn trap_14_reductions_of_none() {
        let none = Tensor::<f32>::zeros([2, 0, 3]);
        assert_eq!(none.sum(1).to_vec(), [0.0; 6]);
        assert_eq!(none.prod(1).to_vec(), [1.0; 6]);
        assert_eq!(none.sum(..).item(), 0.0);
        assert_eq!(none.prod(keep(..)).to_vec(), [1.0]);
        assert!(none.mean(1).iter().all(|x| x.is_nan()) && none.mean(1).shape() == [2, 3]);
        assert!(none.var(1, 0).iter().all(|x| x.is_nan()) && none.std(.., 1).item().is_nan());
        assert_eq!(none.logsumexp(1).to_vec(), [-INF; 6]);
        assert_eq!(none.max(0).shape(), [0, 3]);
        assert_eq!(none.argmax(2).shape(), [2, 0]);
        assert!(!none.greater(&none).any(..).item() && none.greater(&none).all(..).item());
        assert_eq!(none.cumsum(0).shape(), [2, 0, 3]);
        assert!(tensor![1.0f32].var(.., 1).item().is_nan());
        assert!(tensor![1.0f32, 2.0].var(.., 3).item().is_nan());
    }

    #[test]
    #[should_panic(expected = "max: [2, 0, 3] has no element along the axes to reduce, and of none there is no max")]
    fn trap_14_max_of_none() {
        Tensor::<f32>::zeros([2, 0, 3]).max(1);
    }

    #[test]
    #[should_panic(expected = "min: [0] has no element along the axes to reduce")]
    fn trap_14_min_of_none() {
        Tensor::<f32>::zeros([0]).min(..);
    }

    #[test]
    #[should_panic(expected = "argmax: [0, 3] has no element along the axes to reduce")]
    fn trap_14_argmax_of_none() {
        Tensor::<f32>::zeros([0, 3]).argmax(0);
    }

    #[test]
    fn trap_14_products_and_views_of_none() {
        let (a, b) = (Tensor::<f64>::ones([2, 0]), Tensor::<f64>::ones([0, 3]));
        assert_eq!(a.matmul(&b).to_vec(), [0.0; 6]);
        assert_eq!(b.matmul(&Tensor::ones([3, 0])).shape(), [0, 0]);
        assert_eq!(b.t().matmul(&a.t()).to_vec(), [0.0; 6]);
        assert_eq!(Tensor::<f64>::ones([4, 2, 0]).matmul(&b).to_vec(), [0.0; 24]);
        assert_eq!(Tensor::<f64>::ones([0, 2, 5]).matmul(&Tensor::ones([5, 3])).shape(), [0, 2, 3]);
        assert_eq!(Tensor::<f64>::ones([0]).matmul(&Tensor::ones([0])).item(), 0.0);
        assert_eq!(a.reshape([0, 7]).shape(), [0, 7]);
        assert_eq!(a.chunk(3, 1).len(), 1);
        assert_eq!(Tensor::concat(&[a.clone(), Tensor::ones([2, 1])], 1).shape(), [2, 1]);
        assert_eq!(tensor![1.0].windows(0, 2, 1).shape(), [0, 2]);
        assert_eq!(Tensor::from_nested([] as [[f64; 3]; 0]).shape(), [0, 3]);
    }

    #[test]
    fn trap_15_rank_0_is_ordinary() {
        let x = Tensor::scalar(2.0f32);
        assert_eq!((&x + &x).item(), 4.0);
        assert_eq!((x.sum(..).item(), x.max(..).item(), x.var(.., 0).item()), (2.0, 2.0, 0.0));
        assert_eq!((x.t().shape(), x.reshape([1, 1]).shape()), (x.shape(), tensor![[0.0]].shape()));
        assert_eq!((&x * &Tensor::<f32>::ones([2, 3])).shape(), [2, 3]);
        assert_eq!((&x * &Tensor::<f32>::ones([0, 3])).shape(), [0, 3]);
        assert_eq!(x.flatten().to_vec(), x.to_vec());
        assert_eq!((x.get(&[]), x[[]]), (Some(&2.0), 2.0));
    }
}

mod not_a_number {
    use super::*;

    #[test]
    fn trap_17_nan_goes_through_extrema() {
        for n in [1, 2, 7, 130, 300_000] {
            for place in [0, n / 2, n - 1] {
                let mut x = Tensor::<f32>::ones([n]);
                x[[place]] = NAN;
                assert!(x.max(..).item().is_nan() && x.min(..).item().is_nan(), "{n}, {place}");
                assert_eq!((x.argmax(0).item(), x.argmin(0).item()), (place, place));
                let columns = x.reshape([n as isize, 1]).broadcast_to([n, 2]);
                assert!(columns.max(0).iter().all(|x| x.is_nan()) && columns.min(0).iter().all(|x| x.is_nan()));
            }
        }
        assert_eq!(tensor![[-INF, -INF], [INF, -INF]].max(1).to_vec(), [-INF, INF]);
    }

    #[test]
    fn trap_16_argmax_takes_the_first_and_the_first_nan() {
        let x = tensor![[1.0, 3.0, 3.0, 2.0], [0.0, NAN, 9.0, NAN], [-INF, -INF, -INF, -INF], [-0.0, 0.0, -0.0, 0.0]];
        assert_eq!(x.argmax(1).to_vec(), [1, 1, 0, 0]);
        assert_eq!(x.argmin(1).to_vec(), [0, 1, 0, 0]);
        assert_eq!(x.t().argmax(0).to_vec(), [1, 1, 0, 0]);
    }

    #[test]
    fn trap_23_zero_times_nan_in_a_product() {
        for (m, k, n) in [(1, 1, 1), (2, 3, 4), (1, 50, 1), (1, 64, 40), (40, 64, 1), (33, 65, 31)] {
            for poison in [NAN, INF] {
                let (mut a, b) = (Tensor::<f32>::ones([m, k]), Tensor::<f32>::zeros([k, n]));
                a[[m / 2, k / 2]] = poison;
                let y = a.matmul(&b);
                assert!((0..n).all(|j| y[[m / 2, j]].is_nan()), "{m}, {k}, {n}: {poison} · 0 is lost");
                assert_eq!(y.is_nan().to_float::<f32>().sum(..).item(), n as f32);
                let y = b.t().matmul(&a.t());
                assert!((0..n).all(|j| y[[j, m / 2]].is_nan()), "{m}, {k}, {n}: 0 · {poison} is lost");
            }
        }
    }

    /// Results are computed into memory that is used again; what was there before must not be read.
    #[test]
    fn trap_23_old_contents_are_not_read() {
        for (m, k, n) in [(4, 5, 6), (33, 17, 40), (1, 9, 33), (3, 0, 5)] {
            drop(Tensor::full([m, n], NAN) + 1.0);
            let y = Tensor::<f32>::ones([m, k]).matmul(&Tensor::ones([k, n]));
            assert_eq!(y, Tensor::full([m, n], k as f32));
            drop(Tensor::full([m, n], NAN) + 1.0);
            assert_eq!(Tensor::<f32>::ones([m, n]) + 1.0, Tensor::full([m, n], 2.0));
        }
    }
}

mod shapes {
    use super::*;

    const HUGE: usize = 1 << 40;

    #[test]
    fn trap_13_overflowing_products_are_refused() {
        for shape in [vec![HUGE, HUGE], vec![0, HUGE, HUGE], vec![usize::MAX], vec![usize::MAX, 0], vec![1 << 63]] {
            assert!(Tensor::from_vec(Vec::<u8>::new(), &shape[..]).is_err(), "{shape:?}");
            assert_panics("more elements than can be addressed", || Tensor::<f32>::zeros(&shape[..]));
            assert_panics("more elements than can be addressed", || Tensor::from_fn(&shape[..], |_| 0u8));
            assert_panics("cannot become", || Tensor::<f32>::zeros([0]).reshape(&shape[..]));
        }
        for shape in [[HUGE, HUGE, 1], [0, HUGE, HUGE]] {
            assert_panics("more elements than can be addressed", || tensor![1.0].broadcast_to(shape));
        }
        let wide = Tensor::<f32>::zeros([HUGE, 1]);
        assert_panics("more elements than can be addressed", || &wide + &wide.t());
        assert_panics("more elements than can be addressed", || wide.windows(0, HUGE / 2, 1));
        assert_panics("cannot become", || wide.reshape([-1, 0]));
        assert_panics("cannot become", || wide.reshape([-1, -1]));
        assert_panics("cannot become", || wide.reshape([-1, 3]));
        assert_panics("cannot become", || tensor![1.0, 2.0].reshape([usize::MAX]));
        assert_panics("cannot become", || tensor![1.0, 2.0].reshape([-2, -1]));
        assert_eq!(wide.reshape([2, -1]).shape(), [2, HUGE / 2]);
    }

    /// `0usize.wrapping_sub(1)` is not −1.
    #[test]
    fn trap_13_huge_indices_do_not_count_from_the_end() {
        let x = tensor![1.0, 2.0];
        assert_panics("slice: index", || x.slice(slice![usize::MAX]));
        assert_panics("slice: range", || x.slice(slice![..usize::MAX]));
        assert_panics("slice: range", || x.slice(slice![..=usize::MAX]));
        assert_panics("slice: range", || x.slice(slice![usize::MAX..]));
        assert_panics("out of range", || x.sum(usize::MAX));
        assert_panics("narrow:", || x.narrow(0, 1, usize::MAX));
        assert_panics("split:", || x.split(&[usize::MAX, 3], 0));
        assert_eq!(x.slice(slice![..;isize::MAX]).to_vec(), [1.0]);
        assert_eq!(x.slice(slice![..;isize::MIN]).to_vec(), [2.0]);
        assert_eq!(x.slice(slice![1..;7]).slice(slice![..;isize::MIN]).to_vec(), [2.0]);
        assert_eq!(x.flip(0).windows(0, 2, usize::MAX).to_vec(), [2.0, 1.0]);
        assert_panics("slice: the step", || x.slice([rensa::SliceItem::Range { start: 0, end: None, step: 0 }]));
    }
}

/// A panic's message, file and line.
type Seen = (String, String, u32);

thread_local! {
    /// Whether this thread's panics are awaited, and what the last one said.
    static AWAITED: RefCell<(bool, Option<Seen>)> = const { RefCell::new((false, None)) };
}

/// The message and the place of the panic of `f`, which is not printed.
fn panic_of<R>(f: impl FnOnce() -> R) -> Option<Seen> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let awaited = AWAITED.with_borrow_mut(|(awaited, seen)| {
                let (file, line) = info.location().map(|l| (l.file().to_string(), l.line())).unwrap_or_default();
                let text = info.payload().downcast_ref::<String>().cloned();
                let text = text.or_else(|| info.payload().downcast_ref::<&str>().map(|text| text.to_string()));
                *seen = Some((text.unwrap_or_default(), file, line));
                *awaited
            });
            if !awaited {
                print(info);
            }
        }));
    });
    AWAITED.set((true, None));
    let result = catch_unwind(AssertUnwindSafe(f));
    let (_, seen) = AWAITED.replace((false, None));
    if result.is_ok() { None } else { seen }
}

/// Asserts that `f` panics with a message that contains `part`, at the line on which this is called or just below.
#[track_caller]
fn assert_panics<R>(part: &str, f: impl FnOnce() -> R) {
    let here = Location::caller();
    let (message, file, line) = panic_of(f).unwrap_or_else(|| panic!("no panic with “{part}”"));
    assert!(message.contains(part), "“{message}” does not contain “{part}”");
    let near = (here.line()..here.line() + 3).contains(&line);
    assert!(file == here.file() && near, "“{message}” points at {file}:{line}, not at {}:{}", here.file(), here.line());
}

mod messages {
    use super::*;

    #[test]
    fn a_panic_names_the_operation_and_the_shapes_at_the_callers_line() {
        let (a, b) = (Tensor::<f32>::ones([3, 4]), Tensor::<f32>::ones([5, 2]));
        assert_panics("matmul: [3, 4] × [5, 2]: inner sizes 4 and 5 differ", || a.matmul(&b));
        assert_panics("matmul: [] × [5, 2]: rank 0", || Tensor::scalar(1.0).matmul(&b));
        let (c, d) = (Tensor::<f32>::ones([2, 3, 4]), Tensor::<f32>::ones([3, 4, 2]));
        assert_panics("matmul: [2, 3, 4] × [3, 4, 2]: the axes before the last two do not broadcast", || c.matmul(&d));
        assert_panics("add: [3, 4] and [5, 2] do not broadcast: sizes 4 and 2 at axis -1 differ", || &a + &b);
        assert_panics("sub: [3, 4] and [5, 2] do not broadcast", || a.clone() - &b);
        assert_panics("mul: [3, 4] and [5, 2] do not broadcast", || a.clone() * b.clone());
        assert_panics("div: [5, 2] and [3, 4] do not broadcast", || &b / a.clone());
        assert_panics("div: [3, 4] and [5, 2] do not broadcast", || &a / b.clone());
        assert_panics("add_assign: [3, 4] and [5, 2] do not broadcast", || a.clone().add_assign(&b));
        assert_panics("mul_assign: [3, 4] does not broadcast to [4]", || tensor![1.0f32, 2.0, 3.0, 4.0].mul_assign(&a));
        assert_panics("zip: [3, 4] and [5, 2]", || a.zip(&b, |a, _| a));
        assert_panics("less: [3, 4] and [5, 2]", || a.less(&b));
        assert_panics("where_cond: [3, 4] and [5, 2]", || Tensor::where_cond(&a.less(&a), &a, &b));
    }

    #[test]
    fn a_panic_of_a_view_names_the_callers_line() {
        let a = Tensor::<f32>::ones([3, 4]);
        assert_panics("reshape: [3, 4] has 12 elements and cannot become [5, 2]", || a.reshape([5, 2]));
        assert_panics("broadcast_to: [3, 4] does not broadcast to [4, 3]", || a.broadcast_to([4, 3]));
        assert_panics("permute: [0, 1, 2] names 3 axes, the rank is 2", || a.permute(&[0, 1, 2]));
        assert_panics("permute: [0, -2] names axis 0 twice", || a.permute(&[0, -2]));
        assert_panics("permute: axis 2 is out of range for rank 2", || a.permute(&[0, 2]));
        assert_panics("swapaxes: axis -3 is out of range for rank 2", || a.swapaxes(0, -3));
        assert_panics("squeeze: axis 1 of [3, 4] has size 4, not 1", || a.squeeze(1));
        assert_panics("unsqueeze: axis 3 is out of range for rank 2", || a.unsqueeze(3));
        assert_panics("unsqueeze: axis -4 is out of range for rank 2", || a.unsqueeze(-4));
        assert_panics("flip: axis 0 is named twice", || a.flip([0, -2]));
        assert_panics("windows: size 0 and step 1 must be positive", || a.windows(0, 0, 1));
        assert_panics("narrow: 3 elements from 1 on axis 0 of [3, 4]", || a.narrow(0, 1, 3));
        assert_panics("split: sizes [1, 1] add up to 2, axis 0 is of [3, 4]", || a.split(&[1, 1], 0));
        assert_panics("chunk: count must be positive", || a.chunk(0, 0));
        assert_panics("slice: index 3 is outside axis 0 of [3, 4]", || a.slice(slice![3]));
        assert_panics("slice: range 1..Some(5) is outside axis 1 of [3, 4]", || a.slice(slice![.., 1..5]));
        assert_panics("slice: 3 axes are named, [3, 4] has 2", || a.slice(slice![0, 0, 0]));
        assert_panics("assign: [5] does not broadcast to the part [4] of [3, 4]", || {
            a.clone().assign(slice![0], &Tensor::zeros([5]))
        });
        assert_panics("item: shape [3, 4] has 12 elements, not one", || a.item());
        assert_panics("index [3, 0] is outside shape [3, 4]", || a[[3, 0]]);
        assert_panics("index [0] is outside shape [3, 4]", || a[[0]]);
        assert_panics("index [0, 4] is outside shape [3, 4]", || a.clone()[[0, 4]] = 1.0);
    }

    #[test]
    fn a_panic_of_a_reduction_or_an_index_names_the_callers_line() {
        let a = Tensor::<f32>::ones([3, 4]);
        let index = tensor![0usize, 7];
        assert_panics("sum: axis 2 is out of range for rank 2", || a.sum(2));
        assert_panics("mean: axis 0 is named twice", || a.mean([0, 0]));
        assert_panics("prod: axis -3 is out of range for rank 2", || a.prod(-3));
        assert_panics("max: axis 2 is out of range", || a.max(2));
        assert_panics("var: axis 2 is out of range", || a.var(2, 0));
        assert_panics("std: axis 2 is out of range", || a.std(2, 0));
        assert_panics("logsumexp: axis 2 is out of range", || a.logsumexp(2));
        assert_panics("argmin: axis 2 is out of range", || a.argmin(2));
        assert_panics("cumsum: axis 2 is out of range", || a.cumsum(2));
        assert_panics("any: axis 2 is out of range", || a.is_nan().any(2));
        assert_panics("all: axis 2 is out of range", || a.is_nan().all(2));
        assert_panics("index_select: index 7 is outside axis 1 of [3, 4]", || a.index_select(1, &index));
        assert_panics("gather: indices [2] and [3, 4] differ outside axis 0", || a.gather(0, &index));
        assert_panics("scatter_add: indices [2] and [3, 4] differ", || a.scatter_add(0, &index, &a));
        assert_panics("index_add: indices [2] for size 3 of axis 0 of [3, 4]", || Tensor::index_add(&a, 0, &index, 9));
        assert_panics("index_add: index 7 is outside axis 0 of [5]", || {
            Tensor::index_add(&tensor![1.0, 1.0], 0, &index, 5)
        });
        assert_panics("stack: shapes [3, 4] and [4, 3] differ", || Tensor::stack(&[a.clone(), a.t()], 0));
        assert_panics("stack: axis 3 is out of range for rank 2", || Tensor::stack(&[a.clone(), a.clone()], 3));
        assert_panics("concat: shapes [3, 4] and [4, 3] differ outside axis 0", || {
            Tensor::concat(&[a.clone(), a.t()], 0)
        });
        assert_panics("concat: no tensor", || Tensor::<f32>::concat(&[], 0));
        assert_panics("stack: no tensor", || Tensor::<f32>::stack(&[], 0));
        assert_panics("one_hot: class 7 is not below 5", || Tensor::<f32>::one_hot(&index, 5));
        assert_panics("arange: from 0.0 to 1.0 by 0.0", || Tensor::<f32>::arange(0.0, 1.0, 0.0));
        assert_panics("uniform: from 0.0 to inf is no finite interval", || {
            Tensor::<f32>::uniform([2], 0.0, INF, &mut rand::rngs::StdRng::seed_from_u64(0))
        });
        assert_panics("more elements", || Tensor::<f32>::eye(1 << 33));
    }

    use std::ops::{AddAssign, MulAssign};

    use rand::SeedableRng;

    #[test]
    fn the_catcher_sees_a_missing_panic_and_another_place() {
        assert!(panic_of(|| 1).is_none());
        assert!(catch_unwind(|| assert_panics("anything", || 1)).is_err());
        assert!(catch_unwind(|| assert_panics("another message", || panic!("a message"))).is_err());
        fn elsewhere() {
            // Far from the caller's line.
            //
            //
            panic!("a message")
        }
        assert!(catch_unwind(|| assert_panics("a message", elsewhere)).is_err());
    }
}
