import { stringifyYaml } from '#machinery/codec/yaml.ts';
import type { KubeObject } from '#machinery/object.ts';
import type { MediaType } from '../negotiation/accept.ts';
import type { Form, Shown } from './form.ts';

const INDENT = 2;

/** YAML and indented JSON, for people: nothing is kept, nothing is streamed. */
export function textForm({ naming, pick }: Shown, media: MediaType): Form<KubeObject> {
  const { kind, listKind, apiVersion, typedItems } = naming;
  const write = (value: unknown): readonly Uint8Array[] => [
    Buffer.from(
      media === 'application/yaml' ? stringifyYaml(value) : `${JSON.stringify(value, withBigints, INDENT)}\n`,
    ),
  ];
  const named = (object: KubeObject) => ({ kind, apiVersion, ...withoutType(object) });
  return {
    key: `${apiVersion}|${kind}|text`,
    contentType: media,
    part: (object) => ({ value: pick(object), bytes: 0 }),
    whole: (object) => write(named(object)),
    list: (objects, metadata) =>
      write({ kind: listKind, apiVersion, metadata, items: objects.map(typedItems ? named : withoutType) }),
  };
}

function withoutType({ kind: _, apiVersion: __, ...rest }: KubeObject): object {
  return rest;
}

/** JSON.stringify cannot write int64 by itself. */
function withBigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? JSON.rawJSON(String(value)) : value;
}
