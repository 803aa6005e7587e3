//! What the Rust contenders share: the numbers that all compute with, and the way in which `run.py` talks to them.
//!
//! A contender reads lines from its standard input and answers each with one line. `CASE` alone makes the case and answers with
//! numbers that every contender must find alike, or with `none` if it has no such case; `CASE<tab>MS` times it for about MS
//! milliseconds and answers with the nanoseconds of one call.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::time::Instant;

/// A case that is ready to be timed, and what it computed at first.
pub struct Work {
    pub check: Vec<f64>,
    pub call: Box<dyn FnMut()>,
}

impl Work {
    pub fn new(check: Vec<f64>, call: impl FnMut() + 'static) -> Option<Self> {
        Some(Work { check, call: Box::new(call) })
    }

    /// Of a training step: the losses of its first three calls are the numbers.
    pub fn step(mut step: impl FnMut() -> f64 + 'static) -> Option<Self> {
        let check = (0..3).map(|_| step()).collect();
        Work::new(check, move || {
            step();
        })
    }
}

/// Numbers between −scale and scale that are the same in every language.
pub fn noise(n: usize, seed: u32, scale: f64) -> Vec<f64> {
    let one = |i: usize| {
        let mut x =
            (i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(2_246_822_519)).wrapping_add(12_345);
        x ^= x >> 15;
        x = x.wrapping_mul(2_246_822_519);
        x ^= x >> 13;
        x = x.wrapping_mul(3_266_489_917);
        x ^= x >> 16;
        (f64::from(x) / 2_147_483_648.0 - 1.0) * scale
    };
    (0..n).map(one).collect()
}

pub fn noise32(n: usize, seed: u32, scale: f64) -> Vec<f32> {
    noise(n, seed, scale).into_iter().map(|x| x as f32).collect()
}

/// Answers the driver until it hangs up.
pub fn serve(make: impl Fn(&str) -> Option<Work>) {
    let mut ready: HashMap<String, Work> = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line from the driver");
        let answer = match line.split_once('\t') {
            None => match make(&line) {
                Some(work) => {
                    ready.clear(); // one case in memory at a time
                    let check: Vec<String> = work.check.iter().map(|x| format!("{x:e}")).collect();
                    ready.insert(line, work);
                    check.join(" ")
                }
                None => "none".to_string(),
            },
            Some((case, ms)) => {
                let work = ready.get_mut(case).expect("a case that was made");
                time(&mut work.call, ms.parse().expect("milliseconds")).to_string()
            }
        };
        println!("{answer}");
        std::io::stdout().flush().expect("the driver listens");
    }
}

/// The nanoseconds of one call, over about so many milliseconds.
fn time(call: &mut dyn FnMut(), ms: f64) -> f64 {
    let start = Instant::now();
    call();
    let first = start.elapsed().as_secs_f64() * 1e3;
    let n = (ms / first.max(1e-6)).clamp(1.0, 1e6) as usize;
    let start = Instant::now();
    (0..n).for_each(|_| call());
    start.elapsed().as_secs_f64() * 1e9 / n as f64
}
