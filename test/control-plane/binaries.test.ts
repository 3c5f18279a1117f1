import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cacheDirectory, findBinaries, PROGRAMS } from './binaries.ts';
import { compile } from './compile.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'binaries-'));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

const program = (directory: string, name: string, script = 'exit 0'): string => {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
};

describe('the programs come from', () => {
  it('the cache, when they are there: go is not asked', async () => {
    const directory = cacheDirectory(home);
    for (const name of PROGRAMS) program(directory, name);
    const found = await findBinaries(PROGRAMS, { env: { PATH: '/nonexistent' }, home });
    expect(found).toEqual(Object.fromEntries(PROGRAMS.map((name) => [name, join(directory, name)])));
  });

  it('KUBEBUILDER_ASSETS before the cache, and the cache for what is not in there', async () => {
    const assets = join(home, 'assets');
    for (const name of ['etcd', 'kube-apiserver', 'kubectl']) program(assets, name);
    const directory = cacheDirectory(home);
    for (const name of PROGRAMS) program(directory, name);
    const found = await findBinaries(PROGRAMS, { env: { KUBEBUILDER_ASSETS: assets }, home });
    expect(found).toEqual({
      etcd: join(assets, 'etcd'),
      'kube-apiserver': join(assets, 'kube-apiserver'),
      kubectl: join(assets, 'kubectl'),
      'kube-controller-manager': join(directory, 'kube-controller-manager'),
      'kube-scheduler': join(directory, 'kube-scheduler'),
    });
  });

  it('KUBEBUILDER_ASSETS alone when nothing else is asked for: nothing is built', async () => {
    const assets = join(home, 'assets');
    for (const name of ['etcd', 'kube-apiserver', 'kubectl']) program(assets, name);
    const env = { KUBEBUILDER_ASSETS: assets, PATH: '/nonexistent' };
    const found = await findBinaries(['etcd', 'kube-apiserver'], { env, home });
    expect(found.etcd).toBe(join(assets, 'etcd'));
    expect(existsSync(cacheDirectory(home))).toBe(false);
  });
});

describe('one error says what to do', () => {
  it('when KUBEBUILDER_ASSETS lacks a program', async () => {
    program(home, 'etcd');
    await expect(findBinaries(['etcd'], { env: { KUBEBUILDER_ASSETS: home }, home })).rejects.toThrow(
      `KUBEBUILDER_ASSETS=${home} has no kube-apiserver, no kubectl: point it at`,
    );
  });

  it('when Go is missing', async () => {
    await expect(findBinaries(['etcd'], { env: { PATH: '/nonexistent' }, home })).rejects.toThrow(
      /^the control plane cannot be built, go does not start: install Go >= 1\.26 .*, or set KUBEBUILDER_ASSETS/,
    );
  });

  it('when the build fails, with what go said and without a half-built program', async () => {
    const bin = join(home, 'bin');
    program(bin, 'go', 'echo "k8s.io/api/core/v1" >&2; echo "go: no such module" >&2; exit 1');
    await expect(findBinaries(['etcd'], { env: { PATH: bin }, home })).rejects.toThrow(
      /install Go >= 1\.26[^]*go build said:\ngo: no such module$/,
    );
    expect(existsSync(join(cacheDirectory(home), 'control-plane'))).toBe(false);
    expect(existsSync(join(cacheDirectory(home), 'build.pid'))).toBe(false);
  });
});

describe('a build', () => {
  const build = (count: string) => {
    const bin = join(home, 'bin');
    // The argument after -o is the output; each run leaves a mark.
    program(bin, 'go', `echo run >>${count}; while [ "$1" != -o ]; do shift; done; cp "$0" "$2"`);
    const said: string[] = [];
    return {
      said,
      options: {
        module: home,
        linkerFlags: '-s',
        directory: join(home, 'out'),
        names: ['etcd', 'kubectl'],
        env: { PATH: `${bin}:/usr/bin:/bin` },
        say: (line: string) => void said.push(line),
      },
    };
  };

  it('is done once when two ask at the same time, and the other waits', async () => {
    const count = join(home, 'count');
    const { options, said } = build(count);
    await Promise.all([compile(options), compile(options)]);
    expect(readFileSync(count, 'utf8')).toBe('run\n');
    expect(said.filter((line) => line.includes('waiting'))).toHaveLength(1);
    expect(readFileSync(join(options.directory, 'kubectl'), 'utf8')).toContain('#!/bin/sh');
  });

  it('goes on after a builder that died', async () => {
    const count = join(home, 'count');
    const { options } = build(count);
    const dead = spawn('true');
    await new Promise((resolve) => dead.once('exit', resolve));
    mkdirSync(options.directory);
    writeFileSync(join(options.directory, 'build.pid'), String(dead.pid));
    await compile(options);
    expect(readFileSync(count, 'utf8')).toBe('run\n');
  });
});
