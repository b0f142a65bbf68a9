use std::{fmt, pin::Pin, sync::Arc};

use super::{Layered, Routes, routes::fmt_routes};
use crate::{
    __private::Generated,
    handle::{Attempt, BoxError, Context, HandlerSpec, Requirements},
    layer::Layer,
    record::Record,
    settle::FailurePolicy,
};

/// Handlers that are known at run time only: those of a plain [`Router`](super::Router).
///
/// However it was put together, a call of a handler is one virtual call, and one allocation for its future. A layer around a plain router
/// that is boxed again adds one of each.
#[derive(Clone, Default)]
pub struct Boxed {
    handlers: Vec<Slot>,
    prepares: bool,
}

/// A handler: the set that it came in, and its place there.
#[derive(Clone)]
struct Slot {
    set: Arc<dyn Erased>,
    index: usize,
    /// One that was given to it after it had been boxed, or from around its set.
    policy: Option<Arc<FailurePolicy>>,
}

type BoxFuture<'r, T> = Pin<Box<dyn Future<Output = T> + Send + 'r>>;

/// [`Routes`] behind a pointer.
trait Erased: Send + Sync {
    fn specs(&self, visit: &mut dyn FnMut(HandlerSpec));

    fn requires(&self, index: usize, requirements: &mut Requirements);

    fn policy(&self, index: usize) -> Option<&FailurePolicy>;

    fn prepare<'r>(&'r self, index: usize, record: &'r Record<'r>) -> BoxFuture<'r, Result<(), BoxError>>;

    fn call<'r>(&'r self, index: usize, context: &'r Context<'r>) -> BoxFuture<'r, Attempt>;
}

impl<R: Routes> Erased for R {
    fn specs(&self, visit: &mut dyn FnMut(HandlerSpec)) {
        Routes::specs(self, visit);
    }

    fn requires(&self, index: usize, requirements: &mut Requirements) {
        Routes::requires(self, index, requirements);
    }

    fn policy(&self, index: usize) -> Option<&FailurePolicy> {
        Routes::policy(self, index)
    }

    fn prepare<'r>(&'r self, index: usize, record: &'r Record<'r>) -> BoxFuture<'r, Result<(), BoxError>> {
        Box::pin(Routes::prepare(self, index, record))
    }

    fn call<'r>(&'r self, index: usize, context: &'r Context<'r>) -> BoxFuture<'r, Attempt> {
        Box::pin(Routes::call(self, index, context))
    }
}

impl Boxed {
    /// Adds the handlers of a set that is not made of others.
    pub(super) fn add(&mut self, routes: impl Routes) {
        self.prepares |= routes.prepares();
        let len = routes.count();
        let set: Arc<dyn Erased> = Arc::new(routes);
        self.handlers.extend((0..len).map(|index| Slot { set: Arc::clone(&set), index, policy: None }));
    }

    /// Gives what is added meanwhile this policy, if it has none of its own.
    pub(super) fn add_with_policy(&mut self, policy: &Arc<FailurePolicy>, add: impl FnOnce(&mut Self)) {
        let before = self.handlers.len();
        add(self);
        for slot in &mut self.handlers[before..] {
            if slot.policy().is_none() {
                slot.policy = Some(Arc::clone(policy));
            }
        }
    }
}

impl Slot {
    fn policy(&self) -> Option<&FailurePolicy> {
        self.policy.as_deref().or_else(|| self.set.policy(self.index))
    }
}

impl Generated for Boxed {}

impl Routes for Boxed {
    /// What is merged with it is boxed too, so that a loop can do it.
    type Merge<S: Routes> = Self;

    fn merge<S: Routes>(mut self, other: S) -> Self {
        other.box_into(&mut self);
        self
    }

    type Layered<L: Layer> = Layered<L, Self>;

    fn layer<L: Layer>(self, layer: L) -> Self::Layered<L> {
        Layered::new(layer, self)
    }

    fn box_into(self, boxed: &mut Boxed) {
        boxed.prepares |= self.prepares;
        boxed.handlers.extend(self.handlers);
    }

    fn count(&self) -> usize {
        self.handlers.len()
    }

    fn specs(&self, visit: &mut dyn FnMut(HandlerSpec)) {
        // A set shows all of its handlers, in their order.
        let mut first = 0;
        while let Some(Slot { set, .. }) = self.handlers.get(first) {
            let mut next = first;
            set.specs(&mut |spec| {
                next += 1;
                visit(spec);
            });
            first = next;
        }
    }

    fn requires(&self, index: usize, requirements: &mut Requirements) {
        let Slot { set, index, .. } = &self.handlers[index];
        set.requires(*index, requirements);
    }

    fn policy(&self, index: usize) -> Option<&FailurePolicy> {
        self.handlers[index].policy()
    }

    const PREPARES: bool = true;

    fn prepares(&self) -> bool {
        self.prepares
    }

    fn prepare<'r>(
        &'r self,
        index: usize,
        record: &'r Record<'r>,
    ) -> impl Future<Output = Result<(), BoxError>> + Send + 'r {
        let Slot { set, index, .. } = &self.handlers[index];
        set.prepare(*index, record)
    }

    async fn call<'c>(&self, index: usize, context: &'c Context<'c>) -> Attempt {
        let Slot { set, index, .. } = &self.handlers[index];
        set.call(*index, context).await
    }
}

impl fmt::Debug for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_routes(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        handle::Outcome,
        route::{Merged, Nothing, Router},
    };

    /// A handler of this name, for which something may have to be prepared.
    #[derive(Clone)]
    struct One(&'static str, bool);

    impl Generated for One {}

    impl Routes for One {
        type Merge<S: Routes> = Merged<Nothing, (Self, S)>;

        fn merge<S: Routes>(self, other: S) -> Self::Merge<S> {
            Merged::two(self, other)
        }

        type Layered<L: Layer> = Layered<L, Self>;

        fn layer<L: Layer>(self, layer: L) -> Self::Layered<L> {
            Layered::new(layer, self)
        }

        fn count(&self) -> usize {
            1
        }

        fn specs(&self, visit: &mut dyn FnMut(HandlerSpec)) {
            visit(HandlerSpec::new(self.0, &[], ""));
        }

        fn requires(&self, _: usize, _: &mut Requirements) {}

        fn prepares(&self) -> bool {
            self.1
        }

        async fn call<'c>(&self, _: usize, _: &'c Context<'c>) -> Attempt {
            Attempt::Returned(Outcome::Done)
        }
    }

    fn one(name: &'static str) -> Router<One> {
        Router::of(One(name, false))
    }

    #[test]
    fn the_policy_nearest_to_a_handler_takes_precedence_boxed_or_not() {
        let policy = |topic: &str| FailurePolicy::new().dead_letter(topic);
        let inner = one("a").failure_policy(policy("near")).merge(one("b"));
        let outer = inner.failure_policy(policy("around")).merge(one("c"));
        let policies = |routes: &dyn Erased| {
            [0, 1, 2].map(|index| routes.policy(index).map(|policy| format!("{:?}", policy)))
        };
        let expected = policies(&outer.routes);
        assert!(expected[0].as_ref().unwrap().contains("near"));
        assert!(expected[1].as_ref().unwrap().contains("around"));
        assert_eq!(expected[2], None);
        assert_eq!(policies(&outer.clone().boxed().routes), expected);
        assert_eq!(policies(&Router::new().merge(outer.boxed()).routes), expected);
        let late = one("a").failure_policy(policy("near")).merge(one("b")).boxed();
        let late = late.failure_policy(policy("around")).boxed().merge(one("c"));
        assert_eq!(policies(&late.routes), expected);
    }

    #[test]
    fn it_prepares_if_a_handler_in_it_does() {
        let boxed = one("a").boxed().merge(one("b"));
        assert!(!boxed.routes.prepares());
        let boxed = boxed.merge(Router::of(One("c", true)));
        assert!(Router::new().merge(boxed).routes.prepares());
    }

    #[test]
    fn a_box_holds_no_other() {
        let boxed = one("a").merge(one("b")).boxed();
        let again =
            Router::new().merge(boxed.clone().failure_policy(FailurePolicy::new())).merge(one("c")).boxed();
        let sets = |router: &Router, at: usize| Arc::as_ptr(&router.routes.handlers[at].set).cast::<()>();
        assert_eq!((sets(&again, 0), sets(&again, 1)), (sets(&boxed, 0), sets(&boxed, 1)));
        assert_eq!(format!("{again:?}"), "Router { routes: [a, b, c] }");
    }
}
