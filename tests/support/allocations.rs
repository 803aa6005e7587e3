//! A global allocator that counts, by thread: tests that run beside each other do not see each other's allocations.

#![allow(unsafe_code, reason = "GlobalAlloc is an unsafe trait")]
#![allow(dead_code, unreachable_pub, reason = "a module of tests, of which every file uses its own part")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// Put into use by `#[global_allocator]`.
pub struct Counting;

fn add(count: usize, bytes: isize) {
    // During a thread's exit the counters may be gone.
    let _ = COUNT.try_with(|c| c.set(c.get() + count));
    let _ = LIVE.try_with(|l| {
        l.set(l.get() + bytes);
        let _ = PEAK.try_with(|p| p.set(p.get().max(l.get())));
    });
}

// SAFETY: every call is passed on to the system's allocator with its arguments unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(1, layout.size() as isize);
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        add(0, -(layout.size() as isize));
        // SAFETY: `at` came from `alloc` above with this layout, and so from the system's.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(1, size as isize - layout.size() as isize);
        // SAFETY: as for `dealloc`; the caller keeps the contract on `size`.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// The number of allocations that this thread makes in `f`.
pub fn allocations(f: impl FnOnce()) -> usize {
    let before = COUNT.with(Cell::get);
    f();
    COUNT.with(Cell::get) - before
}

/// The bytes that this thread has allocated and not freed.
pub fn live_bytes() -> isize {
    LIVE.with(Cell::get)
}

/// By how many bytes this thread's live memory exceeds, at its highest in `f`, what it is before. Blocks that wait in a free list live;
/// run on a thread of its own, `f` starts with an empty one.
pub fn peak_bytes(f: impl FnOnce()) -> isize {
    let before = live_bytes();
    PEAK.with(|p| p.set(before));
    f();
    PEAK.with(Cell::get) - before
}
