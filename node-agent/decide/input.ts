/** What the agent knows when it decides. Everything is a plain value: deciding does no I/O and reads no clock. */
import type { NodeCpuStatus, Provenance } from '../../crds/node-cpu.ts';
import type { Compatible } from '../../profiles/model/finding.ts';
import type { Vendor } from '../../profiles/model/registers.ts';

/** The latest probe of this machine. A failed one says nothing about what the machine can do. */
export type ProbeOutcome =
  | {
      readonly good: true;
      /** Name of the CpuSnapshot: `<vendor>-<first 16 hex of its digest>`. */
      readonly snapshot: string;
      readonly vendor: Vendor;
      readonly provenance: Provenance;
      readonly at: Date;
    }
  | { readonly good: false; readonly reason: string; readonly message: string };

/** What acceptance and `check` say about one CpuProfile on the snapshot of the latest good probe. */
export interface Assessment {
  readonly profile: string;
  /** First 16 hex digits of the resolved profile's digest; empty when the profile is not accepted. */
  readonly digest: string;
  readonly compatible: Compatible;
  /** `Compatible`, the code of the first finding that stands against it, or why the profile is not accepted. */
  readonly reason: string;
  /** Findings that are more than notes. */
  readonly findings: number;
  /** Empty when compatible. */
  readonly message: string;
}

/** The Node as the API server answered a direct read just now. */
export interface NodeView {
  readonly labels: Readonly<Record<string, string>>;
  /** Label keys that our field manager owns; undefined when the read did not say. */
  readonly owned: ReadonlySet<string> | undefined;
}

export interface Input {
  readonly probe: ProbeOutcome;
  /** One per CpuProfile; undefined while the list of profiles has not been read, or the probe failed. */
  readonly assessments: readonly Assessment[] | undefined;
  readonly node: NodeView;
  /** Profiles with a label on the Node that a direct read confirmed gone. Absence from a list is not that. */
  readonly gone: ReadonlySet<string>;
  /** The status of the NodeCpu as it stands, if there is one for this very Node. */
  readonly previous: NodeCpuStatus | undefined;
  /** Why the CpuSnapshot of our name does not hold our content, if so. */
  readonly snapshotConflict: string | undefined;
  readonly now: Date;
}
