/** grpc-js in the bundle of an application is in no file that could be found: it is said, once. */
import { readFileSync } from 'node:fs';
import { bundleFile } from '../../cancellation/own-files.ts';
import { complain } from '../../self-report.ts';
import { GRPC_PACKAGE } from './internals.ts';

/** A name in grpc-js, in every version, that nobody else has. Not written as such, since this file is in the bundle, too. */
const NAME_IN_GRPC = /resolving[_]load_balancer/;
let isTold = false;

export function tellBundled(): void {
  if (bundleFile === undefined || isTold || !isGrpcIn(bundleFile)) return;
  isTold = true;
  complain(
    'library',
    `${GRPC_PACKAGE} is bundled in ${bundleFile}: its calls are not seen. Keep it outside of the bundle (external)`,
  );
}

function isGrpcIn(file: string): boolean {
  try {
    return NAME_IN_GRPC.test(readFileSync(file, 'utf8'));
  } catch {
    return false; // no file: a bundle that is evaluated
  }
}
