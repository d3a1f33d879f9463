import type { Draft } from '#machinery/object.ts';
import type { CustomResourceDefinition } from '#machinery/types/apiextensions-v1.ts';

/** Names follow from the kind, and versions are not converted, where the author says nothing. */
export function defaultDefinition({ spec }: Draft<CustomResourceDefinition>): void {
  if (!spec) return;
  if (spec.names?.kind) {
    spec.names.singular ||= spec.names.kind.toLowerCase();
    spec.names.listKind ||= `${spec.names.kind}List`;
  }
  spec.conversion ??= { strategy: 'None' };
  const service = spec.conversion.webhook?.clientConfig?.service;
  if (service) service.port ??= 443;
}
