//! Reading without a reader thread: whoever waits leads.

use std::sync::MutexGuard;
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::connection::{Connection, Failure, Lost, State};
use super::inbox::Inbox;
use super::patience::Patience;
use super::slots::{Answer, Misfit};
use crate::id::ReqId;
use crate::tap::Direction;
use crate::transport::{InFlight, Ready};
use crate::value::escape;
use crate::wire::{Op, REPLY_MAX};

/// What a thread waits for.
#[derive(Clone, Copy)]
enum Goal {
    /// The answer to a request.
    Answer(ReqId),
    /// Fewer requests under way.
    Room,
    /// Everything written.
    Written,
    /// The end of the connection.
    End,
}

/// How long a thread whose bytes the transport does not take waits before it looks whether it must lead itself.
const BLOCKED_SLICE: Duration = Duration::from_millis(5);

impl Connection {
    /// Waits for an answer, at most `timeout` from when the request left. The request stays open after a time-out.
    pub(super) fn wait(&self, id: ReqId, timeout: Duration) -> Result<Answer, Failure> {
        let mut state = self.lock();
        if let Some(answer) = state.slots.take(id) {
            return Ok(answer);
        }
        let since = match state.slots.progress(id) {
            Some((sent, since)) if sent || state.outbox.blocked => since,
            // Held back until now only so that it leaves together with others.
            _ => Instant::now(),
        };
        let mut state = self.drive(state, Goal::Answer(id), Some(since + timeout))?;
        let answer = state.slots.take(id);
        drop(state);
        answer.ok_or(Failure::TimedOut)
    }

    /// Gives a request up after its deadline, `timeout`. A device's open file is discarded: its one request is still
    /// under way. So is a stream in the middle of a message that does not end: it would swallow every further answer.
    pub(super) fn give_up(&self, id: ReqId, timeout: Duration) {
        let mut state = self.lock();
        state.slots.abandon(id);
        let amid = state.inbox.as_ref().and_then(Inbox::amid_for);
        if amid.is_some_and(|amid| amid >= timeout) {
            let what = "a message that does not end";
            self.lose(&mut state, Lost::Protocol(what.into()));
        }
        if self.traits.in_flight == InFlight::One && state.lost.is_none() {
            self.lose(
                &mut state,
                Lost::Stream("a request was not answered in time".into()),
            );
        }
    }

    /// Sends a request whose answer nobody will fetch.
    pub(super) fn let_go(&self, id: ReqId, timeout: Duration) {
        let mut state = self.lock();
        let is_unsent = matches!(state.slots.progress(id), Some((false, _)));
        state.slots.abandon(id);
        if !is_unsent {
            return;
        }
        let deadline = Instant::now() + timeout;
        if let Err(Failure::TimedOut) = self.drive(state, Goal::Written, Some(deadline)) {
            self.close("the store took no requests in time");
        }
    }

    /// Sends what is in the outbox, as far as that goes without waiting.
    pub(super) fn flush(&self) {
        let state = self.lock();
        if !state.outbox.is_empty() && !state.outbox.busy && !state.outbox.blocked {
            drop(self.write_out(state));
        }
    }

    /// Waits until fewer requests than the window are under way.
    pub(super) fn await_room<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        deadline: Instant,
    ) -> Result<MutexGuard<'a, State>, Failure> {
        self.drive(state, Goal::Room, Some(deadline))
    }

    /// Reads until the connection ends: the life of a watch connection's thread.
    pub(super) fn read_to_the_end(&self) -> Lost {
        match self.drive(self.lock(), Goal::End, None) {
            Err(Failure::Lost { lost, .. }) => lost,
            _ => Lost::Stream("it ended".into()),
        }
    }

    fn drive<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        goal: Goal,
        deadline: Option<Instant>,
    ) -> Result<MutexGuard<'a, State>, Failure> {
        let mut is_idle = false;
        let mut patience = Patience::until(deadline);
        let result = loop {
            if self.is_reached(&mut state, goal) {
                break Ok(());
            }
            if let Some(lost) = &state.lost {
                let lost = lost.clone();
                let unsent = match goal {
                    Goal::Answer(id) => matches!(state.slots.progress(id), Some((false, _))),
                    Goal::Room => true,
                    Goal::Written | Goal::End => false,
                };
                break Err(Failure::Lost { lost, unsent });
            }
            if !state.outbox.is_empty() && !state.outbox.busy && !state.outbox.blocked {
                state = self.write_out(state);
                continue;
            }
            // What has arrived counts, however late its caller comes for it.
            if is_idle && patience.is_over() {
                break Err(Failure::TimedOut);
            }
            is_idle = true;
            let slice = patience.slice();
            // The writer says when it is done. Reading meanwhile could last until the deadline: perhaps nothing is under
            // way but requests that are still to be written.
            let is_being_written = matches!(goal, Goal::Written) && state.outbox.busy;
            state = match state.inbox.take_if(|_| !is_being_written) {
                Some(inbox) => {
                    let before = state.heard;
                    let state = self.lead(state, inbox, slice.end());
                    is_idle = state.heard == before;
                    state
                }
                None if state.outbox.blocked && !state.outbox.busy => {
                    self.await_writable(state, slice.end())
                }
                None => self.park(state, goal, slice.end()),
            };
            patience.waited(slice);
        };
        if state.inbox.is_some()
            && let Some(next) = state.slots.any_parked().or_else(|| state.others.first())
        {
            // The lead is free, and this thread may have been its only taker.
            next.unpark();
        }
        result.map(|()| state)
    }

    fn is_reached(&self, state: &mut State, goal: Goal) -> bool {
        match goal {
            Goal::Answer(id) => state.slots.is_done(id),
            Goal::Room => self.has_room(state),
            Goal::Written => state.outbox.is_empty() && !state.outbox.busy,
            Goal::End => false,
        }
    }

    /// Reads once, and writes when the transport takes more, then delivers what came.
    fn lead<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        mut inbox: Inbox,
        deadline: Option<Instant>,
    ) -> MutexGuard<'a, State> {
        let blocked = state.outbox.blocked;
        drop(state);
        let ready = if blocked {
            let wanted = Ready {
                read: true,
                write: true,
            };
            self.transport.wait(wanted, deadline)
        } else {
            Ok(Ready {
                read: true,
                write: false,
            })
        };
        let read = match &ready {
            Ok(ready) if ready.read => Some(self.transport.read(inbox.space(), deadline)),
            Ok(_) => None,
            Err(error) => Some(Err(error.kind().into())),
        };
        let mut state = self.lock();
        if ready.is_ok_and(|ready| ready.write) {
            state.outbox.blocked = false;
        }
        match read {
            None => {}
            Some(Ok(0)) => {
                let how = if inbox.is_amid() {
                    "it ended in the middle of a message"
                } else {
                    "it was closed"
                };
                self.lose(&mut state, Lost::Stream(how.into()));
            }
            Some(Ok(count)) => {
                inbox.arrived(count);
                state.heard = Instant::now();
                state = self.deliver_all(state, &mut inbox);
            }
            Some(Err(error))
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock
                ) => {}
            Some(Err(error)) => self.lose(&mut state, Lost::Stream(error.to_string().into())),
        }
        state.inbox = Some(inbox);
        state
    }

    fn deliver_all<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        inbox: &mut Inbox,
    ) -> MutexGuard<'a, State> {
        let mut wake: Vec<Thread> = Vec::new();
        let had_room = self.has_room(&state);
        loop {
            let (header, payload) = match inbox.next() {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(length) => {
                    let what =
                        format!("a message of {length} bytes, over the limit of {REPLY_MAX}");
                    self.lose(&mut state, Lost::Protocol(what.into()));
                    break;
                }
            };
            if let Some(tap) = &self.context.tap {
                tap.message(self.context.number, Direction::Received, header, payload);
            }
            if header.op == Op::WATCH_EVENT {
                // Before anything behind it is delivered, so that a caller who sees an answer sees the event, too.
                self.context.events.event(payload);
                continue;
            }
            let id = match header.req_id {
                // Old Linux kernels make up the replies to these two, with number 0.
                ReqId(0) if matches!(header.op, Op::WATCH | Op::UNWATCH) => {
                    state.slots.find(header.op).unwrap_or(header.req_id)
                }
                id => id,
            };
            let answer = Answer {
                op: header.op,
                payload: payload.to_vec(),
            };
            let misfit = match state.slots.deliver(id, answer) {
                Ok(waiter) => {
                    wake.extend(waiter);
                    continue;
                }
                Err(Misfit::Unknown) => format!(
                    "a reply of type {} to the unknown request {}: \"{}\"",
                    header.op,
                    id.0,
                    escape(&payload[..payload.len().min(32)])
                ),
                Err(Misfit::Type(op)) => format!("a reply of type {} to {op}", header.op),
            };
            self.lose(&mut state, Lost::Protocol(misfit.into()));
            break;
        }
        if !had_room && self.has_room(&state) {
            wake.extend(state.others.iter().cloned());
        }
        for thread in wake {
            thread.unpark();
        }
        state
    }

    /// Waits until the transport takes more, while another thread reads; only so long that a leader who leaves
    /// meanwhile is replaced soon.
    fn await_writable<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        deadline: Option<Instant>,
    ) -> MutexGuard<'a, State> {
        drop(state);
        let slice = Instant::now() + BLOCKED_SLICE;
        let until = deadline.map_or(slice, |at| at.min(slice));
        let wanted = Ready {
            read: false,
            write: true,
        };
        let ready = self.transport.wait(wanted, Some(until));
        let mut state = self.lock();
        if ready.is_ok_and(|ready| ready.write) {
            state.outbox.blocked = false;
        }
        state
    }

    /// Sleeps until the leader has the answer or hands the lead on.
    fn park<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        goal: Goal,
        deadline: Option<Instant>,
    ) -> MutexGuard<'a, State> {
        let me = std::thread::current();
        match goal {
            Goal::Answer(id) => state.slots.park(id, Some(me.clone())),
            _ => state.others.push(me.clone()),
        }
        drop(state);
        match deadline {
            Some(at) => {
                std::thread::park_timeout(at.saturating_duration_since(Instant::now()));
            }
            None => std::thread::park(),
        }
        let mut state = self.lock();
        match goal {
            Goal::Answer(id) => state.slots.park(id, None),
            _ => state.others.retain(|other| other.id() != me.id()),
        }
        state
    }
}
