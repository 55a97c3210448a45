/** Makes dist/: compiled files, entries for require(), and the parts of OpenTelemetry's SDK that `register` brings along. */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleCommand } from './bundle-command.ts';
import { bundleSdk } from './bundle-sdk.ts';
import { writeCommonJsEntries } from './commonjs-entries.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = fileURLToPath(new URL('bin/tsc', import.meta.resolve('typescript/package.json')));

rmSync(`${root}dist`, { recursive: true, force: true });
const { status } = spawnSync(process.execPath, [tsc, '-p', `${root}tsconfig.json`], { stdio: 'inherit' });
if (status !== 0) process.exit(1);
writeCommonJsEntries(root);
await bundleSdk(root);
await bundleCommand(root);
