/** The suite that every integration passes, in every set-up: what a staged case must leave on the two spans. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { type Attributes, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { OfficialAlone, tellCases } from './official-alone.ts';
import { type Setup, Telemetry } from './telemetry.ts';

/** What a span must say. What is left out is not looked at, except: an `outcome` of undefined means no cancel attribute at all. */
export interface Expectation {
  readonly outcome: 'context.canceled' | 'deadline_exceeded' | undefined;
  readonly initiator?: 'local' | 'peer' | 'inherited';
  readonly trigger?: string;
  /** More than one where the peer or the kernel decides. */
  readonly phase?: string | readonly string[];
  readonly reason?: string | RegExp;
  /** Name of the function, in the test, that must be in `cancel.origin`; null: there must be no stack. */
  readonly origin?: string | null | undefined;
  readonly status?: 'unset' | 'error';
  readonly finding?: string;
  /** Of the span. */
  readonly name?: string;
  /** Further attributes, by equality; undefined: must be absent. */
  readonly attributes?: Attributes;
}

export interface ContractCase {
  readonly name: string;
  /** Stages the case on real sockets and returns when both sides have seen the end of it. */
  readonly stage: () => Promise<unknown>;
  /** null: there must be no CLIENT span (the caller is not instrumented). */
  readonly client?: Expectation | readonly Expectation[] | null;
  /** One of several where a race decides. */
  readonly server?: Expectation | readonly Expectation[] | null;
  /** Set-ups in which the case cannot be staged, with the reason in a comment beside it. */
  readonly only?: readonly Setup[];
}

export interface ContractSubject {
  readonly cases: readonly ContractCase[];
  readonly close: () => Promise<unknown>;
}

/** @param prepare loads the library under test, which must not have been imported before it is called */
export async function contractSuite(
  title: string,
  setup: Setup,
  prepare: (telemetry: Telemetry) => Promise<ContractSubject>,
): Promise<void> {
  const telemetry = new Telemetry(setup);
  const alone = setup === 'official first' || setup === 'official last' ? new OfficialAlone() : undefined;
  const subject = await prepare(telemetry);
  if (setup === 'official alone') return tellCases(telemetry, subject);
  describe(`${title}, ${setup}`, () => {
    after(() => {
      alone?.close();
      return subject.close();
    });
    for (const contractCase of subject.cases) {
      if (contractCase.only?.includes(setup) === false) continue;
      // One that hangs is to be named.
      it(contractCase.name, { timeout: 20_000 }, async () => {
        telemetry.reset();
        await contractCase.stage();
        await telemetry.allEnded();
        check(telemetry, SpanKind.CLIENT, contractCase.client);
        check(telemetry, SpanKind.SERVER, contractCase.server);
        await alone?.compare(contractCase, telemetry.ended);
        assert.deepEqual(telemetry.endedTwice, [], 'a span was ended twice');
        assert.deepEqual(telemetry.diagnostics, [], 'the SDK or an instrumentation complained');
      });
    }
  });
}

function check(telemetry: Telemetry, kind: SpanKind, expected: ContractCase['client']): void {
  if (expected === undefined) return;
  const spans = telemetry.ended.filter((span) => span.kind === kind);
  const side = SpanKind[kind];
  assert.equal(spans.length, expected === null ? 0 : 1, `${side} spans: ${spans.map((span) => span.name)}`);
  const [span] = spans;
  if (expected === null || span === undefined) return;
  const alternatives: readonly Expectation[] = Array.isArray(expected) ? expected : [expected];
  const chosen = alternatives.find(({ outcome, initiator }) => {
    const attributes = span.attributes;
    return (
      (outcome === undefined ? !isMarked(span) : attributes[outcome] === true) &&
      (initiator === undefined || attributes['cancel.initiator'] === initiator)
    );
  });
  checkSpan(span, chosen ?? (alternatives[0] as Expectation), side);
}

function isMarked(span: ReadableSpan): boolean {
  return 'context.canceled' in span.attributes || 'deadline_exceeded' in span.attributes;
}

/** Fails unless the span says what is expected. */
export function checkSpan(span: ReadableSpan, expected: Expectation, side: string): void {
  const { attributes } = span;
  const said = `${side} span says ${JSON.stringify(attributes, undefined, 2)}`;
  const events = span.events.filter(
    ({ name }) => name === 'context.canceled' || name === 'deadline_exceeded',
  );
  if (expected.outcome === undefined) {
    const cancelKeys = Object.keys(attributes).filter(
      (key) =>
        key === 'context.canceled' ||
        key === 'deadline_exceeded' ||
        (key.startsWith('cancel.') && !key.startsWith('cancel.finding')),
    );
    assert.deepEqual(cancelKeys, [], said);
    assert.equal(events.length, 0, `${side}: no cancel event`);
  } else {
    const other = expected.outcome === 'context.canceled' ? 'deadline_exceeded' : 'context.canceled';
    assert.equal(attributes[expected.outcome], true, `${expected.outcome}; ${said}`);
    assert.ok(!(other in attributes), `not both; ${said}`);
    assert.deepEqual(
      events.map(({ name }) => name),
      [expected.outcome],
      `${side}: exactly one event`,
    );
    for (const key of ['cancel.initiator', 'cancel.trigger', 'cancel.phase', 'cancel.reason']) {
      assert.equal(events[0]?.attributes?.[key], attributes[key], `event and span agree on ${key}`);
    }
    checkOrigin(span, expected, said);
  }
  if (expected.initiator) assert.equal(attributes['cancel.initiator'], expected.initiator, said);
  if (expected.trigger) assert.equal(attributes['cancel.trigger'], expected.trigger, said);
  if (expected.phase)
    assert.ok([expected.phase].flat().includes(String(attributes['cancel.phase'])), `phase; ${said}`);
  if (typeof expected.reason === 'string') assert.equal(attributes['cancel.reason'], expected.reason, said);
  if (expected.reason instanceof RegExp)
    assert.match(String(attributes['cancel.reason']), expected.reason, said);
  if (expected.finding) assert.equal(attributes['cancel.finding'], expected.finding, said);
  if (expected.status) {
    const code = expected.status === 'error' ? SpanStatusCode.ERROR : SpanStatusCode.UNSET;
    assert.equal(span.status.code, code, `status; ${said}`);
  }
  if (expected.name) assert.equal(span.name, expected.name, said);
  for (const [key, value] of Object.entries(expected.attributes ?? {})) {
    assert.deepEqual(attributes[key], value, `${key}; ${said}`);
  }
}

function checkOrigin(span: ReadableSpan, expected: Expectation, said: string): void {
  const origin = span.attributes['cancel.origin'];
  if (expected.origin === null) assert.ok(!('cancel.stacktrace' in span.attributes), `no stack; ${said}`);
  if (typeof expected.origin !== 'string') return;
  const [event] = span.events.filter(({ name }) => name === expected.outcome);
  // `Timeout.leave [as _onTimeout] (…)`
  const [called = ''] = String(origin).split(/ \[| \(/);
  assert.equal(called.replace(/^.*\./, ''), expected.origin, `origin; ${said}`);
  assert.match(String(origin), /\(.*[/\\]test[/\\].*\.ts:\d+:\d+\)$/, said);
  assert.match(String(span.attributes['cancel.stacktrace']), /^ {4}at /, said);
  assert.equal(event?.attributes?.['code.stacktrace'], span.attributes['cancel.stacktrace']);
  assert.ok(Number(event?.attributes?.['code.line.number']) > 0);
}
