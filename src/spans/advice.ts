/** What to do about each rule, in a sentence; docs/after-the-cancel.md and docs/deadlines.md tell more. */
export const ADVICE: Readonly<Record<string, string>> = {
  cancel_not_sent:
    'The peer was never told: cancel a turn after the call was started, and by cancel() rather than destroy().',
  cancel_not_propagated:
    'Pass the signal of the incoming request on: signal: currentSignal(), or the option propagate.cancel.',
  deadline_already_past:
    'Give the call a point in time: Date.now() + timeoutMs, or a Date. A duration, or seconds, is long past.',
  timeout_malformed:
    'Mend the header where it is made: what breaks its grammar is read differently by each server.',
  deadline_dropped: 'Pass the time that is left on: currentDeadline(), or the option propagate.deadline.',
  deadline_extended:
    'The call may take longer than whoever waits for it: give it at most the time that is left.',
  late_operation: 'Look at the signal of the request before starting more work for it.',
  work_after_cancel:
    'Stop when the request is cancelled: listen to currentSignal(), or look at it between two steps.',
  context_lost: 'A guess: bind callbacks that wait in a queue or a pool, by AsyncResource.bind(callback).',
  deadline_lost_on_wire:
    'Something between client and server changes the header: a proxy, a gateway, a service mesh.',
  process_vanished:
    'It was killed, not asked to end: look for SIGKILL, out of memory, a node that went away.',
};
