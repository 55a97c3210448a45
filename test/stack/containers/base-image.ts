/** What the images stand on: Debian's smallest system with the tools of the health checks, kept in the user's cache. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { announced, userCache } from '../../support/go-program.ts';

/** busybox for `wget`, which Alpine's images have from it as well. */
const packages = ['busybox-static', 'curl'];
const limitMs = 15 * 60_000;

/** The release is that of this machine: its programs are to run there. */
export async function findOrMakeBase(): Promise<string> {
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  if (codename === undefined) throw new Error('/etc/os-release names no release of Debian');
  const base = join(userCache(), `base-image-${codename}-${process.arch}-${packages.join('-')}.tar`);
  if (existsSync(base)) return base;
  await announced(`making a base image of Debian ${codename} with debootstrap`, () => make(codename, base));
  return base;
}

async function make(codename: string, base: string): Promise<void> {
  mkdirSync(dirname(base), { recursive: true });
  const folder = mkdtempSync('/var/tmp/base-image-');
  const system = join(folder, 'system');
  try {
    await run('debootstrap', ['--variant=minbase', `--include=${packages.join(',')}`, codename, system]);
    await run('ln', ['-s', '/bin/busybox', join(system, 'usr/bin/wget')]);
    const unneeded = ['./var/cache', './var/lib/apt', './usr/share/doc', './usr/share/locale', './dev'];
    const tar = join(folder, 'base.tar');
    await run('tar', ['-C', system, '-c', '-f', tar, ...unneeded.map((path) => `--exclude=${path}`), '.']);
    // Renamed when complete, from the same file system: nobody may import half of it.
    await run('cp', [tar, `${base}.${process.pid}`]);
    renameSync(`${base}.${process.pid}`, base);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(command: string, args: readonly string[]): Promise<void> {
  await promisify(execFile)(command, args, { timeout: limitMs, maxBuffer: 100_000_000 });
}
