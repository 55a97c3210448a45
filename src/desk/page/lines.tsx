/** Every line that cancels. */
import { addressWith } from './address.ts';
import type { Line } from './answers.ts';
import { useAnswer } from './ask.ts';
import { clock, count } from './format.ts';
import type { ViewProps } from './main.tsx';
import { Empty, Origin } from './parts.tsx';

export function LinesView({ version, state }: ViewProps) {
  const { value: lines } = useAnswer<Line[]>('lines', version);
  if (lines === undefined) return <Empty>Loading …</Empty>;
  return (
    <>
      <h1>Lines that cancel</h1>
      {lines.length === 0 && <Empty>No line of code cancelled anything yet.</Empty>}
      <ol class="cards">
        {lines.map(({ origin, count: times, deadlineExceededCount, traceCount, lastMs, ...line }) => (
          <li key={origin}>
            <p>
              <b>{times}×</b> <Origin origin={origin} cwd={state.cwd} />
            </p>
            <p class="dim">
              {line.services.join(', ')}: {line.operations.join(', ')}
              {deadlineExceededCount > 0 && ` · ${count(deadlineExceededCount, 'missed limit')}`} ·{' '}
              <a href={addressWith({ view: 'traces', origin })}>{count(traceCount, 'trace')}</a> · last at{' '}
              {clock(lastMs)}
            </p>
            {line.reasons.length > 0 && (
              <ul>
                {line.reasons.map(({ reason, count: said }) => (
                  <li key={reason}>
                    “{reason}” <span class="dim">{said}×</span>
                  </li>
                ))}
              </ul>
            )}
          </li>
        ))}
      </ol>
    </>
  );
}
