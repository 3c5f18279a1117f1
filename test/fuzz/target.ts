/** What a fuzz target is: seeds, how they are mutated, and the code under test. */

export interface FuzzTarget {
  readonly name: string;
  /** Valid inputs; each is one or more texts that belong together. */
  readonly seeds: readonly (readonly string[])[];
  /** text: characters and words; json: values, written as JSON; shape: strings in JSON and the lengths of its lists only. */
  readonly mutations: readonly ('text' | 'json' | 'shape')[];
  /** Runs the code under test, and asserts what must hold where it takes the input. */
  readonly run: (texts: readonly string[]) => unknown;
  /** The documented error of this code; everything else that is thrown is a defect. */
  readonly documented: (error: Error) => boolean;
}

/** A limit every execution keeps, milliseconds. */
export const MAX_EXECUTION_MS = 1000;
/** Above what the program holds before the first execution. */
export const MAX_HEAP_GROWTH_MB = 200;
/** An error is read by a person: it ends somewhere. */
export const MAX_MESSAGE = 4000;
