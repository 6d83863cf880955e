//! What each event does to the machines, and what is done with everything that they put out.

use super::check::Problem;
use super::host::Computing;
use super::network::Verdict;
use super::trace::{self, Kind, Row};
use super::{End, Event, Finished, Kernel, Simulation, WorkerHost, model};
use crate::batch::coordinator::CommittedPartition;
use crate::batch::message::Envelope;
use crate::batch::task::{Outcome, Work};
use crate::batch::worker::{self, Worker};
use crate::batch::{Counters, Payload};
use crate::fault::Effect;
use crate::id::{Attempt, Incarnation, NodeId, TaskId};
use crate::machine::Machine;
use crate::session::run;
use crate::time::{Span, Time};
use crate::wire::{Fate, Tally};

/// The coordinator's place among the hosts; worker N has place N.
const COORDINATOR: u32 = 0;

impl Simulation {
    /// One event. `true` if it was stale: nobody saw it.
    pub(super) fn happen(&mut self, event: Event) -> Result<bool, Problem> {
        if let Some(until) = self.waits(&event) {
            match event {
                Event::Wake(host) => self.arm(host, until),
                event => self.queue.push(until, event),
            }
            return Ok(true);
        }
        match event {
            Event::Start => self.tell_run(run::Input::Start)?,
            Event::Arrive { envelope, sent } => self.arrive(envelope, sent)?,
            Event::Wake(host) => return self.wake(host),
            Event::Computed { host, plan } => {
                if self.hosts[host as usize].plan != plan {
                    return Ok(true);
                }
                self.computed(host);
            }
            Event::Stored { epoch, version } => {
                let row = self.row(Kind::Stored, NodeId::Coordinator, epoch);
                self.trace.push(Row { bytes: version, ..row });
                self.tell_run(run::Input::Stored { epoch, version })?;
            }
            Event::Land { epoch, partition, rows } => self.land(epoch, partition, rows)?,
            Event::Committed(partition) => {
                let row = self.row(Kind::Committed, NodeId::Coordinator, 0);
                self.trace.push(Row { task: Some(partition.task), attempt: Some(partition.attempt), ..row });
                self.tell_run(run::Input::Committed(partition))?;
            }
            Event::Over(host) => {
                let row = self.row(Kind::Over, node(host), self.hosts[host as usize].incarnation);
                self.trace.push(row);
                self.change_host(host, |_| {});
            }
        }
        Ok(false)
    }

    /// Until when an event waits because its host stands still. What is on its way to the store goes on.
    fn waits(&self, event: &Event) -> Option<Time> {
        let host = match event {
            Event::Arrive { envelope, .. } => place(envelope.to),
            Event::Wake(host) => *host,
            Event::Stored { .. } | Event::Committed(_) => COORDINATOR,
            Event::Start | Event::Computed { .. } | Event::Land { .. } | Event::Over(_) => return None,
        };
        self.hosts.get(host as usize)?.paused(self.now)
    }

    pub(super) fn tell_run(&mut self, input: run::Input) -> Result<(), Problem> {
        self.run.handle(self.now, input);
        self.drain_run()
    }

    fn tell_worker(&mut self, host: u32, input: worker::Input) {
        if let Some(worker) = &mut self.hosts[host as usize].worker {
            worker.handle(self.now, input);
            self.drain_worker(host);
        }
    }

    fn arrive(&mut self, envelope: Envelope, sent: Time) -> Result<(), Problem> {
        let row = self.row_of(&envelope);
        let host = place(envelope.to);
        if host == COORDINATOR {
            self.trace.push(row);
            self.record_row(row, sent, self.now, Fate::Arrived);
            return self.tell_run(run::Input::Envelope(envelope));
        }
        let somebody = self.hosts.get(host as usize).is_some_and(|host| host.worker.is_some());
        self.trace.push(Row { kind: if somebody { row.kind } else { Kind::Lost }, ..row });
        self.record_row(row, sent, self.now, if somebody { Fate::Arrived } else { Fate::Nobody });
        if somebody {
            self.tell_worker(host, worker::Input::Envelope(envelope));
        }
        Ok(())
    }

    fn wake(&mut self, host: u32) -> Result<bool, Problem> {
        let Some(at) = self.hosts[host as usize].timer.filter(|at| *at <= self.now) else { return Ok(true) };
        debug_assert_eq!(at, self.now, "a timer goes off at its time");
        self.hosts[host as usize].timer = None;
        if host == COORDINATOR {
            // Not in the trace: a watching client has timers of its own here.
            if self.run.next_wake().is_some_and(|at| at <= self.now) {
                self.run.wake(self.now);
                self.drain_run()?;
                return Ok(false);
            }
            self.rearm(host);
            return Ok(true);
        }
        let incarnation = self.hosts[host as usize].incarnation;
        let due = self.hosts[host as usize].worker.as_ref().and_then(Worker::next_wake).is_some_and(|at| at <= self.now);
        if due {
            let row = self.row(Kind::Woke, node(host), incarnation);
            self.trace.push(row);
            self.report_progress(host);
        }
        if let Some(worker) = self.hosts[host as usize].worker.as_mut().filter(|_| due) {
            worker.wake(self.now);
        }
        self.drain_worker(host);
        Ok(!due)
    }

    /// A kernel tells how far it is whenever its worker is going to speak.
    fn report_progress(&mut self, host: u32) {
        let Some((kernel, permille)) = self.hosts[host as usize].advanced(self.now) else { return };
        if let Outcome::Mapped { counters, .. } = &kernel.outcome {
            let share = |of: u64| (u128::from(of) * u128::from(permille) / 1000) as u64;
            let (records, bytes) = (share(counters.map_input_records), share(counters.input_bytes));
            let (task, attempt) = (kernel.task, kernel.attempt);
            self.tell_worker(host, worker::Input::Progress { task, attempt, records, bytes });
        }
    }

    fn computed(&mut self, host: u32) {
        let Some(computing) = self.hosts[host as usize].computing.take() else { return };
        let Kernel { task, attempt, outcome, bytes } = computing.work;
        let row = self.row(Kind::Computed, node(host), self.hosts[host as usize].incarnation);
        self.trace.push(Row { task: Some(task), attempt: Some(attempt), bytes, ..row });
        if let Outcome::Failed(_) = outcome {
            self.checks.failed(task, attempt);
        }
        self.tell_worker(host, worker::Input::Computed { task, attempt, outcome });
    }

    /// Rows reach the store. When their coordinator has stopped in the meantime, chance says whether they still do.
    fn land(&mut self, epoch: Incarnation, partition: CommittedPartition, rows: Payload) -> Result<(), Problem> {
        let row = self.row(Kind::Landed, NodeId::Coordinator, epoch);
        let row = Row { task: Some(partition.task), attempt: Some(partition.attempt), bytes: rows.len() as u64, ..row };
        if self.run.coordinator_epoch() != Some(epoch) && self.rng.chance(0.5) {
            self.trace.push(Row { kind: Kind::Vanished, ..row });
            return Ok(());
        }
        let first = self.checks.put(partition, rows)?;
        self.trace.push(if first == partition { row } else { Row { kind: Kind::LandedAgain, ..row } });
        self.queue.push(self.now + model::STORE_LATENCY, Event::Committed(first));
        Ok(())
    }

    fn drain_run(&mut self) -> Result<(), Problem> {
        while let Some(output) = self.run.poll() {
            match output {
                run::Output::Spawn { node, incarnation } => self.spawn(node, incarnation),
                run::Output::Terminate { node, incarnation } => self.terminate(node, incarnation),
                run::Output::Send(envelope) => {
                    self.checks.said(&self.spec.job, &envelope, self.run.stored())?;
                    self.send(envelope);
                }
                run::Output::Store { epoch, version } => {
                    self.queue.push(self.now + model::STORE_LATENCY, Event::Stored { epoch, version });
                }
                run::Output::Commit { partition, rows } => {
                    let epoch = self.run.coordinator_epoch().unwrap_or_default();
                    self.checks.commit_asked(epoch, partition.task)?;
                    let at = self.now + model::storing(rows.len() as u64);
                    self.queue.push(at, Event::Land { epoch, partition, rows });
                }
                run::Output::Fault(effect) => self.begin(effect),
                run::Output::Frame(frame) => self.frames.push_back(frame),
                run::Output::Finished { counters, tally } => return self.finish(counters, tally),
                run::Output::Failed(reason) => self.end = Some(End::Failed(reason)),
            }
        }
        self.look_for_coordinator();
        self.rearm(COORDINATOR);
        Ok(())
    }

    /// The run stops and restarts its coordinator by itself.
    fn look_for_coordinator(&mut self) {
        let epoch = self.run.coordinator_epoch();
        if epoch == self.epoch {
            return;
        }
        let row = match epoch {
            Some(epoch) => self.row(Kind::Spawned, NodeId::Coordinator, epoch),
            None => {
                self.disturbed(Some(self.spec.respawn.unwrap_or(Span::ZERO)));
                self.row(Kind::Killed, NodeId::Coordinator, self.epoch.unwrap_or_default())
            }
        };
        self.trace.push(row);
        self.epoch = epoch;
    }

    fn drain_worker(&mut self, host: u32) {
        while let Some(output) = self.hosts[host as usize].worker.as_mut().and_then(Worker::poll) {
            match output {
                worker::Output::Send(envelope) => self.send(envelope),
                worker::Output::Compute(work) => self.compute(host, work),
                worker::Output::Abandon => self.abandon(host),
                // The kernels know the job, and nothing is left to do for a worker without one.
                worker::Output::Job(_) | worker::Output::Finished => {}
            }
        }
        self.rearm(host);
    }

    fn send(&mut self, envelope: Envelope) {
        let (bytes, sent) = (envelope.message.wire_bytes(), self.now);
        match self.network.carry(sent, envelope.from, envelope.to, bytes) {
            Verdict::Once(span) => self.queue.push(sent + span, Event::Arrive { envelope, sent }),
            Verdict::Twice(first, second) => {
                self.queue.push(sent + first, Event::Arrive { envelope: envelope.clone(), sent });
                self.queue.push(sent + second, Event::Arrive { envelope, sent });
            }
            Verdict::Lost(span) => {
                let row = self.row_of(&envelope);
                self.trace.push(Row { kind: Kind::Lost, ..row });
                self.record_row(row, sent, sent + span, Fate::Lost);
            }
        }
    }

    fn compute(&mut self, host: u32, work: Work) {
        let (task, attempt) = (work.task, work.attempt);
        let (outcome, bytes) = self.kernels.run(work, &mut **self.source.borrow_mut());
        let effort = model::effort(bytes, self.spec.compute, &mut self.rng);
        let row = self.row(Kind::Computing, node(host), self.hosts[host as usize].incarnation);
        self.trace.push(Row { task: Some(task), attempt: Some(attempt), bytes, ..row });
        self.hosts[host as usize].computing = Some(Computing::new(Kernel { task, attempt, outcome, bytes }, effort, self.now));
        self.plan_end(host);
    }

    fn abandon(&mut self, host: u32) {
        if let Some(computing) = self.hosts[host as usize].computing.take() {
            let row = self.row(Kind::Abandoned, node(host), self.hosts[host as usize].incarnation);
            self.trace.push(Row { task: Some(computing.work.task), attempt: Some(computing.work.attempt), ..row });
        }
    }

    /// From here on only this plan for the end of the host's kernel counts.
    fn plan_end(&mut self, place: u32) {
        let host = &mut self.hosts[place as usize];
        host.plan += 1;
        if let Some(at) = host.ends_at() {
            let plan = host.plan;
            self.queue.push(at, Event::Computed { host: place, plan });
        }
    }

    fn spawn(&mut self, name: NodeId, incarnation: Incarnation) {
        let row = self.row(Kind::Spawned, name, incarnation);
        self.trace.push(row);
        let host = &mut self.hosts[place(name) as usize];
        host.incarnation = incarnation;
        host.worker = Some(Worker::new(name, incarnation, self.spec.timing));
        self.tell_worker(place(name), worker::Input::Start);
    }

    fn terminate(&mut self, name: NodeId, incarnation: Incarnation) {
        let row = self.row(Kind::Killed, name, incarnation);
        self.trace.push(row);
        self.disturbed(Some(self.spec.respawn.unwrap_or(Span::ZERO)));
        let host = &mut self.hosts[place(name) as usize];
        (host.worker, host.computing) = (None, None);
    }

    fn begin(&mut self, effect: Effect) {
        let at = match &effect {
            Effect::Slow { node, .. } | Effect::Pause { node, .. } | Effect::Kill(node) => *node,
            Effect::RestartCoordinator | Effect::Edge(_) | Effect::Partition { .. } | Effect::Message(_) => NodeId::Coordinator,
        };
        let row = self.row(Kind::Fault, at, 0);
        self.trace.push(row);
        match effect {
            Effect::Slow { node, factor, span } => {
                // A slow node is no trouble that has to end: the job's bound grows with it instead.
                let until = span.map_or(Time::NEVER, |span| self.now + span);
                self.calm.slowest = self.calm.slowest.max(factor.ceil() as u64);
                self.change_host(place(node), |host| host.slow(until, factor));
                if span.is_some() {
                    self.queue.push(until, Event::Over(place(node)));
                }
            }
            Effect::Pause { node, span } => {
                let until = self.disturbed(Some(span));
                self.change_host(place(node), |host| host.pause(until));
                self.queue.push(until, Event::Over(place(node)));
            }
            Effect::Edge(fault) => {
                let until = self.disturbed(fault.span);
                self.network.disturb(until, fault);
            }
            Effect::Partition { groups, span } => {
                let until = self.disturbed(span);
                self.network.divide(until, groups);
            }
            // The run carries these out itself, and a batch has no messages with names.
            Effect::Kill(_) | Effect::RestartCoordinator | Effect::Message(_) => {}
        }
    }

    fn change_host(&mut self, place: u32, change: impl FnOnce(&mut WorkerHost)) {
        let Some(host) = self.hosts.get_mut(place as usize) else { return };
        change(host);
        host.reconsider(self.now);
        if host.computing.is_some() {
            self.plan_end(place);
        }
    }

    fn finish(&mut self, counters: Counters, tally: Tally) -> Result<(), Problem> {
        let rows = self.checks.result(&self.spec.job, &counters, &self.kernels, &mut **self.source.borrow_mut())?;
        for rows in &rows {
            self.trace.push_result(&rows.bytes().map_err(|error| Problem::Unreadable(error.to_string()))?);
        }
        self.end = Some(End::Finished(Finished { rows, counters, tally }));
        Ok(())
    }

    /// Has the host's timer go off when its machine wants it. A timer that goes off too early looks again, so one that is in
    /// the queue for an earlier time will do.
    fn rearm(&mut self, host: u32) {
        let wanted = match host {
            COORDINATOR => self.run.next_wake(),
            _ => self.hosts[host as usize].worker.as_ref().and_then(Worker::next_wake),
        };
        if let Some(at) = wanted
            && self.hosts[host as usize].timer.is_none_or(|timer| at < timer)
        {
            self.arm(host, at.max(self.now));
        }
    }

    fn arm(&mut self, host: u32, at: Time) {
        self.hosts[host as usize].timer = Some(at);
        self.queue.push_timer(at, host, Event::Wake(host));
    }

    fn record_row(&mut self, row: Row, sent: Time, arrives: Time, fate: Fate) {
        if let Some(recorder) = &mut self.recorder {
            recorder.note_row(row, sent, arrives, fate);
        }
    }

    pub(super) fn row_of(&self, envelope: &Envelope) -> Row {
        let (kind, task, attempt): (Kind, Option<TaskId>, Option<Attempt>) = trace::subject(&envelope.message);
        Row {
            at: self.now,
            kind,
            node: envelope.from,
            incarnation: envelope.from_incarnation,
            to: Some(envelope.to),
            task,
            attempt,
            bytes: envelope.message.wire_bytes(),
        }
    }
}

fn place(node: NodeId) -> u32 {
    match node {
        NodeId::Coordinator => COORDINATOR,
        NodeId::Worker(number) => number,
    }
}

fn node(place: u32) -> NodeId {
    match place {
        COORDINATOR => NodeId::Coordinator,
        number => NodeId::Worker(number),
    }
}
