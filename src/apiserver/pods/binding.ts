import { type FieldError, FieldPath, notSupported, required } from '#machinery/field-error.ts';
import type { Draft } from '#machinery/object.ts';
import { kindSchema } from '#machinery/schema/facts.ts';
import { badRequestError, conflictError, invalidError } from '#machinery/status.ts';
import type { Binding, Pod } from '#machinery/types/core-v1.ts';
import type { BodyKind, HandlerContext, SubresourceHandler, VirtualResource } from '../registry/handlers.ts';
import type { ServedResource } from '../registry/registry.ts';
import { rewriteObject } from '../registry/rewrite.ts';
import { setPodCondition } from './pod-condition.ts';

const BODY: BodyKind = {
  group: '',
  version: 'v1',
  kind: 'Binding',
  get schema() {
    return kindSchema('', 'v1', 'Binding');
  },
};

const SUCCESS = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } as const;

/** `pods/binding`: the scheduler gives a pod to a node. Source: core/v1 Binding. */
export function podBinding(pods: () => ServedResource): SubresourceHandler {
  return {
    group: '',
    resource: 'pods',
    subresource: 'binding',
    body: BODY,
    async create(object, context) {
      if (object.metadata.name !== context.name) {
        throw badRequestError('name in URL does not match name in Binding object');
      }
      return bind(pods(), context.name, object as Draft<Binding>, context);
    },
  };
}

/** `bindings`, the same under its old path: the body names the pod. */
export function bindings(pods: () => ServedResource): VirtualResource {
  return {
    ...BODY,
    get schema() {
      return BODY.schema;
    },
    plural: 'bindings',
    singular: 'binding',
    namespaced: true,
    async create(object, context) {
      if (!object.metadata.name) throw badRequestError('name is required');
      return bind(pods(), object.metadata.name, object as Draft<Binding>, context);
    },
  };
}

async function bind(
  pods: ServedResource,
  name: string,
  binding: Draft<Binding>,
  { namespace, dryRun, signal, now }: HandlerContext,
): Promise<object> {
  const errors = validate(binding);
  if (errors.length > 0) throw invalidError('', 'Binding', name, errors);
  await rewriteObject(pods, { namespace, name, dryRun, signal }, (draft) => {
    assign(draft as Draft<Pod>, binding, now); // pods hold pods
  });
  return SUCCESS;
}

function validate({ target }: Draft<Binding>): readonly FieldError[] {
  const path = FieldPath.of('target');
  const errors: FieldError[] = [];
  if (target?.kind && target.kind !== 'Node')
    errors.push(notSupported(path.at('kind'), target.kind, ['Node', '<empty>']));
  if (!target?.name) errors.push(required(path.at('name')));
  return errors;
}

/** Throws StatusError 409 where the pod cannot be given to a node any more. */
function assign(pod: Draft<Pod>, { metadata, target }: Draft<Binding>, now: number): void {
  const name = pod.metadata.name ?? '';
  checkPreconditions(pod, metadata);
  const refuse = (why: string) => conflictError({ group: '', resource: 'pods/binding' }, name, why);
  if (pod.metadata.deletionTimestamp) throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  if (!pod.spec) throw refuse(`pod ${name} has no spec`);
  if (pod.spec.nodeName) throw refuse(`pod ${name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`);
  if (pod.spec.schedulingGates?.length) throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  pod.spec.nodeName = target.name ?? '';
  if (metadata.annotations) pod.metadata.annotations = { ...pod.metadata.annotations, ...metadata.annotations };
  if (metadata.labels) pod.metadata.labels = { ...pod.metadata.labels, ...metadata.labels };
  setPodCondition(pod, { type: 'PodScheduled', status: 'True' }, now);
}

function checkPreconditions(pod: Draft<Pod>, { uid, resourceVersion }: Draft<Binding>['metadata']): void {
  const { metadata } = pod;
  const failed = (what: string, wanted: string, found: string | undefined) =>
    conflictError(
      { group: '', resource: 'pods' },
      metadata.name ?? '',
      `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${found}`,
    );
  if (uid && uid !== metadata.uid) throw failed('UID', uid, metadata.uid);
  if (resourceVersion && resourceVersion !== metadata.resourceVersion) {
    throw failed('ResourceVersion', resourceVersion, metadata.resourceVersion);
  }
}
