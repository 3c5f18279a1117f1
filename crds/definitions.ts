/** The four CustomResourceDefinitions: names, columns and schemas. */
import type * as z from 'zod';
import { cpuBaseline } from './cpu-baseline.ts';
import { cpuProfile } from './cpu-profile.ts';
import { cpuSnapshot } from './cpu-snapshot.ts';
import { CPU_BASELINES, CPU_PROFILES, CPU_SNAPSHOTS, GROUP, NODE_CPUS, VERSION } from './kinds.ts';
import { nodeCpu } from './node-cpu.ts';
import { toStructural, type Structural } from './structural.ts';

interface Column {
  name: string;
  type: 'string' | 'integer' | 'boolean' | 'date';
  jsonPath: string;
  description?: string;
  /** 1: only with `-o wide`. */
  priority?: 1;
}

interface Kind {
  resource: { plural: string; kind: string };
  shortName: string;
  type: z.ZodType;
  /** Those without a priority fit 100 columns even where kubectl prefixes names with kind and group. */
  columns: readonly Column[];
}

export interface CustomResourceDefinition {
  apiVersion: 'apiextensions.k8s.io/v1';
  kind: 'CustomResourceDefinition';
  metadata: { name: string; annotations?: Record<string, string> };
  spec: {
    group: string;
    scope: 'Cluster';
    names: Record<'kind' | 'listKind' | 'plural' | 'singular', string> & { shortNames: string[] };
    versions: {
      name: string;
      served: true;
      storage: true;
      additionalPrinterColumns: Column[];
      subresources?: { status: Record<string, never> };
      schema: { openAPIV3Schema: Structural };
    }[];
  };
}

const condition = (type: string, field: 'status' | 'reason'): string =>
  `.status.conditions[?(@.type=="${type}")].${field}`;
const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const wide = (column: Column): Column => ({ ...column, priority: 1 });

const KINDS: readonly Kind[] = [
  {
    resource: CPU_PROFILES,
    shortName: 'cpup',
    type: cpuProfile,
    columns: [
      { name: 'Vendor', type: 'string', jsonPath: '.spec.vendor' },
      {
        name: 'Yes',
        type: 'integer',
        jsonPath: '.status.nodes.compatible',
        description: 'Nodes that can run it',
      },
      {
        name: 'No',
        type: 'integer',
        jsonPath: '.status.nodes.incompatible',
        description: 'Nodes that cannot',
      },
      {
        name: 'Unknown',
        type: 'integer',
        jsonPath: '.status.nodes.unknown',
        description: 'Nodes that cannot tell',
      },
      { name: 'Ready', type: 'string', jsonPath: condition('Ready', 'status') },
      age,
      wide({
        name: 'Held',
        type: 'integer',
        jsonPath: '.status.nodes.held',
        description: 'Labels kept on nodes that are no longer compatible',
      }),
      wide({ name: 'ConfigMaps', type: 'integer', jsonPath: '.status.configMaps' }),
      wide({ name: 'Catalog', type: 'string', jsonPath: '.spec.catalog' }),
      wide({ name: 'Reason', type: 'string', jsonPath: condition('Ready', 'reason') }),
    ],
  },
  {
    resource: CPU_SNAPSHOTS,
    shortName: 'cpus',
    type: cpuSnapshot,
    columns: [
      { name: 'Vendor', type: 'string', jsonPath: '.spec.vendor' },
      { name: 'Source', type: 'string', jsonPath: '.spec.source' },
      { name: 'Partial', type: 'boolean', jsonPath: '.spec.partial' },
      age,
      wide({ name: 'MSR Filter', type: 'boolean', jsonPath: '.spec.capabilities.msrFilter' }),
      wide({ name: 'Nested', type: 'boolean', jsonPath: '.spec.capabilities.nested' }),
    ],
  },
  {
    resource: NODE_CPUS,
    shortName: 'ncpu',
    type: nodeCpu,
    columns: [
      { name: 'Snapshot', type: 'string', jsonPath: '.status.snapshot' },
      { name: 'Probed', type: 'string', jsonPath: condition('Probed', 'status') },
      {
        name: 'Observed',
        type: 'date',
        jsonPath: '.status.observedAt',
        description: 'Time of the last probe, to the hour',
      },
      wide({ name: 'Labelled', type: 'string', jsonPath: condition('Labelled', 'status') }),
      wide({ name: 'CPU', type: 'string', jsonPath: '.status.provenance.cpu' }),
      wide({ name: 'Microcode', type: 'string', jsonPath: '.status.provenance.microcode' }),
      wide({ name: 'Kernel', type: 'string', jsonPath: '.status.provenance.kernel' }),
      wide({ name: 'Reason', type: 'string', jsonPath: condition('Probed', 'reason') }),
      wide(age),
    ],
  },
  {
    resource: CPU_BASELINES,
    shortName: 'cpubl',
    type: cpuBaseline,
    columns: [
      { name: 'Profile', type: 'string', jsonPath: '.spec.profileName' },
      { name: 'Nodes', type: 'integer', jsonPath: '.status.nodes' },
      { name: 'Ready', type: 'string', jsonPath: condition('Ready', 'status') },
      age,
      wide({ name: 'Snapshots', type: 'integer', jsonPath: '.status.snapshots' }),
      wide({ name: 'Reason', type: 'string', jsonPath: condition('Ready', 'reason') }),
    ],
  },
];

/** All four, in a fixed order. Throws when a type cannot be said in a CRD. */
export const customResourceDefinitions = (): CustomResourceDefinition[] => KINDS.map(definition);

function definition({
  resource: { plural, kind },
  shortName,
  type,
  columns,
}: Kind): CustomResourceDefinition {
  const schema = toStructural(type);
  const hasStatus = schema.properties?.['status'] !== undefined;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Cluster',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: [shortName],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          additionalPrinterColumns: [...columns],
          ...(hasStatus && { subresources: { status: {} } }),
          schema: { openAPIV3Schema: schema },
        },
      ],
    },
  };
}
