/** One trace: the sentence, the waterfall, the way of the cancel, and a span in full. */
import { ADVICE } from '../../spans/advice.ts';
import { cancelPathsOf } from '../../spans/path/cancel-path.ts';
import type { ExportedSpan } from '../../spans/span.ts';
import { addressWith, go } from './address.ts';
import type { PlacedFinding, TraceTimeline, WholeTrace } from './answers.ts';
import { useAnswer } from './ask.ts';
import { Copy } from './copy.tsx';
import { clock, ms } from './format.ts';
import type { ViewProps } from './main.tsx';
import { markdownOf } from './markdown.ts';
import { Empty } from './parts.tsx';
import { rowsOf } from './rows.ts';
import { sentenceOf } from './sentence.ts';
import { SpanView } from './span.tsx';
import { Timeline } from './timeline.tsx';
import { Waterfall } from './waterfall.tsx';
import { Way } from './way.tsx';

export function TraceView({ address, state, version }: ViewProps) {
  const id = address.get('trace') ?? '';
  const path = `traces/${encodeURIComponent(id)}`;
  const { value, error } = useAnswer<WholeTrace>(path, version);
  const recorded = useAnswer<TraceTimeline>(state.hasTimelines ? `${path}/timeline` : undefined, undefined);
  if (error !== undefined)
    return (
      <Empty>
        Trace {id}: {error}.
      </Empty>
    );
  if (value === undefined) return <Empty>Loading …</Empty>;
  const { summary, spans, findings } = value;
  const { cwd, jaegerUrl } = state;
  const rows = rowsOf(spans);
  // Who began is what somebody looks for.
  const selected = address.get('span') ?? summary.first?.spanId;
  const row = rows.find(({ span }) => span.spanId === selected);
  const recordedRows = recorded.value?.rows ?? [];
  const select = ({ spanId }: ExportedSpan) => go(addressWith({ span: spanId }, address), true);
  return (
    <>
      <h1>{sentenceOf(summary, cwd)}</h1>
      <p class="dim">
        {clock(summary.startMs)} · {ms(summary.durationMs)} · {summary.services.join(', ')} · trace{' '}
        <code>{id}</code>
        {jaegerUrl && (
          <>
            {' · '}
            <a href={`${jaegerUrl}/trace/${encodeURIComponent(id)}`} target="_blank" rel="noreferrer">
              open in Jaeger
            </a>
          </>
        )}
        {' · '}
        <Copy text={() => markdownOf(summary, rows, findings, cwd)} />
      </p>
      <Waterfall
        rows={rows}
        recorded={recordedRows}
        startMs={summary.startMs}
        durationMs={summary.durationMs}
        selected={selected}
        onSelect={select}
      />
      {state.hasTimelines && (
        <Timeline recorded={recorded} rows={rows} startMs={summary.startMs} durationMs={summary.durationMs} />
      )}
      {row && <SpanView row={row} recorded={recordedRows} startMs={summary.startMs} cwd={cwd} />}
      <Way paths={cancelPathsOf(spans)} address={address} />
      <Findings findings={findings} address={address} />
    </>
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
