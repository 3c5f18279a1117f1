/** How results look: aligned text tables for people, JSON and YAML for programs. */
import { dump } from 'js-yaml';
import type { Terminal } from '../terminal.ts';

export const OUTPUTS = ['table', 'json', 'yaml'] as const;
export type Output = (typeof OUTPUTS)[number];

/** Prints `value` as JSON or YAML. */
export function printData(terminal: Terminal, output: 'json' | 'yaml', value: unknown): void {
  terminal.out(output === 'json' ? `${JSON.stringify(value, null, 2)}\n` : dump(value, { lineWidth: 140 }));
}

/** Columns as wide as their widest cell, two spaces apart, like kubectl's. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
