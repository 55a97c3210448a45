import type { ContractCase } from './contract.ts';
import type { Http2Lab } from './http2-lab.ts';
export async function libraryCases(_lab: Http2Lab): Promise<ContractCase[]> {
  return [];
}
