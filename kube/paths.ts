/** The API server's URL paths. A name that could leave its place in the path is refused, never repaired. */
import type { Resource } from './types.ts';

/** @throws Error for a part that is empty, `.`, `..`, or has a `/`, a `%` or a control character in it. */
const segment = (what: string, text: string): string => {
  if (text === '' || text === '.' || text === '..' || /[/%\u0000-\u001f\u007f]/.test(text))
    throw new Error(`${what} ${JSON.stringify(text)} cannot be part of a URL path`);
  return encodeURIComponent(text);
};

/**
 * `/apis/GROUP/VERSION/[namespaces/NS/]PLURAL`.
 * @throws Error for a name that cannot be in a path, and for a namespace where none belongs.
 */
export const collectionPath = (resource: Resource, namespace: string | undefined): string => {
  if (namespace !== undefined && !resource.namespaced)
    throw new Error(
      `${resource.kind} is cluster-scoped, but namespace ${JSON.stringify(namespace)} was given`,
    );
  const root =
    resource.group === ''
      ? `/api/${segment('version', resource.version)}`
      : `/apis/${segment('group', resource.group)}/${segment('version', resource.version)}`;
  const scope = namespace === undefined ? '' : `/namespaces/${segment('namespace', namespace)}`;
  return `${root}${scope}/${segment('resource', resource.plural)}`;
};

/**
 * The path of one object, or of its subresource.
 * @throws Error like collectionPath, and for a namespaced kind without a namespace.
 */
export const objectPath = (
  resource: Resource,
  namespace: string | undefined,
  name: string,
  subresource?: string,
): string => {
  if (resource.namespaced && namespace === undefined)
    throw new Error(`${resource.kind} ${JSON.stringify(name)} needs a namespace`);
  const tail = subresource === undefined ? '' : `/${segment('subresource', subresource)}`;
  return `${collectionPath(resource, namespace)}/${segment(`name of ${resource.kind}`, name)}${tail}`;
};

/** `?a=1&b=2`, or nothing; undefined values are left out. */
export const query = (parameters: Record<string, string | number | boolean | undefined>): string => {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined && value !== '') search.set(name, String(value));
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
};
