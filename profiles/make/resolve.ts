/** From the spec of a CpuProfile to the profile itself: catalogue entry or inline data, options taken away. */
import { catalogEntry } from '../catalog/catalog.ts';
import { definitionsFor } from '../definitions/definitions.ts';
import { InputError } from '../model/input-error.ts';
import {
  profileDataFromWire,
  profileDigest,
  type FilterMode,
  type Profile,
  type ProfileData,
  type ProfileDataWire,
  type ProfileOptions,
} from '../model/profile.ts';
import type { Vendor } from '../model/registers.ts';
import { hasOption, OPTION_NAMES, withoutOption } from './options.ts';
import { unknownEntry } from './unknown-entry.ts';

/** The part of a CpuProfile's spec that decides what guests see; its shape has been checked. */
export interface ProfileSpecWire {
  readonly vendor: Vendor;
  /** Exactly one of `catalog` and `data`. */
  readonly catalog?: string | undefined;
  readonly data?: ProfileDataWire | undefined;
  readonly options?: ProfileOptions | undefined;
  /** Absent: closed. */
  readonly filter?: { readonly mode?: FilterMode | undefined } | undefined;
}

export type ResolutionFailure =
  'UnknownCatalogEntry' | 'VendorDiffers' | 'InvalidData' | 'OptionNotInProfile';

export type Resolution =
  | { readonly ok: true; readonly profile: Profile; readonly digest: string; readonly notes: string[] }
  | { readonly ok: false; readonly reason: ResolutionFailure; readonly message: string };

export const DEFAULT_FILTER: FilterMode = 'closed';

/** Resolves `spec`. What is wrong with it is a value, never an exception. */
export function resolve(spec: ProfileSpecWire): Resolution {
  const source = sourceOf(spec);
  if ('reason' in source) return source;
  const definitions = definitionsFor(spec.vendor);
  const filter = spec.filter?.mode ?? DEFAULT_FILTER;
  const options = OPTION_NAMES.filter((option) => spec.options?.[option] !== undefined);
  if (options.length === 0) {
    // Not read before somebody looks: a host of the other vendor never does.
    const profile: Profile = {
      vendor: spec.vendor,
      get data() {
        return source.data;
      },
      filter,
    };
    return resolved(profile, source);
  }
  let { data } = source;
  for (const option of options) {
    const wanted = spec.options?.[option];
    if (wanted === true && !hasOption(data, option, definitions)) {
      return failed(
        'OptionNotInProfile',
        `options.${option} is true and the profile has nothing of it: leave the option out, or take a profile that has it`,
      );
    }
    if (wanted === false) data = withoutOption(data, option, definitions);
  }
  return resolved({ vendor: spec.vendor, data, filter }, source);
}

function resolved(profile: Profile, source: Source): Resolution {
  let digest: string | undefined;
  return {
    ok: true,
    profile,
    // Taken when it is asked for: it costs more than the verdict, which needs none.
    get digest() {
      return (digest ??= profileDigest(profile));
    },
    get notes() {
      return source.notes;
    },
  };
}

const failed = (reason: ResolutionFailure, message: string): Resolution & { ok: false } => ({
  ok: false,
  reason,
  message,
});

interface Source {
  readonly data: ProfileData;
  readonly notes: string[];
}

function sourceOf({ vendor, catalog, data }: ProfileSpecWire): Source | (Resolution & { ok: false }) {
  if ((catalog === undefined) === (data === undefined))
    return failed('InvalidData', 'set exactly one of catalog and data');
  if (data !== undefined) return readData(data, 'spec.data');
  const entry = catalogEntry(catalog ?? '');
  if (entry === undefined) {
    return failed('UnknownCatalogEntry', `catalog: ${unknownEntry(catalog ?? '')}`);
  }
  if (entry.vendor !== vendor) {
    return failed(
      'VendorDiffers',
      `vendor is ${vendor} and catalogue profile "${entry.name}" is for ${entry.vendor}`,
    );
  }
  // What is shipped can be read; the tests see to that.
  let read: Source | undefined;
  const once = (): Source => (read ??= profileDataFromWire(entry.data, `catalogue profile "${entry.name}"`));
  return {
    get data() {
      return once().data;
    },
    get notes() {
      return once().notes;
    },
  };
}

function readData(wire: ProfileDataWire, place: string): Source | (Resolution & { ok: false }) {
  try {
    return profileDataFromWire(wire, place);
  } catch (error) {
    if (error instanceof InputError) return failed('InvalidData', error.message);
    throw error;
  }
}
