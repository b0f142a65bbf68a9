//! What can go wrong with events that are sent, done on purpose.
