import { describe, expect, test } from 'vitest';
import type { CpuProfileSpec } from '../../../crds/cpu-profile.ts';
import { systemClock } from '../../../kube/clock.ts';
import { silentLogger } from '../../../kube/silent-logger.ts';
import { evaluate, type Evaluation } from './evaluate.ts';
import { Evaluations } from './evaluations.ts';
import type { ProfileView } from './views.ts';

const view = (changes: Partial<ProfileView> = {}): ProfileView => ({
  name: 'p',
  uid: 'u',
  resourceVersion: '1',
  generation: 1,
  spec: { vendor: 'intel', catalog: 'skylake' },
  status: undefined,
  ...changes,
});

describe('Evaluations', () => {
  const counting = () => {
    let calls = 0;
    const answer: Evaluation = { accepted: false, reason: 'R', message: 'm' };
    const evaluations = new Evaluations(systemClock, silentLogger, () => {
      calls += 1;
      return answer;
    });
    return { evaluations, calls: () => calls };
  };

  test.each<[string, Partial<ProfileView>, number]>([
    ['the same generation', {}, 1],
    ['a new status', { resourceVersion: '2' }, 1],
    ['a new generation', { generation: 2 }, 2],
    ['another object of that name', { uid: 'v' }, 2],
    ['another profile', { name: 'q' }, 2],
  ])('%s', async (_, changes, expected) => {
    const { evaluations, calls } = counting();
    await evaluations.of(view());
    await evaluations.of(view(changes));
    expect(calls()).toBe(expected);
  });

  test('two that ask at once share one evaluation', async () => {
    const { evaluations, calls } = counting();
    await Promise.all([evaluations.of(view()), evaluations.of(view())]);
    expect(calls()).toBe(1);
  });

  test('a profile that breaks the code is a condition, is logged, and others go on', async () => {
    const logged: object[] = [];
    const log = { ...silentLogger, error: (fields: object) => void logged.push(fields) };
    const evaluations = new Evaluations(systemClock, log, (name) => {
      if (name === 'hostile') throw new TypeError('cannot read property of undefined');
      return { accepted: false, reason: 'R', message: 'm' };
    });
    const [hostile, other] = await Promise.all([
      evaluations.of(view({ name: 'hostile' })),
      evaluations.of(view({ name: 'other' })),
    ]);
    expect(hostile).toMatchObject({ accepted: false, reason: 'InternalError' });
    expect('message' in hostile && hostile.message).toContain('cannot read property of undefined');
    expect(other).toMatchObject({ reason: 'R' });
    expect(logged).toMatchObject([{ profile: 'hostile' }]);
  });
});

describe('evaluate', () => {
  test('a catalogue profile: the hash is that of its files, and the same again', () => {
    const spec: CpuProfileSpec = { vendor: 'intel', catalog: 'skylake' };
    const [first, second] = [evaluate('a', spec), evaluate('b', spec)];
    expect(first).toMatchObject({ accepted: true, digest: expect.stringMatching(/^sha256:/) as string });
    expect(first.accepted && 'hash' in first.content && first.content.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(first.accepted && 'hash' in first.content && first.content.hash).toBe(
      second.accepted && 'hash' in second.content && second.content.hash,
    );
  });

  test('other formats are other files', () => {
    const hash = (formats?: ('kvm' | 'firecracker')[]) => {
      const result = evaluate('a', { vendor: 'intel', catalog: 'skylake', delivery: { formats } });
      return result.accepted && 'hash' in result.content && result.content.hash;
    };
    expect(new Set([hash(), hash(['kvm']), hash(['firecracker']), hash([])]).size).toBe(4);
    expect(hash(['kvm', 'firecracker'])).toBe(hash(['firecracker', 'kvm']));
  });

  test('many lint errors: the first three in full, the rest as a number', () => {
    const msrs = Array.from({ length: 8 }, (_, i) => `0x${(0x280 + i).toString(16)}`);
    const result = evaluate('a', { vendor: 'intel', data: { cpuid: [], requiredMsrs: msrs } });
    expect(result).toMatchObject({ accepted: false, reason: 'LintFailed' });
    expect('message' in result && result.message).toMatch(
      /^\w+: [^;]+; \w+: [^;]+; \w+: [^;]+ and \d+ more$/,
    );
  });
});
