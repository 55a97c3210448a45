/**
 * The tables of the documentation. Their headings stand there: what a column is called says what is in it. The line before a table
 * names a group, or an attribute of which the table tells the values, or all metrics.
 */
import { replaceBetween } from './between.ts';
import {
  type Attribute,
  type Group,
  idOf,
  type Member,
  membersOf,
  type Reference,
  type Registry,
  typeOf,
} from './registry.ts';

export function fillTables(page: string, registry: Registry): string {
  return replaceBetween(page, '<!-- model: ', '<!-- /model -->', (old, of) => {
    const [head = '', rule = ''] = old.split('\n');
    const columns = head
      .split('|')
      .slice(1, -1)
      .map((column) => column.trim());
    const rows = rowsOf(of.replace(' -->', '').trim(), columns, registry);
    return [
      head,
      rule,
      ...rows.map((row) => `|${row.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|`),
      '',
    ].join('\n');
  });
}

function rowsOf(of: string, columns: readonly string[], registry: Registry): string[][] {
  const attribute = registry.attributes.get(of);
  if (attribute !== undefined) return memberRows(membersOf(attribute), columns);
  if (of === 'metrics') return metricRows(registry, columns);
  const group = registry.groups.find(({ id }) => id === of);
  if (group === undefined)
    throw new Error(`docs/telemetry.md has a table of ${of}, which model/ does not have`);
  return attributeRows(group, columns, registry);
}

/** Those that have annotations for the columns of this table, and for no other: an attribute may have two tables. */
function memberRows(members: readonly Member[], [, ...columns]: readonly string[]): string[][] {
  return members
    .filter(({ annotations = {} }) => Object.keys(annotations).length === columns.length - 1)
    .map((member) => [
      code(member.value),
      ...columns.map((column) => member.annotations?.[column] ?? textOf(member)),
    ]);
}

/** Attributes of which the same is said share a row. */
function attributeRows({ attributes }: Group, columns: readonly string[], registry: Registry): string[][] {
  const names = new Map<string, string[]>();
  for (const attribute of attributes) {
    const cells = columns.slice(1).map((column) => cellOf(attribute, column, columns, registry));
    const key = JSON.stringify(cells);
    names.set(key, [...(names.get(key) ?? []), code(idOf(attribute))]);
  }
  return [...names].map(([key, ids]) => [ids.join(', '), ...(JSON.parse(key) as string[])]);
}

function cellOf(
  attribute: Attribute | Reference,
  column: string,
  columns: readonly string[],
  { attributes }: Registry,
): string {
  const defined = attributes.get(idOf(attribute));
  if (column === 'meaning' || column === 'values') return textOf(attribute) || textOf(defined);
  if (defined === undefined) return '';
  const {
    unit,
    values = membersOf(defined)
      .map(({ value }) => code(value))
      .join(' '),
  } = defined.annotations ?? {};
  const type = typeOf(defined);
  if (column === 'values, unit') return values === '' ? (unit ?? '') : values;
  const own = defined.annotations?.values;
  return own === undefined || columns.includes('values, unit') ? type : `${type}, ${own}`;
}

function metricRows({ groups }: Registry, columns: readonly string[]): string[][] {
  return groups
    .filter(({ type }) => type === 'metric')
    .map(({ metric_name = '', instrument = '', unit = '', annotations = {} }) => {
      const cells: Readonly<Record<string, string>> = {
        ...annotations,
        name: code(metric_name),
        'instrument, unit': `${instrument.replace('updown', 'up-down ')}, ${code(unit)}`,
      };
      return columns.map((column) => cells[column] ?? '');
    });
}

function textOf(described: { readonly note?: string; readonly brief?: string } | undefined): string {
  return (described?.note ?? described?.brief ?? '').trim();
}

function code(text: string): string {
  return `\`${text}\``;
}
