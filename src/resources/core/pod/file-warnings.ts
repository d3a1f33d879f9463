import type { PodSpec, Volume, VolumeProjection } from '#machinery/types/core-v1.ts';

/** Files of one volume that come from two places: the later hides the earlier. */
export function fileWarnings({ volumes }: PodSpec, path: string): string[] {
  return (volumes ?? []).flatMap((volume, index) => {
    const at = `${path}spec.volumes[${index}]`;
    const empty = (volume.projected?.sources ?? []).flatMap((source, number) =>
      Object.keys(source).length === 0 ? [`${at}.projected.sources[${number}]: no projection type specified`] : [],
    );
    return [...empty, ...overlaps(filesOf(volume)).map((file) => `${at}: overlapping paths: ${file}`)];
  });
}

function filesOf({ configMap, secret, downwardAPI, projected }: Volume): readonly string[] {
  const items = configMap?.items ?? secret?.items ?? downwardAPI?.items ?? [];
  return [...items.map(({ path }) => path), ...(projected?.sources ?? []).flatMap(filesOfProjection)];
}

function filesOfProjection(source: VolumeProjection): readonly string[] {
  const items = source.configMap?.items ?? source.secret?.items ?? source.downwardAPI?.items ?? [];
  const token = source.serviceAccountToken?.path;
  return [...items.map(({ path }) => path), ...(token ? [token] : [])];
}

/** Paths that are the same as one before them, or inside it. */
function overlaps(files: readonly string[]): readonly string[] {
  return files.filter((file, index) =>
    files
      .slice(0, index)
      .some((other) => file === other || file.startsWith(`${other}/`) || other.startsWith(`${file}/`)),
  );
}
