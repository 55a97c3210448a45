/** A span in full. */
import { titleOf } from '../../spans/title.ts';
import type { TimelineRow } from '../../timeline/trace-timeline.ts';
import { deviation, ms } from './format.ts';
import { Origin, OutcomeMark, Place, Who } from './parts.tsx';
import type { Row } from './rows.ts';
import { Stack } from './stack.tsx';
import { WireView } from './wire.tsx';

interface SpanViewProps {
  readonly row: Row;
  readonly recorded: readonly TimelineRow[];
  /** Of the trace. */
  readonly startMs: number;
  readonly cwd: string;
}

export function SpanView({ row: { span, cancel, deadline }, recorded, startMs, cwd }: SpanViewProps) {
  const pending = span.events.filter(({ name }) => name === 'cancel.pending' || name === 'cancel.async');
  return (
    <section class="detail" aria-label={`Span ${titleOf(span)}`}>
      <h2>
        {span.serviceName} {titleOf(span)} <OutcomeMark outcome={cancel?.outcome} />
      </h2>
      <dl>
        {cancel && (
          <>
            <dt>who</dt>
            <dd>
              <Who initiator={cancel.initiator} />
            </dd>
            <dt>why</dt>
            <dd>
              {cancel.trigger}
              {cancel.reason && `: “${cancel.reason}”`}
            </dd>
            <dt>when</dt>
            <dd>
              at {ms(cancel.atMs - startMs)}, in {cancel.phase}
            </dd>
            <dt>where</dt>
            <dd>
              <Origin origin={cancel.origin} cwd={cwd} />
            </dd>
          </>
        )}
        {deadline && (
          <>
            <dt>deadline</dt>
            <dd>
              {ms(deadline.timeoutMs)} were left at its start
              {deadline.deviationMs !== undefined && `, it ended ${deviation(deadline.deviationMs)}`}
            </dd>
          </>
        )}
        {cancel === undefined && span.status.message && (
          <>
            <dt>error</dt>
            <dd>{span.status.message}</dd>
          </>
        )}
      </dl>
      <WireView rows={recorded} spanId={span.spanId} startMs={startMs} />
      {cancel?.stack && <Stack stack={cancel.stack} traceId={span.traceId} cwd={cwd} />}
      {pending.length > 0 && (
        <>
          <h3>Pending at the cancel</h3>
          <ul class="rows">
            {pending.map(({ attributes }, index) => (
              <li key={index.toString()}>
                <Pending attributes={attributes} cwd={cwd} />
              </li>
            ))}
          </ul>
        </>
      )}
      <details>
        <summary>All that it says</summary>
        <Attributes attributes={span.attributes} />
        {span.events.map(({ name, timeMs, attributes }, index) => (
          <div key={index.toString()}>
            <h3>
              {name} <span class="dim">at {ms(timeMs - startMs)}</span>
            </h3>
            <Attributes attributes={attributes} />
          </div>
        ))}
      </details>
    </section>
  );
}

type AttributesProps = { readonly attributes: Readonly<Record<string, unknown>> };

/** An operation, or a type of async resource of Node. */
function Pending({ attributes, cwd }: AttributesProps & { cwd: string }) {
  const said = (key: string) => (attributes[key] === undefined ? undefined : String(attributes[key]));
  const type = said('cancel.async.type');
  const origin = said('cancel.pending.origin') ?? said('cancel.async.origin');
  return (
    <>
      {type === undefined
        ? `${said('name') ?? '?'}, for ${ms(Number(attributes['cancel.pending.elapsed_ms'] ?? 0))} `
        : `${said('cancel.async.count') ?? '?'} × ${type} `}
      {origin !== undefined && <Place origin={origin} cwd={cwd} />}
    </>
  );
}

function Attributes({ attributes }: AttributesProps) {
  return (
    <dl class="attributes">
      {Object.entries(attributes).map(([key, value]) => (
        <div key={key}>
          <dt>{key}</dt>
          <dd>{typeof value === 'object' ? JSON.stringify(value) : String(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
