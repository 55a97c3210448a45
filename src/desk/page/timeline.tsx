/** What was recorded around a trace, on the clock of its waterfall: the wire, stalls, garbage collection, CPU; and why it was late. */
import type { TimelineRow } from '../../timeline/trace-timeline.ts';
import type { TraceTimeline } from './answers.ts';
import type { Answer } from './ask.ts';
import { ms } from './format.ts';
import { RecordedTrack } from './recorded-track.tsx';
import type { Row } from './rows.ts';
import { type Clock, Ticks } from './scale.tsx';

interface TimelineProps extends Clock {
  readonly recorded: Answer<TraceTimeline>;
  /** Of the waterfall, whose cancels are lines through this as well. */
  readonly rows: readonly Row[];
}

export function Timeline({ recorded: { value, error }, rows, startMs, durationMs }: TimelineProps) {
  const clock = { startMs, durationMs: Math.max(durationMs, 0.001) };
  // Where that is all, it stands under the spans.
  const isMore = value?.rows.some(({ wire }) => wire === undefined || wire.spanIds.length === 0);
  if (value !== undefined && !isMore && value.rows.length > 0 && value.verdicts.length === 0) return null;
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
      {value !== undefined && isMore && (
        <div class="waterfall recorded">
          <Ticks rows={rows} clock={clock} />
          <ol>
            {value.rows.map((row, index) => (
              <li key={index.toString()} class="record">
                <span class="label">
                  <b>{row.of}</b> {row.name}
                </span>
                <span class="unseen">{inWords(row, startMs)}</span>
                <RecordedTrack row={row} clock={clock} />
              </li>
            ))}
          </ol>
        </div>
      )}
    </section>
  );
}

/** The longest, and what was on the wire. */
function inWords({ bars, instants }: TimelineRow, startMs: number): string {
  const longest = bars.toSorted((a, b) => b.toMs - b.fromMs - (a.toMs - a.fromMs)).slice(0, 3);
  return [
    ...longest.map(({ text, fromMs, toMs }) => `${text}: ${ms(toMs - fromMs)}, from ${ms(fromMs - startMs)}`),
    ...instants.map(({ text, atMs }) => `${text}, at ${ms(atMs - startMs)}`),
  ].join('; ');
}
