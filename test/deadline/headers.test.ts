import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  formatDeadlineHeader,
  OUTGOING_DEADLINE_HEADERS,
  readDeadlineHeaders,
} from '../../src/cancellation/deadline-headers.ts';

const now = 1_800_000_000_000;

describe('readDeadlineHeaders', () => {
  it('reads every relative form', () => {
    for (const [header, value, timeoutMs] of [
      ['grpc-timeout', '1H', 3_600_000],
      ['grpc-timeout', '2M', 120_000],
      ['grpc-timeout', '3S', 3_000],
      ['grpc-timeout', '99999999m', 99_999_999],
      ['grpc-timeout', '500u', 0.5],
      ['grpc-timeout', '1000n', 0.001],
      ['connect-timeout-ms', '250', 250],
      ['timeout-ms', '0', 0],
      ['x-request-timeout', '2147483647', 2_147_483_647],
      ['x-envoy-expected-rq-timeout-ms', '15000', 15_000],
    ] as const) {
      const read = readDeadlineHeaders({ [header]: value }, now);
      assert.equal(read?.header, header);
      assert.ok(Math.abs(read.timeoutMs - timeoutMs) < 1e-9, `${header}: ${value}`);
      assert.deepEqual(read.malformed, []);
    }
  });

  it('reads the absolute form against our clock, also when it has passed', () => {
    assert.equal(readDeadlineHeaders({ 'x-request-deadline': String(now + 700) }, now)?.timeoutMs, 700);
    assert.equal(readDeadlineHeaders({ 'x-request-deadline': String(now - 700) }, now)?.timeoutMs, -700);
  });

  it('says nothing where there is no such header', () => {
    assert.equal(readDeadlineHeaders({ host: 'localhost' }, now), undefined);
  });

  it('takes the earliest of several relative ones', () => {
    const read = readDeadlineHeaders({ 'timeout-ms': '900', 'grpc-timeout': '1S' }, now);
    assert.deepEqual([read?.header, read?.timeoutMs], ['timeout-ms', 900]);
  });

  it('trusts the relative form where there are both, and reports how far the clocks are apart', () => {
    const read = readDeadlineHeaders({ 'x-request-deadline': String(now + 5_300), 'timeout-ms': '300' }, now);
    assert.deepEqual([read?.header, read?.timeoutMs, read?.clockSkewMs], ['timeout-ms', 300, 5_000]);
  });

  it('names what is malformed, and never makes a number of it', () => {
    for (const [header, value, problem] of [
      ['grpc-timeout', '', 'breaks its grammar'],
      ['grpc-timeout', '100', 'breaks its grammar'],
      ['grpc-timeout', 'm', 'breaks its grammar'],
      ['grpc-timeout', '1s', 'breaks its grammar'],
      ['grpc-timeout', '-5m', 'breaks its grammar'],
      ['grpc-timeout', '1.5S', 'breaks its grammar'],
      ['grpc-timeout', 'x20my', 'breaks its grammar'],
      ['grpc-timeout', '100000000m', 'breaks its grammar'],
      ['grpc-timeout', '700H', 'longer than timers can count'],
      ['grpc-timeout', '100m, 200m', 'sent more than once'],
      ['timeout-ms', '1e3', 'breaks its grammar'],
      ['timeout-ms', ' 5', 'breaks its grammar'],
      ['timeout-ms', '-1', 'breaks its grammar'],
      ['timeout-ms', '2147483648', 'longer than timers can count'],
      ['connect-timeout-ms', '12345678901', 'breaks its grammar'],
      ['x-request-deadline', 'tomorrow', 'breaks its grammar'],
      ['x-request-deadline', String(now + 86_400_001), 'more than a day away'],
      ['x-request-deadline', '12345678901234567', 'breaks its grammar'],
    ] as const) {
      const read = readDeadlineHeaders({ [header]: value }, now);
      assert.equal(read?.header, undefined, `${header}: ${value}`);
      assert.deepEqual(
        read?.malformed.map((malformed) => [malformed.header, malformed.value, malformed.problem]),
        [[header, value, problem]],
      );
    }
  });

  it('shows at most 64 characters of a value', () => {
    const read = readDeadlineHeaders({ 'timeout-ms': '9'.repeat(1_000) }, now);
    assert.equal(read?.malformed[0]?.value.length, 64);
  });
});

describe('formatDeadlineHeader', () => {
  it('writes what readDeadlineHeaders reads, and never more time than there is', () => {
    for (const header of OUTGOING_DEADLINE_HEADERS) {
      for (const timeoutMs of [0, 1, 299.9, 86_399_999]) {
        const value = formatDeadlineHeader(header, timeoutMs, now);
        const read = readDeadlineHeaders({ [header.toLowerCase()]: value }, now);
        assert.deepEqual(read?.malformed, [], `${header}: ${value}`);
        assert.equal(read?.timeoutMs, Math.floor(timeoutMs));
      }
    }
  });

  it('keeps a gRPC timeout within eight digits', () => {
    assert.equal(formatDeadlineHeader('grpc-timeout', 1e8, now), '100000S');
    assert.equal(formatDeadlineHeader('grpc-timeout', 1e15, now), '99999999S');
  });

  it('says 0 for a limit that has passed', () => {
    assert.equal(formatDeadlineHeader('Timeout-Ms', -5, now), '0');
  });
});
