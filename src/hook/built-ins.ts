/**
 * Modules of Node whose functions are replaced. Not by `import`, which evaluates all that a module exports: of
 * `node:http` that loads the undici in Node, which makes itself the global dispatcher before the application's own
 * copy can.
 */
export const http: typeof import('node:http') = process.getBuiltinModule('node:http');
export const https: typeof import('node:https') = process.getBuiltinModule('node:https');
export const http2: typeof import('node:http2') = process.getBuiltinModule('node:http2');
