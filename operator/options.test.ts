import { describe, expect, test } from 'vitest';
import { parseCommand } from './options.ts';

const defaults = {
  kubeconfig: undefined,
  namespace: undefined,
  identity: undefined,
  leaderElect: true,
  listen: '0.0.0.0:8080',
  logLevel: 'info',
};

describe('parseCommand', () => {
  test.each([
    ['nothing', [], {}, {}],
    ['a flag', ['--namespace', 'ns'], {}, { namespace: 'ns' }],
    ['the environment', [], { POD_NAMESPACE: 'ns', POD_NAME: 'me' }, { namespace: 'ns', identity: 'me' }],
    ['a flag goes before the environment', ['--identity=flag'], { POD_NAME: 'env' }, { identity: 'flag' }],
    ['an empty variable is none', [], { LISTEN: '', LEADER_ELECT: '' }, {}],
    ['no election', ['--leader-elect=false'], {}, { leaderElect: false }],
    ['an address', ['--listen', '127.0.0.1:0'], {}, { listen: '127.0.0.1:0' }],
    ['IPv6', [], { LISTEN: '[::]:8080' }, { listen: '[::]:8080' }],
    ['a kubeconfig', ['--kubeconfig', '/k'], {}, { kubeconfig: '/k' }],
    ['KUBECONFIG is read by the loader', [], { KUBECONFIG: '/a:/b' }, {}],
    ['a level', ['--log-level=debug'], {}, { logLevel: 'debug' }],
  ])('%s', (_, args, env, expected) => {
    expect(parseCommand(args, env)).toEqual({ run: { ...defaults, ...expected } });
  });

  test.each([
    [['--nonsense'], {}, /nonsense/],
    [['word'], {}, /word/],
    [['--listen', '8080'], {}, /--listen \[LISTEN\]: "8080" is not an address/],
    [['--listen', 'a:99999'], {}, /"a:99999" is not an address/],
    [[], { LEADER_ELECT: 'yes' }, /--leader-elect \[LEADER_ELECT\] must be true or false, not yes/],
    [['--log-level', 'loud'], {}, /must be one of debug, info/],
  ])('%j %j is wrong usage', (args, env, message) => {
    const command = parseCommand(args, env);
    expect('usageError' in command && command.usageError).toMatch(message);
  });

  test.each(['version', 'help'] as const)('--%s', (print) => {
    expect(parseCommand([`--${print}`], {})).toEqual({ print });
  });
});
