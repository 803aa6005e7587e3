//! What the benches share.

use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// One thread, and all of them. With a single core the two are the same and stand once.
pub(crate) fn pools() -> Vec<ThreadPool> {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let mut counts = vec![1, all];
    counts.dedup();
    let pool = |threads| ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads");
    counts.into_iter().map(pool).collect()
}

/// How long `n` calls of `work` take inside `pool`, which is entered once.
pub(crate) fn time<R>(pool: &ThreadPool, n: u64, mut work: impl FnMut() -> R + Send) -> Duration {
    pool.install(|| {
        let start = Instant::now();
        for _ in 0..n {
            std::hint::black_box(work());
        }
        start.elapsed()
    })
}
