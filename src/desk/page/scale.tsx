/** The clock of a waterfall: its hours, the lines of the cancels, and where on it something is. */
import { ms } from './format.ts';
import type { Row } from './rows.ts';

const TICKS = 5;
/** Of the clock: lines that are nearer to each other are one. */
const LEAST_APART = 0.004;

export interface Clock {
  readonly startMs: number;
  readonly durationMs: number;
}

export function Ticks({ rows, clock }: { rows: readonly Row[]; clock: Clock }) {
  return (
    <div class="clock" aria-hidden="true">
      <div class="ticks">
        {Array.from({ length: TICKS }, (_, index) => (
          <span
            key={index.toString()}
            class="tick"
            style={{ insetInlineStart: `${(100 * index) / (TICKS - 1)}%` }}
          >
            <span class="time">{ms((clock.durationMs * index) / (TICKS - 1))}</span>
          </span>
        ))}
        {instantsOf(rows, clock).map(({ atMs, outcome }) => (
          <span key={atMs} class={`instant ${outcome}`} style={{ insetInlineStart: at(atMs, clock) }} />
        ))}
      </div>
    </div>
  );
}

function instantsOf(rows: readonly Row[], { durationMs }: Clock): { atMs: number; outcome: string }[] {
  const instants: { atMs: number; outcome: string }[] = [];
  const cancels = rows.flatMap(({ cancel }) => cancel ?? []).sort((a, b) => a.atMs - b.atMs);
  for (const { atMs, outcome } of cancels) {
    const last = instants.at(-1);
    if (last === undefined || atMs - last.atMs > durationMs * LEAST_APART) instants.push({ atMs, outcome });
  }
  return instants;
}

export function placed(
  fromMs: number,
  lengthMs: number,
  clock: Clock,
): { insetInlineStart: string; width: string } {
  const width = `max(2px, ${(100 * lengthMs) / clock.durationMs}%)`;
  return { insetInlineStart: at(fromMs, clock), width };
}

/** Of the clock's whole, from its start. */
export function at(unixMs: number, { startMs, durationMs }: Clock): string {
  return `${Math.max(0, Math.min(100, (100 * (unixMs - startMs)) / durationMs))}%`;
}

/** Of a label. */
export function indent(depth: number): string {
  return `${0.5 + Math.min(depth, 24) * 0.9}rem`;
}
