/** The registry in model/: what is generated from it is what stands there, it keeps the rules of OpenTelemetry's conventions, and says what the code does. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import * as conventions from '@opentelemetry/semantic-conventions/incubating';
import { parse } from 'yaml';
import type { Initiator, Phase, Trigger } from '../../src/operation/evidence.ts';
import { FINDING_RULES } from '../../src/operation/finding.ts';
import type { SpentOn } from '../../src/telemetry/attributes.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import type { MetricOutcome } from '../../src/telemetry/operation-counts.ts';
import type { ShutdownResult, ShutdownTrigger } from '../../src/telemetry/shutdown.ts';
import { FILES, idOf, membersOf, readRegistry, typeOf } from '../../tools/model/registry.ts';
import { generate } from '../../tools/model.ts';
import { readPage, root } from '../docs/pages.ts';

const model = join(root, 'model');
const registry = readRegistry(model);
const { groups, attributes } = registry;
const metrics = groups.filter(({ type }) => type === 'metric');
const names = [...attributes.keys()];
const ofOpenTelemetry = new Set<unknown>(
  Object.entries<unknown>({ ...conventions }).flatMap(([key, name]) => (key.startsWith('ATTR_') ? name : [])),
);

/** Without a namespace of their own, or the namespace of others: they were given out before these rules were looked at, and stay as they are. */
const WITHOUT_NAMESPACE = ['deadline_exceeded', 'name', 'outcome', 'side', 'system', 'spent_on', 'rule'];
const NAMESPACE_OF_OTHERS = ['cancel.finding', 'cancellation.work_after_cancel'];

it('what is generated is what stands there', () => {
  for (const [path, text] of generate(root))
    assert.ok(text === readPage(path), `${path} is not what model/ says: npm run model writes it`);
});

it('every file of model/ is read', () => {
  const files = readdirSync(model).filter((name) => name.endsWith('.yaml') && name !== 'manifest.yaml');
  assert.deepEqual(files.sort(), FILES.map((name) => `${name}.yaml`).sort());
});

it('its version is that of the package, and of the conventions those that the package has', () => {
  const manifest = parse(readPage('model/manifest.yaml')) as {
    schema_url: string;
    dependencies: { schema_url: string; registry_path: string }[];
  };
  const { version, dependencies } = JSON.parse(readPage('package.json')) as {
    version: string;
    dependencies: Record<string, string>;
  };
  assert.ok(manifest.schema_url.endsWith(`/${version}`), manifest.schema_url);
  const range = dependencies['@opentelemetry/semantic-conventions'] ?? '';
  const [own] = manifest.dependencies;
  assert.equal(`^${own?.schema_url.split('/').at(-1)}`, range);
  assert.ok(own?.registry_path.includes(`/v${range.slice(1)}.zip`), own?.registry_path);
});

it('ids and names are there once', () => {
  for (const of of [
    groups.map(({ id }) => id),
    groups.flatMap((group) =>
      group.attributes.flatMap((attribute) => ('id' in attribute ? attribute.id : [])),
    ),
    metrics.map(({ metric_name }) => metric_name),
    groups.flatMap(({ type, name }) => (type === 'event' ? name : [])),
    groups.flatMap(({ display_name }) => display_name ?? []),
    ...[...attributes.values()].flatMap((attribute) => [
      membersOf(attribute).map(({ id }) => id),
      membersOf(attribute).map(({ value }) => value),
    ]),
    ...groups.map((group) => group.attributes.map(idOf)),
  ])
    assert.deepEqual(of, [...new Set(of)]);
});

it('each reference leads to an attribute of this registry or of OpenTelemetry, and no attribute is one of theirs', () => {
  for (const { id, attributes: listed } of groups)
    for (const attribute of listed) {
      const name = idOf(attribute);
      if ('ref' in attribute) assert.ok(attributes.has(name) || ofOpenTelemetry.has(name), `${id}: ${name}`);
      else assert.ok(!ofOpenTelemetry.has(name), `${id}: ${name} is OpenTelemetry's`);
    }
});

it('names are words between dots, in a namespace, and none is the namespace of another', () => {
  const metricNames = metrics.map(({ metric_name = '' }) => metric_name);
  const isNamespace = (name: string, _: number, all: string[]): boolean =>
    all.some((other) => other.startsWith(`${name}.`));
  for (const name of [...names, ...metricNames])
    assert.match(name, /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*(?:\.[a-z][a-z0-9]*(?:_[a-z0-9]+)*)*$/);
  assert.deepEqual(names.filter((name) => !name.includes('.')).sort(), [...WITHOUT_NAMESPACE].sort());
  assert.deepEqual([...names.filter(isNamespace), ...metricNames.filter(isNamespace)], NAMESPACE_OF_OTHERS);
  // `a.b_c` and `a_b.c` are one constant in code, and one label in Prometheus.
  const flat = names.map((name) => name.replaceAll('.', '_'));
  assert.deepEqual(flat, [...new Set(flat)]);
});

it('everything has a brief and a stability, and nothing that may change has parts that may not', () => {
  const levels = ['stable', 'development', 'alpha', 'beta', 'release_candidate'];
  for (const group of groups) {
    assert.ok(group.brief, group.id);
    if (group.type !== 'attribute_group') assert.ok(levels.includes(group.stability ?? ''), group.id);
  }
  for (const attribute of attributes.values()) {
    const { id, brief, stability = '' } = attribute;
    assert.ok(brief && levels.includes(stability), id);
    for (const member of membersOf(attribute))
      assert.ok(
        member.brief && (member.stability === stability || stability === 'stable'),
        `${id}: ${member.id}`,
      );
  }
});

it('attributes of text have examples, and examples are of the type of the attribute', () => {
  for (const attribute of attributes.values()) {
    const examples = attribute.examples as unknown[] | undefined;
    if (typeof attribute.type === 'string' && attribute.type === 'string') assert.ok(examples, attribute.id);
    const type = typeOf(attribute);
    for (const example of examples ?? [])
      assert.ok(
        typeof example === (type === 'string' || type === 'boolean' ? type : 'number') &&
          (type !== 'int' || Number.isInteger(example)),
        `${attribute.id}: ${example}`,
      );
  }
});

it('requirement levels say a condition where they need one', () => {
  for (const { id, attributes: listed } of groups)
    for (const { requirement_level: level = 'recommended' } of listed) {
      if (typeof level === 'string')
        assert.ok(['required', 'recommended', 'opt_in'].includes(level), `${id}: ${level}`);
      else assert.deepEqual(Object.keys(level), ['conditionally_required'], id);
    }
});

it('metrics are those that are recorded, with units of UCUM', () => {
  const created: Record<string, string> = {};
  const meter = new Proxy(new MeterProvider().getMeter('model'), {
    get(target, key): unknown {
      const make: unknown = Reflect.get(target, key);
      if (typeof make !== 'function') return make;
      return (name: string, options: { unit: string }): unknown => {
        created[name] = `${String(key)
          .replace(/^create(Observable)?/, '')
          .toLowerCase()}, ${options.unit}`;
        return make.call(target, name, options);
      };
    },
  });
  new Metrics().use(meter);
  const described = metrics.map(({ metric_name, instrument, unit }) => [
    metric_name,
    `${instrument}, ${unit}`,
  ]);
  assert.deepEqual(Object.fromEntries(described), created);
  for (const { unit = '' } of metrics) assert.match(unit, /^(?:ms|\{[a-z]+\})$/);
});

it('what the documentation says of the attributes of a metric is what the metric has', () => {
  for (const { id, annotations, attributes: listed } of metrics)
    for (const [, name = ''] of (annotations?.attributes ?? '').matchAll(/`([^`]+)`/g))
      assert.ok(
        listed.some((attribute) => idOf(attribute) === name),
        `${id}: ${name}`,
      );
});

it('spans have a kind', () => {
  for (const { id, type, span_kind = '' } of groups)
    if (type === 'span')
      assert.ok(['client', 'server', 'producer', 'consumer', 'internal'].includes(span_kind), id);
});

it('values are those that the code knows', () => {
  const triggers: Record<Trigger, 0> = {
    abort: 0,
    cancel: 0,
    destroy: 0,
    body_cancel: 0,
    disconnect: 0,
    reset: 0,
    status: 0,
    shutdown: 0,
    deadline: 0,
    signal_timeout: 0,
    timeout: 0,
    parent: 0,
    exit: 0,
  };
  const phases: Record<Phase, 0> = {
    queued: 0,
    dns: 0,
    connect: 0,
    tls: 0,
    send: 0,
    wait: 0,
    receive: 0,
    read: 0,
    handle: 0,
    write: 0,
  };
  const initiators: Record<Initiator, 0> = { local: 0, peer: 0, inherited: 0 };
  const outcomes: Record<MetricOutcome, 0> = { completed: 0, canceled: 0, deadline_exceeded: 0, failed: 0 };
  const shutdowns: Record<ShutdownTrigger, 0> = { SIGTERM: 0, SIGINT: 0, close: 0, exit: 0 };
  const results: Record<ShutdownResult, 0> = { finished: 0, cut: 0, other: 0 };
  const spentOn: Record<SpentOn, 0> = { db: 0, http: 0, rpc: 0, messaging: 0 };
  const recorded = (id: string): string[] => {
    const attribute = attributes.get(id);
    assert.ok(attribute, id);
    return membersOf(attribute).flatMap(({ value, annotations }) =>
      annotations?.on === 'report' ? [] : value,
    );
  };
  for (const [id, values] of Object.entries({
    'cancel.trigger': Object.keys(triggers),
    'cancel.phase': Object.keys(phases),
    'cancel.initiator': Object.keys(initiators),
    'cancel.finding.rule': FINDING_RULES,
    outcome: Object.keys(outcomes),
    'shutdown.trigger': Object.keys(shutdowns),
    'shutdown.result': Object.keys(results),
    spent_on: Object.keys(spentOn),
  }))
    assert.deepEqual(recorded(id).sort(), [...values].sort(), id);
});

it('every name of ours that docs/telemetry.md says is in it, and everything in it is said there', () => {
  const page = readPage('docs/telemetry.md');
  const said = new Set([...page.matchAll(/`([a-z][\w. ]*)`/g)].map(([, name = '']) => name));
  const events = groups.flatMap(({ name }) => name ?? []);
  const spans = groups.flatMap(({ display_name }) => display_name ?? []);
  const known = [...names, ...events, ...spans, ...metrics.map(({ metric_name = '' }) => metric_name)];
  for (const name of known) assert.ok(said.has(name), name);
  for (const name of said)
    if (/^(?:cancel|cancellation|deadline|shutdown|context)\.\w/.test(name))
      assert.ok(known.includes(name), name);
});

it('what docs/stability.md calls new is in development, and all else is stable', () => {
  const [, cells = ''] = /^\| new \| (`cancel\..*) \|$/m.exec(readPage('docs/stability.md')) ?? [];
  const patterns = [...cells.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
  const isNew = (name: string): boolean =>
    patterns.some(
      (pattern) =>
        name === pattern || (pattern.endsWith('.*') && `${name}.`.startsWith(pattern.slice(0, -1))),
    );
  for (const { id, stability } of attributes.values())
    assert.equal(stability, isNew(id) ? 'development' : 'stable', id);
  for (const { id, type, stability, name, display_name, metric_name = '' } of groups)
    if (type !== 'attribute_group')
      assert.equal(stability, isNew(name ?? display_name ?? metric_name) ? 'development' : 'stable', id);
});
