//! What a panic says, and which line it blames.

#![allow(dead_code, unreachable_pub, reason = "a module of tests, of which every file uses its own part")]

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static LAST: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// A panic's message and place.
#[derive(Debug)]
pub struct Panic {
    pub message: String,
    pub file: String,
    pub line: u32,
}

/// The panic that `f` must end in; it is not printed.
pub fn panic_of<R>(f: impl FnOnce() -> R) -> Panic {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let watched = LAST.with(|last| last.borrow().is_some());
            if !watched {
                return usual(info);
            }
            let message = info.payload_as_str().unwrap_or_default().to_string();
            let (file, line) = info.location().map_or((String::new(), 0), |l| (l.file().to_string(), l.line()));
            LAST.with(|last| *last.borrow_mut() = Some(Panic { message, file, line }));
        }));
    });
    LAST.with(|last| *last.borrow_mut() = Some(Panic { message: String::new(), file: String::new(), line: 0 }));
    let ended = catch_unwind(AssertUnwindSafe(f)).is_ok();
    let panic = LAST.with(RefCell::take).expect("it was put there");
    assert!(!ended, "it did not panic");
    panic
}
