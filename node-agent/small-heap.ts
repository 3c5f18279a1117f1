/**
 * Node set to be small rather than fast, for a process that has nothing hot in it. The optimizing compilers cost 8 MB
 * of resident memory, most of it the pages of their own code, to save milliseconds once; and a heap that favours
 * size collects once more when it has come to rest, which gives back what the start has left (6 MB). The first
 * import of main.ts: the flags hold for what is compiled after them.
 */
import { setFlagsFromString } from 'node:v8';

for (const flag of ['--no-turbofan', '--no-maglev', '--optimize-for-size']) setFlagsFromString(flag);
