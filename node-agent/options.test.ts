import { describe, expect, it } from 'vitest';
import { HELP, parseCommand } from './options.ts';

const run = (args: string[], env: Record<string, string> = {}) => {
  const command = parseCommand(args, env);
  return 'run' in command ? command.run : command;
};

describe('the command line of the agent', () => {
  it('has defaults for everything but the name of the Node', () => {
    expect(run(['--node-name', 'worker-1'])).toEqual({
      nodeName: 'worker-1',
      kubeconfig: undefined,
      device: '/dev/kvm',
      probeIntervalSeconds: 600,
      listen: '0.0.0.0:8081',
      logLevel: 'info',
    });
  });
  it('takes what is no flag from the environment, and an empty variable for none', () => {
    const env = { NODE_NAME: 'a', KVM_DEVICE: '/x', PROBE_INTERVAL: '60', LISTEN: ':1', LOG_LEVEL: 'debug' };
    expect(run([], env)).toMatchObject({
      nodeName: 'a',
      device: '/x',
      probeIntervalSeconds: 60,
      listen: ':1',
      logLevel: 'debug',
    });
    expect(run(['--node-name=b', '--device=/y'], { ...env, PROBE_INTERVAL: '' })).toMatchObject({
      nodeName: 'b',
      device: '/y',
      probeIntervalSeconds: 600,
    });
  });
  it('prints version and help', () => {
    expect(parseCommand(['--version'], {})).toEqual({ print: 'version' });
    expect(parseCommand(['--help'], {})).toEqual({ print: 'help' });
  });
  it.each([
    [[], '--node-name [NODE_NAME] is required'],
    [['--node-name', 'Worker_1'], '--node-name [NODE_NAME] is "Worker_1"'],
    [['--node-name', 'a/../b'], '--node-name'],
    [['--node-name', 'a', '--probe-interval', '0'], 'whole seconds from 1 to 86400, not "0"'],
    [['--node-name', 'a', '--probe-interval', '1.5'], 'not "1.5"'],
    [['--node-name', 'a', '--probe-interval', '86401'], 'not "86401"'],
    [['--node-name', 'a', '--listen', 'nowhere'], '--listen [LISTEN]'],
    [['--node-name', 'a', '--log-level', 'loud'], 'must be one of debug'],
    [['--node-name', 'a', '--proof', 'off'], '--proof'],
    [['--node-name', 'a', 'stray'], 'stray'],
  ])('refuses %j in one line', (args, part) => {
    const command = parseCommand(args, {});
    expect(command).toHaveProperty('usageError', expect.stringContaining(part));
  });
  it('describes every flag and variable in its help', () => {
    for (const word of [
      'NODE_NAME',
      'KUBECONFIG',
      'KVM_DEVICE',
      'PROBE_INTERVAL',
      'LISTEN',
      'LOG_LEVEL',
      'SIGHUP',
    ]) {
      expect(HELP).toContain(word);
    }
  });
});
