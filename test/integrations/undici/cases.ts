/** Every undici that this Node can run, as the subject of the contract suite. */
import type { ContractSubject } from '../../support/contract.ts';
import type { Telemetry } from '../../support/telemetry.ts';
import { fetchCases } from './fetch-cases.ts';
import { http2Cases, startUndiciHttp2Server } from './http2-cases.ts';
import { loadUndici, undiciVersions } from './library.ts';
import { packageCases } from './package-cases.ts';
import { pipelineCases } from './pipeline-cases.ts';
import { proxyCases, startProxy } from './proxy-cases.ts';
import { startUndiciServer } from './server.ts';

export async function prepareUndici({ setup }: Telemetry): Promise<ContractSubject> {
  const server = await startUndiciServer();
  const http2Server = await startUndiciHttp2Server();
  const proxy = await startProxy();
  // Loads Node's own undici first, so that its dispatcher is the global one.
  new Request(server.origin);
  const versions = undiciVersions().map(loadUndici);
  return {
    cases: [
      // Bound late: what is under test is the function that replaces Node's.
      ...fetchCases({ name: 'global', fetch: (...args) => globalThis.fetch(...args), Request }, server),
      ...versions.flatMap((library) => [
        ...fetchCases(library, server),
        ...packageCases(library, server),
        ...pipelineCases(library, server),
        ...http2Cases(library, http2Server),
        ...proxyCases(library, server, proxy, setup),
      ]),
    ],
    async close() {
      await Promise.all(versions.map(({ agent }) => agent.destroy()));
      await server.close();
      http2Server.close();
      proxy.close();
    },
  };
}
