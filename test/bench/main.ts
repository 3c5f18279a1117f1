/** `npm run bench -- [agent|check]`: prints each figure beside its budget; exit 1 over budget, 3 when something is missing. */
import { existsSync } from 'node:fs';
import process from 'node:process';
import { benchAgent } from './agent.ts';
import { benchCheck } from './check.ts';
import { overBudget, renderFigures, type Figure } from './figure.ts';

const BENCHES: Readonly<Record<string, () => Promise<Figure[]>>> = {
  agent: benchAgent,
  check: benchCheck,
};

const names = process.argv.slice(2);
const wrong = names.find((name) => !(name in BENCHES));
if (wrong !== undefined) {
  console.error(`there is no bench "${wrong}": there is ${Object.keys(BENCHES).join(', ')}`);
  process.exit(2);
}
if (!existsSync('/dev/kvm')) {
  console.error('the agent is measured against a real /dev/kvm, and there is none here');
  process.exit(3);
}
let over = false;
for (const [name, bench] of Object.entries(BENCHES)) {
  if (names.length > 0 && !names.includes(name)) continue;
  const figures = await bench();
  console.log(`${name}\n${renderFigures(figures)}`);
  over ||= figures.some(overBudget);
}
process.exit(over ? 1 : 0);
