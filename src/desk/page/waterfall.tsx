/** A trace on one clock: bars, the instants of its cancels across all of them, what went on afterwards. */
import type { Cancel, Deadline } from '../../spans/cancel.ts';
import type { ExportedSpan } from '../../spans/span.ts';
import { titleOf } from '../../spans/title.ts';
import type { Placed } from '../../spans/tree.ts';
import { SPAN_WORK_AFTER_CANCEL } from '../../telemetry/attributes.ts';
import { ms } from './format.ts';

const ARROWS: Readonly<Record<string, string>> = { client: '→', server: '←', producer: '⇢', consumer: '⇠' };
const TICKS = 5;

/** A span with what is drawn of it. */
export interface Row extends Placed {
  readonly cancel: Cancel | undefined;
  readonly deadline: Deadline | undefined;
}

interface Clock {
  readonly startMs: number;
  readonly durationMs: number;
}

export interface WaterfallProps extends Clock {
  readonly rows: readonly Row[];
  readonly selected: string | undefined;
  readonly onSelect: (span: ExportedSpan) => void;
}

export function Waterfall({ rows, startMs, durationMs, selected, onSelect }: WaterfallProps) {
  const clock = { startMs, durationMs: Math.max(durationMs, 0.001) };
  const firstCancelMs = Math.min(...rows.flatMap(({ cancel }) => cancel?.atMs ?? []));
  const move = (event: KeyboardEvent) => {
    const step = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' } as const;
    const to = step[event.key as keyof typeof step];
    const row = (event.target as Element).closest('.span')?.[to ?? 'nextElementSibling'];
    if (to === undefined || !(row instanceof HTMLElement)) return;
    event.preventDefault();
    row.querySelector('button')?.focus();
  };
  return (
    <div class="waterfall">
      <div class="ticks" aria-hidden="true">
        {Array.from({ length: TICKS }, (_, index) => (
          <span key={index.toString()}>{ms((clock.durationMs * index) / (TICKS - 1))}</span>
        ))}
      </div>
      <ol>
        {rows.map((row) => (
          <li key={row.span.spanId} class="span">
            <button
              type="button"
              aria-expanded={row.span.spanId === selected}
              aria-label={inWords(row, startMs)}
              onClick={() => onSelect(row.span)}
              onKeyDown={move}
            >
              <span class="label" style={{ paddingInlineStart: `${row.depth * 0.9}rem` }}>
                <b>{row.span.serviceName}</b> {ARROWS[row.span.kind] ?? '·'} {titleOf(row.span)}
              </span>
              <span class="track">
                {Number.isFinite(firstCancelMs) && (
                  <span class="instant" style={{ insetInlineStart: at(firstCancelMs, clock) }} />
                )}
                <Bar row={row} clock={clock} />
              </span>
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}

function Bar({ row: { span, cancel, deadline }, clock }: { row: Row; clock: Clock }) {
  const kind = span.name === SPAN_WORK_AFTER_CANCEL ? 'after' : (cancel?.outcome ?? span.status.code);
  const dueMs = deadline && span.startMs + deadline.timeoutMs;
  const isDueSeen = dueMs !== undefined && dueMs <= clock.startMs + clock.durationMs;
  const delayMs = span.attributes['cancel.propagation_ms'];
  return (
    <>
      <span
        class={`bar ${kind}`}
        style={{ insetInlineStart: at(span.startMs, clock), width: wide(span, clock) }}
      />
      {cancel && <span class="cut" style={{ insetInlineStart: at(cancel.atMs, clock) }} />}
      {isDueSeen && <span class="flag" style={{ insetInlineStart: at(dueMs, clock) }} title="its deadline" />}
      <span
        class="said"
        style={{ insetInlineStart: at(Math.min(span.endMs, clock.startMs + clock.durationMs), clock) }}
      >
        <span>
          {ms(span.durationMs)}
          {typeof delayMs === 'number' && ` · told after ${ms(delayMs)}`}
          {deadline && ` · ⚑ ${ms(deadline.timeoutMs)} left`}
        </span>
      </span>
    </>
  );
}

/** Of the clock's whole, from its start. */
function at(unixMs: number, { startMs, durationMs }: Clock): string {
  return `${Math.max(0, Math.min(100, (100 * (unixMs - startMs)) / durationMs))}%`;
}

function wide(span: ExportedSpan, clock: Clock): string {
  return `max(2px, ${(100 * span.durationMs) / clock.durationMs}%)`;
}

function inWords({ span, cancel, deadline }: Row, startMs: number): string {
  const parts = [`${span.serviceName} ${span.kind} ${titleOf(span)}`, `took ${ms(span.durationMs)}`];
  if (cancel) {
    const outcome = cancel.outcome === 'canceled' ? 'cancelled' : 'deadline exceeded';
    parts.push(`${outcome} at ${ms(cancel.atMs - startMs)}, ${cancel.initiator}, by ${cancel.trigger}`);
  }
  if (deadline) parts.push(`${ms(deadline.timeoutMs)} were left`);
  return parts.join(', ');
}
