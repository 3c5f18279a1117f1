/** The log: one JSON object a line on stdout. */
import { pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];

/** What everything else takes. Fields first, then a constant sentence; an error goes in under `err`. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** JSON lines to stdout, written before the call returns: a crash loses none. `fields` go into every line. */
export const createLogger = (level: LogLevel, fields: Record<string, string> = {}): Logger =>
  pino(
    {
      level,
      base: fields,
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // pino's own default writes in the background: at an exit lines came out of order.
    pino.destination({ fd: 1, sync: true }),
  );
