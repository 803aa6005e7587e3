//! Gradients as values on the tape, to be differentiated again.

use std::panic::Location;

use super::backward::{run_rule, sweep};
use super::tape::{Blame, Kind};
use super::ways::Ways;
use super::{NoGradient, Var, fan};
use crate::float::Float;
use crate::shape::Inline;
use crate::tensor::Tensor;

impl<'t, T: Float> Var<'t, T> {
    /// The gradients of this single number by each of `wrt`, as values on the tape, to be differentiated again.
    ///
    /// No other gradients are computed on the way than those that these need. While the tape is paused, their values alone are put on it.
    ///
    /// # Errors
    /// If it does not depend on one of them: says where the way from one to the other ends.
    ///
    /// # Panics
    /// If it has more than one element, or none, or one of `wrt` is of another tape.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, Tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(Tensor::scalar(2.0));
    /// let [first] = (x * x * x).grad([x])?;
    /// let [second] = first.grad([x])?;
    /// assert_eq!((first.item(), second.item()), (12.0, 12.0)); // 3x² and 6x
    /// # Ok::<(), rensa::NoGradient>(())
    /// ```
    #[track_caller]
    pub fn grad<const N: usize>(self, wrt: [Var<'t, T>; N]) -> Result<[Var<'t, T>; N], NoGradient> {
        let _here = Blame::on(self.tape, Location::caller());
        let mut found = [self; N];
        self.sweep_vars(None, &wrt, &mut found)?;
        Ok(found)
    }

    /// [`Var::grad`] by a number of values that is not known to the compiler, in their order.
    ///
    /// # Errors
    /// As [`Var::grad`].
    ///
    /// # Panics
    /// As [`Var::grad`].
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, Tensor};
    /// let tape = Tape::<f64>::new();
    /// let xs: Vec<_> = [1.0, 2.0, 3.0].map(|x| tape.leaf(Tensor::scalar(x))).to_vec();
    /// let gradients = (xs[0] * xs[1] * xs[2]).grads(&xs)?;
    /// assert_eq!(gradients.iter().map(|g| g.item()).collect::<Vec<_>>(), [6.0, 3.0, 2.0]);
    /// # Ok::<(), rensa::NoGradient>(())
    /// ```
    #[track_caller]
    pub fn grads(self, wrt: &[Var<'t, T>]) -> Result<Vec<Var<'t, T>>, NoGradient> {
        let _here = Blame::on(self.tape, Location::caller());
        let mut found = vec![self; wrt.len()];
        self.sweep_vars(None, wrt, &mut found)?;
        Ok(found)
    }

    /// The gradients of `Σ seed · self` by each of `wrt`, as values on the tape, for a value of any shape. They can be differentiated
    /// again, by `seed` too: they are linear in it.
    ///
    /// # Errors
    /// As [`Var::grad`].
    ///
    /// # Panics
    /// If `seed` has another shape, or it or one of `wrt` is of another tape.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let (x, seed) = (tape.leaf(tensor![1.0, 2.0]), tape.leaf(tensor![10.0, 0.5]));
    /// let [g] = (x * x).grad_with(seed, [x])?;
    /// assert_eq!(g.value().to_vec(), [20.0, 2.0]); // 2 · x · seed
    /// assert_eq!(g.sum(..).backward()[seed].to_vec(), [2.0, 4.0]); // 2 · x
    /// # Ok::<(), rensa::NoGradient>(())
    /// ```
    #[track_caller]
    pub fn grad_with<const N: usize>(
        self,
        seed: Var<'t, T>,
        wrt: [Var<'t, T>; N],
    ) -> Result<[Var<'t, T>; N], NoGradient> {
        let _here = Blame::on(self.tape, Location::caller());
        self.same_tape("grad_with", seed);
        assert!(seed.shape() == self.shape(), "grad_with: seed {seed:?} for {self:?}");
        let mut found = [self; N];
        self.sweep_vars(Some(seed), &wrt, &mut found)?;
        Ok(found)
    }

    /// Why there is no gradient of this value by `x`; none if there is one. It only tells, and appends nothing to the tape.
    ///
    /// # Examples
    /// ```
    /// # use rensa::{Reason, Tape, tensor};
    /// let tape = Tape::<f64>::new();
    /// let x = tape.leaf(tensor![1.0, 2.0]);
    /// let loss = (x.detach() * 2.0).sum(..);
    /// assert_eq!(loss.why_no_grad(x).map(|why| why.reason()), Some(Reason::Detached));
    /// assert_eq!(x.sum(..).why_no_grad(x), None);
    /// ```
    pub fn why_no_grad(self, x: Var<'t, T>) -> Option<NoGradient> {
        if !std::ptr::eq(x.tape, self.tape) {
            return Some(NoGradient::of_another_tape(x));
        }
        NoGradient::of(x, self, true)
    }

    /// The gradients by `wrt`, into `found`; of a single number if there is no `seed`.
    #[track_caller]
    fn sweep_vars(
        self,
        seed: Option<Var<'t, T>>,
        wrt: &[Var<'t, T>],
        found: &mut [Var<'t, T>],
    ) -> Result<(), NoGradient> {
        // Matches, not closures, which would not pass on the caller's line.
        if !self.tape.is_recording() {
            return match seed {
                Some(seed) => self.sweep_paused(seed.value(), &[self, seed], wrt, found),
                None => self.sweep_paused(self.one(), &[self], wrt, found),
            };
        }
        let seed = match seed {
            Some(seed) => seed,
            None => self.tape.constant(self.one()),
        };
        self.sweep_recorded(seed, wrt, found)
    }

    /// The sweep whose slots hold nodes: what it computes is recorded.
    #[track_caller]
    fn sweep_recorded(self, seed: Var<'t, T>, wrt: &[Var<'t, T>], found: &mut [Var<'t, T>]) -> Result<(), NoGradient> {
        for (found, arrived) in found.iter_mut().zip(self.sweep_each(seed, wrt)) {
            *found = arrived?;
        }
        Ok(())
    }

    /// For each of `wrt` the recorded gradient, or why there is none.
    #[track_caller]
    pub(crate) fn sweep_each(self, seed: Var<'t, T>, wrt: &[Var<'t, T>]) -> Vec<Result<Var<'t, T>, NoGradient>> {
        let (tape, root) = (self.tape, self.index as usize);
        for &x in wrt {
            self.same_tape("grad", x);
        }
        let ways = Ways::to(wrt, tape, root + 1);
        let mut slots: Vec<Option<Var<'t, T>>> = vec![None; root + 1];
        slots[root] = Some(seed);
        sweep(tape, root, &mut slots, |i, slots| {
            let Some(g) = slots[i] else { return };
            for &(input, part) in run_rule(tape, i, g, ways.from(i)).iter() {
                let (slot, part) = (&mut slots[input as usize], Var { tape, index: part });
                *slot = Some(slot.map_or(part, |sum| Var::apply(fan::Add, &[sum, part])));
            }
            if tape.trapping.get() {
                tape.trap_gradient(i, &g.value(), |input| slots[input as usize].map(Var::value));
            }
        });
        let arrived = |x: Var<'t, T>| slots.get(x.index as usize).copied().flatten().filter(|_| x.needs_gradient());
        wrt.iter().map(|&x| arrived(x).ok_or_else(|| self.absence(x))).collect()
    }

    /// The sweep on tensors, of which nothing stays but the gradients: nobody can ask for what they were computed from.
    #[track_caller]
    fn sweep_paused(
        self,
        seed: Tensor<T>,
        from: &[Var<'t, T>],
        wrt: &[Var<'t, T>],
        found: &mut [Var<'t, T>],
    ) -> Result<(), NoGradient> {
        let gradients = self.pull(seed, wrt).into_iter().collect::<Result<Vec<_>, _>>()?;
        for (found, g) in found.iter_mut().zip(gradients) {
            *found = Var::unrecorded("grad", g, from);
        }
        Ok(())
    }

    /// A value that was computed from others, of which there is at least one, without a record of how.
    #[track_caller]
    pub(crate) fn unrecorded(name: &'static str, value: Tensor<T>, from: &[Var<'t, T>]) -> Self {
        let inputs: Inline<u32> = from.iter().map(|x| x.index).collect();
        from[0].tape.push(value, name, Kind::Paused, &inputs, Location::caller())
    }

    #[cold]
    pub(super) fn absence(self, x: Var<'t, T>) -> NoGradient {
        NoGradient::of(x, self, true).expect("where no gradient arrives, a way ends")
    }

    #[track_caller]
    pub(super) fn same_tape(self, op: &str, x: Var<'t, T>) {
        assert!(std::ptr::eq(x.tape, self.tape), "{op}: {self:?} and {x:?} are on different tapes");
    }
}
