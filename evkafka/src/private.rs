//! What the macros' expansions refer to. Not part of the interface.

use std::{fmt, marker::PhantomData};

pub use std::{
    clone::Clone,
    marker::Copy,
    result::Result::{Err, Ok},
    sync::Arc,
};

pub use crate::{
    app::App,
    event::{
        EncodeError, Event, EventKey, EventSpec, IntoEvents, Outbox,
        taken::{self, EventOf, NoEvent},
    },
    handle::{
        Attempt, Context, Handler, HandlerSpec, HowOpaque, HowOther, IntoOutcome, Requirements, Returned,
        attempt_of, call_blocking, payloads, requires_events,
        via::{BatchViaOf, Inferred, InferredAsync, OneWay, ViaOf, Ways},
    },
    layer::Layer,
    route::{Layered, Routes, unique},
};
use crate::{
    handle::{Argument, BatchArgument, How, Later, Rejection},
    layer::{Call, Stack, ToHandler},
    route::{Merged, Nothing, Router},
};

pub use serde::Serialize;

/// The name of an event that is a constant: judged as the derive judges a literal.
///
/// # Panics
/// If it is none.
#[track_caller]
pub const fn event_name(name: &'static str) -> &'static str {
    assert!(!name.is_empty(), "the name of an event is empty");
    assert!(name.trim_ascii().len() == name.len(), "the name of an event begins or ends with white space");
    name
}

/// What the traits require that only the macros and evkafka itself implement, so that they can change.
pub trait Generated {}

#[cfg(fuzzing)]
pub mod fuzzing;

/// A handler's argument of type `T`. The bound stands on [`argument`] and [`batch_argument`] only, so that a type that is no argument is
/// told once, although both methods are called on it.
pub struct ArgumentOf<'r, T, Via> {
    awaits: bool,
    extract: fn(&Context<'r>) -> Result<T, Attempt>,
    later: fn(&'r Context<'r>) -> Later<'r, T>,
    requires: fn(&mut Requirements),
    is_payload: bool,
    via: PhantomData<Via>,
}

/// The values are there for their types only.
#[inline]
pub const fn argument<'r, T: Argument<'r, Via>, Via, A: OneWay<T>, B: OneWay<T>>(
    _: Ways<Via, A>,
    _: Ways<Via, B>,
) -> ArgumentOf<'r, T, Via> {
    ArgumentOf {
        awaits: T::AWAITS,
        extract: |context| T::extract(context).map_err(Rejection::into_attempt),
        later: T::later,
        requires: T::requires,
        is_payload: T::IS_PAYLOAD,
        via: PhantomData,
    }
}

/// The same for a batch handler.
#[inline]
pub const fn batch_argument<'r, T: BatchArgument<'r, Via>, Via, A: OneWay<T>, B: OneWay<T>>(
    _: Ways<Via, A>,
    _: Ways<Via, B>,
) -> ArgumentOf<'r, T, Via> {
    ArgumentOf {
        awaits: T::AWAITS,
        extract: T::extract,
        later: T::later,
        requires: T::requires,
        is_payload: T::IS_PAYLOAD,
        via: PhantomData,
    }
}

impl<'r, T, Via> ArgumentOf<'r, T, Via> {
    /// Whether the argument is made by [`later`](Self::later), otherwise by [`extract`](Self::extract) or
    /// [`extract_owned`](Self::extract_owned).
    #[inline]
    pub const fn awaits(&self) -> bool {
        self.awaits
    }

    /// Makes the argument; the attempt is over if that fails.
    #[inline]
    pub fn extract(self, context: &'r Context<'r>) -> Result<T, Attempt> {
        (self.extract)(context)
    }

    /// Makes an argument that does not borrow from the record.
    #[inline]
    pub fn extract_owned(self, context: &'r Context<'r>) -> Result<T, Attempt>
    where
        T: 'static,
    {
        self.extract(context)
    }

    /// Makes the argument, for which it has to be waited.
    #[inline]
    pub fn later(self, context: &'r Context<'r>) -> Later<'r, T> {
        (self.later)(context)
    }

    /// Notes what the argument needs from the app.
    pub fn requires(self, requirements: &mut Requirements) {
        (self.requires)(requirements);
    }

    /// Whether it is the payload.
    pub const fn is_payload(&self) -> bool {
        self.is_payload
    }
}

/// What a handler's function returns. The bound stands on [`outcome`] only, as that of an argument does on [`argument`].
pub struct OutcomeOf<R> {
    into_attempt: fn(R) -> Attempt,
    requires: fn(&mut Requirements),
}

#[inline]
pub fn outcome<R: IntoOutcome>() -> OutcomeOf<R> {
    OutcomeOf { into_attempt: R::into_attempt, requires: R::requires }
}

impl<R> OutcomeOf<R> {
    /// Judges what the function returned.
    #[inline]
    pub fn judge(self, returned: R, how: How<R>) -> Attempt {
        match how {
            Some(how) => how(returned),
            None => (self.into_attempt)(returned),
        }
    }

    /// Notes what it needs from the app.
    pub fn requires(self, requirements: &mut Requirements) {
        (self.requires)(requirements);
    }
}

/// The router with the handlers of a list.
pub fn router<R: Routes>(routes: R) -> Router<R> {
    Router::of(routes)
}

/// The handlers of a list, then those of another router.
pub type Merge<A, B> = Merged<Nothing, (A, B)>;

pub fn merge<A: Routes, B: Routes>(routes: A, other: B) -> Merge<A, B> {
    Merged::two(routes, other)
}

/// The handlers of a list with a layer around them.
pub fn layered<L: Layer, R: Routes>(layer: L, routes: R) -> Layered<L, R> {
    Layered::new(layer, routes)
}

/// A layer of a handler of a list.
pub fn layer<L: Layer>(layer: L) -> Arc<L> {
    Arc::new(layer)
}

/// Two of them, the outer one first.
pub fn stack<A: Layer, B: Layer>(outer: A, inner: B) -> Stack<A, B> {
    Stack(outer, inner)
}

/// Calls a handler of a list, with its layer around it.
#[inline]
pub async fn call_layered<'c, H: Handler, L: Layer>(layer: &L, context: &'c Context<'c>) -> Attempt {
    layer.call(Call::from(context), ToHandler::<H>::new()).await
}

/// `Debug` of a router: the paths of its handlers.
pub fn fmt_routes(routes: &impl Routes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    crate::route::fmt_routes(routes, f)
}

/// Shows the specifications to whoever asked a router for them.
pub fn visit_specs(specs: &[HandlerSpec], visit: &mut dyn FnMut(HandlerSpec)) {
    specs.iter().copied().for_each(visit);
}

/// The engine calls only the handlers that it got from `specs`.
pub fn no_such_handler(index: usize) -> ! {
    crate::route::no_such_handler(index)
}

/// Calls handlers without an app around them, for the tests of the macros.
pub mod testing {
    pub use crate::engine::BareEngine;

    use tokio_util::sync::CancellationToken;

    use crate::{
        event_type::EventIdentity,
        handle::{Attempt, Context, HandlerSpec, Requirements, States},
        record::OwnedRecord,
        route::{RouteTable, Router, Routes},
        settle::OffsetTracker,
    };

    /// The tracker of offsets, for the benchmark of what it costs.
    #[derive(Debug, Default)]
    pub struct BareTracker(OffsetTracker);

    impl BareTracker {
        /// Begins so many records and settles them in order, or the first of them last.
        pub fn begin_and_settle(&mut self, records: u64, lowest_last: bool) {
            let offsets = 0..i64::try_from(records).expect("an offset");
            let mut begun: Vec<_> =
                offsets.inspect(|offset| self.0.begin(*offset, crate::record::Written::UNKNOWN)).collect();
            if lowest_last {
                begun.rotate_left(1);
            }
            let committable = begun.into_iter().filter_map(|offset| self.0.settle(offset)).last();
            assert_eq!(committable, i64::try_from(records).ok());
        }
    }

    /// What a handler finds around its record.
    #[derive(Debug, Default)]
    pub struct Surroundings {
        states: States,
        pub cancellation: CancellationToken,
    }

    impl Surroundings {
        pub fn state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
            assert!(self.states.insert(state), "one state of a type");
            self
        }

        /// Routes the record and calls its handler; `None` if it has none.
        pub async fn call<R: Routes>(
            &self,
            router: &Router<R>,
            event: Option<&str>,
            record: &OwnedRecord,
        ) -> Option<Attempt> {
            let table = RouteTable::new(&specs(router)).expect("a router without conflicts");
            let event = EventIdentity::named(event.map(str::as_bytes));
            let handler = table.find(event.name())?.handler();
            Some(router.routes.call(handler, &self.context(&event, record)).await)
        }

        /// Calls the router's handler with this index.
        pub async fn call_at<R: Routes>(
            &self,
            router: &Router<R>,
            index: usize,
            record: &OwnedRecord,
        ) -> Option<Attempt> {
            Some(router.routes.call(index, &self.context(&EventIdentity::named(None), record)).await)
        }

        fn context<'r>(&'r self, event: &'r EventIdentity<'r>, record: &'r OwnedRecord) -> Context<'r> {
            Context {
                record: record.as_record(),
                event,
                payload: record.as_record().payload(),
                states: &self.states,
                cancellation: &self.cancellation,
                attempt: 1,
                thread: None,
                batch: &[],
            }
        }
    }

    /// What the router says about its handlers.
    pub fn specs<R: Routes>(router: &Router<R>) -> Vec<HandlerSpec> {
        let mut specs = Vec::new();
        router.routes.specs(&mut |spec| specs.push(spec));
        specs
    }

    /// Whether the hashes that the attribute computed are those of the engine.
    pub fn are_hashed(spec: &HandlerSpec) -> bool {
        spec.hashes.iter().copied().eq(spec.events.iter().map(|event| crate::route::unique::hash(event)))
    }

    /// The names of the states that the router's handlers need.
    pub fn required_states<R: Routes>(router: &Router<R>) -> Vec<&'static str> {
        let mut requirements = Requirements::default();
        (0..router.routes.count()).for_each(|index| router.routes.requires(index, &mut requirements));
        requirements.states().map(|(_, name)| name).collect()
    }
}
