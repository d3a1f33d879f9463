/** JSON types of query parameters that are no strings. Source: meta/v1 ListOptions, DeleteOptions; core/v1 PodLogOptions. */
const TYPES: Readonly<Record<string, 'boolean' | 'integer'>> = {
  allowWatchBookmarks: 'boolean',
  follow: 'boolean',
  force: 'boolean',
  gracePeriodSeconds: 'integer',
  ignoreStoreReadErrorWithClusterBreakingPotential: 'boolean',
  insecureSkipTLSVerifyBackend: 'boolean',
  limit: 'integer',
  limitBytes: 'integer',
  orphanDependents: 'boolean',
  ports: 'integer',
  previous: 'boolean',
  sendInitialEvents: 'boolean',
  sinceSeconds: 'integer',
  stderr: 'boolean',
  stdin: 'boolean',
  stdout: 'boolean',
  tailLines: 'integer',
  timeoutSeconds: 'integer',
  timestamps: 'boolean',
  tty: 'boolean',
  watch: 'boolean',
};

const PATH_PARAMETERS = new Set(['name', 'namespace', 'path']);

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required: boolean;
  readonly type: 'string' | 'boolean' | 'integer';
}

/** What `name` stands for in operations on `path`. */
export function parameterOf(name: string, path: string): Parameter {
  const inPath = PATH_PARAMETERS.has(name) && path.includes(`{${name}}`);
  return { name, in: inPath ? 'path' : 'query', required: inPath, type: TYPES[name] ?? 'string' };
}
