/**
 * The resource, readable at any time. The SDK's own has attributes that are still being found out (the machine's id),
 * complains when it is read before, and is waited for; a process that ends early would lose what it has to say.
 */
import { readFileSync } from 'node:fs';
import { arch, hostname } from 'node:os';
import type { Attributes, AttributeValue } from '@opentelemetry/api';
import type { Resource, ResourceDetector } from '@opentelemetry/resources';
import type { DetectorName } from './environment.ts';
import {
  defaultResource,
  detectResources,
  envDetector,
  hostDetector,
  osDetector,
  processDetector,
  serviceInstanceIdDetector,
} from './sdk-packages.ts';

/**
 * The SDK's own reads a file beside the program, which a short one then has to wait for at its end. Elsewhere than on Linux it
 * asks another program, which would take too long here.
 */
const linuxHostDetector: ResourceDetector = {
  detect() {
    const host = { 'host.name': hostname(), 'host.arch': ARCHITECTURES[arch()] ?? arch() };
    const id = MACHINE_ID_FILES.map(textOf).find((text) => text !== undefined);
    return { attributes: id === undefined ? host : { ...host, 'host.id': id } };
  },
};

const MACHINE_ID_FILES = ['/etc/machine-id', '/var/lib/dbus/machine-id'];
/** Those that OpenTelemetry calls otherwise than Node. */
const ARCHITECTURES: Readonly<Record<string, string>> = { arm: 'arm32', ppc: 'ppc32', x64: 'amd64' };

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

const DETECTORS = {
  env: envDetector,
  host: process.platform === 'linux' ? linuxHostDetector : hostDetector,
  os: osDetector,
  process: processDetector,
  serviceinstance: serviceInstanceIdDetector,
} satisfies Record<DetectorName, unknown>;

export function resourceOf(names: readonly DetectorName[]): Resource {
  const detectors = names.map((name) => DETECTORS[name]);
  return new KnownResource(defaultResource().merge(detectResources({ detectors })));
}

/** A class, since the SDK copies the plain objects of its configuration, and this one grows. */
class KnownResource implements Resource {
  readonly attributes: Attributes = {};
  readonly #detected: Resource;

  constructor(detected: Resource) {
    this.#detected = detected;
    for (const [key, value] of detected.getRawAttributes()) {
      // What is found out later is there from then on; the SDK has seen to it that none of them rejects.
      if (value instanceof Promise) value.then((found) => this.#add(key, found));
      else this.#add(key, value as AttributeValue | undefined);
    }
  }

  merge(other: Resource | null): Resource {
    return this.#detected.merge(other);
  }

  getRawAttributes(): ReturnType<Resource['getRawAttributes']> {
    return this.#detected.getRawAttributes();
  }

  /** Of two values the first one counts. */
  #add(key: string, value: AttributeValue | undefined): void {
    if (value !== undefined) this.attributes[key] ??= value;
  }
}
