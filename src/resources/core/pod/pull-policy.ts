/** Images without a tag, or with the tag `latest`, are pulled each time. Source: containers/images concept page. */
export function pullPolicyOf(image: string): 'Always' | 'IfNotPresent' {
  const [named = '', digest] = image.split('@');
  const colon = named.lastIndexOf(':');
  const tagged = colon > named.lastIndexOf('/');
  const name = tagged ? named.slice(0, colon) : named;
  if (!isRepository(name)) return 'IfNotPresent';
  const tag = tagged ? named.slice(colon + 1) : digest ? '' : 'latest';
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

const PATH_PART = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;

/** A name of an image, with or without the host of its registry. */
function isRepository(name: string): boolean {
  const parts = name.split('/');
  const first = parts[0] ?? '';
  const host = parts.length > 1 && (/[.:A-Z]/.test(first) || first === 'localhost');
  return (host ? parts.slice(1) : parts).every((part) => PATH_PART.test(part));
}
