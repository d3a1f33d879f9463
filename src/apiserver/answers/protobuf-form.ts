import { encodeProtobuf, wrapUnknown } from '#machinery/codec/protobuf.ts';
import { metaSchema } from '#machinery/schema/facts.ts';
import type { Form, Shown } from './form.ts';
import { protobufEvent, protobufList } from './protobuf-frames.ts';

/** Protobuf messages without their envelope. */
export function protobufForm({ naming, schema, pick }: Shown): Form<Uint8Array> {
  const { kind, listKind, apiVersion } = naming;
  const wrap = (message: Uint8Array) => wrapUnknown(apiVersion, kind, message);
  return {
    key: `${apiVersion}|${kind}|protobuf`,
    contentType: 'application/vnd.kubernetes.protobuf',
    part(object) {
      const value = encodeProtobuf(schema, pick(object));
      return { value, bytes: value.length };
    },
    whole: (part) => [wrap(part)],
    list: (parts, meta) => protobufList({ apiVersion, kind: listKind }, parts, meta),
    stream: {
      contentType: 'application/vnd.kubernetes.protobuf;stream=watch',
      firstDiffers: false,
      event: ({ type, revision }, part, again) => protobufEvent(type, wrap(revision === undefined ? part : again())),
      bookmark(revision, initialEventsEnd) {
        const annotations = initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
        const metadata = { resourceVersion: String(revision), ...annotations };
        return protobufEvent('BOOKMARK', wrap(encodeProtobuf(schema, { metadata })));
      },
      error: (status) =>
        protobufEvent('ERROR', wrapUnknown('v1', 'Status', encodeProtobuf(metaSchema('Status'), status))),
    },
  };
}
