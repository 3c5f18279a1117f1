/** Pods that ask for a profile: label, node affinity and mount, as examples/vmm-pod.yaml has them. */
import { configMapName, PROFILE_LABEL, profileLabel } from '../crds/kinds.ts';

export const vmmPod = (name: string, profile: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { [PROFILE_LABEL]: profile } },
  spec: {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: profileLabel(profile), operator: 'In', values: ['true'] }] },
          ],
        },
      },
    },
    containers: [
      {
        name: 'vmm',
        image: 'example.invalid/your-vmm:1',
        volumeMounts: [{ name: 'cpu-profile', mountPath: '/etc/cpu-profile', readOnly: true }],
      },
    ],
    volumes: [{ name: 'cpu-profile', configMap: { name: configMapName(profile) } }],
  },
});
