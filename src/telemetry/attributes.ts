/** Every name this package emits that the semantic conventions do not have. */

/** boolean, true: somebody cancelled the operation. Also the name of the event. */
export const ATTR_CONTEXT_CANCELED = 'context.canceled';
/** boolean, true: a time limit passed. Also the name of the event. */
export const ATTR_DEADLINE_EXCEEDED = 'deadline_exceeded';
export const EVENT_CONTEXT_CANCELED: typeof ATTR_CONTEXT_CANCELED = ATTR_CONTEXT_CANCELED;
export const EVENT_DEADLINE_EXCEEDED: typeof ATTR_DEADLINE_EXCEEDED = ATTR_DEADLINE_EXCEEDED;

/** string: `local`, `peer`, `inherited` */
export const ATTR_CANCEL_INITIATOR = 'cancel.initiator';
/** string: by which mechanism, see Trigger */
export const ATTR_CANCEL_TRIGGER = 'cancel.trigger';
/** string: how far the operation was, see Phase */
export const ATTR_CANCEL_PHASE = 'cancel.phase';
/** string, at most 256 characters */
export const ATTR_CANCEL_REASON = 'cancel.reason';
/** string, at most 256 characters: `function (file:line:column)` */
export const ATTR_CANCEL_ORIGIN = 'cancel.origin';
/** string, at most 16 KiB: one frame a line */
export const ATTR_CANCEL_STACKTRACE = 'cancel.stacktrace';
/** string, 32 hex digits */
export const ATTR_CANCEL_CAUSE_TRACE_ID = 'cancel.cause.trace_id';
/** string, 16 hex digits */
export const ATTR_CANCEL_CAUSE_SPAN_ID = 'cancel.cause.span_id';
/** double, ms: from the cancel of the cause to this one */
export const ATTR_CANCEL_PROPAGATION_MS = 'cancel.propagation_ms';

/** int: code of a RST_STREAM (RFC 9113, section 7) on a gRPC call */
export const ATTR_RPC_GRPC_RST_CODE = 'rpc.grpc.rst_code';
/** int: the same on a plain HTTP/2 stream */
export const ATTR_HTTP2_RST_CODE = 'http2.rst_code';

/** double, ms: time left when the operation started */
export const ATTR_DEADLINE_TIMEOUT_MS = 'deadline.timeout_ms';
/** string: `option`, `grpc-timeout`, `inherited`, `signal`, `timeout`, or an HTTP header's name */
export const ATTR_DEADLINE_SOURCE = 'deadline.source';
/** double, ms: actual end minus deadline; negative = in time */
export const ATTR_DEADLINE_DEVIATION_MS = 'deadline.deviation_ms';

/** string: the most serious rule that fired. Also the name of the event. */
export const ATTR_CANCEL_FINDING = 'cancel.finding';
export const EVENT_CANCEL_FINDING: typeof ATTR_CANCEL_FINDING = ATTR_CANCEL_FINDING;
export const ATTR_CANCEL_FINDING_RULE = 'cancel.finding.rule';
export const ATTR_CANCEL_FINDING_DETAIL = 'cancel.finding.detail';
