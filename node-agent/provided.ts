/** What the agent is given from outside, in the smallest shape that it uses. */
import type { Assessment } from './decide/input.ts';
import type { AgentEvent } from './decide/events.ts';

/** A CpuProfile as the reflector keeps it: its spec as JSON text, a tenth of the memory of the parsed objects. */
export interface ProfileView {
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly spec: string;
}

/** The list of CpuProfiles; `hasSynced` once it has been read. */
export interface ProfileSource {
  readonly hasSynced: boolean;
  values(): readonly ProfileView[];
}

/** The Node as an Event names it. */
export interface NodeReference {
  readonly name: string;
  readonly uid: string;
}

export interface EventSink {
  record(node: NodeReference, event: AgentEvent): void;
}

/** What a round counts. */
export interface RoundMetrics {
  /** After a round: the labels that are on the Node now, the verdicts, the profiles held. */
  state(labels: number, verdicts: readonly Pick<Assessment, 'compatible'>[], held: number): void;
  labelsChanged(added: number, removed: number): void;
  reconcileFailed(): void;
}
