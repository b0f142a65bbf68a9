use std::borrow::Cow;

use super::{Done, Ended, Fate, Letter, Share};
use crate::{
    event::Outgoing,
    handle::{Context, ReservedThread},
    settle::Failure,
};

/// The records of one call that are not settled yet.
pub(in crate::engine) enum Open<'r> {
    One(Context<'r>),
    Many(Batch<'r>),
}

pub(in crate::engine) struct Batch<'r> {
    /// Those that the next call is made with: at first all of them, as they are the caller's.
    contexts: Cow<'r, [Context<'r>]>,
    /// There once a record is not in the next call. Boxed, since that is rare.
    left_out: Option<Box<LeftOut<'r>>>,
}

/// Which records of a batch are not in its next call.
struct LeftOut<'r> {
    /// The places of those that are, among all that there were.
    places: Vec<usize>,
    /// What has become of each, as far as it is known.
    fates: Vec<Option<Fate>>,
    /// The record that no further attempt is made at, and before which the lane stops.
    stop: Option<(Context<'r>, Failure)>,
}

impl<'r> Open<'r> {
    pub(in crate::engine) fn many(contexts: &'r [Context<'r>]) -> Self {
        Self::Many(Batch { contexts: Cow::Borrowed(contexts), left_out: None })
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.contexts().len()
    }

    fn contexts(&self) -> &[Context<'r>] {
        match self {
            Self::One(context) => std::slice::from_ref(context),
            Self::Many(batch) => &batch.contexts,
        }
    }

    #[inline]
    pub(super) fn begin_attempt(&mut self, attempt: u32) {
        match self {
            Self::One(context) => context.attempt = attempt,
            Self::Many(batch) => {
                batch.contexts.to_mut().iter_mut().for_each(|context| context.attempt = attempt);
            }
        }
    }

    /// That of the first record.
    #[inline]
    pub(super) fn first(&self) -> &Context<'r> {
        &self.contexts()[0]
    }

    /// What is known when the handler is called.
    pub(super) fn call_context<'c>(&'c self, thread: Option<&'c ReservedThread>) -> Context<'c> {
        let batch: &[Context<'_>] = match self {
            Self::One(_) => &[],
            Self::Many(batch) => &batch.contexts,
        };
        Context { thread, batch, ..*self.first() }
    }

    /// One thing becomes of all of them.
    #[inline]
    pub(super) fn all(self, done: Done) -> Ended {
        match self {
            Self::One(_) => Ended::All(done),
            Self::Many(Batch { left_out: None, .. }) => Ended::All(done),
            Self::Many(batch) => batch.each(|_| Some(Fate::Settled(done))),
        }
    }

    /// Each of them is to be a dead letter.
    pub(super) fn letters(self, letter: &Letter) -> Ended {
        let letter = |_: &Context<'_>| Some(Fate::Letter(letter.clone()));
        match self {
            Self::One(context) => Ended::Each(Box::new([letter(&context)])),
            Self::Many(batch) => batch.each(letter),
        }
    }

    /// They are settled once these events are acknowledged.
    pub(super) fn sends(self, outgoing: Outgoing) -> Ended {
        match self {
            Self::One(_) | Self::Many(Batch { left_out: None, .. }) => Ended::Sends(outgoing),
            Self::Many(Batch { left_out: Some(left_out), .. }) => {
                let LeftOut { places, fates, .. } = *left_out;
                let mut shares: Vec<_> = fates.into_iter().map(Share::Left).collect();
                places.into_iter().for_each(|place| shares[place] = Share::OfCall);
                Ended::SendsOfSome(Box::new((outgoing, shares)))
            }
        }
    }

    /// They stay unsettled.
    pub(super) fn unsettled(self) -> Ended {
        match self {
            Self::One(_) => Ended::Each(Box::new([None])),
            Self::Many(batch) => batch.each(|_| None),
        }
    }
}

impl<'r> Batch<'r> {
    fn each(self, fate: impl Fn(&Context<'r>) -> Option<Fate>) -> Ended {
        let Self { contexts, left_out } = self;
        let fates = contexts.iter().map(fate);
        Ended::Each(match left_out {
            None => fates.collect(),
            Some(left_out) => left_out.with(fates),
        })
    }

    /// The record at `index` of the next call.
    pub(super) fn context(&self, index: usize) -> Context<'r> {
        self.contexts[index]
    }

    /// What becomes of the record at `index`.
    pub(super) fn decide(&mut self, index: usize, fate: Fate) {
        let left_out = self.left_out();
        left_out.fates[left_out.places[index]] = Some(fate);
    }

    /// The records in front of that at `index` are handled, and there the lane stops.
    pub(super) fn stop_at(&mut self, index: usize, failure: Failure) {
        let stop = self.contexts[index];
        let left_out = self.left_out();
        left_out.stop = Some((stop, failure));
        left_out.places.truncate(index);
        self.contexts.to_mut().truncate(index);
    }

    /// Leaves out what is [decided](Self::decide).
    pub(super) fn leave_out_decided(&mut self) {
        let Some(LeftOut { places, fates, .. }) = self.left_out.as_deref_mut() else { return };
        let is_open = |place: &usize| fates[*place].is_none();
        let mut of_contexts = places.iter();
        self.contexts.to_mut().retain(|_| of_contexts.next().is_some_and(is_open));
        places.retain(is_open);
    }

    /// Where the lane stops, once what is in front of it is settled.
    pub(super) fn take_stop(&mut self) -> Option<(Context<'r>, Failure)> {
        self.left_out.as_mut()?.stop.take()
    }

    fn left_out(&mut self) -> &mut LeftOut<'r> {
        let all = self.contexts.len();
        self.left_out.get_or_insert_with(|| {
            let fates = std::iter::repeat_with(|| None).take(all).collect();
            Box::new(LeftOut { places: (0..all).collect(), fates, stop: None })
        })
    }
}

impl LeftOut<'_> {
    /// What has become of all, given what becomes of those that are still there.
    fn with(mut self, fates: impl Iterator<Item = Option<Fate>>) -> Box<[Option<Fate>]> {
        for (place, fate) in self.places.into_iter().zip(fates) {
            self.fates[place] = fate;
        }
        self.fates.into_boxed_slice()
    }
}
