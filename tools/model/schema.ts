/** A JSON schema of what is recorded: the attributes of each span and event, and of the points of each metric. */
import { type Attribute, type Group, idOf, membersOf, type Registry, typeOf } from './registry.ts';

const TYPES: Readonly<Record<string, string>> = { int: 'integer', double: 'number' };

export function schemaOf({ groups, attributes }: Registry): unknown {
  const of = (type: Group['type'], name: (group: Group) => string): unknown =>
    Object.fromEntries(
      groups
        .filter((group) => group.type === type)
        .map((group) => [name(group), groupSchema(group, attributes)]),
    );
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'What opentelemetry-instrumentation-cancellation records',
    description: 'Attributes by name, as plain JSON values. Others may be there as well.',
    $defs: {
      attributes: Object.fromEntries(
        [...attributes].map(([id, attribute]) => [id, attributeSchema(attribute)]),
      ),
      spans: of('span', ({ id }) => id),
      events: of('event', ({ name = '' }) => name),
      metrics: of('metric', ({ metric_name = '' }) => metric_name),
    },
  };
}

function attributeSchema(attribute: Attribute): unknown {
  const type = typeOf(attribute);
  // Of rules, what `report` finds is never recorded.
  const values = membersOf(attribute).flatMap(({ value, annotations }) =>
    annotations?.on === 'report' ? [] : value,
  );
  return {
    type: TYPES[type] ?? type,
    description: attribute.brief,
    ...(values.length > 0 && { enum: values }),
  };
}

function groupSchema({ brief, attributes }: Group, defined: ReadonlyMap<string, Attribute>): unknown {
  const required = attributes.filter(({ requirement_level }) => requirement_level === 'required').map(idOf);
  const own = attributes.map(idOf).filter((id) => defined.has(id));
  return {
    type: 'object',
    description: brief,
    properties: Object.fromEntries(own.map((id) => [id, { $ref: `#/$defs/attributes/${id}` }])),
    ...(required.length > 0 && { required }),
  };
}
