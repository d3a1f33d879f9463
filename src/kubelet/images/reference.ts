const HOST =
  /^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?))*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[\w][\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

/** An image's name in its full form, or undefined where it is none. Source: the distribution project's reference grammar. */
export function parseReference(name: string): string | undefined {
  if (/^(sha256:)?[0-9a-f]{64}$/.test(name)) return name.startsWith('sha256:') ? name : `sha256:${name}`;
  const at = name.indexOf('@');
  const digest = at < 0 ? undefined : name.slice(at + 1);
  const tagged = at < 0 ? name : name.slice(0, at);
  const colon = tagged.indexOf(':', tagged.lastIndexOf('/') + 1);
  const tag = colon < 0 ? undefined : tagged.slice(colon + 1);
  const path = colon < 0 ? tagged : tagged.slice(0, colon);
  const { host, repository } = splitHost(path);
  if (!HOST.test(host) || !repository.split('/').every((part) => COMPONENT.test(part))) return undefined;
  if (tag !== undefined && !TAG.test(tag)) return undefined;
  if (digest !== undefined && !DIGEST.test(digest)) return undefined;
  const suffix = digest === undefined ? `:${tag ?? 'latest'}` : `${tag === undefined ? '' : `:${tag}`}@${digest}`;
  return `${host}/${repository}${suffix}`;
}

function splitHost(path: string): { readonly host: string; readonly repository: string } {
  const slash = path.indexOf('/');
  const first = slash < 0 ? '' : path.slice(0, slash);
  if (first.includes('.') || first.includes(':') || first === 'localhost')
    return { host: first === 'index.docker.io' ? 'docker.io' : first, repository: path.slice(slash + 1) };
  return { host: 'docker.io', repository: slash < 0 ? `library/${path}` : path };
}
