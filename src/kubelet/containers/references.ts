import type { ConfigMap, Secret } from '#machinery/types/core-v1.ts';

/** Reads what a pod refers to. Undefined where it does not exist; throws where the API cannot be asked. */
export interface References {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
}
