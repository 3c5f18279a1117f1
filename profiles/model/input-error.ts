/** Bad input, said once: which place is wrong and why. The caller adds the name of the file or object. */
export class InputError extends Error {
  override readonly name = 'InputError';
  /** Path inside the document, such as `spec.data.cpuid[3].mask`; empty when the whole is meant. */
  readonly place: string;
  readonly reason: string;

  constructor(place: string, reason: string) {
    super(place === '' ? reason : `${place}: ${reason}`);
    this.place = place;
    this.reason = reason;
  }
}
