/** What is captured: `--interface` and `--port`. */
import { type Arguments, UsageError } from './arguments.ts';

export const LOOPBACK: string = process.platform === 'linux' ? 'lo' : 'lo0';

export function interfacesIn({ values }: Arguments): string[] {
  return listIn(values.get('interface') ?? LOOPBACK);
}

/** @throws {UsageError} */
export function portsIn({ values }: Arguments): number[] {
  const ports = listIn(values.get('port') ?? '');
  for (const port of ports)
    if (!/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
      throw new UsageError(`--port must be ports from 1 to 65535, as in 8080,50051, but has ${port}`);
  return ports.map(Number);
}

function listIn(text: string): string[] {
  return text.split(',').filter((each) => each !== '');
}
