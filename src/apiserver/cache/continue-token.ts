import { showValue } from '#machinery/field-error.ts';
import { badRequestError } from '#machinery/status.ts';

/** Where a list goes on. */
export interface ContinueToken {
  /** Revision of the whole list; -1: whatever is newest (an inconsistent continuation). */
  readonly revision: number;
  /** First key that has not been sent, relative to what is listed (a namespace or everything). */
  readonly start: string;
}

/** The version that upstream's tokens carry; those of other servers of the same cluster are understood. */
const VERSION = 'meta.k8s.io/v1';

export function encodeContinue({ revision, start }: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: VERSION, rv: revision, start })).toString('base64url');
}

/** Throws StatusError 400. Source: upstream's storage/continue.go (behaviour and messages). */
export function decodeContinue(text: string): ContinueToken {
  const { v, rv, start } = parsed(text);
  if (v !== VERSION) throw invalidToken(`: server does not recognize this encoded version ${showValue(v)}`);
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0)
    throw invalidToken(`: incorrect encoded start resourceVersion (version ${VERSION})`);
  if (typeof start !== 'string' || start === '') throw invalidToken(`: encoded start key empty (version ${VERSION})`);
  const key = start.startsWith('/') ? start.slice(1) : start;
  // A token must not lead out of what is listed.
  if (key.split('/').some((part) => part === '' || part === '.' || part === '..')) throw invalidToken(`: ${start}`);
  return { revision: rv, start: key };
}

function parsed(text: string): { readonly v?: unknown; readonly rv?: unknown; readonly start?: unknown } {
  // Node passes over what is not base64url; a token is either whole or refused.
  if (!/^[A-Za-z0-9_-]+$/.test(text) || text.length % 4 === 1) throw invalidToken(': illegal base64 data');
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch (error) {
    throw invalidToken(`: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw invalidToken(': not an object');
}

function invalidToken(why: string) {
  return badRequestError(`invalid continue token: continue key is not valid${why}`);
}
