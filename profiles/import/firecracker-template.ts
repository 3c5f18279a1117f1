/**
 * Firecracker's CPU templates, read as strictly as Firecracker reads them: unknown fields are errors, numbers are
 * hexadecimal, binary or decimal. Source: docs/cpu_templates/schema.json and src/vmm/src/cpu_config/x86_64.
 */
import * as z from 'zod';
import { fromBitmap } from '../formats/firecracker-bitmap.ts';
import { InputError } from '../model/input-error.ts';
import { U32_MAX } from '../model/numbers.ts';
import { REGISTERS, type Register } from '../model/registers.ts';
import { quoted } from '../model/quoted.ts';
import { MAX_CPUID_ENTRIES, MAX_MSRS } from './imported.ts';

const number = z.string().max(40);
const bitmap = z.string().max(200);

export const templateSchema = z.strictObject({
  kvm_capabilities: z.array(z.string().max(20)).max(64).optional(),
  cpuid_modifiers: z
    .array(
      z.strictObject({
        leaf: number,
        subleaf: number,
        flags: z.int().min(0).max(U32_MAX).optional(),
        modifiers: z.array(z.strictObject({ register: z.enum(REGISTERS), bitmap })).max(REGISTERS.length),
      }),
    )
    .max(MAX_CPUID_ENTRIES)
    .optional(),
  msr_modifiers: z
    .array(z.strictObject({ addr: number, bitmap }))
    .max(MAX_MSRS)
    .optional(),
});
export type TemplateJson = z.infer<typeof templateSchema>;

export interface TemplateRegister {
  readonly leaf: number;
  readonly subleaf: number;
  readonly register: Register;
  /** Bits that stay the host's. */
  readonly mask: bigint;
  readonly value: bigint;
  readonly place: string;
}
export interface TemplateMsr {
  readonly index: number;
  readonly mask: bigint;
  readonly value: bigint;
  readonly place: string;
}
export interface Template {
  readonly registers: readonly TemplateRegister[];
  readonly msrs: readonly TemplateMsr[];
  /** KVM_CAP numbers with `!`: the microVM goes without. */
  readonly capabilities: readonly string[];
}

/** Every modifier as numbers. Throws InputError naming the place, also for a register or MSR that comes twice. */
export function readTemplate(name: string, json: TemplateJson): Template {
  const registers = (json.cpuid_modifiers ?? []).flatMap((entry, i) => {
    const at = `${name} cpuid_modifiers[${i}]`;
    const leaf = integer(entry.leaf, `${at}.leaf`);
    const subleaf = integer(entry.subleaf, `${at}.subleaf`);
    return entry.modifiers.map((modifier, j) => ({
      leaf,
      subleaf,
      register: modifier.register,
      ...bits(modifier.bitmap, 32, `${at}.modifiers[${j}].bitmap`),
    }));
  });
  const msrs = (json.msr_modifiers ?? []).map((entry, i) => ({
    index: integer(entry.addr, `${name} msr_modifiers[${i}].addr`),
    ...bits(entry.bitmap, 64, `${name} msr_modifiers[${i}].bitmap`),
  }));
  unique(registers, ({ leaf, subleaf, register }) => `${leaf}.${subleaf}.${register}`);
  unique(msrs, ({ index }) => String(index));
  return { registers, msrs, capabilities: json.kvm_capabilities ?? [] };
}

function bits(text: string, width: 32 | 64, place: string): { mask: bigint; value: bigint; place: string } {
  const { mask, value } = fromBitmap(text, width, place);
  return { mask: BigInt(mask), value: BigInt(value), place };
}

const INTEGER = /^(?:0x[0-9a-fA-F]+|0b[01]+|[0-9]+)$/;

function integer(text: string, place: string): number {
  const value = INTEGER.test(text) ? Number(text) : Number.NaN;
  if (value <= U32_MAX) return value;
  throw new InputError(place, `${quoted(text)} is not a 32-bit number such as 0x1f`);
}

function unique<T extends { readonly place: string }>(items: readonly T[], key: (item: T) => string): void {
  const seen = new Map<string, T>();
  for (const item of items) {
    const first = seen.get(key(item));
    if (first !== undefined) throw new InputError(item.place, `is for the same as ${first.place}`);
    seen.set(key(item), item);
  }
}
