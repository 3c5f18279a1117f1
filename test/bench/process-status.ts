/** What the kernel says about a running process. */
import { readFileSync } from 'node:fs';

const KIB = 1024;
/** USER_HZ is 100 on every Linux for x86 (include/asm-generic/param.h). */
const MS_PER_TICK = 10;

/** Resident and anonymous memory of `pid` in MB (MiB), from /proc/PID/status. */
export function memory(pid: number): { rss: number; anonymous: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? NaN);
  return { rss: kib('VmRSS') / KIB, anonymous: kib('RssAnon') / KIB };
}

/** CPU time that `pid` has used in user and kernel mode together, milliseconds, from /proc/PID/stat. */
export function cpuMilliseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command's name may hold blanks: count the fields behind its closing bracket. utime and stime are 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}
