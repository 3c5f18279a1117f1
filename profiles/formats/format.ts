/** The formats a profile is delivered in, and what one rendering consists of. */
import type { Consumer, FidelityFinding } from './fidelity.ts';

/** `spec.delivery.formats` of a CpuProfile. */
export const FORMATS = ['cloud-hypervisor', 'firecracker', 'qemu', 'libvirt', 'kvm'] as const;
export type Format = (typeof FORMATS)[number];

export interface Rendering {
  /** Keyed by the ConfigMap key. */
  readonly files: Readonly<Record<string, string>>;
  readonly consumers: readonly Consumer[];
  /** What the files cannot say, and what their consumers do otherwise. */
  readonly findings: readonly FidelityFinding[];
}

/** The layout that other programs write: two spaces, every value on a line of its own. */
export const prettyJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** The layout of our own files: what holds no further list or object stands on one line, so that a row is a line. */
export const rowsJson = (value: unknown): string => `${rows(value, '')}\n`;

function rows(value: unknown, indent: string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value);
  const flat = members.every(([, member]) => typeof member !== 'object' || member === null);
  const whole = JSON.stringify(value);
  if (flat || whole.length <= 100) return whole;
  const inner = `${indent}  `;
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  const lines = members
    .filter(([, member]) => member !== undefined)
    .map(
      ([key, member]) =>
        `${inner}${Array.isArray(value) ? '' : `${JSON.stringify(key)}: `}${rows(member, inner)}`,
    );
  return `${open}\n${lines.join(',\n')}\n${indent}${close}`;
}
