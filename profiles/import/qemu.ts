/** QEMU's `-cpu` values: a named model, and features switched behind it. Source: docs/system/i386/cpu.rst, target/i386/cpu.c. */
import { CPU_MODELS, cpuModel } from '../definitions/models/models.ts';
import type { CpuModel } from '../definitions/models/types.ts';
import { bitsOfQemuName } from '../definitions/names/names.ts';
import { InputError } from '../model/input-error.ts';
import { U32_MAX } from '../model/numbers.ts';
import { VENDOR_STRINGS } from '../model/registers.ts';
import { quoted } from '../model/quoted.ts';
import { agreeing } from './cpuid-entries.ts';
import { FeatureSet } from '../definitions/models/feature-set.ts';
import { onlyFile, some, type ImportFile, type Imported, type ImportOptions } from './imported.ts';
import { MSRS_NOT_KNOWN, namedCpuData, switchKvmDefaults } from './named-cpu.ts';

const MAX_LENGTH = 16 * 1024;
const WORD = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
/** They say how QEMU is to treat the rest, not what a guest sees. */
const MANNERS = ['enforce', 'check', 'migratable', 'kvm'];

/** The profile of `MODEL[,+feature][,-feature][,feature=on|off]…`, such as the file `qemu.args` holds. Throws InputError. */
export function importQemu(files: readonly ImportFile[], options: ImportOptions = {}): Imported {
  const { name: file, text } = onlyFile(files);
  if (text.length > MAX_LENGTH) throw new InputError(file, `is longer than ${MAX_LENGTH} characters`);
  const [modelName = '', ...words] = wordsOf(text.trim());
  const named = modelCalled(modelName, file);
  agreeing(file, named.vendor, options.vendor);
  const features = new FeatureSet(named);
  switchKvmDefaults(features);
  let model = named;
  const left: string[] = [];
  for (const word of words) {
    const { name, value, on } = readWord(word, file);
    const bits = bitsOfQemuName(name);
    if (on !== undefined && bits.length > 0) for (const bit of bits) features.set(bit, on);
    else if (IDENTITY.includes(name)) model = { ...model, ...identity(name, value ?? '', named, file) };
    else if (!MANNERS.includes(name)) left.push(quoted(word).slice(1, -1));
  }
  features.settle();
  const notKnown = [
    'registers that no feature name reaches (caches, topology, timers, state sizes): passed through from the host',
    MSRS_NOT_KNOWN,
  ];
  if (modelName !== named.id)
    notKnown.unshift(`the version of ${modelName} that a machine type means: taken as ${named.id}`);
  if (left.length > 0) notKnown.push(`${some(left, 10)}: no feature that the tables know`);
  return {
    kind: 'profile',
    vendor: model.vendor,
    data: namedCpuData(file, model, features, 'qemu'),
    notKnown,
  };
}

/** QEMU doubles a comma that belongs to a value. */
const wordsOf = (text: string): string[] =>
  text.split(/(?<!,),(?!,)/).map((word) => word.replaceAll(',,', ','));

/** What a user can say about the CPU besides its features. */
const IDENTITY = ['vendor', 'family', 'model', 'stepping', 'model-id', 'level', 'xlevel'];
/** Leaf 1 EAX has four bits of family and eight more, eight of model and four of stepping. */
const LIMITS: Readonly<Record<string, number | undefined>> = {
  family: 0xff + 0xf,
  model: 0xff,
  stepping: 0xf,
};

function identity(name: string, value: string, model: CpuModel, file: string): Partial<CpuModel> {
  if (name === 'vendor') {
    if (value === VENDOR_STRINGS[model.vendor]) return {};
    throw new InputError(file, `the vendor ${quoted(value)} is not that of ${model.id}`);
  }
  if (name === 'model-id') {
    if (/^[\x20-\x7e]*$/.test(value)) return { modelId: value };
    throw new InputError(file, `model-id ${quoted(value)} is not printable ASCII`);
  }
  const number = /^(?:0x[0-9a-fA-F]{1,8}|[0-9]{1,10})$/.test(value) ? Number(value) : Number.NaN;
  if (!(number <= (LIMITS[name] ?? U32_MAX)))
    throw new InputError(file, `${name} cannot be ${quoted(value)}`);
  switch (name) {
    case 'level':
      return { levelRaised: number };
    case 'xlevel':
      return { xlevelRaised: number };
    default:
      return { [name]: number };
  }
}

function modelCalled(name: string, file: string): CpuModel {
  const model = cpuModel(name);
  if (model !== undefined) return model;
  const known = CPU_MODELS.map(({ id }) => id);
  throw new InputError(
    file,
    `the model ${quoted(name)} is not in the tables, which have ${some(known, 100)}`,
  );
}

interface Word {
  readonly name: string;
  readonly value: string | undefined;
  /** `undefined`: the value switches nothing. */
  readonly on: boolean | undefined;
}

/** `+name`, `-name`, `name`, `name=on|off`, `name=value`. */
function readWord(word: string, file: string): Word {
  const [, sign = '', name = '', value] = /^([+-]?)([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
  if (!WORD.test(name)) throw new InputError(file, `${quoted(word)} is not a property of a CPU`);
  if (sign !== '') {
    if (value !== undefined) throw new InputError(file, `${quoted(word)} has both a sign and a value`);
    if (bitsOfQemuName(name).length === 0)
      throw new InputError(file, `the feature ${quoted(name)} is not in the tables`);
    return { name, value, on: sign === '+' };
  }
  if (value === undefined || value === 'on') return { name, value, on: true };
  return { name, value, on: value === 'off' ? false : undefined };
}
