import type { Draft } from '#machinery/object.ts';
import type { DeviceToleration, ResourceClaimSpec } from '#machinery/types/resource-v1.ts';

/** One device, exactly, where a request says no more. Source: resource.k8s.io/v1 API, KEP-4381. */
export function defaultClaimSpec(spec: Draft<ResourceClaimSpec> | undefined): void {
  for (const { exactly, firstAvailable } of spec?.devices?.requests ?? []) {
    for (const request of [...(exactly ? [exactly] : []), ...(firstAvailable ?? [])]) {
      request.allocationMode ||= 'ExactCount';
      if (request.allocationMode === 'ExactCount') request.count ||= 1;
      defaultTolerations(request.tolerations);
    }
  }
}

function defaultTolerations(tolerations: Draft<DeviceToleration>[] | undefined): void {
  for (const toleration of tolerations ?? []) toleration.operator ||= 'Equal';
}
