import type { Answer } from '../http/exchange.ts';
import type { PathHandler } from '../paths/path-handler.ts';
import { TOKEN_ALGORITHM, type TokenSigner } from './token-signer.ts';

const KEYS_PATH = '/openid/v1/jwks';

/**
 * What verifiers outside need to check service-account tokens by themselves. `address` is the `host:port` under which
 * they reach this server. Source: "Managing Service Accounts", issuer discovery; OpenID Connect Discovery 1.0.
 */
export function openIdPaths(signer: TokenSigner, address: () => string): readonly PathHandler[] {
  return [
    {
      path: '/.well-known/openid-configuration',
      handle: async () =>
        document('application/json', {
          issuer: signer.issuer,
          jwks_uri: `https://${address()}${KEYS_PATH}`,
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: [TOKEN_ALGORITHM],
        }),
    },
    { path: KEYS_PATH, handle: async () => document('application/jwk-set+json', await signer.keys()) },
  ];
}

function document(type: string, content: object): Answer {
  const headers = { 'content-type': type, 'cache-control': 'public, max-age=3600' };
  return { status: 200, headers, body: [Buffer.from(JSON.stringify(content))] };
}
