import { type FieldError, FieldPath, forbidden, invalid, required } from '#machinery/field-error.ts';
import type { Draft, KubeObject } from '#machinery/object.ts';
import { kindSchema } from '#machinery/schema/facts.ts';
import { invalidError, StatusError } from '#machinery/status.ts';
import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  LocalSubjectAccessReview,
  NonResourceAttributes,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
} from '#machinery/types/authorization-v1.ts';
import type { User } from '../admission/admission.ts';
import type { HandlerContext, VirtualResource } from '../registry/handlers.ts';
import type { Attributes, Authorizer } from './authorizer.ts';
import { fieldSelectorText, labelSelectorText } from './selector-text.ts';

const GROUP = 'authorization.k8s.io';

/** `subjectaccessreviews`, `localsubjectaccessreviews` and `selfsubjectaccessreviews`. Source: authorization.k8s.io/v1. */
export function accessReviews(authorizer: Authorizer): readonly VirtualResource[] {
  return [
    {
      ...named('SubjectAccessReview', false),
      create: (object) => review(authorizer, object as Draft<SubjectAccessReview>),
    },
    {
      ...named('LocalSubjectAccessReview', true),
      create: (object, context) => localReview(authorizer, object as Draft<LocalSubjectAccessReview>, context),
    },
    {
      ...named('SelfSubjectAccessReview', false),
      create: (object, context) => selfReview(authorizer, object as Draft<SelfSubjectAccessReview>, context),
    },
  ];
}

export function named(kind: string, namespaced: boolean): Omit<VirtualResource, 'create'> {
  return {
    group: GROUP,
    version: 'v1',
    kind,
    plural: `${kind.toLowerCase()}s`,
    singular: kind.toLowerCase(),
    namespaced,
    get schema() {
      return kindSchema(GROUP, 'v1', kind);
    },
  };
}

async function review(authorizer: Authorizer, object: Draft<SubjectAccessReview>): Promise<object> {
  const path = FieldPath.of('spec');
  refuse([...checkSpec(object.spec, path), ...checkSubject(object.spec, path), ...checkMetadata(object, [])]);
  return { ...object, status: await decide(authorizer, object.spec, subjectOf(object.spec)) };
}

async function localReview(
  authorizer: Authorizer,
  object: Draft<LocalSubjectAccessReview>,
  { namespace }: HandlerContext,
): Promise<object> {
  const path = FieldPath.of('spec');
  const { resourceAttributes, nonResourceAttributes } = object.spec;
  const errors = [
    ...checkSpec(object.spec, path),
    ...checkSubject(object.spec, path),
    ...checkMetadata(object, ['namespace']),
  ];
  if (resourceAttributes && (resourceAttributes.namespace ?? '') !== namespace) {
    const field = path.at('resourceAttributes', 'namespace');
    errors.push(invalid(field, resourceAttributes.namespace ?? '', 'must match metadata.namespace'));
  }
  if (nonResourceAttributes) {
    const field = path.at('nonResourceAttributes');
    errors.push(invalid(field, nonResourceAttributes, 'disallowed on this kind of request'));
  }
  refuse(errors);
  const metadata = { ...object.metadata, namespace };
  return { ...object, metadata, status: await decide(authorizer, object.spec, subjectOf(object.spec)) };
}

async function selfReview(
  authorizer: Authorizer,
  object: Draft<SelfSubjectAccessReview>,
  { user }: HandlerContext,
): Promise<object> {
  refuse([...checkSpec(object.spec, FieldPath.of('spec')), ...checkMetadata(object, [])]);
  return { ...object, status: await decide(authorizer, object.spec, user) };
}

interface Asked {
  readonly resourceAttributes?: ResourceAttributes;
  readonly nonResourceAttributes?: NonResourceAttributes;
}

async function decide(authorizer: Authorizer, spec: Asked, user: User): Promise<SubjectAccessReviewStatus> {
  const { attributes, errors } = attributesOf(spec, user);
  const { decision, reason } = await authorizer.authorize(attributes);
  return {
    allowed: decision === 'allow',
    ...(decision === 'deny' ? { denied: true } : {}),
    ...(reason ? { reason } : {}),
    ...(errors.length > 0 ? { evaluationError: errors.join('; ') } : {}),
  };
}

function subjectOf({ user = '', groups = [], uid, extra }: SubjectAccessReviewSpec): User {
  return { name: user, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
}

function attributesOf(spec: Asked, user: User): { attributes: Attributes; errors: readonly string[] } {
  const { resourceAttributes: resource, nonResourceAttributes: other } = spec;
  if (!resource) {
    const nothing = { group: '', version: '', resource: '', subresource: '', namespace: '', name: '' };
    const attributes = { user, isResource: false, verb: other?.verb ?? '', path: other?.path ?? '', ...nothing };
    return { attributes, errors: [] };
  }
  // what cannot be read is left out, so that the question is about more, never about less, than was asked
  const field = fieldSelectorText(resource.fieldSelector);
  const label = labelSelectorText(resource.labelSelector);
  return {
    attributes: {
      user,
      isResource: true,
      verb: resource.verb ?? '',
      group: resource.group ?? '',
      version: resource.version ?? '',
      resource: resource.resource ?? '',
      subresource: resource.subresource ?? '',
      namespace: resource.namespace ?? '',
      name: resource.name ?? '',
      path: '',
      ...(field.text ? { fieldSelector: field.text } : {}),
      ...(label.text ? { labelSelector: label.text } : {}),
    },
    errors: [...field.errors, ...label.errors],
  };
}

function checkSpec(spec: Asked, path: FieldPath): FieldError[] {
  const { resourceAttributes: resource, nonResourceAttributes: other } = spec;
  if (resource && other) {
    const detail = 'cannot be specified in combination with resourceAttributes';
    return [invalid(path.at('nonResourceAttributes'), other, detail)];
  }
  if (!resource && !other) {
    const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    return [invalid(path.at('resourceAttributes'), null, detail)];
  }
  const attributes = path.at('resourceAttributes');
  return [
    ...checkSelector(resource?.fieldSelector, attributes.at('fieldSelector'), checkFieldKey),
    ...checkSelector(resource?.labelSelector, attributes.at('labelSelector'), checkLabelKey),
  ];
}

function checkSubject({ user, groups }: SubjectAccessReviewSpec, path: FieldPath): FieldError[] {
  if (user || groups?.length) return [];
  return [invalid(path.at('user'), '', 'at least one of user or group must be specified')];
}

function checkMetadata(object: KubeObject, allowed: readonly string[]): FieldError[] {
  const ignored = [...allowed, 'managedFields', 'creationTimestamp'];
  const given = Object.entries(object.metadata ?? {}).filter(([key, value]) => value && !ignored.includes(key));
  return given.length > 0 ? [invalid(FieldPath.of('metadata'), object.metadata, 'must be empty')] : [];
}

type Selector = FieldSelectorAttributes | LabelSelectorAttributes;

function checkSelector(
  selector: Selector | undefined,
  path: FieldPath,
  checkKey: (key: string, path: FieldPath) => FieldError[],
): FieldError[] {
  if (!selector) return [];
  const { rawSelector, requirements = [] } = selector;
  if (rawSelector && requirements.length > 0) {
    return [invalid(path.at('rawSelector'), rawSelector, 'may not specified at the same time as requirements')];
  }
  if (!rawSelector && requirements.length === 0) {
    return [
      required(
        path.at('requirements'),
        `when ${path.toString()} is specified, requirements or rawSelector is required`,
      ),
    ];
  }
  return requirements.flatMap(({ key, operator, values }, at) => {
    const here = path.at('requirements').index(at);
    return [...checkKey(key, here.at('key')), ...checkValues(operator, values ?? [], here.at('values'))];
  });
}

function checkValues(operator: string, values: readonly string[], path: FieldPath): FieldError[] {
  if ((operator === 'In' || operator === 'NotIn') && values.length === 0) {
    return [required(path, "must be specified when `operator` is 'In' or 'NotIn'")];
  }
  if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0) {
    return [forbidden(path, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
  }
  return [];
}

function checkFieldKey(key: string, path: FieldPath): FieldError[] {
  return key ? [] : [required(path, 'must be specified')];
}

const LABEL_NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

function checkLabelKey(key: string, path: FieldPath): FieldError[] {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const errors: FieldError[] = [];
  if (!name) errors.push(invalid(path, key, 'name part must be non-empty'));
  if (!LABEL_NAME.test(name)) {
    const detail =
      "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    errors.push(invalid(path, key, detail));
  }
  return errors;
}

/** 422 as reviews answer it: without a kind, since they are no stored objects. */
function refuse(errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  const { status } = invalidError(GROUP, '', '', errors);
  const { kind: _kind, ...details } = status.details ?? {};
  throw new StatusError({ ...status, details });
}
