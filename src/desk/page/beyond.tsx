/** In what the time beyond deadlines was spent: by how long, or how deep. */
import type { BeyondCell, BeyondRow } from '../beyond.ts';
import { depthTitle, durationTitle } from '../beyond-columns.ts';
import { addressWith } from './address.ts';
import type { BeyondMaps } from './answers.ts';
import { ms } from './format.ts';
import { Head } from './parts.tsx';

/** The colours of what was missed. */
const SHADES = ['heat-3', 'heat-4', 'heat-5', 'heat-6'];

/** What its columns are. */
interface Columns {
  /** In the address of the traces in a cell. */
  readonly name: 'beyond' | 'depth';
  readonly of: (row: BeyondRow) => readonly (BeyondCell | null)[];
  readonly names: readonly string[];
  readonly titleOf: (name: string) => string;
}

export function BeyondView({ address, maps }: { address: URLSearchParams; maps: BeyondMaps }) {
  const { asyncTypes, spans, durations, depths } = maps;
  if (asyncTypes.length + spans.length === 0) return null;
  const isByDepth = address.get('by') === 'depth';
  const columns: Columns = isByDepth
    ? {
        ...{ name: 'depth', names: depths, of: (row) => row.byDepth },
        titleOf: (name) => `depth ${depthTitle(name)}`,
      }
    : { name: 'beyond', names: durations, of: (row) => row.byDuration, titleOf: durationTitle };
  return (
    <>
      <h2>Time beyond the deadline</h2>
      <p class="dim">
        In what it was spent: how often and how long, since the deadline or, if none had passed, the cancel.
        Depth is that of functions below the handler, or of spans below that of the operation.
      </p>
      <nav class="switch" aria-label="Columns">
        <a href={addressWith({ by: undefined }, address)} aria-current={isByDepth ? undefined : 'true'}>
          by how long
        </a>
        <a href={addressWith({ by: 'depth' }, address)} aria-current={isByDepth ? 'true' : undefined}>
          by depth
        </a>
      </nav>
      {asyncTypes.length > 0 && <BeyondTable title="async resource" rows={asyncTypes} columns={columns} />}
      {spans.length > 0 && <BeyondTable title="span" rows={spans} columns={columns} />}
    </>
  );
}

function BeyondTable(props: { title: string; rows: readonly BeyondRow[]; columns: Columns }) {
  const { title, rows, columns } = props;
  const shown = columns.names.flatMap((name, index) =>
    rows.some((row) => columns.of(row)[index] != null) ? [{ name, index, title: columns.titleOf(name) }] : [],
  );
  const mostMs = Math.max(...rows.flatMap((row) => columns.of(row).map((cell) => cell?.totalMs ?? 0)));
  return (
    <table class="heat beyond">
      <Head columns={[title, ...shown.map((column) => `#${column.title}`)]} />
      <tbody>
        {rows.map((row) => (
          <tr key={row.service + row.type}>
            <th scope="row">
              {row.service} {row.type}
            </th>
            {shown.map((column) => {
              const cell = columns.of(row)[column.index] ?? null;
              return (
                <td key={column.name} class="number" data-name={cell === null ? undefined : column.title}>
                  {cell !== null && (
                    <Cell
                      cell={cell}
                      mostMs={mostMs}
                      said={`${row.service} ${row.type}, ${column.title}`}
                      href={addressWith({
                        ...{ view: 'traces', service: row.service, spent: row.type },
                        [columns.name]: column.name,
                      })}
                    />
                  )}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Cell({
  cell,
  mostMs,
  said,
  href,
}: {
  cell: BeyondCell;
  mostMs: number;
  said: string;
  href: string;
}) {
  const share = mostMs === 0 ? 0 : cell.totalMs / mostMs;
  const shade = SHADES[Math.max(0, Math.ceil(share * SHADES.length) - 1)];
  const text = `${cell.count}× ${ms(cell.totalMs)}`;
  return (
    <a href={href} aria-label={`${text}: traces of ${said}`}>
      <span class={`cell ${shade}`} aria-hidden="true" /> {text}
    </a>
  );
}
