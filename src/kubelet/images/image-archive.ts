import { createHash } from 'node:crypto';
import { packTar } from 'modern-tar';
import type { Architecture } from './pause-elf.ts';

/** Media types of the OCI image specification 1.0. */
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
export const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
export const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';
/** Annotation of an index entry under which tools look for an image's full name. */
export const NAME_ANNOTATION = 'io.containerd.image.name';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Blob {
  readonly descriptor: Descriptor;
  readonly data: Uint8Array;
}

/** What an image is made of. Layers are uncompressed tar archives, lowest first. */
export interface ImageContents {
  readonly architecture: Architecture;
  readonly layers: readonly Uint8Array[];
  /** The part of the configuration that says how to run it, in the field names of the OCI specification. */
  readonly config: {
    readonly Entrypoint?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly Env?: readonly string[];
    readonly WorkingDir?: string;
    readonly User?: string;
    readonly ExposedPorts?: Readonly<Record<string, object>>;
    readonly Labels?: Readonly<Record<string, string>>;
  };
}

export interface Image {
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layers: readonly Blob[];
}

export function digestOf(data: Uint8Array): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

function blob(mediaType: string, data: Uint8Array): Blob {
  return { descriptor: { mediaType, digest: digestOf(data), size: data.byteLength }, data };
}

/** The blobs of an OCI image; the same contents always give the same digests. */
export function buildImage(contents: ImageContents): Image {
  const layers = contents.layers.map((layer) => blob(LAYER_TYPE, layer));
  const config = blob(
    CONFIG_TYPE,
    Buffer.from(
      JSON.stringify({
        created: '1970-01-01T00:00:00Z',
        architecture: contents.architecture,
        os: 'linux',
        config: contents.config,
        rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.descriptor.digest) },
        history: layers.map(() => ({ created: '1970-01-01T00:00:00Z' })),
      }),
    ),
  );
  const manifest = blob(
    MANIFEST_TYPE,
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST_TYPE,
        config: config.descriptor,
        layers: layers.map((layer) => layer.descriptor),
      }),
    ),
  );
  return { manifest, config, layers };
}

/** An OCI image layout as a tar archive, which every tool can load. `references` are full names with tags. */
export async function ociArchive(image: Image, references: readonly string[]): Promise<Uint8Array> {
  const blobs = [image.manifest, image.config, ...image.layers];
  const index = {
    schemaVersion: 2,
    mediaType: INDEX_TYPE,
    manifests: references.map((reference) => ({
      ...image.manifest.descriptor,
      annotations: { [NAME_ANNOTATION]: reference, 'org.opencontainers.image.ref.name': reference.split(':').at(-1) },
    })),
  };
  const text = (name: string, value: unknown) => {
    const body = Buffer.from(JSON.stringify(value));
    return { header: { name, size: body.byteLength, mtime: new Date(0) }, body };
  };
  return packTar([
    text('oci-layout', { imageLayoutVersion: '1.0.0' }),
    text('index.json', index),
    ...blobs.map(({ descriptor, data }) => ({
      header: { name: `blobs/sha256/${descriptor.digest.slice(7)}`, size: data.byteLength, mtime: new Date(0) },
      body: data,
    })),
  ]);
}
