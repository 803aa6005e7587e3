//! What carries out an update rule: it finds each parameter's gradient, hyperparameters and memory, or refuses the step.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::group::{Group, Groups, Select};
use super::{Optimizer, Scheduled, Update, UpdateRule, changed_shape, check_gradients};
use crate::error::{Error, Result};
use crate::float::Float;
use crate::graph::{Gradients, ParamId};
use crate::nn::{Parts, Path, State};
use crate::tensor::Tensor;

/// An optimizer that changes each parameter by itself, by the rule `R`: [`Adam`](super::Adam) is `Updater<AdamRule>`.
///
/// # Parameter groups
/// Some parameters can have other hyperparameters. A parameter that several groups select is changed by each, in their order.
/// ```
/// use rand::{SeedableRng, rngs::StdRng};
/// use rensa::nn::{Linear, Relu, Sequential};
/// use rensa::optim::AdamW;
///
/// let rng = &mut StdRng::seed_from_u64(0);
/// let net = Sequential::<f32>::new().with(Linear::init(4, 8, rng)).with(Relu).with(Linear::init(8, 2, rng));
/// let optimizer = AdamW::new(1e-3)
///     .group("2", |rule| rule.lr = 1e-2)
///     .group_where(|name| name.ends_with("bias"), |rule| rule.weight_decay = 0.0);
/// assert_eq!(optimizer.rule_for("2.bias").lr, 1e-2);
/// assert_eq!(optimizer.rule_for("2.bias").weight_decay, 0.0);
/// # let _: (&AdamW<f32>, _) = (&optimizer, net);
/// ```
#[derive(Clone, Debug)]
pub struct Updater<R, T: Float> {
    /// The hyperparameters.
    pub rule: R,
    /// Whether the loss is to grow rather than to fall.
    pub maximize: bool,
    groups: Groups<R>,
    memories: BTreeMap<ParamId, Memory<T>>,
}

/// What is remembered of one parameter.
#[derive(Clone, Debug)]
struct Memory<T: Float> {
    step: u64,
    names: &'static [&'static str],
    slots: Vec<Tensor<T>>,
    numbers: Vec<f64>,
    /// The groups that it is in, if that is known.
    groups: Option<Vec<usize>>,
}

impl<T: Float> Memory<T> {
    fn new(groups: Vec<usize>) -> Self {
        Memory { step: 0, names: &[], slots: Vec::new(), numbers: Vec::new(), groups: Some(groups) }
    }

    /// Makes the slots that `rule` wants; those that are there stay. Returns whether any is new.
    fn fit<R: UpdateRule>(&mut self, rule: &R, value: &Tensor<T>) -> bool {
        if self.names == rule.slots() && self.numbers.len() == rule.numbers().len() {
            return false;
        }
        let old: Vec<_> = self.names.iter().zip(self.slots.drain(..)).collect();
        let kept = |name: &&str| old.iter().find(|(n, _)| *n == name).map(|(_, slot)| slot.clone());
        let fresh = || Tensor::full(value.shape(), T::of(rule.fill()));
        self.slots = rule.slots().iter().map(|name| kept(name).unwrap_or_else(fresh)).collect();
        self.names = rule.slots();
        self.numbers = rule.numbers().iter().map(|&(_, first)| first).collect();
        true
    }
}

impl<R: UpdateRule, T: Float> Updater<R, T> {
    /// By this rule.
    pub fn of(rule: R) -> Self {
        let groups = Groups { base_lr: rule.lr(), list: Vec::new() };
        Updater { rule, maximize: false, groups, memories: BTreeMap::new() }
    }

    /// Lets the loss grow rather than fall.
    pub fn maximize(mut self, maximize: bool) -> Self {
        self.maximize = maximize;
        self
    }

    /// Lets `change` differ the hyperparameters of the parameter called `name`, or of all that stand under a part of that name. A learning
    /// rate that it sets keeps its ratio to the optimizer's own when that is scheduled.
    ///
    /// A step over parameters of which none has such a name is refused.
    pub fn group(self, name: &str, change: impl Fn(&mut R) + Send + Sync + 'static) -> Self {
        self.with_group(Select::Under(name.to_string()), Arc::new(change))
    }

    /// Lets `change` differ the hyperparameters of the parameters whose dotted name satisfies `select`.
    pub fn group_where(
        self,
        select: impl Fn(&str) -> bool + Send + Sync + 'static,
        change: impl Fn(&mut R) + Send + Sync + 'static,
    ) -> Self {
        self.with_group(Select::Where(Arc::new(select)), Arc::new(change))
    }

    fn with_group(mut self, select: Select, change: Arc<dyn Fn(&mut R) + Send + Sync>) -> Self {
        self.groups.list.push(Group { select, change });
        self.memories.values_mut().for_each(|memory| memory.groups = None);
        self
    }

    /// The present hyperparameters of the parameter called `name`.
    pub fn rule_for(&self, name: &str) -> R {
        self.groups.rule(&self.rule, &self.groups.of(name))
    }

    /// Finds out which groups the parameters are in.
    ///
    /// # Errors
    /// If a group by name has none.
    fn enroll(&mut self, parts: &dyn Parts<T>) -> Result<()> {
        let mut found = vec![false; self.groups.list.len()];
        parts.visit(&Path::ROOT, &mut |path, param| {
            let groups = self.groups.of(&path.to_string());
            groups.iter().for_each(|&group| found[group] = true);
            self.memories.entry(param.id()).or_insert_with(|| Memory::new(Vec::new())).groups = Some(groups);
        });
        let missing = self.groups.list.iter().zip(found).find_map(|(group, found)| match &group.select {
            Select::Under(name) if !found => Some(name.clone()),
            _ => None,
        });
        let Some(name) = missing else { return Ok(()) };
        self.memories.values_mut().for_each(|memory| memory.groups = None); // asked again, it is refused again
        Err(Error::Parameter {
            name,
            reason: "a group is made of it, but no parameter has this name or stands under it".into(),
        })
    }

    /// Checks that what is remembered fits, and enrolls the parameters that are new.
    fn prepare(&mut self, parts: &dyn Parts<T>) -> Result<()> {
        let (mut wrong, mut is_new) = (None, false);
        parts.visit(&Path::ROOT, &mut |path, param| {
            let memory = self.memories.get(&param.id());
            is_new |= memory.is_none_or(|memory| memory.groups.is_none());
            let slot = memory.and_then(|memory| memory.slots.first());
            if let Some(slot) = slot.filter(|slot| !param.is_frozen() && slot.shape() != param.value.shape()) {
                let reason = changed_shape(slot.shape(), param.value.shape(), "at its last step");
                wrong.get_or_insert_with(|| Error::Parameter { name: path.to_string(), reason });
            }
        });
        match wrong {
            Some(wrong) => Err(wrong),
            None if is_new => self.enroll(parts),
            None => Ok(()),
        }
    }
}

impl<R: UpdateRule, T: Float> Scheduled for Updater<R, T> {
    fn lr(&self) -> f64 {
        self.rule.lr()
    }

    fn set_lr(&mut self, lr: f64) {
        self.rule.set_lr(lr);
    }

    #[track_caller]
    fn set_momentum(&mut self, momentum: f64) {
        match self.rule.momentum_mut() {
            Some(own) => *own = momentum,
            None => panic!("set_momentum: {:?} has none", self.rule),
        }
    }
}

impl<R: UpdateRule, T: Float> Optimizer<T> for Updater<R, T> {
    fn step(&mut self, parts: &mut dyn Parts<T>, gradients: &Gradients<T>) -> Result<()> {
        check_gradients(parts, gradients)?;
        self.prepare(parts)?;
        let sign = if self.maximize { -T::one() } else { T::one() };
        parts.visit_mut(&Path::ROOT, &mut |_, param| {
            let memory = self.memories.get_mut(&param.id()).filter(|_| !param.is_frozen());
            let (Ok(gradient), Some(memory)) = (gradients.get(&*param), memory) else { return };
            let rule = self.groups.rule(&self.rule, memory.groups.as_deref().unwrap_or_default());
            let is_fresh = memory.fit(&rule, &param.value);
            memory.step += 1;
            let Memory { step, slots, numbers, .. } = memory;
            rule.update(Update { step: *step, is_fresh, numbers, value: &mut param.value, gradient, slots, sign });
        });
        Ok(())
    }

    fn state(&self, parts: &dyn Parts<T>) -> State<T> {
        let mut state = State::default();
        state.set_number("lr", self.rule.lr());
        parts.visit(&Path::ROOT, &mut |path, param| {
            let Some(memory) = self.memories.get(&param.id()).filter(|memory| memory.step > 0) else { return };
            let rule = self.groups.rule(&self.rule, memory.groups.as_deref().unwrap_or_default());
            state.counts.insert(path.join("step").to_string(), memory.step);
            for (name, slot) in memory.names.iter().zip(&memory.slots) {
                state.tensors.insert(path.join(name).to_string(), slot.clone());
            }
            for ((name, _), &number) in rule.numbers().iter().zip(&memory.numbers) {
                state.set_number(&path.join(name).to_string(), number);
            }
        });
        state
    }

    fn load_state(&mut self, parts: &dyn Parts<T>, mut state: State<T>) -> Result<()> {
        let (mut faults, mut memories) = (Vec::new(), BTreeMap::new());
        let lr = state.take_number("lr", &mut faults);
        parts.visit(&Path::ROOT, &mut |path, param| {
            let mut memory = Memory::new(self.groups.of(&path.to_string()));
            let rule = self.rule_for(&path.to_string());
            // A parameter that was frozen all along has taken no step, and nothing is remembered of it.
            let Some(step) = state.counts.remove(&path.join("step").to_string()) else { return };
            memory.step = step;
            memory.names = rule.slots();
            for name in memory.names {
                let shape = param.value.shape();
                memory.slots.extend(state.take_tensor(&path.join(name).to_string(), shape, &mut faults));
            }
            for (name, _) in rule.numbers() {
                memory.numbers.extend(state.take_number(&path.join(name).to_string(), &mut faults));
            }
            memories.insert(param.id(), memory);
        });
        state.finish(faults)?;
        self.memories = memories;
        lr.into_iter().for_each(|lr| self.rule.set_lr(lr));
        Ok(())
    }
}
