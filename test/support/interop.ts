/** A suite against a Go peer, in the set-up that the runner names; left out, with the reason, where there is no Go. */
import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { checkSpan, type Expectation } from './contract.ts';
import { findOrBuildPeer, GoClient } from './go-peer.ts';
import { setup } from './setup.ts';
import { Telemetry } from './telemetry.ts';

export interface InteropSubject {
  /** Name, a sentence, to test. */
  readonly tests: Readonly<Record<string, () => Promise<unknown>>>;
  readonly close: () => Promise<unknown>;
}

/**
 * Waits until all spans have ended, and checks the only one of this kind.
 * @param expected several where a race decides who the initiator is, or by which trigger
 */
export type CheckSpan = (
  kind: SpanKind,
  expected: Expectation | readonly Expectation[],
) => Promise<ReadableSpan>;

/** @param prepare loads the library under test, which must not have been imported before it is called */
export async function interopSuite(
  title: string,
  prepare: (binary: string, check: CheckSpan) => Promise<InteropSubject>,
): Promise<void> {
  const found = await findOrBuildPeer();
  if ('unavailable' in found) {
    it(title, { skip: found.unavailable });
    return;
  }
  const telemetry = new Telemetry(setup);
  const { tests, close } = await prepare(found.binary, async (kind, expected) => {
    await telemetry.allEnded();
    const spans = telemetry.ended.filter((span) => span.kind === kind);
    assert.equal(spans.length, 1, `${SpanKind[kind]} spans: ${spans.map(({ name }) => name)}`);
    const span = spans[0] as ReadableSpan;
    const alternatives = [expected].flat() as Expectation[];
    const { 'cancel.initiator': whose, 'cancel.trigger': which } = span.attributes;
    const chosen = alternatives.find(({ initiator, trigger }) => initiator === whose && trigger === which);
    checkSpan(span, chosen ?? (alternatives[0] as Expectation), SpanKind[kind]);
    assert.deepEqual(telemetry.endedTwice, [], 'a span was ended twice');
    assert.deepEqual(telemetry.diagnostics, [], 'the SDK or an instrumentation complained');
    return span;
  });
  describe(`${title}, ${setup}`, () => {
    beforeEach(() => telemetry.reset());
    afterEach(() => GoClient.closeAll());
    after(close);
    for (const [name, run] of Object.entries(tests))
      it(name, { timeout: 60_000 }, async () => void (await run()));
  });
}
