/** What a test of the api-server project uses of the control plane that vitest-setup.ts started. */
import { inject } from 'vitest';
import { createClient } from '../../kube/client.ts';
import { loadConfig } from '../../kube/config.ts';
import type { ApiClient } from '../../kube/types.ts';
import { runKubectl, type CommandResult } from './kubectl.ts';
import type { ControlPlane } from './start.ts';

/** The part of a ControlPlane that can travel to the test's process. */
export type SharedControlPlane = Pick<
  ControlPlane,
  'url' | 'token' | 'caFile' | 'kubeconfig' | 'kubectlBinary' | 'directory'
>;

declare module 'vitest' {
  interface ProvidedContext {
    controlPlane: SharedControlPlane;
  }
}

/** Shared by all test files: objects need names of their own, and nobody stops or restarts its servers. */
export const sharedControlPlane = (): SharedControlPlane => inject('controlPlane');

/** kubectl as the administrator of the shared control plane. */
export function kubectl(args: readonly string[], stdin?: string): Promise<CommandResult> {
  const { kubectlBinary, kubeconfig } = sharedControlPlane();
  return runKubectl(kubectlBinary, kubeconfig, args, stdin);
}

/** A client of the shared control plane: as the administrator, or as the user of `kubeconfig`. Close it after the tests. */
export async function testClient(
  kubeconfig: string = sharedControlPlane().kubeconfig,
): Promise<ApiClient & { close(): void }> {
  return createClient(await loadConfig({ env: {}, kubeconfig }), { userAgent: 'test' });
}
