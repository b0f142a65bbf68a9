//! Handlers of several routers, in a tree that stays flat however many are merged one after the other.
//!
//! A tree of pairs would be as deep as there are routers. Each level is a future within a future, and the compiler gives up at some
//! twenty of them. So what is merged is counted in base eight: a list takes up to eight sets, and when the ninth comes, the eight go as
//! one into the list of earlier ones. Two hundred routers are five levels deep.

use std::fmt;

use super::{
    Boxed, Layered, Routes,
    routes::{fmt_routes, no_such_handler},
};
use crate::{
    __private::Generated,
    handle::{Attempt, BoxError, Context, HandlerSpec, Requirements},
    layer::Layer,
    record::Record,
    settle::FailurePolicy,
};

/// The handlers of several routers: those of `E`, which were merged earlier, then those of the sets in the tuple `L`.
#[derive(Clone, Copy)]
pub struct Merged<E, L> {
    earlier: E,
    list: L,
}

/// No handlers: what is earlier than the first list.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl<A: Routes, B: Routes> Merged<Nothing, (A, B)> {
    /// The handlers of two sets of which neither is merged.
    pub(crate) fn two(first: A, second: B) -> Self {
        Self { earlier: Nothing, list: (first, second) }
    }
}

impl Generated for Nothing {}

impl Routes for Nothing {
    type Merge<S: Routes> = Merged<Self, (S,)>;

    fn merge<S: Routes>(self, other: S) -> Self::Merge<S> {
        Merged { earlier: self, list: (other,) }
    }

    type Layered<L: Layer> = Layered<L, Self>;

    fn layer<L: Layer>(self, layer: L) -> Self::Layered<L> {
        Layered::new(layer, self)
    }

    fn count(&self) -> usize {
        0
    }

    fn specs(&self, _: &mut dyn FnMut(HandlerSpec)) {}

    fn requires(&self, index: usize, _: &mut Requirements) {
        no_such_handler(index)
    }

    async fn call<'c>(&self, index: usize, _: &'c Context<'c>) -> Attempt {
        no_such_handler(index)
    }
}

/// What a call of the set that has the handler at `$index` returns.
macro_rules! in_its_set {
    ($self:ident, $index:ident, |$set:ident, $at:ident| $call:expr, $($i:tt),+) => {{
        let ($set, $at) = (&$self.earlier, $index);
        if $at < $set.count() {
            return $call;
        }
        let $index = $index - $set.count();
        $(
            let ($set, $at) = (&$self.list.$i, $index);
            if $at < $set.count() {
                return $call;
            }
            let $index = $index - $set.count();
        )+
        no_such_handler($index)
    }};
}

/// `Routes` for a list of so many sets, of which the first line says how the next one joins them.
macro_rules! routes {
    (
        $($T:ident $i:tt),+;
        type Merge<$S:ident> = $Merge:ty;
        |$self:ident, $other:ident| $merge:expr
    ) => {
        impl<E: Routes, $($T: Routes),+> Generated for Merged<E, ($($T,)+)> {}

        impl<E: Routes, $($T: Routes),+> Routes for Merged<E, ($($T,)+)> {
            type Merge<$S: Routes> = $Merge;

            fn merge<$S: Routes>($self, $other: $S) -> Self::Merge<$S> {
                $merge
            }

            type Layered<Y: Layer> = Layered<Y, Self>;

            fn layer<Y: Layer>(self, layer: Y) -> Self::Layered<Y> {
                Layered::new(layer, self)
            }

            fn box_into(self, boxed: &mut Boxed) {
                self.earlier.box_into(boxed);
                $(self.list.$i.box_into(boxed);)+
            }

            fn count(&self) -> usize {
                self.earlier.count() $(+ self.list.$i.count())+
            }

            fn specs(&self, visit: &mut dyn FnMut(HandlerSpec)) {
                self.earlier.specs(visit);
                $(self.list.$i.specs(visit);)+
            }

            fn requires(&self, index: usize, requirements: &mut Requirements) {
                in_its_set!(self, index, |set, at| set.requires(at, requirements), $($i),+)
            }

            fn policy(&self, index: usize) -> Option<&FailurePolicy> {
                in_its_set!(self, index, |set, at| set.policy(at), $($i),+)
            }

            const PREPARES: bool = E::PREPARES $(|| $T::PREPARES)+;

            fn prepares(&self) -> bool {
                self.earlier.prepares() $(|| self.list.$i.prepares())+
            }

            async fn prepare<'r>(&'r self, index: usize, record: &'r Record<'r>) -> Result<(), BoxError> {
                in_its_set!(self, index, |set, at| set.prepare(at, record).await, $($i),+)
            }

            async fn call<'c>(&self, index: usize, context: &'c Context<'c>) -> Attempt {
                in_its_set!(self, index, |set, at| set.call(at, context).await, $($i),+)
            }
        }

        impl<E: Routes, $($T: Routes),+> fmt::Debug for Merged<E, ($($T,)+)> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt_routes(self, f)
            }
        }
    };
    // There is room for one more.
    ($($T:ident $i:tt),+) => {
        routes! {
            $($T $i),+;
            type Merge<S> = Merged<E, ($($T,)+ S,)>;
            |self, other| Merged { earlier: self.earlier, list: ($(self.list.$i,)+ other,) }
        }
    };
}

routes!(A 0);
routes!(A 0, B 1);
routes!(A 0, B 1, C 2);
routes!(A 0, B 1, C 2, D 3);
routes!(A 0, B 1, C 2, D 3, F 4);
routes!(A 0, B 1, C 2, D 3, F 4, G 5);
routes!(A 0, B 1, C 2, D 3, F 4, G 5, H 6);
routes! {
    A 0, B 1, C 2, D 3, F 4, G 5, H 6, I 7;
    type Merge<S> = Merged<E::Merge<Merged<Nothing, (A, B, C, D, F, G, H, I)>>, (S,)>;
    |self, other| Merged {
        earlier: self.earlier.merge(Merged { earlier: Nothing, list: self.list }),
        list: (other,),
    }
}
