import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { referencePages } from '../docs/reference-pages.ts';
import { definitionsFor } from '../profiles/definitions/definitions.ts';
import { VENDORS } from '../profiles/model/registers.ts';

const FOLDER = join(import.meta.dirname, '..', 'docs', 'reference');
const pages = referencePages();

describe('the definition reference', () => {
  it('is what the tables say (npm run generate)', () => {
    for (const [name, text] of pages) {
      const path = join(FOLDER, name);
      expect(existsSync(path) && readFileSync(path, 'utf8') === text, name).toBe(true);
    }
    const generated = readdirSync(FOLDER).filter((file) => /^(cpuid|msrs)-/.test(file));
    expect(generated.sort()).toEqual([...pages.keys()].sort());
  });

  it.each(VENDORS)('%s: every field of every register stands in it', (vendor) => {
    const definitions = definitionsFor(vendor);
    const cpuid = `${pages.get(`cpuid-${vendor}.md`) ?? ''}${pages.get('cpuid-kvm.md') ?? ''}`;
    for (const { leaf, fields } of definitions.cpuid) {
      const [, section = ''] = cpuid.split(`## Leaf 0x${leaf.toString(16)}\n`);
      const own = section.split('\n## ')[0] ?? '';
      for (const { name } of fields) expect(own, `${leaf.toString(16)} ${name}`).toContain(`\`${name}\``);
    }
    const msrs = pages.get(`msrs-${vendor}.md`) ?? '';
    for (const { index, name, fields } of definitions.featureMsrs) {
      const [, section = ''] = msrs.split(`## 0x${index.toString(16)} ${name}\n`);
      const own = section.split('\n#')[0] ?? '';
      // The halves of a VMX control share a row under the name of the control.
      for (const field of fields) {
        const control = field.name.replace(/^ALLOWED_(ZERO|ONE)_/, '');
        const there = [field.name, control].some((word) => own.includes(`\`${word}\``));
        expect(there, `${name} ${field.name}`).toBe(true);
      }
    }
    for (const { name, first } of [
      ...definitions.permitted,
      ...definitions.forbidden,
      ...definitions.nonArchitectural,
    ])
      expect(msrs, first.toString(16)).toContain(`| \`${name}\` |`);
  });
});
