import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Histogram } from '@opentelemetry/api';
import { recordSigned } from '../src/signed-histogram.ts';
import { PACKAGE_NAME } from '../src/version.ts';
import { CollectedMetrics, histogramsOf } from './support/collected-metrics.ts';

it('a histogram of the SDK takes negative values, in buckets of their own', async () => {
  const metrics = new CollectedMetrics();
  const histogram = metrics.provider
    .getMeter(PACKAGE_NAME)
    .createHistogram('late', { advice: { explicitBucketBoundaries: [-10, 0, 10] } });
  for (const value of [-20, -10, -1, 0, 1]) recordSigned(histogram, value, { side: 'client' });
  const [late] = histogramsOf(await metrics.collect(), 'late');
  assert.deepEqual(late?.value.buckets, { boundaries: [-10, 0, 10], counts: [2, 2, 1, 0] });
  assert.equal(late.value.min, -20);
  assert.equal(late.value.sum, -30);
});

it('one that cannot is given none', () => {
  const given: number[] = [];
  const histogram: Histogram = { record: (value) => void given.push(value) };
  for (const value of [-1, 0, 1]) recordSigned(histogram, value, {});
  assert.deepEqual(given, [0, 1]);
});
