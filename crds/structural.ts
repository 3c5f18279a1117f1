/**
 * A zod type as the structural schema of a CustomResourceDefinition. Whatever a structural schema cannot say, or
 * zod would silently leave out, is refused here instead of at the API server or never.
 */
import * as z from 'zod';

/** The part of OpenAPI that structural schemas allow and this project uses. */
export interface Structural {
  type: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  description?: string;
  properties?: Record<string, Structural>;
  required?: string[];
  additionalProperties?: Structural;
  items?: Structural;
  enum?: string[];
  pattern?: string;
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  'x-kubernetes-validations'?: { rule: string; message: string }[];
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: 'atomic' | 'granular';
}

/** In the order in which the manifest shows them. */
const COPIED = [
  'type',
  'description',
  'enum',
  'pattern',
  'format',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'maxProperties',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-validations',
  'required',
] as const;
const CONVERTED = ['properties', 'additionalProperties', 'items'];
const TYPES = ['object', 'array', 'string', 'integer', 'number', 'boolean'];

type Json = Record<string, unknown>;
const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Throws an Error naming the place for anything that a structural schema cannot hold. */
export function toStructural(type: z.ZodType): Structural {
  const schema = z.toJSONSchema(type, {
    target: 'openapi-3.0',
    io: 'input',
    cycles: 'throw',
    reused: 'inline',
    unrepresentable: 'throw',
    override: ({ zodSchema, path }) => {
      // zod leaves these out without a word; the API server would then accept what we refuse.
      if (zodSchema._zod.def.checks?.some((check) => check._zod.def.check === 'custom')) {
        throw new Error(`${path.join('.')}: refine() has no place in a schema, write a CEL rule`);
      }
    },
  });
  return convert(schema, '');
}

function convert(schema: unknown, place: string): Structural {
  const refuse = (reason: string): never => {
    throw new Error(`${place === '' ? 'schema' : place}: ${reason}`);
  };
  if (!isJson(schema)) return refuse('is not a schema');
  const { type } = schema;
  if (typeof type !== 'string' || !TYPES.includes(type)) {
    return refuse(`type ${String(type)}: a structural schema needs one plain type everywhere (no unions)`);
  }
  for (const key of Object.keys(schema)) {
    const known = [...COPIED, ...CONVERTED].includes(key);
    if (!known) return refuse(`${key} cannot be said in a structural schema`);
  }
  const result: Json = {};
  for (const key of COPIED) if (schema[key] !== undefined) result[key] = schema[key];

  switch (type) {
    case 'object':
      convertObject(schema, result, place, refuse);
      break;
    case 'array':
      if (schema['maxItems'] === undefined) refuse('a list needs a maximum, or CEL cannot price it');
      result['items'] = convert(schema['items'], `${place}[]`);
      break;
    case 'string':
      convertString(schema, result, refuse);
      break;
    case 'integer':
      // zod's bounds of a safe integer say nothing that the format does not.
      if (schema['maximum'] === Number.MAX_SAFE_INTEGER) delete result['maximum'];
      if (schema['minimum'] === Number.MIN_SAFE_INTEGER) delete result['minimum'];
      result['format'] = 'int64';
      break;
  }
  return result as unknown as Structural;
}

function convertObject(schema: Json, result: Json, place: string, refuse: (reason: string) => never): void {
  const { properties, additionalProperties } = schema;
  if (isJson(properties)) {
    result['properties'] = Object.fromEntries(
      Object.entries(properties).map(([name, field]) => [
        name,
        convert(field, place === '' ? name : `${place}.${name}`),
      ]),
    );
    // A strict object says false here; the server prunes or refuses unknown fields by itself.
    if (isJson(additionalProperties)) refuse('has both fields and free keys');
    return;
  }
  if (schema['maxProperties'] === undefined) refuse('a map needs a maximum, or CEL cannot price it');
  result['additionalProperties'] = convert(additionalProperties, `${place}{}`);
}

function convertString(schema: Json, result: Json, refuse: (reason: string) => never): void {
  const { pattern, format } = schema;
  if (format === 'date-time') {
    // The server checks the format; zod's own pattern for it is a page long.
    delete result['pattern'];
  } else if (format !== undefined) {
    delete result['format'];
  }
  if (typeof pattern === 'string' && /\(\?[=!<]|\\[1-9]/.test(pattern)) {
    refuse(`pattern ${pattern}: the server knows neither lookaround nor back references`);
  }
  if (schema['enum'] === undefined && schema['maxLength'] === undefined) {
    refuse('a string needs a maximum, or CEL cannot price it');
  }
}
