/** What was recorded around a trace, on the clock of its waterfall: the wire, stalls, garbage collection, CPU; and why it was late. */
import type { TimelineBar, TimelineRow } from '../../timeline/trace-timeline.ts';
import type { TraceTimeline } from './answers.ts';
import { useAnswer } from './ask.ts';
import { ms } from './format.ts';
import type { Row } from './rows.ts';
import { at, type Clock, placed, Ticks } from './waterfall.tsx';

interface TimelineProps extends Clock {
  readonly traceId: string;
  /** Of the waterfall, whose cancels are lines through this as well. */
  readonly rows: readonly Row[];
}

/** Names of functions are shown on bars that are so long, of the whole. */
const NAMED = 0.08;

export function Timeline({ traceId, rows, startMs, durationMs }: TimelineProps) {
  const { value, error } = useAnswer<TraceTimeline>(
    `traces/${encodeURIComponent(traceId)}/timeline`,
    undefined,
  );
  const clock = { startMs, durationMs: Math.max(durationMs, 0.001) };
  return (
    <section aria-label="Timeline">
      <h2>At the same time</h2>
      {error !== undefined && <p class="note">No answer: {error}</p>}
      {value?.verdicts.map(({ sentence, cause }) => (
        <p key={sentence} class={`verdict ${cause}`}>
          {sentence}
        </p>
      ))}
      {value !== undefined && value.rows.length === 0 && (
        <p class="dim">Nothing was recorded at that time.</p>
      )}
      {value !== undefined && value.rows.length > 0 && (
        <div class="waterfall recorded">
          <Ticks rows={rows} clock={clock} />
          <ol>
            {value.rows.map((row, index) => (
              <li key={index.toString()} class="record">
                <span class="label">
                  <b>{row.of}</b> {row.name}
                </span>
                <span class="unseen">{inWords(row, startMs)}</span>
                <span class="track" aria-hidden="true" style={{ height: `${1.1 * depthOf(row) + 0.8}rem` }}>
                  {row.bars.map((bar, number) => (
                    <Bar key={number.toString()} bar={bar} clock={clock} />
                  ))}
                  {row.instants.map(({ atMs, text }, number) => (
                    <span
                      key={number.toString()}
                      class="packet"
                      title={`${text}, at ${ms(atMs - startMs)}`}
                      style={{ insetInlineStart: at(atMs, clock) }}
                    />
                  ))}
                </span>
              </li>
            ))}
          </ol>
        </div>
      )}
    </section>
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

/** The longest, and what was on the wire. */
function inWords({ bars, instants }: TimelineRow, startMs: number): string {
  const longest = bars.toSorted((a, b) => b.toMs - b.fromMs - (a.toMs - a.fromMs)).slice(0, 3);
  return [
    ...longest.map(({ text, fromMs, toMs }) => `${text}: ${ms(toMs - fromMs)}, from ${ms(fromMs - startMs)}`),
    ...instants.map(({ text, atMs }) => `${text}, at ${ms(atMs - startMs)}`),
  ].join('; ');
}
