import { createHash } from 'node:crypto';
import { createTarDecoder } from 'modern-tar';
import {
  type Blob,
  CONFIG_TYPE,
  type Descriptor,
  digestOf,
  type Image,
  LAYER_TYPE,
  MANIFEST_TYPE,
  NAME_ANNOTATION,
} from '../images/image-archive.ts';
import { parseReference } from '../images/reference.ts';
import { WriteAction } from '../runtime/cri/generated/containerd-services-content-v1_pb.ts';
import { type ContainerdServices, isAlreadyExists } from './services.ts';

/** One message of a blob; containerd takes 16 MiB at most. */
const CHUNK_BYTES = 1024 * 1024;
/** Manifests and configurations are read into memory; what is larger is not one. */
const MAX_DOCUMENT_BYTES = 8 * 1024 * 1024;
/** Marks an image as known to the CRI plug-in. */
const CRI_LABELS = { 'io.cri-containerd.image': 'managed' };

type Labels = Readonly<Record<string, string>>;

interface Import {
  readonly services: ContainerdServices;
  /** Under this lease nothing is collected before the image is complete. */
  readonly lease: string;
}

/** Stores an image of ours under its full names. */
export async function importImage(
  services: ContainerdServices,
  image: Image,
  references: readonly string[],
): Promise<void> {
  await withLease(services, async (job) => {
    for (const blob of [...image.layers, image.config]) await writeBytes(job, blob, {});
    await writeBytes(
      job,
      image.manifest,
      manifestLabels(
        image.config.descriptor,
        image.layers.map((layer) => layer.descriptor),
      ),
    );
    for (const reference of references) await setImage(job, reference, image.manifest.descriptor);
  });
}

/**
 * Loads an archive as `docker save` or any OCI tool writes it and returns the names of the images in it. Throws where
 * the archive is neither, lacks a blob, or has a blob that is not what its digest says.
 */
export async function loadImageArchive(
  services: ContainerdServices,
  archive: AsyncIterable<Uint8Array>,
): Promise<readonly string[]> {
  return withLease(services, async (job) => {
    const files = await storeFiles(job, archive);
    const index = files.documents.get('index.json');
    const docker = files.documents.get('manifest.json');
    if (index === undefined && docker === undefined)
      throw new Error('not an image archive: neither index.json nor manifest.json is in it');
    const names = index === undefined ? [] : await importIndex(job, files, index);
    if (names.length > 0) return names;
    if (docker === undefined) throw new Error('the archive has no image with a name');
    return importDocker(job, files, docker);
  });
}

interface ArchiveFiles {
  /** Small files by name, for whatever turns out to be a document. */
  readonly documents: ReadonlyMap<string, Uint8Array>;
  /** Every file, by name: its place in the content store. */
  readonly stored: ReadonlyMap<string, { readonly digest: string; readonly size: number; readonly gzip: boolean }>;
}

/** Streams every file of the archive into the content store; layers never are in memory as a whole. */
async function storeFiles(job: Import, archive: AsyncIterable<Uint8Array>): Promise<ArchiveFiles> {
  const documents = new Map<string, Uint8Array>();
  const stored = new Map<string, { digest: string; size: number; gzip: boolean }>();
  const links: { readonly name: string; readonly target: string }[] = [];
  const decoder = createTarDecoder();
  const feeding = ReadableStream.from(archive).pipeTo(decoder.writable);
  feeding.catch(() => undefined); // the reader below sees the same error
  for await (const { header, body } of decoder.readable) {
    const name = header.name.replace(/^\.\//, '');
    if (header.type === 'symlink' || header.type === 'link') links.push({ name, target: linkTarget(name, header) });
    if (header.type !== undefined && header.type !== 'file') {
      await body.cancel();
      continue;
    }
    const kept: Uint8Array[] | undefined = header.size <= MAX_DOCUMENT_BYTES ? [] : undefined;
    const result = await writeStream(job, name, header.size, tee(body, kept));
    stored.set(name, result);
    if (kept) documents.set(name, Buffer.concat(kept));
  }
  await feeding;
  for (const { name, target } of links) {
    const found = stored.get(target);
    if (found) stored.set(name, found);
  }
  return { documents, stored };
}

function linkTarget(name: string, header: { readonly type?: string; readonly linkname?: string }): string {
  const target = header.linkname ?? '';
  if (header.type === 'link') return target.replace(/^\.\//, '');
  return new URL(target, `file:///${name}`).pathname.slice(1);
}

async function* tee(body: ReadableStream<Uint8Array>, kept: Uint8Array[] | undefined): AsyncIterable<Uint8Array> {
  for await (const chunk of body) {
    kept?.push(chunk);
    yield chunk;
  }
}

function document(files: ArchiveFiles, name: string): unknown {
  const bytes = files.documents.get(name);
  if (bytes === undefined) throw new Error(`the archive lacks ${name}`);
  return JSON.parse(Buffer.from(bytes).toString());
}

function blobName(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

interface IndexDocument {
  readonly manifests?: readonly (Descriptor & {
    readonly platform?: { readonly architecture?: string; readonly os?: string };
  })[];
}

async function importIndex(job: Import, files: ArchiveFiles, bytes: Uint8Array): Promise<readonly string[]> {
  const index = JSON.parse(Buffer.from(bytes).toString()) as IndexDocument;
  const names: string[] = [];
  for (const entry of index.manifests ?? []) {
    const name = entry.annotations?.[NAME_ANNOTATION] ?? entry.annotations?.['org.opencontainers.image.ref.name'];
    if (name === undefined) continue;
    await labelTree(job, files, entry);
    const full = fullName(name);
    await setImage(job, full, entry);
    names.push(full);
  }
  return names;
}

/** Links manifests to what they refer to, so that containerd keeps it as long as the image. */
async function labelTree(job: Import, files: ArchiveFiles, descriptor: Descriptor): Promise<void> {
  const body = document(files, blobName(descriptor.digest)) as IndexDocument & {
    config?: Descriptor;
    layers?: Descriptor[];
  };
  if (body.config) {
    for (const needed of [body.config, ...(body.layers ?? [])])
      if (!files.stored.has(blobName(needed.digest))) throw new Error(`the archive lacks ${blobName(needed.digest)}`);
    await setLabels(job, descriptor.digest, manifestLabels(body.config, body.layers ?? []));
    return;
  }
  const present = (body.manifests ?? []).filter((manifest) => files.stored.has(blobName(manifest.digest)));
  for (const manifest of present) await labelTree(job, files, manifest);
  const labels = Object.fromEntries(
    present.map((manifest, position) => [`containerd.io/gc.ref.content.m.${position}`, manifest.digest]),
  );
  await setLabels(job, descriptor.digest, labels);
}

interface DockerEntry {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers: readonly string[];
}

async function importDocker(job: Import, files: ArchiveFiles, bytes: Uint8Array): Promise<readonly string[]> {
  const names: string[] = [];
  for (const entry of JSON.parse(Buffer.from(bytes).toString()) as readonly DockerEntry[]) {
    const describe = (name: string, mediaType: string): Descriptor => {
      const found = files.stored.get(name);
      if (found === undefined) throw new Error(`the archive lacks ${name}`);
      return { mediaType: found.gzip ? `${mediaType}+gzip` : mediaType, digest: found.digest, size: found.size };
    };
    const config = describe(entry.Config, CONFIG_TYPE);
    const layers = entry.Layers.map((layer) => describe(layer, LAYER_TYPE));
    const data = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, config, layers }));
    const manifest: Blob = {
      descriptor: { mediaType: MANIFEST_TYPE, digest: digestOf(data), size: data.length },
      data,
    };
    await writeBytes(job, manifest, manifestLabels(config, layers));
    for (const tag of entry.RepoTags ?? []) {
      const full = fullName(tag);
      await setImage(job, full, manifest.descriptor);
      names.push(full);
    }
  }
  return names;
}

function fullName(name: string): string {
  const full = parseReference(name);
  if (full === undefined) throw new Error(`the archive has an image with the name ${name}, which is none`);
  return full;
}

function manifestLabels(config: Descriptor, layers: readonly Descriptor[]): Labels {
  return {
    'containerd.io/gc.ref.content.config': config.digest,
    ...Object.fromEntries(
      layers.map((layer, position) => [`containerd.io/gc.ref.content.l.${position}`, layer.digest]),
    ),
  };
}

async function withLease<T>(services: ContainerdServices, work: (job: Import) => Promise<T>): Promise<T> {
  const id = `dhow-import-${createHash('sha256').update(`${process.pid} ${process.hrtime.bigint()}`).digest('hex').slice(0, 16)}`;
  const expiry = { 'containerd.io/gc.expire': '2100-01-01T00:00:00Z' };
  await services.leases.create({ id, labels: expiry });
  try {
    return await work({ services, lease: id });
  } finally {
    await services.leases.delete({ id });
  }
}

function leased(job: Import): { readonly headers: Record<string, string>; readonly timeoutMs: number } {
  return { headers: { 'containerd-lease': job.lease }, timeoutMs: 0 };
}

async function writeBytes(job: Import, blob: Blob, labels: Labels): Promise<void> {
  const { digest, size } = blob.descriptor;
  const chunk = async function* () {
    yield blob.data;
  };
  await write(job, { ref: digest, size, digest, labels }, chunk());
}

async function writeStream(
  job: Import,
  name: string,
  size: number,
  body: AsyncIterable<Uint8Array>,
): Promise<{ digest: string; size: number; gzip: boolean }> {
  const named = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name);
  const hash = createHash('sha256');
  let first: Uint8Array | undefined;
  const hashed = async function* () {
    for await (const chunk of body) {
      first ??= chunk;
      hash.update(chunk);
      yield chunk;
    }
  };
  await write(
    job,
    { ref: `${job.lease}-${name}`, size, digest: named ? `sha256:${named[1]}` : '', labels: {} },
    hashed(),
  );
  const digest = `sha256:${hash.digest('hex')}`;
  if (named && digest !== `sha256:${named[1]}`)
    throw new Error(`${name} does not have the contents that its name says`);
  return { digest, size, gzip: first?.[0] === 0x1f && first[1] === 0x8b };
}

interface Target {
  readonly ref: string;
  readonly size: number;
  /** Empty where it is not known in advance. */
  readonly digest: string;
  readonly labels: Labels;
}

async function write(job: Import, target: Target, body: AsyncIterable<Uint8Array>): Promise<void> {
  const requests = async function* () {
    let offset = 0;
    for await (const piece of body) {
      for (let start = 0; start < piece.byteLength; start += CHUNK_BYTES) {
        const data = piece.subarray(start, start + CHUNK_BYTES);
        yield {
          action: WriteAction.WRITE,
          ref: target.ref,
          total: BigInt(target.size),
          expected: target.digest,
          offset: BigInt(offset),
          data,
        };
        offset += data.byteLength;
      }
    }
    yield {
      action: WriteAction.COMMIT,
      ref: target.ref,
      total: BigInt(target.size),
      expected: target.digest,
      offset: BigInt(offset),
      labels: target.labels,
    };
  };
  try {
    for await (const _ of job.services.content.write(requests(), leased(job)));
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    for await (const _ of body); // whoever reads the archive goes on to the next file
    if (target.digest && Object.keys(target.labels).length > 0) await setLabels(job, target.digest, target.labels);
  }
}

async function setLabels(job: Import, digest: string, labels: Labels): Promise<void> {
  if (Object.keys(labels).length === 0) return;
  const paths = Object.keys(labels).map((label) => `labels.${label}`);
  await job.services.content.update({ info: { digest, labels }, updateMask: { paths } }, leased(job));
}

async function setImage(job: Import, name: string, target: Descriptor): Promise<void> {
  const image = {
    name,
    labels: CRI_LABELS,
    target: { mediaType: target.mediaType, digest: target.digest, size: BigInt(target.size) },
  };
  try {
    await job.services.images.create({ image }, leased(job));
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    await job.services.images.update({ image, updateMask: { paths: ['target', 'labels'] } }, leased(job));
  }
}
