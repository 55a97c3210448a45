import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseFrame } from '../../src/cancellation/frame.ts';
import { formatFrame, isOfLibrary, isTimerOfLibrary, originOf } from '../../src/cancellation/origin.ts';
import { CapturedStack } from '../../src/operation/captured-stack.ts';

const sourceFolder = fileURLToPath(new URL('../../src/', import.meta.url));

describe('parseFrame', () => {
  const parsed: [line: string, functionName: string, file: string, line: number, column: number][] = [
    ['    at leave (/app/shop.js:10:5)', 'leave', '/app/shop.js', 10, 5],
    ['    at /app/shop.js:10:5', '<anonymous>', '/app/shop.js', 10, 5],
    ['    at async leave (/app/shop.js:10:5)', 'leave', '/app/shop.js', 10, 5],
    ['    at async /app/shop.js:10:5', '<anonymous>', '/app/shop.js', 10, 5],
    ['    at new Shop (/app/shop.js:10:5)', 'new Shop', '/app/shop.js', 10, 5],
    ['    at Object.<anonymous> (/app/shop.js:1:1)', 'Object.<anonymous>', '/app/shop.js', 1, 1],
    ['    at <anonymous> (/app/shop.js:1:1)', '<anonymous>', '/app/shop.js', 1, 1],
    ['    at Shop.leave [as onclick] (/app/shop.js:10:5)', 'Shop.leave [as onclick]', '/app/shop.js', 10, 5],
    ['    at get closed (/app/shop.js:10:5)', 'get closed', '/app/shop.js', 10, 5],
    ['    at #leave (/app/shop.js:10:5)', '#leave', '/app/shop.js', 10, 5],
    ['    at async Promise.all.then (/app/shop.js:10:5)', 'Promise.all.then', '/app/shop.js', 10, 5],
    ['    at leave (file:///app/shop.js:10:5)', 'leave', '/app/shop.js', 10, 5],
    ['    at file:///app/shop.js:10:5', '<anonymous>', '/app/shop.js', 10, 5],
    ['    at async file:///app/my%20shop.js:10:5', '<anonymous>', '/app/my shop.js', 10, 5],
    ['    at leave (file:///app/shop.js?version=2:10:5)', 'leave', '/app/shop.js', 10, 5],
    ['    at leave (file:///app/50%25.js:10:5)', 'leave', '/app/50%.js', 10, 5],
    ['    at leave (file:///app/bad%2Fescape.js:1:5)', 'leave', 'file:///app/bad%2Fescape.js', 1, 5],
    ['    at leave (C:\\app\\shop.js:10:5)', 'leave', 'C:\\app\\shop.js', 10, 5],
    ['    at C:\\My App\\shop.js:10:5', '<anonymous>', 'C:\\My App\\shop.js', 10, 5],
    ['    at leave (\\\\server\\share\\shop.js:10:5)', 'leave', '\\\\server\\share\\shop.js', 10, 5],
    ['    at leave (/my app/shop.js:10:5)', 'leave', '/my app/shop.js', 10, 5],
    ['    at /my app/shop.js:10:5', '<anonymous>', '/my app/shop.js', 10, 5],
    ['    at leave (/app (copy)/shop.js:10:5)', 'leave', '/app (copy)/shop.js', 10, 5],
    ['    at /app (copy)/shop.js:10:5', '<anonymous>', '/app (copy)/shop.js', 10, 5],
    ['    at async /app (copy)/shop (2).js:10:5', '<anonymous>', '/app (copy)/shop (2).js', 10, 5],
    ['    at new Shop (/app (copy)/shop (2).js:10:5)', 'new Shop', '/app (copy)/shop (2).js', 10, 5],
    ['    at leave (/app:1:2/shop.js:10:5)', 'leave', '/app:1:2/shop.js', 10, 5],
    ['    at /app:1:2/shop.js:10:5', '<anonymous>', '/app:1:2/shop.js', 10, 5],
    ['    at leave (webpack:///./src/shop.ts:10:5)', 'leave', 'webpack:///./src/shop.ts', 10, 5],
    [
      '    at leave (webpack-internal:///(rsc)/./shop.ts:10:5)',
      'leave',
      'webpack-internal:///(rsc)/./shop.ts',
      10,
      5,
    ],
    ['    at leave (data:text/javascript,x:1:5)', 'leave', 'data:text/javascript,x', 1, 5],
    ['    at [eval]:1:7', '<anonymous>', '[eval]', 1, 7],
    ['    at node:internal/main:1:7', '<anonymous>', 'node:internal/main', 1, 7],
    ['at leave (/app/shop.js:10:5)', 'leave', '/app/shop.js', 10, 5],
  ];
  for (const [text, functionName, file, line, column] of parsed) {
    it(`reads "${text.trim()}"`, () => {
      assert.deepEqual(parseFrame(text), { functionName, file, line, column });
    });
  }

  it('reads the place of code that was made by eval() from where eval() was called', () => {
    assert.deepEqual(parseFrame('    at eval (eval at leave (/app/shop.js:10:5), <anonymous>:3:9)'), {
      functionName: 'eval',
      file: '/app/shop.js',
      line: 10,
      column: 5,
    });
    assert.deepEqual(
      parseFrame('    at inner (eval at eval (eval at leave (file:///a%20b/c.js:10:5)), <anonymous>:1:9)'),
      {
        functionName: 'inner',
        file: '/a b/c.js',
        line: 10,
        column: 5,
      },
    );
  });

  for (const text of [
    'Error: at last',
    'Error: broke (/app/shop.js:10:5)',
    '    at async Promise.all (index 0)',
    '    at Array.forEach (<anonymous>)',
    '    at Array.map (native)',
    '    at leave (/app/shop.js)',
    '    at leave (wasm://wasm/1a2b:wasm-function[3]:0x4d)',
    '',
  ]) {
    it(`does not take "${text.trim()}" for a frame with a place`, () => {
      assert.equal(parseFrame(text), undefined);
    });
  }

  it('reads a line of a megabyte without getting lost in it', () => {
    const before = process.cpuUsage();
    for (const filler of [
      '(',
      ' (',
      ')',
      '), ',
      ':1',
      ':1:1',
      '1',
      ' (a:1:2)',
      'eval at a (',
      ' ',
      'async ',
      'a',
    ]) {
      const text = filler.repeat(1_000_000 / filler.length);
      for (const end of ['', ')', ':1:1', ':1:1)']) parseFrame(`    at ${text}${end}`);
    }
    const { user } = process.cpuUsage(before); // of others' work on a busy machine it knows nothing
    assert.ok(user / 1_000 < 2_000, 'regular expression backtracks');
  });
});

describe('originOf', () => {
  it('starts at the first frame outside of Node and of this package, and keeps what is below', () => {
    const origin = originOf(
      [
        'AbortError: This operation was aborted',
        '    at new DOMException (node:internal/per_context/domexception:53:5)',
        '    at AbortController.abort (node:internal/abort_controller:392:18)',
        `    at AbortController.abort (${sourceFolder}integrations/abort/index.ts:39:26)`,
        '    at leave (/app/shop.js:10:5)',
        '    at Timeout._onTimeout (node:internal/timers:1:2)',
        '    at main (/app/main.js:3:4)',
      ].join('\n'),
    );
    assert.equal(
      origin?.stacktrace,
      [
        '    at leave (/app/shop.js:10:5)',
        '    at Timeout._onTimeout (node:internal/timers:1:2)',
        '    at main (/app/main.js:3:4)',
      ].join('\n'),
    );
    assert.deepEqual(origin.frame, { functionName: 'leave', file: '/app/shop.js', line: 10, column: 5 });
  });

  it('drops frames of this package by path and by URL, wherever they are', () => {
    const url = new URL('../../src/hook/replace.ts', import.meta.url).href;
    const origin = originOf(
      [
        `    at ours (${url}:1:1)`,
        '    at leave (/app/shop.js:10:5)',
        `    at ours (${fileURLToPath(url)}:1:1)`,
        '    at main (/app/main.js:3:4)',
      ].join('\n'),
    );
    assert.equal(origin?.stacktrace, '    at leave (/app/shop.js:10:5)\n    at main (/app/main.js:3:4)');
  });

  it('names the application rather than a library, and keeps the library in the stack', () => {
    for (const folder of [
      '/app/node_modules/axios/',
      'C:\\app\\node_modules\\axios\\',
      'file:///app/node_modules/axios/',
    ]) {
      const origin = originOf(`    at abort (${folder}a.js:1:2)\n    at leave (/app/shop.js:10:5)`);
      assert.equal(origin?.frame?.functionName, 'leave');
      assert.match(origin?.stacktrace ?? '', /^ {4}at abort .*\n {4}at leave /);
    }
  });

  it('names the library where there is no application code', () => {
    const origin = originOf(
      '    at abort (/app/node_modules/axios/a.js:1:2)\n    at tick (node:internal/x:1:2)',
    );
    assert.equal(origin?.frame?.functionName, 'abort');
  });

  it('takes an application in a folder named like node_modules for an application', () => {
    assert.equal(
      originOf('    at a (/my_node_modules/a.js:1:2)\n    at b (/app/b.js:1:2)')?.frame?.functionName,
      'a',
    );
    assert.equal(originOf('    at a (/internal/a.js:1:2)')?.frame?.functionName, 'a');
  });

  it('is nothing where there is nothing to show', () => {
    for (const stack of [undefined, '', 'Error: no frames', '    at tick (node:internal/x:1:2)']) {
      assert.equal(originOf(stack), undefined);
    }
  });

  it('leaves the text of a many-line message out', () => {
    const { stack } = new Error('first\nsecond (line)\n  third');
    assert.match(originOf(stack)?.stacktrace ?? '', /^ {4}at /);
  });

  it('keeps 16 KiB of a stack and cuts what is longer', () => {
    const line = `    at ${'f'.repeat(76)} (/app/a.js:1:2)\n`;
    assert.equal(line.length, 100);
    const rest = `    at ${'f'.repeat(60)} (/app/a.js:1:2)`;
    const longest = line.repeat(163) + rest;
    assert.equal(longest.length, 16_383);
    assert.equal(originOf(longest)?.stacktrace, longest);
    const stacktrace = originOf(line.repeat(500))?.stacktrace;
    assert.equal(stacktrace?.length, 16_384);
    assert.ok(stacktrace.endsWith('…'));
  });
});

describe('originOf a captured stack', () => {
  const prepareStackTrace = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  afterEach(() => {
    if (prepareStackTrace === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace');
    else Object.defineProperty(Error, 'prepareStackTrace', prepareStackTrace);
  });

  function capture(): CapturedStack {
    return new CapturedStack(capture, 40);
  }
  function leaveShop(): CapturedStack {
    return capture();
  }
  class Shop {
    readonly stack = capture();
  }

  it('names the function, file, line and column', () => {
    const frame = originOf(leaveShop())?.frame;
    assert.equal(frame?.functionName, 'leaveShop');
    assert.equal(frame.file, fileURLToPath(import.meta.url));
    assert.ok(frame.line > 1 && frame.column > 1);
  });

  it('names constructors, methods, anonymous and async functions, and code made by eval()', async () => {
    assert.match(
      originOf(new Shop().stack)?.frame?.functionName ?? '',
      /^(new Shop|(Shop\.)?<instance_members_initializer>)$/,
    );
    assert.equal(originOf((() => capture())())?.frame?.file, fileURLToPath(import.meta.url));
    const afterAwait = async (): Promise<CapturedStack> => {
      await null;
      return capture();
    };
    const outer = async (): Promise<CapturedStack> => await afterAwait();
    assert.match(originOf(await outer())?.stacktrace ?? '', /at afterAwait .*\n.*at async outer /);
    globalThis.captureForEval = capture;
    // biome-ignore lint/security/noGlobalEval: the frame of an eval is what is tested
    const made = originOf(globalThis.eval('captureForEval()') as CapturedStack)?.frame;
    // As V8 has it: source maps do not reach into such a frame.
    assert.match(made?.file ?? '', /[/\\]origin\.test\.[jt]s$/);
  });

  it('uses what an Error.prepareStackTrace of the application returns, when that is a text', () => {
    Error.prepareStackTrace = () => 'Error\n    at mapped (/app/source.ts:7:8)';
    const origin = originOf(leaveShop());
    assert.deepEqual(origin?.frame, { functionName: 'mapped', file: '/app/source.ts', line: 7, column: 8 });
  });

  for (const [what, prepare] of [
    ['call sites', (_: Error, sites: NodeJS.CallSite[]) => sites],
    ['nothing', () => undefined],
    ['an object', () => ({})],
  ] as const) {
    it(`formats the stack itself when such a function returns ${what}`, () => {
      Error.prepareStackTrace = prepare as never;
      assert.equal(originOf(leaveShop())?.frame?.functionName, 'leaveShop');
      assert.equal(Error.prepareStackTrace, prepare, 'it is left as it was');
    });
  }

  it('formats the stack itself when such a function throws', () => {
    const prepare = (): never => {
      throw new Error('broken');
    };
    Error.prepareStackTrace = prepare;
    assert.equal(originOf(leaveShop())?.frame?.functionName, 'leaveShop');
    assert.equal(Error.prepareStackTrace, prepare);
  });

  it('calls such a function with Error as this, and once', () => {
    const calls: unknown[] = [];
    Error.prepareStackTrace = function (this: unknown) {
      calls.push(this);
      return '';
    };
    originOf(leaveShop());
    assert.deepEqual(calls, [Error]);
  });

  it('does not throw when such a function throws and cannot be replaced', () => {
    Object.defineProperty(Error, 'prepareStackTrace', {
      value: () => {
        throw new Error('broken');
      },
      writable: false,
      configurable: true,
    });
    assert.equal(originOf(leaveShop()), undefined);
  });

  it('uses a text of such a function that cannot be replaced', () => {
    Object.defineProperty(Error, 'prepareStackTrace', {
      value: () => '    at mapped (/app/source.ts:7:8)',
      writable: false,
      configurable: true,
    });
    assert.equal(originOf(leaveShop())?.frame?.functionName, 'mapped');
  });
});

describe('originOf a stack of which all frames of this turn are of a library', () => {
  let folder: string;
  let library: Library;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'origin-'));
    const file = join(folder, 'node_modules', 'impatient', 'index.mjs');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, IMPATIENT);
    library = (await import(pathToFileURL(file).href)) as Library;
  });
  after(() => rm(folder, { recursive: true }));

  const capture = (): CapturedStack => new CapturedStack(capture, 40);

  it('names the function of the application that awaits the library', async () => {
    async function checkOut(): Promise<CapturedStack> {
      return await library.afterAwait(capture);
    }
    const stack = await checkOut();
    assert.equal(originOf(stack)?.frame?.functionName, 'checkOut');
    assert.match(
      originOf(stack)?.stacktrace ?? '',
      /at giveUp .*\n.*at (?:Module\.)?afterAwait .*\n.*at async checkOut /,
    );
    assert.ok(!isOfLibrary(stack));
  });

  it('names it however deep the library awaits itself', async () => {
    async function checkOut(): Promise<CapturedStack> {
      return await library.deep(capture);
    }
    assert.equal(originOf(await checkOut())?.frame?.functionName, 'checkOut');
  });

  it('names the library where it calls from a timer, of which V8 does not tell who awaits it', async () => {
    async function checkOut(): Promise<CapturedStack> {
      return await library.fromTimer(capture);
    }
    const stack = await checkOut();
    assert.equal(originOf(stack)?.frame?.functionName, 'giveUp');
    assert.ok(isOfLibrary(stack) && isTimerOfLibrary(stack));
  });
});

interface Library {
  readonly afterAwait: (capture: () => CapturedStack) => Promise<CapturedStack>;
  readonly deep: (capture: () => CapturedStack) => Promise<CapturedStack>;
  readonly fromTimer: (capture: () => CapturedStack) => Promise<CapturedStack>;
}

const IMPATIENT = `
  const giveUp = (capture) => capture();
  export async function afterAwait(capture) {
    await new Promise(setImmediate);
    return giveUp(capture);
  }
  export async function deep(capture) {
    const middle = async () => await afterAwait(capture);
    return await middle();
  }
  export async function fromTimer(capture) {
    return await new Promise((resolve) => setTimeout(() => resolve(giveUp(capture)), 1));
  }
`;

describe('formatFrame', () => {
  const frame = { functionName: 'leave', file: '/app/shop.js', line: 10, column: 5 };

  it('is function, file, line and column', () => {
    assert.equal(formatFrame(frame), 'leave (/app/shop.js:10:5)');
  });

  it('keeps 256 characters and leaves the start of a longer path out', () => {
    const room = 256 - 'leave (:10:5)'.length;
    const longest = `/${'d'.repeat(room - 1)}`;
    assert.equal(formatFrame({ ...frame, file: longest }), `leave (${longest}:10:5)`);
    const cut = formatFrame({ ...frame, file: `/${'d'.repeat(room - 7)}shop.js` });
    assert.equal(cut.length, 256);
    assert.match(cut, /^leave \(…d+shop\.js:10:5\)$/);
  });

  it('keeps 100 characters of the name of the function', () => {
    assert.ok(formatFrame({ ...frame, functionName: 'f'.repeat(100) }).startsWith(`${'f'.repeat(100)} (`));
    assert.ok(formatFrame({ ...frame, functionName: 'f'.repeat(101) }).startsWith(`${'f'.repeat(99)}… (`));
    assert.ok(formatFrame({ ...frame, functionName: 'f'.repeat(1e6), file: 'd'.repeat(1e6) }).length <= 256);
  });

  it('never leaves half a surrogate pair', () => {
    for (const prefix of ['', 'd']) {
      const text = formatFrame({ ...frame, file: prefix + '😀'.repeat(300) });
      assert.ok(text.length <= 256);
      assert.equal(Buffer.from(text).toString(), text);
    }
  });
});

describe('whose stack it is', () => {
  const library = '    at abort (/app/node_modules/client/index.js:1:2)';
  const application = '    at leave (/app/shop.js:3:4)';
  const timer = '    at listOnTimeout (node:internal/timers:581:17)';
  const stacks: [name: string, lines: string[], isOfLibrary: boolean, isTimerOfLibrary: boolean][] = [
    ['a timer of a library', [library, timer], true, true],
    ['a library that the application called', [library, application], false, false],
    ['a library that a timer of the application called', [library, application, timer], false, false],
    ['a timer of the application', [application, timer], false, false],
    ['a library', [library], true, false],
    ['Node', [timer], true, false],
    ['nobody', [], true, false],
  ];
  for (const [name, lines, ofLibrary, timerOfLibrary] of stacks) {
    it(name, () => {
      const stack = ['Error', ...lines].join('\n');
      assert.equal(isOfLibrary(stack), ofLibrary);
      assert.equal(isTimerOfLibrary(stack), timerOfLibrary);
    });
  }
});

declare global {
  var captureForEval: () => CapturedStack;
}
