/** One trace: the sentence, the waterfall, and a span in full. */
import { useState } from 'preact/hooks';
import { cancelOf, deadlineOf } from '../../spans/cancel.ts';
import type { ExportedSpan } from '../../spans/span.ts';
import { titleOf } from '../../spans/title.ts';
import { treeOf } from '../../spans/tree.ts';
import { addressWith, go } from './address.ts';
import { ADVICE } from './advice.ts';
import type { PlacedFinding, WholeTrace } from './answers.ts';
import { useAnswer } from './ask.ts';
import { clock, ms } from './format.ts';
import type { ViewProps } from './main.tsx';
import { markdownOf } from './markdown.ts';
import { Empty, Origin, OutcomeMark, Who } from './parts.tsx';
import { sentenceOf } from './sentence.ts';
import { Stack } from './stack.tsx';
import { type Row, Waterfall } from './waterfall.tsx';

export function TraceView({ address, state, version }: ViewProps) {
  const id = address.get('trace') ?? '';
  const { value, error } = useAnswer<WholeTrace>(`traces/${encodeURIComponent(id)}`, version);
  if (error !== undefined)
    return (
      <Empty>
        Trace {id}: {error}.
      </Empty>
    );
  if (value === undefined) return <Empty>Loading …</Empty>;
  const { summary, spans, findings } = value;
  const rows: Row[] = treeOf(spans).map((placed) => ({
    ...placed,
    cancel: cancelOf(placed.span),
    deadline: deadlineOf(placed.span),
  }));
  const selected = address.get('span') ?? undefined;
  const row = rows.find(({ span }) => span.spanId === selected);
  const select = ({ spanId }: ExportedSpan) =>
    go(addressWith({ span: spanId === selected ? undefined : spanId }, address), true);
  return (
    <>
      <h1>{sentenceOf(summary, state.cwd)}</h1>
      <p class="dim">
        {clock(summary.startMs)} · {ms(summary.durationMs)} · {summary.services.join(', ')} · trace{' '}
        <code>{id}</code>
        {state.jaegerUrl && (
          <>
            {' · '}
            <a href={`${state.jaegerUrl}/trace/${id}`} target="_blank" rel="noreferrer">
              open in Jaeger
            </a>
          </>
        )}
        {' · '}
        <Copy text={() => markdownOf(summary, rows, findings, state.cwd)} />
      </p>
      <Waterfall
        rows={rows}
        startMs={summary.startMs}
        durationMs={summary.durationMs}
        selected={selected}
        onSelect={select}
      />
      {row && <SpanView row={row} startMs={summary.startMs} cwd={state.cwd} />}
      <Findings findings={findings} address={address} />
    </>
  );
}

function Copy({ text }: { text: () => string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = () => navigator.clipboard.writeText(text()).then(() => setCopied(true));
  return (
    <button type="button" class="plain" onClick={copy}>
      {isCopied ? 'copied' : 'copy as Markdown'}
    </button>
  );
}

function Findings({ findings, address }: { findings: readonly PlacedFinding[]; address: URLSearchParams }) {
  if (findings.length === 0) return null;
  return (
    <section>
      <h2>Findings</h2>
      <ul class="rows">
        {findings.map(({ rule, detail, spanId, service, operation }) => (
          <li key={rule + spanId + detail}>
            <code>{rule}</code>{' '}
            <a href={addressWith({ span: spanId }, address)}>
              {service} {operation}
            </a>
            : {detail}
            {ADVICE[rule] && <p class="dim">{ADVICE[rule]}</p>}
          </li>
        ))}
      </ul>
    </section>
  );
}

function SpanView({
  row: { span, cancel, deadline },
  startMs,
  cwd,
}: {
  row: Row;
  startMs: number;
  cwd: string;
}) {
  const pending = span.events.filter(({ name }) => name === 'cancel.pending' || name === 'cancel.async');
  return (
    <section class="detail" aria-label={`Span ${titleOf(span)}`}>
      <h2>
        {span.serviceName} {titleOf(span)} <OutcomeMark outcome={cancel?.outcome} />
      </h2>
      {cancel && (
        <dl>
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
          {deadline && (
            <>
              <dt>deadline</dt>
              <dd>
                {ms(deadline.timeoutMs)} were left at its start
                {deadline.deviationMs !== undefined && `, it ended ${ms(deadline.deviationMs)} from it`}
              </dd>
            </>
          )}
        </dl>
      )}
      {cancel?.stack && <Stack stack={cancel.stack} traceId={span.traceId} cwd={cwd} />}
      {pending.length > 0 && (
        <>
          <h3>Pending at the cancel</h3>
          <ul class="rows">
            {pending.map(({ attributes }, index) => (
              <li key={index.toString()}>{pendingInWords(attributes)}</li>
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
      {cancel === undefined && span.status.message && <p>{span.status.message}</p>}
    </section>
  );
}

function pendingInWords(attributes: Readonly<Record<string, unknown>>): string {
  const said = (key: string) => (attributes[key] === undefined ? '' : String(attributes[key]));
  if ('cancel.async.type' in attributes) {
    return `${said('cancel.async.count')} × ${said('cancel.async.type')} ${said('cancel.async.origin')}`;
  }
  return `${said('name')}, for ${ms(Number(attributes['cancel.pending.elapsed_ms'] ?? 0))} ${said('cancel.pending.origin')}`;
}

function Attributes({ attributes }: { attributes: Readonly<Record<string, unknown>> }) {
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
