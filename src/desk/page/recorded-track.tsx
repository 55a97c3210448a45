/** What was recorded, on the clock of a waterfall: bars, and instants of the wire. */
import type { TimelineBar, TimelineRow } from '../../timeline/trace-timeline.ts';
import { ms } from './format.ts';
import { at, type Clock, placed } from './scale.tsx';

/** Names of functions are shown on bars that are so long, of the whole. */
const NAMED = 0.08;

export function RecordedTrack({ row, clock }: { row: TimelineRow; clock: Clock }) {
  return (
    <span class="track" aria-hidden="true" style={{ height: `${1.1 * depthOf(row) + 0.8}rem` }}>
      {row.bars.map((bar, number) => (
        <Bar key={number.toString()} bar={bar} clock={clock} />
      ))}
      {row.instants.map(({ atMs, text }, number) => (
        <span
          key={number.toString()}
          class="packet"
          title={`${text}, at ${ms(atMs - clock.startMs)}`}
          style={{ insetInlineStart: at(atMs, clock) }}
        />
      ))}
    </span>
  );
}

function Bar({ bar, clock }: { bar: TimelineBar; clock: Clock }) {
  const endMs = clock.startMs + clock.durationMs;
  const fromMs = Math.max(bar.fromMs, clock.startMs);
  const lengthMs = Math.max(0, Math.min(bar.toMs, endMs) - fromMs);
  const isNamed = lengthMs > NAMED * clock.durationMs;
  return (
    <span
      class={`recorded-bar ${bar.kind}`}
      title={`${bar.text}: ${ms(bar.toMs - bar.fromMs)}, from ${ms(bar.fromMs - clock.startMs)}`}
      style={{ ...placed(fromMs, lengthMs, clock), insetBlockStart: `${0.4 + 1.1 * bar.depth}rem` }}
    >
      {isNamed && bar.text}
    </span>
  );
}

function depthOf({ bars }: TimelineRow): number {
  return 1 + bars.reduce((most, { depth }) => Math.max(most, depth), 0);
}
