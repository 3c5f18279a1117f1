/**
 * The seed of the property tests: the same in every ordinary run, so that a red run can be run again and a green one
 * says something about the change at hand; a new one, printed, when the laws are tried at length (LAW_RUNS) or given.
 */
import fc from 'fast-check';

const USUAL = 20_261_124;
const given = process.env['LAW_SEED'];
const seed =
  given === undefined ? (process.env['LAW_RUNS'] === undefined ? USUAL : Date.now() | 0) : Number(given);

if (seed !== USUAL) console.log(`LAW_SEED=${String(seed)}`);
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
