//! The one shape of everything that behaves.

use crate::time::Time;

/// A state machine without IO. Its driver keeps one order: mutate, drain, wait.
///
/// 1. [`handle`](Machine::handle) is the only way its state changes;
/// 2. after each `handle`, [`poll`](Machine::poll) is called until it gives `None`, and each output is carried out;
/// 3. then the driver waits for the next input, but calls [`wake`](Machine::wake) no later than [`next_wake`](Machine::next_wake).
pub trait Machine {
    type Input;
    type Output;

    /// Takes one input at time `now`, which never goes backwards.
    fn handle(&mut self, now: Time, input: Self::Input);

    /// Tells the machine that time has passed. Safe to call at any moment, however early.
    fn wake(&mut self, now: Time);

    /// The next thing to carry out, in order.
    fn poll(&mut self) -> Option<Self::Output>;

    /// When the machine wants to be woken if nothing else happens; `None`: only by input.
    fn next_wake(&self) -> Option<Time>;
}
