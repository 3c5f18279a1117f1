/** Starts one control plane for all `*.api.test.ts`, with the CRDs and with controllers that leave Nodes alone. */
import type { TestProject } from 'vitest/node';
import { CONTROLLERS_WITHOUT_NODES } from './flags.ts';
import { startControlPlane } from './start.ts';

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const plane = await startControlPlane({ crds: true, controllers: CONTROLLERS_WITHOUT_NODES });
  const { url, token, caFile, kubeconfig, kubectlBinary, directory } = plane;
  project.provide('controlPlane', { url, token, caFile, kubeconfig, kubectlBinary, directory });
  return () => plane.stop();
}
