import nodeModule from 'node:module';
import { after, describe, it } from 'node:test';
import { ALL, assertSeen, World } from './world.ts';

const CJS = `const grpc = require('@grpc/grpc-js');
const http = require('node:http');
const { visit } = require('./shop.cjs');
const { print } = require('./telemetry.cjs');
visit(grpc, http).then(print);
`;
const ESM = `import * as grpc from '@grpc/grpc-js';
import http from 'node:http';
import { visit } from './shop.cjs';
import { print } from './telemetry.cjs';
await visit(grpc, http);
await print();
`;

const world = new World({
  'app.cjs': CJS,
  'app.mjs': ESM,
  'whole.cjs': `require('./setup.cjs');\n${CJS}`,
  'whole.mjs': `import './setup.mjs';\n${ESM}`,
  'named.mjs': ESM.replace('import http from', 'import { Agent, createServer, get } from').replace(
    'visit(grpc, http)',
    'visit(grpc, { Agent, createServer, get })',
  ),
  'dynamic.mjs': `import './setup.mjs';
const [grpc, http, { visit }, { print }] = await Promise.all([
  import('@grpc/grpc-js'), import('node:http'), import('./shop.cjs'), import('./telemetry.cjs'),
]);
await visit(grpc, http);
await print();
`,
  // What the official instrumentations ask for in applications that are ES modules.
  'loader.mjs': `import { register } from 'node:module';
register('@opentelemetry/instrumentation/hook.mjs', import.meta.url);
await import('./setup.mjs');
`,
  'hooks.cjs': `require('node:module').registerHooks({
  resolve: (specifier, context, next) => next(specifier, context),
  load: (url, context, next) => next(url, context),
});
`,
  'official.cjs': `const { GrpcInstrumentation } = require('@opentelemetry/instrumentation-grpc');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
require('./telemetry.cjs').instrument(new GrpcInstrumentation(), new HttpInstrumentation());
`,
  'deep.mjs': ESM.replace(
    'import http',
    `import '@grpc/grpc-js/build/src/channel.js';
import '@grpc/grpc-js/build/src/server.js';
import http`,
  ),
  'node_modules/orders-client/package.json': JSON.stringify({ name: 'orders-client', main: 'index.js' }),
  'node_modules/orders-client/index.js': "exports.grpc = require('@grpc/grpc-js');",
  'library.mjs': ESM.replace("import * as grpc from '@grpc/grpc-js'", "import { grpc } from 'orders-client'"),
});

/** That loader registers itself in a way that Node 26 warns of. */
const UNDER_LOADER = ['--disable-warning=DEP0205', '--import', './loader.mjs'];
const TSX = ['--import', 'tsx'];

const worlds: Record<string, readonly string[]> = {
  'CommonJS, after --require': ['--require', './setup.cjs', 'app.cjs'],
  'CommonJS, after --import': ['--import', './setup.mjs', 'app.cjs'],
  'CommonJS that sets itself up': ['whole.cjs'],
  'an ES module, after --import': ['--import', './setup.mjs', 'app.mjs'],
  'an ES module, after --require': ['--require', './setup.cjs', 'app.mjs'],
  'an ES module that sets itself up by its first import': ['whole.mjs'],
  'an ES module with named imports of node:http': ['--import', './setup.mjs', 'named.mjs'],
  'an ES module with dynamic imports': ['dynamic.mjs'],
  'an ES module whose library requires grpc-js': ['--import', './setup.mjs', 'library.mjs'],
  'an ES module under the loader of import-in-the-middle': [...UNDER_LOADER, 'app.mjs'],
  'an ES module that imports files of grpc-js, under that loader': [...UNDER_LOADER, 'deep.mjs'],
  'CommonJS under tsx': ['--import', './setup.mjs', ...TSX, 'app.cjs'],
  'an ES module under tsx': ['--import', './setup.mjs', ...TSX, 'app.mjs'],
  'an ES module under tsx, which came first': [...TSX, '--import', './setup.mjs', 'app.mjs'],
  'CommonJS, the official instrumentations before': [
    '--require',
    './official.cjs',
    '--require',
    './setup.cjs',
    'app.cjs',
  ],
  'CommonJS, the official instrumentations after': [
    '--require',
    './setup.cjs',
    '--require',
    './official.cjs',
    'app.cjs',
  ],
  // From Node 22.15 on.
  ...('registerHooks' in nodeModule && {
    'CommonJS under hooks that came first': [
      '--require',
      './hooks.cjs',
      '--require',
      './setup.cjs',
      'app.cjs',
    ],
    'CommonJS under hooks that came last': [
      '--require',
      './setup.cjs',
      '--require',
      './hooks.cjs',
      'app.cjs',
    ],
    'an ES module under hooks that came first': [
      '--require',
      './hooks.cjs',
      '--require',
      './setup.cjs',
      'app.mjs',
    ],
    'an ES module under hooks that came last': [
      '--require',
      './setup.cjs',
      '--require',
      './hooks.cjs',
      'app.mjs',
    ],
  }),
};

describe('an application', () => {
  after(() => world.remove());

  for (const [name, args] of Object.entries(worlds)) {
    it(`in ${name}`, async () => assertSeen(await world.run(...args), ALL));
  }
});
