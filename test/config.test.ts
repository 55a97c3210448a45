import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CancellationInstrumentation, defaultIntegrations } from '../src/index.ts';
import { resolveConfig } from '../src/resolved-config.ts';

const resolve = (config: unknown) => resolveConfig(config as never, defaultIntegrations);

const defaultCodes = new Map([
  [408, 'deadline_exceeded'],
  [499, 'canceled'],
  [504, 'deadline_exceeded'],
]);
const extremeCodes = new Map([
  [100, 'canceled'],
  [599, 'deadline_exceeded'],
]);

describe('options', () => {
  it('have the documented defaults', () => {
    assert.deepEqual(resolve({}), {
      integrations: defaultIntegrations,
      status: {
        grpcClient: 'error',
        grpcServer: 'unset',
        httpClient: 'unset',
        httpServer: 'unset',
        deadline: 'error',
      },
      cancelStatusCodes: { client: defaultCodes, server: defaultCodes },
      maxStackFrames: 40,
      captureReason: true,
      redact: undefined,
      captureDeadlineStack: true,
      capturePendingStack: true,
      workEndsWithRequest: true,
      workAfterCancelMs: 100,
      maxWorkAfterCancelMs: 60_000,
      propagate: {
        httpDeadline: undefined,
        grpcDeadline: false,
        marginMs: 0,
        cancel: false,
        cancelInTransaction: false,
      },
      announceWork: false,
      trackAsync: false,
      guessLostContext: false,
    });
  });

  it('that are undefined have their defaults', () => {
    const config = Object.fromEntries(
      ['enabled', ...Object.keys(resolve({}))].map((name) => [name, undefined]),
    );
    assert.deepEqual(resolve(config), resolve({}));
    assert.deepEqual(resolve({ status: { deadline: undefined } }), resolve({}));
  });

  const accepted: [option: string, config: object, expected: object][] = [
    ['maxStackFrames', { maxStackFrames: 1 }, { maxStackFrames: 1 }],
    ['maxStackFrames', { maxStackFrames: 200 }, { maxStackFrames: 200 }],
    ['captureDeadlineStack', { captureDeadlineStack: false }, { captureDeadlineStack: false }],
    ['capturePendingStack', { capturePendingStack: false }, { capturePendingStack: false }],
    ['workAfterCancelMs', { workAfterCancelMs: 0 }, { workAfterCancelMs: 0 }],
    ['workAfterCancelMs', { workAfterCancelMs: 86_400_000 }, { workAfterCancelMs: 86_400_000 }],
    ['maxWorkAfterCancelMs', { maxWorkAfterCancelMs: 1 }, { maxWorkAfterCancelMs: 1 }],
    ['maxWorkAfterCancelMs', { maxWorkAfterCancelMs: 86_400_000 }, { maxWorkAfterCancelMs: 86_400_000 }],
    [
      'propagate',
      { propagate: { httpDeadline: 'Timeout-Ms', marginMs: 60_000 } },
      {
        propagate: {
          httpDeadline: 'Timeout-Ms',
          grpcDeadline: false,
          marginMs: 60_000,
          cancel: false,
          cancelInTransaction: false,
        },
      },
    ],
    ['announceWork', { announceWork: true }, { announceWork: true }],
    ['trackAsync', { trackAsync: true }, { trackAsync: true }],
    ['workEndsWithRequest', { workEndsWithRequest: false }, { workEndsWithRequest: false }],
    ['guessLostContext', { guessLostContext: true }, { guessLostContext: true }],
    ['enabled', { enabled: false }, {}],
    ['integrations', { integrations: [] }, { integrations: [] }],
    ['integrations', { integrations: [{ name: 'mine' }] }, { integrations: [{ name: 'mine' }] }],
    [
      'cancelStatusCodes',
      { cancelStatusCodes: {} },
      { cancelStatusCodes: { client: new Map(), server: new Map() } },
    ],
    [
      'cancelStatusCodes',
      { cancelStatusCodes: { 100: 'context.canceled', 599: 'deadline_exceeded' } },
      { cancelStatusCodes: { client: extremeCodes, server: extremeCodes } },
    ],
    [
      'cancelStatusCodes.client',
      { cancelStatusCodes: { client: { 100: 'context.canceled', 599: 'deadline_exceeded' } } },
      { cancelStatusCodes: { client: extremeCodes, server: defaultCodes } },
    ],
    [
      'cancelStatusCodes.server',
      { cancelStatusCodes: { server: {} } },
      { cancelStatusCodes: { client: defaultCodes, server: new Map() } },
    ],
    [
      'status',
      { status: { httpServer: 'error', deadline: 'unset' } },
      { status: { ...resolve({}).status, httpServer: 'error', deadline: 'unset' } },
    ],
  ];
  for (const [option, config, expected] of accepted) {
    it(`accept ${JSON.stringify(config)}`, () => {
      const { [option as 'status']: value } = resolve(config);
      assert.deepEqual(value, (expected as Record<string, unknown>)[option]);
    });
  }

  const wholeNumber = /must be a whole number from 1 to 200, but is /;
  const refused: [config: unknown, error: typeof TypeError, option: string, message: RegExp][] = [
    [undefined, TypeError, 'options', /must be an object, but is undefined/],
    [null, TypeError, 'options', /must be an object, but is null/],
    [[], TypeError, 'options', /must be an object, but is an array/],
    ['all', TypeError, 'options', /must be an object, but is 'all'/],
    [
      { maxFrames: 3 },
      TypeError,
      'maxFrames',
      /Unknown option "maxFrames"\. Known options: .*maxStackFrames/,
    ],
    [{ enabled: 'yes' }, TypeError, 'enabled', /must be true or false, but is 'yes'/],
    [{ captureDeadlineStack: 1 }, TypeError, 'captureDeadlineStack', /must be true or false, but is number/],
    [{ capturePendingStack: 'no' }, TypeError, 'capturePendingStack', /must be true or false, but is 'no'/],
    [
      { workAfterCancelMs: -1 },
      RangeError,
      'workAfterCancelMs',
      /a whole number from 0 to 86400000, but is -1/,
    ],
    [{ workAfterCancelMs: 86_400_001 }, RangeError, 'workAfterCancelMs', /from 0 to 86400000/],
    [{ workAfterCancelMs: '1s' }, TypeError, 'workAfterCancelMs', /from 0 to 86400000, but is '1s'/],
    [{ maxWorkAfterCancelMs: 0 }, RangeError, 'maxWorkAfterCancelMs', /from 1 to 86400000, but is 0/],
    [{ maxWorkAfterCancelMs: 86_400_001 }, RangeError, 'maxWorkAfterCancelMs', /from 1 to 86400000/],
    [{ maxWorkAfterCancelMs: 0.5 }, RangeError, 'maxWorkAfterCancelMs', /a whole number/],
    [{ propagate: true }, TypeError, 'propagate', /must be an object, but is boolean/],
    [{ propagate: { http: 1 } }, TypeError, 'propagate.http', /Unknown option .*Known options: httpDeadline/],
    [
      { propagate: { httpDeadline: 'Deadline' } },
      TypeError,
      'propagate.httpDeadline',
      /one of X-Request-Deadline, Timeout-Ms.*, but is 'Deadline'/,
    ],
    [{ propagate: { marginMs: -1 } }, RangeError, 'propagate.marginMs', /from 0 to 60000, but is -1/],
    [{ propagate: { marginMs: 60_001 } }, RangeError, 'propagate.marginMs', /from 0 to 60000/],
    [{ propagate: { cancel: 'yes' } }, TypeError, 'propagate.cancel', /true or false, but is 'yes'/],
    [{ announceWork: 1 }, TypeError, 'announceWork', /must be true or false, but is number/],
    [{ trackAsync: 'promises' }, TypeError, 'trackAsync', /must be true or false, but is 'promises'/],
    [{ maxStackFrames: 0 }, RangeError, 'maxStackFrames', wholeNumber],
    [{ maxStackFrames: -1 }, RangeError, 'maxStackFrames', wholeNumber],
    [{ maxStackFrames: 201 }, RangeError, 'maxStackFrames', wholeNumber],
    [{ maxStackFrames: 1.5 }, RangeError, 'maxStackFrames', wholeNumber],
    [{ maxStackFrames: Number.NaN }, RangeError, 'maxStackFrames', wholeNumber],
    [{ maxStackFrames: Number.POSITIVE_INFINITY }, RangeError, 'maxStackFrames', wholeNumber],
    [{ maxStackFrames: '40' }, TypeError, 'maxStackFrames', wholeNumber],
    [{ integrations: {} }, TypeError, 'integrations', /must be an array, such as .*, but is object/],
    [{ integrations: ['http'] }, TypeError, 'integrations[0]', /must be an object, but is 'http'/],
    [{ integrations: [{}] }, TypeError, 'integrations[0].name', /must be a string, but is undefined/],
    [
      { integrations: [{ name: 'a' }, { name: 'a' }] },
      TypeError,
      'integrations[1]',
      /"a" is listed twice; name each integration once/,
    ],
    [{ status: 'error' }, TypeError, 'status', /must be an object, but is 'error'/],
    [{ status: { grpc: 'error' } }, TypeError, 'status.grpc', /Unknown option .*Known options: grpcClient, /],
    [{ status: { deadline: 'ok' } }, TypeError, 'status.deadline', /must be 'error' or 'unset', but is 'ok'/],
    [{ status: { deadline: null } }, TypeError, 'status.deadline', /must be 'error' or 'unset', but is null/],
    [{ cancelStatusCodes: [499] }, TypeError, 'cancelStatusCodes', /must be an object, but is an array/],
    [
      { cancelStatusCodes: { 99: 'context.canceled' } },
      RangeError,
      'cancelStatusCodes.99',
      /from 100 to 599, but is 99/,
    ],
    [
      { cancelStatusCodes: { 600: 'context.canceled' } },
      RangeError,
      'cancelStatusCodes.600',
      /from 100 to 599, but is 600/,
    ],
    [
      { cancelStatusCodes: { '-1': 'context.canceled' } },
      RangeError,
      'cancelStatusCodes.-1',
      /from 100 to 599/,
    ],
    [
      { cancelStatusCodes: { timeout: 'context.canceled' } },
      RangeError,
      'cancelStatusCodes.timeout',
      /a whole number/,
    ],
    [
      { cancelStatusCodes: { 499: 'canceled' } },
      TypeError,
      'cancelStatusCodes.499',
      /must be 'context\.canceled' or 'deadline_exceeded', but is 'canceled'/,
    ],
    [
      { cancelStatusCodes: { server: { 499: 'canceled' } } },
      TypeError,
      'cancelStatusCodes.server.499',
      /but is 'canceled'/,
    ],
    [{ cancelStatusCodes: { client: 499 } }, TypeError, 'cancelStatusCodes.client', /must be an object/],
    [
      { cancelStatusCodes: { client: {}, 499: 'context.canceled' } },
      TypeError,
      'cancelStatusCodes.499',
      /Known options: client, server/,
    ],
    [{ cancelStatusCodes: { 499: true } }, TypeError, 'cancelStatusCodes.499', /but is boolean/],
  ];
  for (const [config, expected, option, message] of refused) {
    it(`refuse ${inspectShort(config)} and say what is accepted`, () => {
      assert.throws(
        () => resolve(config),
        (error: Error) => {
          assert.ok(error instanceof expected, `${error.name} is no ${expected.name}`);
          assert.ok(error.message.includes(`ption "${option}"`), error.message);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  it('are checked before anything is patched', () => {
    const { abort } = AbortController.prototype;
    assert.throws(() => new CancellationInstrumentation({ maxStackFrames: 0 }), RangeError);
    assert.equal(AbortController.prototype.abort, abort);
  });
});

function inspectShort(config: unknown): string {
  return typeof config === 'object' && config !== null
    ? JSON.stringify(config, (_, value) =>
        typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
      )
    : String(config);
}
