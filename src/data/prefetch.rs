//! A thread that makes batches ahead of their use.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use crate::error::Result;
use crate::storage;

/// What became of a request: a batch, an error, or what its making panicked with.
type Reply<B> = std::result::Result<Result<B>, Box<dyn Any + Send>>;

/// A thread that answers requests in the order in which they were made. When this is dropped the thread ends with what it is at.
pub(super) struct Worker<R, B> {
    /// Both are there until this is dropped.
    ends: Option<(Sender<R>, Receiver<Reply<B>>)>,
    thread: Option<JoinHandle<()>>,
    waiting: usize,
}

impl<R: Send + 'static, B: Send + 'static> Worker<R, B> {
    /// A thread that answers by `make`.
    pub(super) fn spawn(make: impl Fn(R) -> Result<B> + Send + 'static) -> Self {
        let (ask, requests) = channel::<R>();
        let (reply, replies) = channel();
        let thread = std::thread::spawn(move || {
            // The batches are dropped elsewhere.
            storage::recycle_nothing();
            for request in requests {
                if reply.send(catch_unwind(AssertUnwindSafe(|| make(request)))).is_err() {
                    break;
                }
            }
        });
        Worker { ends: Some((ask, replies)), thread: Some(thread), waiting: 0 }
    }
}

impl<R, B> Worker<R, B> {
    /// How many requests have not been answered yet, or not been received.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Asks for one more batch.
    pub(super) fn ask(&mut self, request: R) {
        if let Some((ask, _)) = &self.ends {
            // The thread never ends before this; if it did, receiving would say so.
            let _ = ask.send(request);
            self.waiting += 1;
        }
    }

    /// Waits for the answer to the oldest request; if making it panicked, so does this.
    pub(super) fn receive(&mut self) -> Result<B> {
        self.waiting = self.waiting.saturating_sub(1);
        let reply = self.ends.as_ref().and_then(|(_, replies)| replies.recv().ok());
        match reply.expect("a worker answers as long as it is asked") {
            Ok(batch) => batch,
            Err(panic) => resume_unwind(panic),
        }
    }
}

impl<R, B> Drop for Worker<R, B> {
    fn drop(&mut self) {
        // With nobody to reply to, the thread ends after the request that it is at.
        self.ends = None;
        if let Some(thread) = self.thread.take() {
            // Its panics were caught, request by request.
            let _ = thread.join();
        }
    }
}
