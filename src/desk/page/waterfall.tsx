/** A trace on one clock: bars, the instants of its cancels across all of them, what went on afterwards. */
import { useState } from 'preact/hooks';
import { AT_ONCE_MS } from '../../spans/path/cancel-marks.ts';
import type { ExportedSpan } from '../../spans/span.ts';
import { titleOf } from '../../spans/title.ts';
import { SPAN_WORK_AFTER_CANCEL } from '../../telemetry/attributes.ts';
import type { TimelineRow } from '../../timeline/trace-timeline.ts';
import { ms } from './format.ts';
import type { Row } from './rows.ts';
import { at, type Clock, indent, placed, Ticks } from './scale.tsx';
import { WireRow } from './wire.tsx';

const ARROWS: Readonly<Record<string, string>> = { client: '→', server: '←', producer: '⇢', consumer: '⇠' };
/** From here on a bar has no room behind it. */
const FAR = 0.6;
/** More are shown when they are asked for. */
const MAX_ROWS = 500;

export interface WaterfallProps extends Clock {
  readonly rows: readonly Row[];
  /** What was recorded; of the wire, it stands under the span whose request it is. */
  readonly recorded: readonly TimelineRow[];
  readonly selected: string | undefined;
  readonly onSelect: (span: ExportedSpan) => void;
}

export function Waterfall({ rows, recorded, startMs, durationMs, selected, onSelect }: WaterfallProps) {
  const [isWhole, setWhole] = useState(false);
  const clock = { startMs, durationMs: Math.max(durationMs, 0.001) };
  const shown = isWhole ? rows : rows.slice(0, MAX_ROWS);
  return (
    <section aria-label="Waterfall" class="waterfall">
      <Ticks rows={rows} clock={clock} />
      <ol>
        {shown.map((row) => (
          <li key={row.span.spanId} class="span">
            <button
              type="button"
              aria-current={row.span.spanId === selected}
              onClick={() => onSelect(row.span)}
              onKeyDown={moveFocus}
            >
              <span class="label" style={{ paddingInlineStart: indent(row.depth) }}>
                <b>{row.span.serviceName}</b> <span aria-hidden="true">{ARROWS[row.span.kind] ?? '·'}</span>{' '}
                {titleOf(row.span)}
              </span>
              <span class="unseen">{inWords(row, startMs)}</span>
              <span class="track" aria-hidden="true">
                <Bar row={row} clock={clock} />
              </span>
            </button>
            {recorded
              .filter(({ wire }) => wire?.spanIds[0] === row.span.spanId)
              .map((onWire, index) => (
                <WireRow key={index.toString()} row={onWire} depth={row.depth} clock={clock} />
              ))}
          </li>
        ))}
      </ol>
      {shown.length < rows.length && (
        <button type="button" class="plain" onClick={() => setWhole(true)}>
          show the other {rows.length - shown.length}
        </button>
      )}
    </section>
  );
}

function moveFocus(event: KeyboardEvent): void {
  const row = (event.target as Element).closest('.span');
  const list = row?.parentElement;
  const to = {
    ArrowDown: row?.nextElementSibling,
    ArrowUp: row?.previousElementSibling,
    Home: list?.firstElementChild,
    End: list?.lastElementChild,
  }[event.key];
  if (!(to instanceof HTMLElement)) return;
  event.preventDefault();
  to.querySelector('button')?.focus();
}

function Bar({ row: { span, cancel, deadline, ownerCancelMs }, clock }: { row: Row; clock: Clock }) {
  const kind = span.name === SPAN_WORK_AFTER_CANCEL ? 'after' : (cancel?.outcome ?? span.status.code);
  const clockEndMs = clock.startMs + clock.durationMs;
  const dueMs = deadline && span.startMs + deadline.timeoutMs;
  const isDueSeen = dueMs !== undefined && dueMs <= clockEndMs;
  const delayMs = span.attributes['cancel.propagation_ms'];
  const workMs = ownerCancelMs === undefined ? 0 : span.endMs - Math.max(ownerCancelMs, span.startMs);
  const endMs = Math.min(span.endMs, clockEndMs);
  const isFar = endMs - clock.startMs > FAR * clock.durationMs;
  return (
    <>
      <span class={`bar ${kind}`} style={placed(span.startMs, span.durationMs, clock)} />
      {workMs > AT_ONCE_MS && kind !== 'after' && (
        <span class="for-nobody" style={placed(span.endMs - workMs, workMs, clock)} />
      )}
      {cancel && ownerCancelMs !== undefined && cancel.atMs > ownerCancelMs && (
        <span class="hop" style={placed(ownerCancelMs, cancel.atMs - ownerCancelMs, clock)} />
      )}
      {cancel && (
        <span class={`cut ${cancel.outcome}`} style={{ insetInlineStart: at(cancel.atMs, clock) }} />
      )}
      {isDueSeen && (
        <span class="flag" style={{ insetInlineStart: at(dueMs, clock) }} title="its deadline">
          ⚑
        </span>
      )}
      <span class={isFar ? 'said inside' : 'said'} style={{ insetInlineStart: at(endMs, clock) }}>
        <span class="words">
          {ms(span.durationMs)}
          {typeof delayMs === 'number' && ` · told after ${ms(delayMs)}`}
          {deadline && ` · ⚑ ${ms(deadline.timeoutMs)} left`}
        </span>
      </span>
    </>
  );
}

function inWords({ span, cancel, deadline, ownerCancelMs }: Row, startMs: number): string {
  const parts = [span.kind, `took ${ms(span.durationMs)}`];
  if (cancel) {
    const outcome = cancel.outcome === 'canceled' ? 'cancelled' : 'deadline exceeded';
    parts.push(`${outcome} at ${ms(cancel.atMs - startMs)}, ${cancel.initiator}, by ${cancel.trigger}`);
  } else if (ownerCancelMs !== undefined && span.endMs > ownerCancelMs + AT_ONCE_MS) {
    parts.push(`ended ${ms(span.endMs - ownerCancelMs)} after what it was for`);
  }
  if (deadline) parts.push(`${ms(deadline.timeoutMs)} were left`);
  return parts.join(', ');
}
