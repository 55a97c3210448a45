/** How far from their deadline operations ended, over time. */
import type { Deadlines } from './answers.ts';
import { useAnswer } from './ask.ts';
import { clock, count, ms } from './format.ts';
import type { ViewProps } from './main.tsx';
import { Empty, Head } from './parts.tsx';

export function DeadlinesView({ version }: ViewProps) {
  const { value } = useAnswer<Deadlines>('deadlines', version);
  if (value === undefined) return <Empty>Loading …</Empty>;
  const { operations, startMs, stepMs } = value;
  return (
    <>
      <h1>Deadlines</h1>
      <p class="dim">
        End minus deadline, the worst of each cell; red: missed, by more the deeper it is. A cell is{' '}
        {ms(stepMs)}.
      </p>
      {operations.length === 0 && <Empty>No operation with a deadline has ended yet.</Empty>}
      <div class="wide">
        <table class="heat">
          <Head columns={['operation', '#missed', '#median', '#worst', `from ${clock(startMs)}`]} />
          <tbody>
            {operations.map((row) => (
              <tr key={row.service + row.operation}>
                <th scope="row">
                  {row.service} {row.operation}
                </th>
                <td class="number">
                  {row.missedCount} of {row.count}
                </td>
                <td class="number">{ms(row.medianMs)}</td>
                <td class="number">{ms(row.worstMs)}</td>
                <td>
                  <div class="cells">
                    {row.cells.map((cell, index) => (
                      <span
                        key={index}
                        class={cell === null ? 'cell' : `cell ${shadeOf(cell.worstMs)}`}
                        title={
                          cell === null
                            ? undefined
                            : `${clock(startMs + index * stepMs)}: worst ${ms(cell.worstMs)}, ${count(cell.missedCount, 'missed', 'missed')} of ${cell.count}`
                        }
                      />
                    ))}
                  </div>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** Steps of the style sheet: from well in time to missed by a second. */
function shadeOf(worstMs: number): string {
  const steps = [-1_000, -100, 0, 10, 100, 1_000];
  return `heat-${steps.filter((step) => worstMs > step).length}`;
}
