/** What became of a request on the wire: its limit as it was sent, who reset or closed it, late DATA, its connection. */
import type { TimelineRow, ToldByWire } from '../../timeline/trace-timeline.ts';
import { ms } from './format.ts';
import { RecordedTrack } from './recorded-track.tsx';
import { type Clock, indent } from './scale.tsx';

interface WireRowProps {
  readonly row: TimelineRow;
  /** Of the span that it is of. */
  readonly depth: number;
  readonly clock: Clock;
}

/** Under the span; what spans say themselves is not told again. */
export function WireRow({ row, depth, clock }: WireRowProps) {
  const { wire } = row;
  if (wire === undefined) return null;
  const facts = wire.facts.filter(({ by }) => !by.endsWith(' span'));
  return (
    <div class="record on-wire">
      <span class="label" style={{ paddingInlineStart: indent(depth + 1) }}>
        <b>{row.of}</b> {row.name}
      </span>
      <RecordedTrack row={row} clock={clock} />
      <Told wire={{ ...wire, facts }} startMs={clock.startMs} />
    </div>
  );
}

interface WireViewProps {
  readonly rows: readonly TimelineRow[];
  readonly spanId: string;
  /** Of the trace. */
  readonly startMs: number;
}

/** Of a span in full, beside what the spans of both sides say. */
export function WireView({ rows, spanId, startMs }: WireViewProps) {
  const own = rows.filter(({ wire }) => wire?.spanIds.includes(spanId));
  if (own.length === 0) return null;
  return (
    <>
      <h3>On the wire</h3>
      {own.map(({ name, wire }, index) => (
        <div key={index.toString()}>
          <p class="dim">
            {name}, {wire?.protocol}
          </p>
          {wire && <Told wire={wire} startMs={startMs} />}
        </div>
      ))}
    </>
  );
}

function Told({ wire: { sentence, facts, remarks }, startMs }: { wire: ToldByWire; startMs: number }) {
  return (
    <ul class="wire-facts">
      {sentence && (
        <li class="sentence">
          <bdi>{sentence}</bdi>
        </li>
      )}
      {facts.map(({ atMs, by, text }, index) => (
        <li key={index.toString()}>
          <span class="dim">{ms(atMs - startMs)}</span> {by}: <bdi>{text}</bdi>
        </li>
      ))}
      {remarks.map((remark) => (
        <li key={remark}>
          <bdi>{remark}</bdi>
        </li>
      ))}
    </ul>
  );
}
