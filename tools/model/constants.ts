/** The names as constants, each with what it means. */
import { replaceBetween } from './between.ts';
import { type Attribute, type Group, membersOf, type Registry, typeOf } from './registry.ts';

export function writeConstants(file: string, { groups }: Registry): string {
  return replaceBetween(file, '// From model/', '// End of model/', () => `\n${constantsOf(groups)}\n`);
}

function constantsOf(groups: readonly Group[]): string {
  const blocks = groups.map((group) =>
    [...attributeConstants(group), constantOf(group)].filter((part) => part !== undefined).join('\n'),
  );
  return blocks.filter((block) => block !== '').join('\n\n');
}

function attributeConstants({ attributes }: Group): string[] {
  /** By the name of the constant. */
  const objects = new Map<string, { readonly meaning: string; readonly entries: string[] }>();
  const own = attributes.filter((attribute) => 'id' in attribute);
  const simple = own.flatMap((attribute) => {
    const [name = '', key] = (attribute.annotations?.constant ?? `ATTR_${upperCase(attribute.id)}`).split(
      '.',
    );
    const meaning = comment(meaningOf(attribute));
    if (key === undefined) return `${meaning}\n${constant(name, attribute.id)}`;
    const object = objects.get(name) ?? { meaning, entries: [] };
    objects.set(name, object);
    object.entries.push(`  ${key}: '${attribute.id}',`);
    return [];
  });
  const grouped = [...objects].map(
    ([name, { meaning, entries }]) =>
      `${meaning}\nexport const ${name} = {\n${entries.join('\n')}\n} as const;`,
  );
  return [...simple, ...grouped];
}

function constantOf(group: Group): string | undefined {
  const { type, brief = '' } = group;
  if (type === 'event' && group.name !== undefined)
    return `${comment(`event: ${brief}`)}\n${constant(`EVENT_${upperCase(group.name)}`, group.name)}`;
  if (type === 'span' && group.display_name !== undefined)
    return `${comment(`${group.span_kind?.toUpperCase()} span: ${brief}`)}\n${constant(`SPAN_${upperCase(group.display_name)}`, group.display_name)}`;
  if (type === 'metric' && group.metric_name !== undefined) {
    const name = `METRIC_${upperCase(group.metric_name.replace(/^cancellation\./, ''))}`;
    return `${comment(`${group.instrument}, ${group.unit}: ${brief}`)}\n${constant(name, group.metric_name)}`;
  }
  return undefined;
}

function meaningOf(attribute: Attribute): string {
  const { unit, values } = attribute.annotations ?? {};
  // Those of an enumeration are types of their own.
  const limits = membersOf(attribute).length > 0 ? [] : [unit, values];
  const type = [typeOf(attribute), ...limits].filter((part) => part !== undefined).join(', ');
  return `${type}: ${attribute.brief}`;
}

function constant(name: string, value: string): string {
  return `export const ${name} = '${value}';`;
}

function comment(text: string): string {
  return `/** ${text} */`;
}

function upperCase(name: string): string {
  return name.replaceAll(/[. ]/g, '_').toUpperCase();
}
