/** Exit codes of the contract, and the one-line errors that go with them. */

export const EXIT = {
  ok: 0,
  /** A clear no: incompatible, lint errors, differs. */
  no: 1,
  /** Wrong usage or bad input. */
  badInput: 2,
  /** The environment is missing something: /dev/kvm, an API server. */
  environment: 3,
  /** No No, but an Unknown. */
  unknown: 4,
  /** A defect of this program (EX_SOFTWARE), outside the contract on purpose: never a verdict. */
  bug: 70,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the program with `exitCode` and one line on standard error. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Bad input: `origin` is the file or object, `error` says place and reason. */
export const badInput = (origin: string, error: unknown): CliFailure =>
  new CliFailure(EXIT.badInput, `${origin}: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
