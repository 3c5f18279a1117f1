import * as z from 'zod';

/** The same type with strict objects made lenient: unknown fields are dropped, everything else is checked as before. */
export function tolerant<Type extends z.ZodType>(type: Type): z.ZodType<z.infer<Type>> {
  return lenient(type) as z.ZodType<z.infer<Type>>;
}

function lenient(type: unknown): z.ZodType {
  if (type instanceof z.ZodObject) {
    const shape: z.ZodRawShape = type.shape;
    return z.object(Object.fromEntries(Object.entries(shape).map(([name, field]) => [name, lenient(field)])));
  }
  // Arrays keep their checks, such as the maximum.
  if (type instanceof z.ZodArray) return type.clone({ ...type.def, element: lenient(type.element) });
  if (type instanceof z.ZodOptional) return lenient(type.unwrap()).optional();
  if (type instanceof z.ZodType) return type;
  throw new Error('not a zod type');
}
