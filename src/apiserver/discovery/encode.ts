import { encodeEnveloped } from '#machinery/codec/protobuf.ts';
import { stringifyYaml } from '#machinery/codec/yaml.ts';
import { kindSchema } from '#machinery/schema/facts.ts';
import { JSON_TYPE, type MediaType, YAML_TYPE } from '../negotiation/accept.ts';

/** A discovery document: one that says its kind, and its version unless that is left out as for `v1`. */
export interface DiscoveryDocument {
  readonly kind: string;
  readonly apiVersion?: string;
  readonly [member: string]: unknown;
}

export function encodeDocument(document: DiscoveryDocument, mediaType: MediaType): Uint8Array {
  if (mediaType === JSON_TYPE) return Buffer.from(`${JSON.stringify(document)}\n`);
  if (mediaType === YAML_TYPE) return Buffer.from(stringifyYaml(document));
  const { kind, apiVersion = 'v1' } = document;
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  // The two versions of the aggregated form have one message.
  const schema = kindSchema(group, version === 'v2beta1' ? 'v2' : version, kind);
  return encodeEnveloped(schema, { ...document, apiVersion });
}
