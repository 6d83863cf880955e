//! What is done to one message where it arrives: it is dropped, goes back to its queue, or is changed. Each is a fault of the experiment
//! that names the message, so it is done again wherever the experiment runs again.
//!
//! A connection loses no frame (see `wires`), so this is not the network's doing: it is as if somebody stood between the wire and the
//! process. What follows from it is what the rules of broker and clients say.

use std::sync::Arc;

use super::check::Problem;
use super::trace::{Kind, Row};
use super::{BusSimulation, Machinery};
use crate::fault::{Act, Edit, Effect, MessageFault};
use crate::messaging::{Envelope, Frame, Message, Settle};
use crate::wire::Fate;

impl BusSimulation {
    /// The first of the faults that wait for this frame, by its place.
    pub(super) fn treatment(&self, envelope: &Envelope) -> Option<usize> {
        if self.awaited.is_empty() {
            return None;
        }
        let id = self.carries(envelope)?;
        self.hosts[usize::from(envelope.to.0)].host.worker.as_ref()?;
        self.awaited.iter().copied().find(|place| {
            let fault = &self.spec.faults[*place];
            let Effect::Message(MessageFault { publisher, number, to, act }) = &fault.effect else { return false };
            (*publisher, *number) == (id.publisher, id.number)
                && to.is_none_or(|to| to == envelope.to)
                && self.spec.moment(fault) <= self.now
                && (*act != Act::Requeue || is_open(&envelope.frame))
        })
    }

    /// What becomes of a frame that a fault waits for.
    pub(super) fn fate_of(&self, place: usize) -> Fate {
        match &self.spec.faults[place].effect {
            Effect::Message(MessageFault { act: Act::Drop, .. }) => Fate::Dropped,
            Effect::Message(MessageFault { act: Act::Requeue, .. }) => Fate::Requeued,
            _ => Fate::Edited,
        }
    }

    /// Does to a frame what the fault of this place says.
    pub(super) fn treat(&mut self, place: usize, mut envelope: Envelope) -> Result<(), Problem> {
        self.awaited.retain(|other| *other != place);
        let Effect::Message(fault) = self.spec.faults[place].effect.clone() else { return self.take(envelope) };
        self.begun[place] = true;
        self.trace.push(Row::of(self.now, Kind::Fault, envelope.to, 0));
        let incarnation = self.seat(envelope.from).host.incarnation;
        let row = Row::frame(self.now, &envelope, incarnation);
        let act = fault.act.clone();
        self.watch_fault(&Effect::Message(MessageFault { to: Some(envelope.to), ..fault }));
        match act {
            Act::Drop => {
                self.trace.push(Row { kind: Kind::Dropped, ..row });
                self.lose(&envelope)
            }
            Act::Requeue => {
                self.trace.push(Row { kind: Kind::Refused, ..row });
                self.refuse(envelope)
            }
            Act::Edit(edit) => {
                match &mut envelope.frame {
                    Frame::Publish { message, .. } => *message = edited(message, &edit),
                    Frame::Deliver(delivery) => delivery.message = edited(&delivery.message, &edit),
                    _ => {}
                }
                let row = Row::frame(self.now, &envelope, incarnation);
                self.trace.push(Row { kind: Kind::Edited, ..row });
                self.take(envelope)
            }
        }
    }

    fn lose(&mut self, envelope: &Envelope) -> Result<(), Problem> {
        match &envelope.frame {
            Frame::Publish { .. } => {
                let now = self.now;
                if let Some(Machinery::Broker(broker)) = &mut self.seat(envelope.to).host.worker {
                    broker.misses_one(now, envelope.from, envelope.connection);
                }
                self.drain_broker()
            }
            Frame::Deliver(delivery) if delivery.tag == 0 => {
                let group = self.seat(envelope.to).group;
                self.books.loses_delivery(group);
                Ok(())
            }
            // The broker still has it, for as long as it waits for the acknowledgement.
            _ => Ok(()),
        }
    }

    /// The client does not take a delivery. Who has asked for it hears that there is nothing.
    fn refuse(&mut self, envelope: Envelope) -> Result<(), Problem> {
        let Envelope { from, to, connection, frame: Frame::Deliver(delivery) } = envelope else { return Ok(()) };
        let frame = Frame::Settle { tag: delivery.tag, multiple: false, how: Settle::Requeue };
        self.send(Envelope { from: to, to: from, connection, frame });
        match delivery.consumer {
            Some(_) => Ok(()),
            None => self.take(Envelope { from, to, connection, frame: Frame::Empty }),
        }
    }
}

/// Whether a frame is a delivery that waits for its acknowledgement.
pub(super) fn is_open(frame: &Frame) -> bool {
    matches!(frame, Frame::Deliver(delivery) if delivery.tag != 0)
}

fn edited(message: &Message, Edit { key, headers, body }: &Edit) -> Arc<Message> {
    let mut message = message.clone();
    if let Some(key) = key {
        message.key = key.as_str().into();
    }
    if let Some(body) = body {
        message.body = body.as_bytes().into();
    }
    if let Some(headers) = headers {
        message.extra.get_or_insert_default().headers = (!headers.is_empty()).then(|| Arc::new(headers.clone()));
    }
    Arc::new(message)
}
