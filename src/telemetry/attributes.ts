/** Every name this package emits that the semantic conventions do not have: of spans, events and metrics. */

// From model/, by `npm run model`.

/** boolean, true: somebody cancelled the operation. Also the name of the event. */
export const ATTR_CONTEXT_CANCELED = 'context.canceled';
/** boolean, true: a time limit passed. Also the name of the event. */
export const ATTR_DEADLINE_EXCEEDED = 'deadline_exceeded';
/** string: `local`, `peer`, `inherited`: who decided */
export const ATTR_CANCEL_INITIATOR = 'cancel.initiator';
/** string: by which mechanism, see Trigger */
export const ATTR_CANCEL_TRIGGER = 'cancel.trigger';
/** string: how far the operation was, see Phase */
export const ATTR_CANCEL_PHASE = 'cancel.phase';
/** string, at most 256 characters: what was given as the reason */
export const ATTR_CANCEL_REASON = 'cancel.reason';
/** string, at most 256 characters, `function (file:line:column)`: the line of the application that cancelled */
export const ATTR_CANCEL_ORIGIN = 'cancel.origin';
/** string, at most 16 KiB, one frame a line: the stack of the call that cancelled */
export const ATTR_CANCEL_STACKTRACE = 'cancel.stacktrace';
/** string, hex: 32 digits: the trace of the span in which the cancel was decided */
export const ATTR_CANCEL_CAUSE_TRACE_ID = 'cancel.cause.trace_id';
/** string, hex: 16 digits: that span */
export const ATTR_CANCEL_CAUSE_SPAN_ID = 'cancel.cause.span_id';
/** double, ms: from the cancel of the cause to this one */
export const ATTR_CANCEL_PROPAGATION_MS = 'cancel.propagation_ms';
/** int, RFC 9113, section 7: code of a RST_STREAM on a gRPC call */
export const ATTR_RPC_GRPC_RST_CODE = 'rpc.grpc.rst_code';
/** int, RFC 9113, section 7: code of a RST_STREAM on a plain HTTP/2 stream */
export const ATTR_HTTP2_RST_CODE = 'http2.rst_code';
/** boolean: the connection outlived the cancel */
export const ATTR_NETWORK_CONNECTION_REUSED_AFTER = 'network.connection.reused_after';

/** event: somebody cancelled the operation, at this instant */
export const EVENT_CONTEXT_CANCELED = 'context.canceled';

/** event: a time limit of the operation passed, at this instant */
export const EVENT_DEADLINE_EXCEEDED = 'deadline_exceeded';

/** double, ms: time left when the operation started */
export const ATTR_DEADLINE_TIMEOUT_MS = 'deadline.timeout_ms';
/** string: `option`, `grpc-timeout`, `inherited`, `signal`, `timeout`, or an HTTP header's name */
export const ATTR_DEADLINE_SOURCE = 'deadline.source';
/** double, ms: actual end minus deadline; negative = in time */
export const ATTR_DEADLINE_DEVIATION_MS = 'deadline.deviation_ms';
/** double, ms: how far the event loop was behind when a deadline was missed */
export const ATTR_DEADLINE_EVENT_LOOP_DELAY_MS = 'deadline.event_loop_delay_ms';
/** double, ms: how far the caller's clock is ahead of ours, when it sent a relative and an absolute deadline */
export const ATTR_DEADLINE_CLOCK_SKEW_MS = 'deadline.clock_skew_ms';

/** double, ms: how long the handler, or the receiver, went on */
export const ATTR_CANCEL_WASTED_MS = 'cancel.wasted_ms';
/** int: writes, messages or end() after the cancel */
export const ATTR_CANCEL_LATE_WRITES = 'cancel.late_writes';
/** int: messages delivered to the application after the cancel */
export const ATTR_CANCEL_LATE_MESSAGES = 'cancel.late_messages';
/** int: outgoing operations, of others as well, started after the cancel */
export const ATTR_CANCEL_LATE_OPERATIONS = 'cancel.late_operations';
/** boolean: false = still running when the limit was reached */
export const ATTR_CANCEL_SETTLED = 'cancel.settled';
/** double, ms: how much of that, and of what ran on, was spent on what; of what was done at the same time the union */
export const ATTR_CANCEL_WASTED_ON_MS = {
  db: 'cancel.wasted.db_ms',
  http: 'cancel.wasted.http_ms',
  rpc: 'cancel.wasted.rpc_ms',
  messaging: 'cancel.wasted.messaging_ms',
} as const;

/** INTERNAL span: child of the cancelled one, from the cancel until the handler settled, or the client received no more */
export const SPAN_WORK_AFTER_CANCEL = 'work after cancel';

/** string: name of the span of the operation that the work is for */
export const ATTR_CANCEL_WORK_FOR = 'cancel.work.for';

/** INTERNAL span: child of the cancelled one, its handler is at work for it now. Only when asked for, option `announceWork`. */
export const SPAN_WORK_GOES_ON = 'work goes on';

/** string: name of the span of an outgoing operation */
export const ATTR_CANCEL_PENDING_NAME = 'name';
/** double, ms: since it was started */
export const ATTR_CANCEL_PENDING_ELAPSED_MS = 'cancel.pending.elapsed_ms';
/** string, at most 256 characters, `function (file:line:column)`: of the call that started it */
export const ATTR_CANCEL_PENDING_ORIGIN = 'cancel.pending.origin';

/** event: on a SERVER span: an outgoing operation of its own, or a span of others, that was unfinished at the cancel */
export const EVENT_CANCEL_PENDING = 'cancel.pending';

/** string: the most serious rule that fired. Also the name of the event. */
export const ATTR_CANCEL_FINDING = 'cancel.finding';
/** string: the rule that fired */
export const ATTR_CANCEL_FINDING_RULE = 'cancel.finding.rule';
/** string: what it found, for people */
export const ATTR_CANCEL_FINDING_DETAIL = 'cancel.finding.detail';

/** event: a rule fired */
export const EVENT_CANCEL_FINDING = 'cancel.finding';

/** string: Node's name of the type */
export const ATTR_CANCEL_ASYNC_TYPE = 'cancel.async.type';
/** int: how many */
export const ATTR_CANCEL_ASYNC_COUNT = 'cancel.async.count';
/** double, ms: since the oldest of them was made */
export const ATTR_CANCEL_ASYNC_ELAPSED_MS = 'cancel.async.elapsed_ms';
/** string: at most 256 characters, `function (file:line:column)` of the line that made most of them */
export const ATTR_CANCEL_ASYNC_ORIGIN = 'cancel.async.origin';
/** int: functions of the application from the handler to the deepest of them, both counted */
export const ATTR_CANCEL_ASYNC_DEPTH = 'cancel.async.depth';
/** string, at most 4 KiB: one frame a line, from whoever made the deepest of them back to the handler */
export const ATTR_CANCEL_ASYNC_STACKTRACE = 'cancel.async.stacktrace';

/** double, ms: how long of the time after the cancel at least one of them was pending */
export const ATTR_CANCEL_ASYNC_WASTED_MS = 'cancel.async.wasted_ms';

/** event: on a SERVER span: async resources of one type that were pending at the cancel; on a span `work after cancel`: since then */
export const EVENT_CANCEL_ASYNC = 'cancel.async';

/** string: what told it to end, `SIGTERM`, `SIGINT`, `close`, or that it ended unasked, `exit`. Also of metrics. */
export const ATTR_SHUTDOWN_TRIGGER = 'shutdown.trigger';
/** string, `function (file:line:column)`: of the call that closed a server */
export const ATTR_SHUTDOWN_ORIGIN = 'shutdown.origin';
/** int: incoming operations that were answered */
export const ATTR_SHUTDOWN_FINISHED = 'shutdown.finished';
/** int: incoming operations that the shutdown ended */
export const ATTR_SHUTDOWN_CUT = 'shutdown.cut';
/** int: incoming operations that their client, a time limit or their handler ended */
export const ATTR_SHUTDOWN_OTHER = 'shutdown.other';

/** INTERNAL span: of a trace of its own, from when the process was told to end until its last incoming operation was over */
export const SPAN_SHUTDOWN = 'shutdown';

/** counter, {operation}: operations that are over */
export const METRIC_OPERATIONS = 'cancellation.operations';

/** histogram, ms: end minus deadline; negative = in time */
export const METRIC_DEADLINE_DEVIATION = 'cancellation.deadline.deviation';

/** histogram, ms: how long handlers went on after the cancel */
export const METRIC_WORK_AFTER_CANCEL = 'cancellation.work_after_cancel';

/** counter, ms: of that, by what it was spent on */
export const METRIC_WASTED = 'cancellation.wasted';

/** updowncounter, {operation}: operations whose handlers go on */
export const METRIC_WORK_AFTER_CANCEL_ACTIVE = 'cancellation.work_after_cancel.active';

/** counter, {finding}: rules that fired */
export const METRIC_FINDINGS = 'cancellation.findings';

/** counter, {operation}: incoming operations that were over while it did */
export const METRIC_SHUTDOWN_OPERATIONS = 'cancellation.shutdown.operations';

/** histogram, ms: how long the process drained */
export const METRIC_SHUTDOWN_DURATION = 'cancellation.shutdown.duration';

/** string: `finished`, `cut`, `other`, as on the span. Of a metric. */
export const ATTR_SHUTDOWN_RESULT = 'shutdown.result';
/** string: `completed`, `canceled`, `deadline_exceeded`, `failed`. Of a metric. */
export const ATTR_OUTCOME = 'outcome';
/** string: `client`, `server`. Of a metric. */
export const ATTR_SIDE = 'side';
/** string: `grpc`, `http`, `http2`, `messaging`; of findings also what a span of others is. Of a metric. */
export const ATTR_SYSTEM = 'system';
/** string: `db`, `http`, `rpc`, `messaging`. Of a metric. */
export const ATTR_SPENT_ON = 'spent_on';
/** string: the rule that fired. Of a metric. */
export const ATTR_RULE = 'rule';
// End of model/

/**
 * What an outgoing operation is, by the attributes of the semantic conventions, those of now and of before, of which it has one.
 * The first that fits: the AWS SDK's span of a query or of a message says as well that it is a call.
 */
const ATTRS_OF_SPENT_ON = [
  ['db', ['db.system.name', 'db.system']],
  ['messaging', ['messaging.system']],
  ['rpc', ['rpc.system.name', 'rpc.system']],
  ['http', ['http.request.method', 'http.method']],
] as const;
export type SpentOn = (typeof ATTRS_OF_SPENT_ON)[number][0];
export function spentOnBy(attributes: Readonly<Record<string, unknown>>): SpentOn | undefined {
  return ATTRS_OF_SPENT_ON.find(([, names]) => names.some((name) => attributes[name] !== undefined))?.[0];
}
