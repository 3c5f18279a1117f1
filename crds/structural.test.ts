import * as z from 'zod';
import { describe, expect, it } from 'vitest';
import { customResourceDefinitions } from './definitions.ts';
import { chartTemplate, manifest } from './manifest.ts';
import { toStructural, type Structural } from './structural.ts';

const text = () => z.string().max(10);

describe('a zod type', () => {
  it('becomes a structural schema', () => {
    const type = z.strictObject({
      name: text().describe('a name'),
      kind: z.enum(['a', 'b']).optional(),
      count: z.int().min(0),
      at: z.iso.datetime().max(40),
      tags: z.array(text()).max(3).meta({ 'x-kubernetes-list-type': 'set' }).optional(),
      labels: z.record(text(), text()).meta({ maxProperties: 4 }).optional(),
    });
    expect(toStructural(type)).toEqual({
      type: 'object',
      required: ['name', 'count', 'at'],
      properties: {
        name: { type: 'string', maxLength: 10, description: 'a name' },
        kind: { type: 'string', enum: ['a', 'b'] },
        count: { type: 'integer', format: 'int64', minimum: 0 },
        at: { type: 'string', format: 'date-time', maxLength: 40 },
        tags: {
          type: 'array',
          maxItems: 3,
          items: { type: 'string', maxLength: 10 },
          'x-kubernetes-list-type': 'set',
        },
        labels: { type: 'object', maxProperties: 4, additionalProperties: { type: 'string', maxLength: 10 } },
      },
    });
  });

  it.each([
    ['a union', z.strictObject({ a: z.union([text(), z.boolean()]) }), 'a: type undefined'],
    ['anything', z.strictObject({ a: z.unknown() }), 'a: type undefined'],
    [
      'a check that only zod knows',
      z.strictObject({ a: text().refine(() => true) }),
      'properties.a: refine()',
    ],
    ['a check of the whole', z.strictObject({ a: text() }).refine(() => true), 'refine()'],
    [
      'a string without end',
      z.strictObject({ a: z.strictObject({ b: z.string() }) }),
      'a.b: a string needs a maximum',
    ],
    ['a list without end', z.strictObject({ a: z.array(text()) }), 'a: a list needs a maximum'],
    ['a map without end', z.strictObject({ a: z.record(text(), text()) }), 'a: a map needs a maximum'],
    ['lookahead', z.strictObject({ a: text().regex(/^(?!x)/) }), 'a: pattern ^(?!x)'],
    ['a default', z.strictObject({ a: z.boolean().default(false) }), 'a: default cannot be said'],
    ['null', z.strictObject({ a: text().nullable() }), 'a: nullable cannot be said'],
    ['a date', z.strictObject({ a: z.date() }), 'Date cannot be represented'],
  ])('is refused: %s', (_, type, message) => {
    expect(() => toStructural(type)).toThrow(message);
  });
});

describe('the definitions', () => {
  const all = customResourceDefinitions();
  const schemas = (schema: Structural | undefined): Structural[] =>
    schema === undefined
      ? []
      : [
          schema,
          ...[...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties].flatMap(
            schemas,
          ),
        ];

  it('are the four kinds with their short names', () => {
    expect(all.map(({ spec }) => [spec.names.kind, spec.names.plural, ...spec.names.shortNames])).toEqual([
      ['CpuProfile', 'cpuprofiles', 'cpup'],
      ['CpuSnapshot', 'cpusnapshots', 'cpus'],
      ['NodeCpu', 'nodecpus', 'ncpu'],
      ['CpuBaseline', 'cpubaselines', 'cpubl'],
    ]);
  });

  it('have a description for every kind, for spec, and for each field of spec', () => {
    for (const { spec } of all) {
      const root = spec.versions[0]?.schema.openAPIV3Schema;
      const described = [
        root,
        root?.properties?.['spec'],
        ...Object.values(root?.properties?.['spec']?.properties ?? {}),
      ];
      expect(described.map((schema) => schema?.description ?? `none in ${spec.names.kind}`)).not.toContain(
        `none in ${spec.names.kind}`,
      );
    }
  });

  it('say short things', () => {
    const descriptions = all.flatMap(({ spec }) =>
      schemas(spec.versions[0]?.schema.openAPIV3Schema).map(({ description }) => description ?? ''),
    );
    expect(descriptions.filter((description) => description.length > 160)).toEqual([]);
  });

  it('are written the same way every time', () => {
    expect(customResourceDefinitions().map(manifest)).toEqual(all.map(manifest));
  });

  it('survive an uninstall of the chart, and only there', () => {
    for (const crd of all) {
      expect(chartTemplate(crd)).toContain('annotations:\n    helm.sh/resource-policy: keep\n');
      expect(manifest(crd)).not.toContain('helm.sh');
    }
  });

  it('hide braces from the template language', () => {
    const [crd] = all;
    if (crd === undefined) throw new Error('no definition');
    const named = { ...crd, metadata: { name: 'a{{b}}c' } };
    expect(chartTemplate(named)).toContain(`name: a{{ "{{" }}b{{ "}}" }}c`);
  });
});
