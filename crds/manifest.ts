/** CustomResourceDefinitions as YAML: as they are, and as a template of the Helm chart. */
import { dump } from 'js-yaml';
import type { CustomResourceDefinition } from './definitions.ts';

const HEADER = '# Written by `npm run generate` from crds/*.ts.\n';
const toYaml = (crd: CustomResourceDefinition): string => dump(crd, { lineWidth: -1, noRefs: true });

export const manifest = (crd: CustomResourceDefinition): string => HEADER + toYaml(crd);

/** An uninstall must not take the CRD, and with it every object, away. */
export function chartTemplate(crd: CustomResourceDefinition): string {
  const kept = { ...crd, metadata: { ...crd.metadata, annotations: { 'helm.sh/resource-policy': 'keep' } } };
  return HEADER + toYaml(kept).replaceAll(/\{\{|\}\}/g, (braces) => `{{ "${braces}" }}`);
}
