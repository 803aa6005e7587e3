//! What a backward sweep leaves: gradients that own their values.

use std::ops::Index;

use super::absence::Story;
use super::{NoGradient, Param, ParamId, Tape, Var};
use crate::float::Float;
use crate::tensor::Tensor;

/// The gradients of one loss. They own their tensors: by parameter they stay valid after the tape is reset.
///
/// `gradients[x]` is the gradient by a [`Var`] or a `&`[`Param`], and panics with the reason where there is none;
/// [`Gradients::get`] returns the reason.
#[derive(Default)]
pub struct Gradients<T: Float> {
    pub(super) epoch: u64,
    /// The node of the loss.
    root: u32,
    pub(super) kept: Vec<Kept<T>>,
    /// Why parameters that were on the tape have no gradient.
    pub(super) absent: Vec<(ParamId, Story)>,
    /// Where the gradients of parameters are kept, in the order of their identities; of several for one the first.
    pub(super) by_param: Vec<(ParamId, u32)>,
}

pub(super) struct Kept<T: Float> {
    pub(super) node: u32,
    pub(super) param: Option<ParamId>,
    pub(super) gradient: Tensor<T>,
}

impl<T: Float> Gradients<T> {
    /// No gradients yet, for [`Var::backward_into`] or [`Tape::step`] to fill.
    pub fn new() -> Self {
        Gradients { epoch: 0, root: 0, kept: Vec::new(), absent: Vec::new(), by_param: Vec::new() }
    }

    /// The gradient by a node or a parameter; it may be a view of any layout.
    ///
    /// # Errors
    /// If there is none: says which node has none, its op and its line, and why.
    pub fn get<K: GradientKey<T>>(&self, key: K) -> Result<&Tensor<T>, NoGradient> {
        key.find(self)
    }

    pub(super) fn start(&mut self, epoch: u64, root: u32) {
        (self.epoch, self.root) = (epoch, root);
        self.kept.clear();
        self.absent.clear();
        self.by_param.clear();
    }

    pub(super) fn keep(&mut self, node: u32, param: Option<ParamId>, gradient: Tensor<T>) {
        self.kept.push(Kept { node, param, gradient });
    }

    /// Takes what the sweep left at the leaves.
    pub(super) fn collect_leaves(&mut self, tape: &Tape<T>, slots: &mut [Option<Tensor<T>>]) {
        for leaf in tape.leaves.borrow().iter() {
            match slots.get_mut(leaf.index as usize).and_then(Option::take) {
                Some(gradient) => self.keep(leaf.index, leaf.param, gradient),
                None => {
                    let (x, loss) = (Var { tape, index: leaf.index }, Var { tape, index: self.root });
                    self.absent.extend(leaf.param.zip(Story::of(x, loss, true)));
                }
            }
        }
        self.index();
    }

    /// Notes where the gradients of parameters are.
    pub(super) fn index(&mut self) {
        self.by_param.clear();
        self.by_param.extend(self.kept.iter().zip(0..).filter_map(|(kept, i)| Some((kept.param?, i))));
        self.by_param.sort_unstable();
    }

    /// Where the gradient of a parameter is kept.
    pub(super) fn place(&self, param: ParamId) -> Option<usize> {
        let at = self.by_param.partition_point(|&(id, _)| id < param);
        self.by_param.get(at).filter(|&&(id, _)| id == param).map(|&(_, i)| i as usize)
    }
}

/// What gradients can be asked by: a [`Var`], or a reference to a [`Param`].
pub trait GradientKey<T: Float> {
    /// The gradient by it.
    ///
    /// # Errors
    /// If there is none.
    fn find(self, gradients: &Gradients<T>) -> Result<&Tensor<T>, NoGradient>;
}

impl<T: Float> GradientKey<T> for Var<'_, T> {
    fn find(self, gradients: &Gradients<T>) -> Result<&Tensor<T>, NoGradient> {
        if gradients.epoch != self.tape.epoch() {
            return Err(NoGradient::of_another_tape(self));
        }
        let kept = gradients.kept.iter().find(|kept| kept.node == self.index);
        kept.map(|kept| &kept.gradient).ok_or_else(|| {
            let loss = Var { tape: self.tape, index: gradients.root };
            NoGradient::of(self, loss, false).expect("what arrived and was kept is found")
        })
    }
}

impl<T: Float> GradientKey<T> for &Param<T> {
    fn find(self, gradients: &Gradients<T>) -> Result<&Tensor<T>, NoGradient> {
        gradients.place(self.id()).map(|i| &gradients.kept[i].gradient).ok_or_else(|| {
            // The latest: a parameter that changed while it was on the tape is there twice.
            match gradients.absent.iter().rev().find(|(id, _)| *id == self.id()) {
                Some((_, story)) => story.clone().into(),
                None => NoGradient::never_used(self),
            }
        })
    }
}

impl<T: Float, K: GradientKey<T>> Index<K> for Gradients<T> {
    type Output = Tensor<T>;

    /// # Panics
    /// If there is no such gradient, with the reason.
    #[track_caller]
    fn index(&self, key: K) -> &Tensor<T> {
        match self.get(key) {
            Ok(gradient) => gradient,
            Err(reason) => panic!("{reason}"),
        }
    }
}
