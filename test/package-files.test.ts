/** Files of packages that an integration names: seen in each copy, of the versions it knows, before anybody uses them. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import nodeModule, { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { before, CancellationInstrumentation, type PackageFile } from '../src/index.ts';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'cancellation-files-')));
let folder: string;
let load: NodeJS.Require;
let folders = 0;
const patched: string[] = [];
const diagnostics: string[] = [];
const keep = (...args: unknown[]): number => diagnostics.push(args.map(String).join(' '));
diag.setLogger(
  { error: keep, warn: keep, info() {}, debug() {}, verbose() {} },
  { logLevel: DiagLogLevel.WARN },
);
let instrumentation: CancellationInstrumentation;

after(() => rmSync(root, { recursive: true, force: true }));
beforeEach(() => {
  folder = join(root, String(folders++));
  write('app.js', '');
  load = createRequire(join(folder, 'app.js'));
  for (const file of Object.keys(load.cache)) if (file.startsWith(root)) delete load.cache[file];
  patched.length = 0;
  diagnostics.length = 0;
});
afterEach(() => instrumentation.disable());

function write(path: string, text: string): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** A package whose main file requires `lib/desk.js`, which the integration names. */
function install(name: string, version: string | undefined, below = ''): void {
  const at = `${below}node_modules/${name}`;
  write(`${at}/package.json`, JSON.stringify({ name, version, main: 'main.js' }));
  write(`${at}/main.js`, "const { size } = require('./lib/desk.js'); exports.sizeAtLoad = size;");
  write(`${at}/lib/desk.js`, 'exports.size = 1;');
}

function watch(supportedVersions: readonly string[], packageName = 'shop', enabled = true): void {
  const file: PackageFile = {
    packageName,
    supportedVersions,
    path: 'lib/desk.js',
    missedWhenLate: 'orders under way',
    patch(moduleExports, _host, _installation, version) {
      const desk = moduleExports as { size: number };
      patched.push(String(version));
      desk.size++;
      return () => {
        desk.size--;
      };
    },
  };
  instrumentation = new CancellationInstrumentation({
    integrations: [{ name: 'shop', files: [file] }],
    enabled,
  });
}

describe('a file of a package', () => {
  it('is patched before the file that requires it goes on', () => {
    install('shop', '1.2.3');
    watch(['>=1 <2']);
    assert.equal(load('shop').sizeAtLoad, 2);
    assert.deepEqual(patched, ['1.2.3']);
  });

  it('is patched before an ES module that imports it runs', async () => {
    install('shop', '1.2.3');
    watch(['>=1 <2']);
    write('app.mjs', "import { size } from 'shop/lib/desk.js'; export const seen = size;");
    const { seen } = await import(pathToFileURL(join(folder, 'app.mjs')).href);
    assert.equal(seen, 2);
  });

  it('of a package with a scope is patched', () => {
    install('@shop/desk', '1.2.3');
    watch(['>=1 <2'], '@shop/desk');
    assert.equal(load('@shop/desk').sizeAtLoad, 2);
  });

  it('is patched in each copy, by the version of the copy', () => {
    install('shop', '1.0.0');
    install('shop', '1.9.9', 'node_modules/other/');
    watch(['>=1 <2']);
    load('shop');
    load('./node_modules/other/node_modules/shop');
    assert.deepEqual(patched, ['1.0.0', '1.9.9']);
  });

  it('of the same path in another package, or below one, is left alone', () => {
    install('other', '1.0.0');
    install('other', '1.0.0', 'node_modules/shop/');
    write('lib/desk.js', 'exports.size = 1;');
    watch(['*']);
    for (const name of ['other', './node_modules/shop/node_modules/other', './lib/desk.js']) load(name);
    assert.deepEqual(patched, []);
  });

  for (const [range, version] of [
    ['^1.2.3', '1.9.0'],
    ['~1.2', '1.2.9'],
    ['1.x || >=3.1.0 <4', '3.1.0'],
    ['>=1.0.0 <2', '1.0.0'],
    ['*', undefined],
  ] as const) {
    it(`of version ${version} is in the range ${range}`, () => {
      install('shop', version);
      watch([range]);
      load('shop');
      assert.deepEqual(patched, [String(version)]);
      assert.deepEqual(diagnostics, []);
    });
  }

  for (const [range, version] of [
    ['>=1.0.0 <2', '2.0.0'],
    ['>=1.0.0 <2', '0.9.9'],
    ['>=1.0.0 <2', '1.5.0-beta.1'],
    ['>=1.0.0 <2', undefined],
    ['not a range', '1.0.0'],
  ] as const) {
    it(`of version ${version} is not in the range ${range}, which is said once`, () => {
      install('shop', version);
      install('shop', version, 'node_modules/other/');
      watch([range]);
      assert.equal(load('shop').sizeAtLoad, 1);
      load('./node_modules/other/node_modules/shop');
      assert.deepEqual(patched, []);
      assert.deepEqual(diagnostics, [
        `opentelemetry-instrumentation-cancellation: shop ${version ?? 'of no version'} is not instrumented: supported is ${range}`,
      ]);
    });
  }

  it('that was loaded before is patched, and what is missed is said', () => {
    install('shop', '1.2.3');
    const desk = load('shop/lib/desk.js');
    watch(['>=1 <2']);
    assert.equal(desk.size, 2);
    assert.deepEqual(diagnostics, [
      'opentelemetry-instrumentation-cancellation: shop was loaded before this instrumentation was enabled: orders under way are not seen',
    ]);
  });

  it('that is loaded while nobody looks is patched by the next enable(), once', () => {
    install('shop', '1.2.3');
    watch(['>=1 <2'], 'shop', false);
    const desk = load('shop/lib/desk.js');
    assert.equal(desk.size, 1);
    instrumentation.enable();
    instrumentation.enable();
    assert.equal(desk.size, 2);
    instrumentation.disable();
    assert.equal(desk.size, 1);
    instrumentation.enable();
    assert.equal(desk.size, 2);
  });

  it('that is taken out of the cache and loaded again is patched again', () => {
    install('shop', '1.2.3');
    watch(['>=1 <2']);
    load('shop');
    for (const name of ['shop', 'shop/lib/desk.js']) delete load.cache[load.resolve(name)];
    assert.equal(load('shop').sizeAtLoad, 2);
    assert.deepEqual(patched, ['1.2.3', '1.2.3']);
  });

  it('that throws while it is loaded throws the same as without us', () => {
    install('shop', '1.2.3');
    write('node_modules/shop/lib/desk.js', "throw new Error('out of stock')");
    watch(['>=1 <2']);
    assert.throws(() => load('shop'), /^Error: out of stock$/);
    assert.deepEqual(patched, []);
  });

  it('whose patch throws is loaded all the same', () => {
    install('shop', '1.2.3');
    write('node_modules/shop/lib/desk.js', 'module.exports = null;');
    write('node_modules/shop/main.js', "exports.desk = require('./lib/desk.js');");
    watch(['>=1 <2']);
    assert.equal(load('shop').desk, null);
    assert.match(String(diagnostics), /shop: could not be installed/);
  });

  it('of an integration that cannot be installed is left alone, as are the hooks that it has already', () => {
    install('shop', '1.2.3');
    const target = { open: () => 'open' };
    let seen = 0;
    const patch = (): (() => void) => {
      seen++;
      return () => {};
    };
    instrumentation = new CancellationInstrumentation({
      integrations: [
        {
          name: 'shop',
          install(_host, installation) {
            before(target, 'open', installation, () => seen++);
            return before(target, 'close', installation, () => seen++);
          },
          files: [{ packageName: 'shop', supportedVersions: ['*'], path: 'lib/desk.js', patch }],
        },
        { name: 'market', install: () => () => {} },
      ],
    });
    assert.match(String(diagnostics), /shop: could not be installed TypeError: there is no function close/);
    assert.deepEqual(instrumentation.instruments, ['market']);
    assert.equal(target.open(), 'open');
    load('shop');
    assert.equal(seen, 0);
  });
});

describe('what watches the files', () => {
  it('is not there when no integration names one, nor after disable()', () => {
    const now = (): unknown => (nodeModule.prototype as unknown as { load: unknown }).load;
    const original = now();
    instrumentation = new CancellationInstrumentation({ integrations: [{ name: 'none' }] });
    assert.equal(now(), original);
    watch(['*']);
    assert.notEqual(now(), original);
    instrumentation.disable();
    assert.equal(now(), original);
  });

  it('is silent below what somebody has put on top of it', () => {
    install('shop', '1.2.3');
    watch(['>=1 <2']);
    const prototype = nodeModule.prototype as unknown as { load(filename: string): unknown };
    const below = prototype.load;
    prototype.load = function onTop(filename) {
      return below.call(this, filename);
    };
    instrumentation.disable();
    load('shop');
    assert.deepEqual(patched, []);
    instrumentation.enable();
    assert.deepEqual(patched, ['1.2.3']);
    instrumentation.disable();
    prototype.load = below;
  });
});
