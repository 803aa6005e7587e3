//! Threads that wait for work in a loop, and whether there are any.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a call of [`awake`] keeps threads awake. One at a time: a thread that waits for the end of one call on top of its work for
/// another, and the other way round, would be a deadlock.
static AWAKE: AtomicBool = AtomicBool::new(false);

/// How often an idle thread looks for work before it lets others of the system run.
const LOOKS: usize = 256;

/// Whether the pool's threads take work at once, and need not be woken.
#[inline]
pub(crate) fn are_awake() -> bool {
    AWAKE.load(Ordering::Relaxed)
}

/// Runs `f` in rayon's pool, whose other threads stay awake until it returns: they take work within a microsecond, and not only 10
/// to 15 µs after it is there. Meanwhile smaller operations are shared, for which that would not be worth it.
///
/// For loops of short training steps, on a machine that has nothing else to do: the threads take all of their processors' time, as
/// OpenMP's do. Where others want these too, the loop is slower than without. Results have the same bits either way. While another call
/// is running this one only calls `f` in the pool.
///
/// # Panics
/// As `f`; the threads rest again then, too.
///
/// # Examples
/// ```
/// # use rensa::{Tape, tensor};
/// let losses: Vec<f64> = rensa::awake(|| {
///     let tape = Tape::new();
///     (0..3).map(|i| tape.leaf(tensor![1.0, f64::from(i)]).square().sum(..).item()).collect()
/// });
/// assert_eq!(losses, [1.0, 2.0, 5.0]);
/// ```
/// Source: `OMP_WAIT_POLICY=active` of the OpenMP API, §6.7.
pub fn awake<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    let done = &Done(AtomicBool::new(false));
    rayon::scope(|scope| {
        let is_first = rayon::current_num_threads() > 1 && !AWAKE.swap(true, Ordering::Relaxed);
        let _rest = is_first.then(|| {
            let caller = rayon::current_thread_index();
            scope.spawn_broadcast(move |_, thread| {
                if Some(thread.index()) != caller {
                    done.wait();
                }
            });
            Rest(done)
        });
        f()
    })
}

/// Whether the threads may rest.
struct Done(AtomicBool);

impl Done {
    /// Takes the pool's work until it is done.
    fn wait(&self) {
        let mut looks = 0;
        while !self.0.load(Ordering::Acquire) {
            match rayon::yield_now() {
                Some(rayon::Yield::Executed) => looks = 0,
                _ if looks < LOOKS => {
                    looks += 1;
                    std::hint::spin_loop();
                }
                _ => std::thread::yield_now(),
            }
        }
    }
}

/// Lets the threads rest when it is dropped, when `f` panics as well.
struct Rest<'a>(&'a Done);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        AWAKE.store(false, Ordering::Relaxed);
        self.0.0.store(true, Ordering::Release);
    }
}
