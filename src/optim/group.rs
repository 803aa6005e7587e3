//! Parameter groups: other hyperparameters for some of the parameters.

use std::fmt;
use std::sync::Arc;

use super::UpdateRule;

/// Which parameters, by their dotted names.
#[derive(Clone)]
pub(super) enum Select {
    /// The one called so, or those that stand under it.
    Under(String),
    /// Those whose name satisfies it.
    Where(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl Select {
    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Select::Under(prefix) => {
                name.strip_prefix(&**prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
            Select::Where(predicate) => predicate(name),
        }
    }
}

/// Some parameters, and what is different for them.
#[derive(Clone)]
pub(super) struct Group<R> {
    pub(super) select: Select,
    pub(super) change: Arc<dyn Fn(&mut R) + Send + Sync>,
}

impl<R> fmt::Debug for Group<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.select {
            Select::Under(name) => write!(f, "Group({name})"),
            Select::Where(_) => write!(f, "Group"),
        }
    }
}

/// All groups of an optimizer, and the learning rate that they were made for.
#[derive(Clone, Debug)]
pub(super) struct Groups<R> {
    pub(super) base_lr: f64,
    pub(super) list: Vec<Group<R>>,
}

impl<R: UpdateRule> Groups<R> {
    /// Which groups the parameter of this name is in.
    pub(super) fn of(&self, name: &str) -> Vec<usize> {
        self.list.iter().enumerate().filter(|(_, group)| group.select.matches(name)).map(|(i, _)| i).collect()
    }

    /// What `own` is for a parameter that is in these groups. A learning rate that they set keeps its ratio to the one that they were
    /// made for.
    pub(super) fn rule(&self, own: &R, groups: &[usize]) -> R {
        let mut rule = own.clone();
        if groups.is_empty() {
            return rule;
        }
        rule.set_lr(self.base_lr);
        groups.iter().for_each(|&group| (self.list[group].change)(&mut rule));
        let lr = rule.lr();
        if lr == self.base_lr {
            rule.set_lr(own.lr());
        } else if self.base_lr != 0.0 {
            rule.set_lr(own.lr() * (lr / self.base_lr));
        }
        rule
    }
}
