/**
 * What the official instrumentations give of each case in a process without us: all of it has to be there beside us as well.
 * The same test file runs in a second process, whose set-up is `official alone`: it stages the cases and tells their spans.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { type Attributes, context, createContextKey, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { ContractCase, ContractSubject } from './contract.ts';
import type { Telemetry } from './telemetry.ts';

/** A span as one process tells it to another. */
interface ToldSpan {
  readonly kind: SpanKind;
  readonly name: string;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly status: SpanStatusCode;
  /** Not ended yet, or never to be. */
  readonly isOpen: boolean;
}

interface ToldCase {
  readonly name: string;
  readonly spans: readonly ToldSpan[];
}

/** Some of their spans are never ended: those are told as they are after so long. */
const MAX_WAIT_MS = 300;

const CASE = createContextKey('case');

/** In the process without us. */
export async function tellCases(telemetry: Telemetry, subject: ContractSubject): Promise<void> {
  for (const { name, stage, only } of subject.cases) {
    if (only !== undefined && !only.some((setup) => setup !== 'alone')) continue;
    telemetry.reset();
    const startMs = Date.now();
    await context.with(context.active().setValue(CASE, name), stage);
    await telemetry.allEnded(MAX_WAIT_MS).catch(() => {});
    const seen = [...telemetry.ended, ...(telemetry.open as Set<unknown> as Set<ReadableSpan>)];
    // Not those of earlier cases: they may end only now, and a request that waited for a connection starts only now.
    const spans = seen.filter((span) => {
      const [s, ns] = span.startTime;
      const of = telemetry.contextOf(span).getValue(CASE) ?? name;
      return of === name && s * 1_000 + ns / 1_000_000 >= startMs;
    });
    process.send?.({ name, spans: inOrder(spans).map(told) } satisfies ToldCase);
  }
  process.exit();
}

/** In the process with us. */
export class OfficialAlone {
  readonly #process: ChildProcess;
  readonly #told = new Map<string, ToldCase>();
  #isOver = false;
  #heard: () => void = () => {};

  constructor() {
    const env = { ...process.env, SETUP: 'official alone', NODE_TEST_CONTEXT: undefined };
    const execArgv = process.execArgv.filter((argument) => !argument.startsWith('--test'));
    const stdio: ['ignore', 'ignore', 'inherit', 'ipc'] = ['ignore', 'ignore', 'inherit', 'ipc'];
    this.#process = fork(process.argv[1] as string, { env, execArgv, stdio });
    this.#process.on('message', (message: ToldCase) => {
      this.#told.set(message.name, message);
      this.#heard();
    });
    this.#process.on('exit', () => {
      this.#isOver = true;
      this.#heard();
    });
  }

  close(): void {
    this.#process.kill();
  }

  /** Fails when one of their spans of the case, or a part of one, is not among these. */
  async compare({ name }: ContractCase, ended: readonly ReadableSpan[]): Promise<void> {
    const { spans } = await this.#spansOf(name);
    const beside = inOrder(ended).map(told);
    for (const kind of [SpanKind.CLIENT, SpanKind.SERVER]) {
      const theirs = spans.filter((span) => span.kind === kind);
      const kept = beside.filter((span) => span.kind === kind);
      theirs.forEach((span, index) => {
        const other = kept[index];
        assert.ok(
          other !== undefined,
          `${SpanKind[kind]} span ${index} of the official instrumentations is lost`,
        );
        assert.equal(lostOf(span, other).join('\n'), '', `lost of the official ${SpanKind[kind]} span`);
      });
    }
  }

  async #spansOf(name: string): Promise<ToldCase> {
    while (!this.#told.has(name)) {
      assert.ok(!this.#isOver, `the process without us has not told of "${name}"`);
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
    return this.#told.get(name) as ToldCase;
  }
}

function inOrder(spans: readonly ReadableSpan[]): ReadableSpan[] {
  return [...spans].sort(({ startTime: [a, aNs] }, { startTime: [b, bNs] }) => a - b || aNs - bNs);
}

function told({ kind, name, attributes, events, status, ended }: ReadableSpan): ToldSpan {
  return {
    kind,
    name,
    attributes: comparable(attributes),
    events: events.map((event) => ({ name: event.name, attributes: comparable(event.attributes ?? {}) })),
    status: status.code,
    isOpen: !ended,
  };
}

/** Ports, stacks and durations are others in each process. */
function comparable(attributes: Attributes): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([key, value]) => {
      if (key.endsWith('.port') || key.endsWith('.stacktrace')) return [key, 'any'];
      if (typeof value !== 'string') return [key, value];
      return [key, value.replace(/:\d{4,5}(?!\d)/g, ':port').replace(/(?<= after )\d+\.\d+s,.*/, 'a time')];
    }),
  );
}

function lostOf(theirs: ToldSpan, kept: ToldSpan): string[] {
  const lost: string[] = [];
  const expect = (what: string, was: unknown, is: unknown): void => {
    if (!isSame(was, is)) lost.push(`${what}: ${JSON.stringify(was)}, beside us ${JSON.stringify(is)}`);
  };
  expect('name', theirs.name, kept.name);
  for (const [key, value] of Object.entries(theirs.attributes)) {
    if (!isMended(key, kept)) expect(key, value, kept.attributes[key]);
  }
  for (const event of theirs.events) {
    const isKept = kept.events.some(
      ({ name, attributes }) =>
        name === event.name && isSame({ ...attributes, ...event.attributes }, attributes),
    );
    if (!isKept) lost.push(`event ${JSON.stringify(event)}`);
  }
  if (!theirs.isOpen && !isCancelled(kept)) {
    expect('status', SpanStatusCode[theirs.status], SpanStatusCode[kept.status]);
  }
  return lost;
}

/** What docs/telemetry.md says of a cancelled operation in the place of what they say. */
function isMended(key: string, { kind, attributes }: ToldSpan): boolean {
  // The status code of a head that was never sent.
  if (key === 'http.response.status_code')
    return kind === SpanKind.SERVER && ['read', 'handle'].includes(String(attributes['cancel.phase']));
  // The type of a missed deadline is its name, and not the number of a DOMException; that of an answer is its status.
  if (key !== 'error.type' || attributes[key] === undefined) return false;
  return (
    attributes.deadline_exceeded === true ||
    attributes[key] === String(attributes['http.response.status_code'])
  );
}

function isCancelled({ attributes }: ToldSpan): boolean {
  return 'context.canceled' in attributes || 'deadline_exceeded' in attributes;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
