import type { Secret } from '#machinery/types/core-v1.ts';

/** A login for registries whose names match `pattern`. */
export interface RegistryCredentials {
  readonly pattern: string;
  readonly username: string;
  readonly password: string;
  readonly identityToken: string;
}

interface DockerConfig {
  readonly auths?: Readonly<
    Record<string, { username?: string; password?: string; auth?: string; identitytoken?: string }>
  >;
}

/** The logins in image pull secrets of both types; what cannot be read is none. */
export function credentialsIn(secrets: readonly Secret[]): readonly RegistryCredentials[] {
  return secrets.flatMap((secret) => {
    const text = secret.data?.['.dockerconfigjson'] ?? secret.data?.['.dockercfg'];
    if (text === undefined) return [];
    try {
      const parsed = JSON.parse(Buffer.from(text, 'base64').toString()) as DockerConfig;
      const auths = secret.data?.['.dockerconfigjson'] ? parsed.auths : (parsed as DockerConfig['auths']);
      return Object.entries(auths ?? {}).map(([pattern, entry]) => {
        const [username = '', ...rest] = Buffer.from(entry.auth ?? '', 'base64')
          .toString()
          .split(':');
        return {
          pattern: pattern.replace(/^https?:\/\//, '').replace(/\/v[12]\/?$/, ''),
          username: entry.username || username,
          password: entry.password || rest.join(':'),
          identityToken: entry.identitytoken ?? '',
        };
      });
    } catch {
      return [];
    }
  });
}

/** The logins to try for an image, the most specific first. `*` stands for one part of a host's name. */
export function credentialsFor(
  reference: string,
  all: readonly RegistryCredentials[],
): readonly {
  readonly username: string;
  readonly password: string;
  readonly identityToken: string;
  readonly serverAddress: string;
}[] {
  return all
    .filter(({ pattern }) => matches(pattern === 'index.docker.io' ? 'docker.io' : pattern, reference))
    .sort((a, b) => b.pattern.length - a.pattern.length)
    .map(({ pattern, ...login }) => ({ ...login, serverAddress: pattern }));
}

function matches(pattern: string, reference: string): boolean {
  const [host = '', ...path] = pattern.split('/');
  const [targetHost = '', ...targetPath] = reference.split('/');
  const parts = host.split('.');
  const targetParts = targetHost.split('.');
  if (parts.length !== targetParts.length) return false;
  const hostFits = parts.every((part, index) => part === '*' || part === targetParts[index]);
  return (
    hostFits &&
    path.every((part, index) => part === '' || targetPath.join('/').startsWith(path.slice(0, index + 1).join('/')))
  );
}
