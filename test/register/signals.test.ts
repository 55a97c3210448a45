/** Signals: the application sees nobody who waits for them, and each does what it does without us. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Collector, entry, runApp, startCollector } from './app.ts';

/** What the application can see of listeners, as text. */
const look = `
  const events = require('node:events');
  function look(when) {
    const of = (type) => [
      process.listeners(type).length, process.rawListeners(type).length, process.listenerCount(type),
      events.listenerCount(process, type), events.getEventListeners(process, type).length,
    ].join(' ');
    console.log(when, 'SIGTERM', of('SIGTERM'), 'SIGINT', of('SIGINT'), 'SIGHUP', of('SIGHUP'));
    console.log(process.eventNames().filter((name) => /^SIG/.test(String(name))).join());
    for (const type of ['newListener', 'removeListener'])
      console.log(type, of(type), process.listeners(type).map(({ name, length }) => name + length).join());
  }
  console.log(Object.keys(process).filter((key) => /listener|kill|on/i.test(key)).join());
  for (const key of ['listeners', 'rawListeners', 'listenerCount', 'eventNames', 'on', 'emit', 'removeAllListeners'])
    console.log(key, Object.hasOwn(process, key), process[key].name, process[key].length);
  console.log(process.kill.name, process.kill.length, JSON.stringify(process.getActiveResourcesInfo()));`;

const views: Readonly<Record<string, string>> = {
  'of an application without handlers': "look('none');",
  'of handlers that come and go': `
    const handler = () => {};
    process.on('SIGTERM', handler).once('SIGINT', handler).prependListener('SIGINT', handler);
    look('three');
    process.off('SIGTERM', handler).off('SIGINT', handler);
    look('one');
    process.removeAllListeners('SIGINT').removeAllListeners('SIGTERM');
    look('none');`,
  'after all listeners were taken off':
    "process.on('SIGTERM', () => {}); process.removeAllListeners(); look('none');",
};

const stay = "const timer = setInterval(() => {}, 1000); console.log('ready');";
/** Ends the process by the signal when nobody else has a listener, as the application finds out by this. */
const sole = (count: string): string => `
  process.on('SIGINT', function onSignal() {
    console.log('listeners', ${count});
    if (${count} !== 1) return;
    process.off('SIGINT', onSignal);
    process.kill(process.pid, 'SIGINT');
  });
  setTimeout(() => { console.log('stayed alive'); process.exit(1); }, 5000);`;

interface Case {
  readonly program: string;
  readonly signal?: NodeJS.Signals;
  readonly code?: number;
  readonly endedBy?: NodeJS.Signals;
}

const cases: Readonly<Record<string, Case>> = {
  'a handler that re-raises when it is alone by listenerCount()': {
    program: sole("process.listenerCount('SIGINT')"),
    signal: 'SIGINT',
    endedBy: 'SIGINT',
  },
  'a handler that re-raises when it is alone by rawListeners()': {
    program: sole("process.rawListeners('SIGINT').length"),
    signal: 'SIGINT',
    endedBy: 'SIGINT',
  },
  'a handler that re-raises when it is alone by events.listenerCount()': {
    program: sole("require('node:events').listenerCount(process, 'SIGINT')"),
    signal: 'SIGINT',
    endedBy: 'SIGINT',
  },
  'a handler that exits as a shell would say it': {
    program: "process.on('SIGINT', () => process.exit(130));",
    signal: 'SIGINT',
    code: 130,
  },
  'a handler of once() that goes on': {
    program: `process.once('SIGTERM', () => {
      console.log('once', process.listenerCount('SIGTERM'));
      setTimeout(() => { console.log('done'); clearInterval(timer); }, 100);
    });`,
    signal: 'SIGTERM',
    code: 0,
  },
  'a handler of once(), of which the second signal is not handled': {
    program: `process.once('SIGTERM', () => {
      console.log('once');
      setTimeout(() => process.kill(process.pid, 'SIGTERM'), 50);
    });`,
    signal: 'SIGTERM',
    endedBy: 'SIGTERM',
  },
  'a handler that was added and taken off later': {
    program: `const handler = () => console.log('never');
      setTimeout(() => process.on('SIGTERM', handler), 5);
      setTimeout(() => { process.off('SIGTERM', handler); process.kill(process.pid, 'SIGTERM'); }, 50);`,
    endedBy: 'SIGTERM',
  },
  'a handler that was taken off by removeAllListeners()': {
    program: "process.on('SIGTERM', () => console.log('never')); process.removeAllListeners('SIGTERM');",
    signal: 'SIGTERM',
    endedBy: 'SIGTERM',
  },
  'a handler that was taken off with all others': {
    program: "process.on('SIGTERM', () => console.log('never')); process.removeAllListeners();",
    signal: 'SIGTERM',
    endedBy: 'SIGTERM',
  },
  'a handler that is added when the other has gone': {
    program: `process.once('SIGTERM', () => {
      process.on('SIGTERM', () => { console.log('second'); process.exit(5); });
      setTimeout(() => process.kill(process.pid, 'SIGTERM'), 50);
    });`,
    signal: 'SIGTERM',
    code: 5,
  },
  'two handlers': {
    program: `process.on('SIGTERM', () => console.log('first'));
      process.on('SIGTERM', () => { console.log('second'); setTimeout(() => process.exit(6), 50); });`,
    signal: 'SIGTERM',
    code: 6,
  },
  'a handler of another signal': {
    program: "process.on('SIGINT', () => console.log('never'));",
    signal: 'SIGTERM',
    endedBy: 'SIGTERM',
  },
  'a signal that is emitted, not sent': {
    program: `console.log(process.emit('SIGTERM'), process.emit('SIGINT', 'SIGINT', 2));
      process.on('SIGTERM', (...args) => { console.log(...args); process.exit(0); });
      process.emit('SIGTERM', 'SIGTERM', 15);`,
    code: 0,
  },
  'process.kill() of itself, which does not return': {
    program: "process.kill(process.pid, 'SIGINT'); console.log('never');",
    endedBy: 'SIGINT',
  },
  'process.kill() of itself, without and with the number of a signal': {
    program: "process.kill(process.pid, 0); process.kill(process.pid, 15); console.log('never');",
    endedBy: 'SIGTERM',
  },
  'process.kill() of itself, handled': {
    program: `process.on('SIGTERM', () => { console.log('handled'); process.exit(0); });
      process.kill(process.pid, 'SIGTERM'); console.log('goes on');`,
    code: 0,
  },
  'process.kill() that is refused': {
    program: `for (const args of [[process.pid, 'SIGNONE'], ['none'], []]) {
        try { process.kill(...args); } catch (error) { console.log(error.message); }
      }
      process.exit(0);`,
    code: 0,
  },
  SIGHUP: { program: '', signal: 'SIGHUP', endedBy: 'SIGHUP' },
};

describe('signals', () => {
  let collector: Collector;
  before(async () => {
    collector = await startCollector();
  });
  after(() => collector.close());

  async function bothWays(program: string, signal?: NodeJS.Signals): Promise<object[]> {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    const options = { isModule: false, ...(signal === undefined ? {} : { signal }) };
    const endings = await Promise.all([
      runApp(program, { flags: [], ...options }),
      runApp(program, { flags: ['--require', entry], env, ...options }),
    ]);
    return endings.map(({ code, signal: endedBy, stdout, stderr }) => ({ code, endedBy, stdout, stderr }));
  }

  for (const [name, program] of Object.entries(views)) {
    it(`are listened to by nobody else in the eyes ${name}`, async () => {
      const [without, withUs] = await bothWays(`${look} ${program}`);
      assert.deepEqual(withUs, without);
    });
  }

  for (const [name, { program, signal, code = null, endedBy = null }] of Object.entries(cases)) {
    it(`do what they do: ${name}`, async () => {
      const [without, withUs] = await bothWays(`${program} ${stay}`, signal);
      assert.deepEqual(withUs, without);
      const { code: given, endedBy: by } = withUs as { code: unknown; endedBy: unknown };
      assert.deepEqual([given, by], [code, endedBy]);
    });
  }
});
