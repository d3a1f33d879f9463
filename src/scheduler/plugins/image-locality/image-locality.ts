import type { Pod } from '#machinery/types/core-v1.ts';
import { go, type Plugin, SKIP } from '../../framework.ts';

/** Images smaller than this are pulled quickly anyway; above the other size a container's images count no more. */
const MIN_BYTES = 23 * 1024 * 1024;
const MAX_BYTES_PER_CONTAINER = 1000 * 1024 * 1024;

/** Weighted size of each image of the pod, and the number of its containers. */
interface State {
  readonly images: readonly string[];
  readonly spread: ReadonlyMap<string, number>;
}

/** Prefers nodes that have the pod's images, counting those less that only few nodes have, against crowding. */
export const imageLocality: Plugin<unknown, State> = {
  name: 'ImageLocality',
  weight: 1,
  preScore(pod, _, { nodes }) {
    const images = imagesOf(pod);
    const spread = new Map<string, number>();
    for (const image of images) {
      const having = nodes.filter((node) => node.images.has(image)).length;
      spread.set(image, having / Math.max(nodes.length, 1));
    }
    return images.some((image) => (spread.get(image) ?? 0) > 0) ? go({ images, spread }) : SKIP;
  },
  score(_, node, { images, spread }) {
    let sum = 0;
    for (const image of images) sum += Math.floor((node.images.get(image) ?? 0) * (spread.get(image) ?? 0));
    const max = MAX_BYTES_PER_CONTAINER * images.length;
    const clamped = Math.min(Math.max(sum, MIN_BYTES), max);
    return Math.floor((100 * (clamped - MIN_BYTES)) / (max - MIN_BYTES));
  },
};

function imagesOf({ spec }: Pod): readonly string[] {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? [])].map(({ image = '' }) => withTag(image));
}

/** Nodes report images with their tags. */
function withTag(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}
