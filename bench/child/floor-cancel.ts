import type { Attributes, Span } from '@opentelemetry/api';

interface Cancel {
  initiator: string;
  trigger: string;
  phase: string;
  reason?: string;
}

const frame = /^\s+at (?:(.*) \()?(.*):(\d+):(\d+)\)?$/;

/** Everything the telemetry contract asks of a cancelled span, by the shortest way. */
export function recordCancel(span: Span, cancel: Cancel, stack?: string): void {
  const attributes: Attributes = {
    'cancel.initiator': cancel.initiator,
    'cancel.trigger': cancel.trigger,
    'cancel.phase': cancel.phase,
  };
  if (cancel.reason !== undefined) attributes['cancel.reason'] = cancel.reason;
  const event: Attributes = { ...attributes };
  if (stack !== undefined) {
    const frames = stack.split('\n');
    attributes['cancel.stacktrace'] = stack;
    event['code.stacktrace'] = stack;
    // The second frame: the first one is the floor's own function, the second the application's.
    const [, name = '<anonymous>', file = '', line, column] = frame.exec(frames[2] ?? '') ?? [];
    attributes['cancel.origin'] = `${name} (${file}:${line}:${column})`;
    event['code.function.name'] = name;
    event['code.file.path'] = file;
    event['code.line.number'] = Number(line);
    event['code.column.number'] = Number(column);
  }
  attributes['context.canceled'] = true;
  span.setAttributes(attributes);
  span.addEvent('context.canceled', event);
}
