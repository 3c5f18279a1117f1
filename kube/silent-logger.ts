/** A log that nobody reads: the default of a library, and of tests. Apart from logger.ts, so as not to load pino. */
import type { Logger } from './logger.ts';

const nothing = (): void => undefined;

export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
