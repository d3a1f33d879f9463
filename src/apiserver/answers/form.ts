import type { KubeObject } from '#machinery/object.ts';
import type { ObjectMeta } from '#machinery/types/meta-v1.ts';
import { metaSchema } from '#machinery/schema/facts.ts';
import type { StructSchema } from '#machinery/schema/schema.ts';
import type { Rendering } from '../negotiation/accept.ts';
import type { ServedResource } from '../registry/registry.ts';
import { jsonForm } from './json-form.ts';
import { protobufForm } from './protobuf-form.ts';
import { tableForm } from './table-form.ts';
import { textForm } from './text-form.ts';

/**
 * How objects become bytes in one media type and transform. A `Part` is what is kept of one object and shared by all
 * answers (DerivedBytes); answers, lists and watch events are put together from parts.
 */
export interface Form<Part = unknown> {
  /** Names the parts of this form among those of the same object: equal keys, equal parts. */
  readonly key: string;
  readonly contentType: string;
  /** Parts are made of objects as they are stored, else in the served version. */
  readonly ofStored?: boolean;
  /** `bytes` says how much memory the part holds. */
  part(object: KubeObject): { readonly value: Part; readonly bytes: number };
  whole(part: Part): readonly Uint8Array[];
  list(parts: readonly Part[], meta: ListMetadata): readonly Uint8Array[];
  /** Absent where the media type cannot be streamed. */
  readonly stream?: StreamForm<Part>;
}

/** Watch events of a form. */
export interface StreamForm<Part> {
  readonly contentType: string;
  /** The first event of a watch differs from the others (a Table has its columns there). */
  readonly firstDiffers: boolean;
  /** `revision`, where given, is shown instead of the part's own; `again` makes a part that shows it. */
  event(event: EventFrame, part: Part, again: () => Part): Uint8Array;
  bookmark(revision: number, initialEventsEnd: boolean): Uint8Array;
  /** An ERROR event; `status` is a Status object. */
  error(status: object): Uint8Array;
}

export interface EventFrame {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly revision: number | undefined;
  readonly first: boolean;
}

export interface ListMetadata {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** Names that a form writes around objects. */
export interface Naming {
  readonly kind: string;
  readonly listKind: string;
  readonly apiVersion: string;
  /** Items of lists name kind and apiVersion (custom resources, partial metadata). */
  readonly typedItems: boolean;
}

/** What a form shows of an object, and how that is called. */
export interface Shown {
  readonly naming: Naming;
  readonly schema: StructSchema;
  readonly pick: (object: KubeObject) => KubeObject;
}

/** The form for the objects of a resource, `now` in milliseconds for cells that show time. */
export function formOf(served: ServedResource, rendering: Rendering, now: () => number): Form {
  if (rendering.as === 'Table') {
    const { apiVersion, definition, version } = served;
    const form = tableForm({ apiVersion, kind: definition.kind, columns: version.columns }, rendering, now) as Form;
    const ofStored = Boolean(version.columnsOfStored) && rendering.includeObject !== 'Object';
    return ofStored ? { ...form, ofStored } : form;
  }
  if (rendering.as === 'object') return mediaForm(wholeObject(served), rendering);
  return mediaForm(metadataOnly(rendering, served.definition.fieldAnnotations), rendering);
}

/** The form of an answer that is no stored object: a review, a Scale, a Status. */
export function plainForm(kind: string, apiVersion: string, schema: StructSchema, rendering: Rendering): Form {
  const naming: Naming = { kind, listKind: `${kind}List`, apiVersion, typedItems: false };
  return mediaForm({ naming, schema, pick: (object) => object }, rendering);
}

/** The metadata of an object that is not stored. */
export function metadataForm(rendering: Rendering): Form {
  return mediaForm(metadataOnly(rendering), rendering);
}

/** A form keeps its own type of part: whoever calls only passes them through. */
function mediaForm(shown: Shown, { media, pretty }: Rendering): Form {
  if (media === 'application/vnd.kubernetes.protobuf') return protobufForm(shown) as Form;
  if (media === 'application/yaml' || pretty) return textForm(shown, media) as Form;
  return jsonForm(shown) as Form;
}

function wholeObject({ definition, version, apiVersion }: ServedResource): Shown {
  const { kind, listKind } = definition;
  const typedItems = version.schema.name === ''; // custom resources have a schema without a name
  return { naming: { kind, listKind, apiVersion, typedItems }, schema: version.schema, pick: (object) => object };
}

function metadataOnly({ metaVersion }: Pick<Rendering, 'metaVersion'>, hidden: readonly string[] = []): Shown {
  return {
    naming: {
      kind: 'PartialObjectMetadata',
      listKind: 'PartialObjectMetadataList',
      apiVersion: `meta.k8s.io/${metaVersion}`,
      typedItems: true,
    },
    schema: metaSchema('PartialObjectMetadata'),
    pick: ({ kind, apiVersion, metadata }) => ({ kind, apiVersion, metadata: withoutAnnotations(metadata, hidden) }),
  };
}

function withoutAnnotations(metadata: ObjectMeta, hidden: readonly string[]): ObjectMeta {
  if (!hidden.some((name) => metadata.annotations?.[name] !== undefined)) return metadata;
  const { annotations, ...others } = metadata;
  const shown = Object.entries(annotations ?? {}).filter(([name]) => !hidden.includes(name));
  return shown.length > 0 ? { ...others, annotations: Object.fromEntries(shown) } : others;
}
