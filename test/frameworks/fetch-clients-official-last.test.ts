import { test } from 'node:test';
import { defaultIntegrations } from '../../src/index.ts';
import { contractSuite } from '../support/contract.ts';
import { fetchClientCases } from './fetch-clients.ts';

if (defaultIntegrations.some(({ name }) => name === 'undici')) {
  await contractSuite('HTTP clients on fetch()', 'official last', fetchClientCases);
} else {
  test('HTTP clients on fetch()', { skip: 'fetch() is not instrumented' });
}
