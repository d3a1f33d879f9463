import { semanticEqual } from '#machinery/equality.ts';
import { type FieldError, FieldPath, forbidden, invalid, notSupported, required } from '#machinery/field-error.ts';
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  ServiceAccountSubject,
  Subject,
} from '#machinery/types/flowcontrol-v1.ts';
import { eachItem, invalidFor } from '#machinery/validation/basics.ts';
import { isDnsLabel, isDnsSubdomain } from '#machinery/validation/names.ts';
import { MANDATORY_SCHEMAS } from '../mandatory.ts';

const SPEC = FieldPath.of('spec');
const MAX_PRECEDENCE = 10_000;
const METHODS = ['ByNamespace', 'ByUser'];
const SUBJECT_FIELDS = { User: 'user', Group: 'group', ServiceAccount: 'serviceAccount' } as const;
const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];

export function validateFlowSchema({ metadata, spec }: FlowSchema): FieldError[] {
  const name = metadata.name ?? '';
  const fixed = MANDATORY_SCHEMAS.get(name);
  const method = spec.distinguisherMethod;
  const level = spec.priorityLevelConfiguration?.name;
  const levelPath = SPEC.at('priorityLevelConfiguration', 'name');
  return [
    ...validatePrecedence(spec.matchingPrecedence, name, SPEC.at('matchingPrecedence')),
    ...(method && !METHODS.includes(method.type)
      ? [notSupported(SPEC.at('distinguisherMethod', 'type'), method, METHODS)]
      : []),
    ...(level
      ? invalidFor(isDnsSubdomain(level, false), level, levelPath)
      : [required(levelPath, 'must reference a priority level')]),
    ...eachItem(spec.rules, SPEC.at('rules'), validateRules),
    ...(fixed && !semanticEqual(spec, fixed)
      ? [invalid(SPEC, spec, `spec of '${name}' must equal the fixed value`)]
      : []),
  ];
}

function validatePrecedence(precedence: number, name: string, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (precedence <= 0) errors.push(invalid(path, precedence, 'must be a positive value'));
  if (precedence > MAX_PRECEDENCE) errors.push(invalid(path, precedence, `must not be greater than ${MAX_PRECEDENCE}`));
  if (precedence === 1 && name !== 'exempt') {
    errors.push(invalid(path, precedence, "only the schema named 'exempt' may have matchingPrecedence 1"));
  }
  return errors;
}

function validateRules(
  { subjects, resourceRules, nonResourceRules }: PolicyRulesWithSubjects,
  path: FieldPath,
): FieldError[] {
  const none = (resourceRules ?? []).length === 0 && (nonResourceRules ?? []).length === 0;
  return [
    ...((subjects ?? []).length === 0
      ? [required(path.at('subjects'), 'subjects must contain at least one value')]
      : eachItem(subjects, path.at('subjects'), validateSubject)),
    ...(none ? [required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty')] : []),
    ...eachItem(resourceRules, path.at('resourceRules'), validateResourceRule),
    ...eachItem(nonResourceRules, path.at('nonResourceRules'), validateNonResourceRule),
  ];
}

function validateSubject(subject: Subject, path: FieldPath): FieldError[] {
  const { kind } = subject;
  if (kind !== 'User' && kind !== 'Group' && kind !== 'ServiceAccount') {
    return [notSupported(path.at('kind'), kind ?? '', Object.keys(SUBJECT_FIELDS))];
  }
  const own = SUBJECT_FIELDS[kind];
  const errors = Object.entries(SUBJECT_FIELDS)
    .filter(([, field]) => field !== own && subject[field])
    .map(([other, field]) => forbidden(path.at(field), `${field} is forbidden when subject kind is not '${other}'`));
  if (!subject[own]) return [...errors, required(path.at(own), `${own} is required when subject kind is '${kind}'`)];
  if (subject.serviceAccount && own === 'serviceAccount') {
    return [...errors, ...validateServiceAccount(subject.serviceAccount, path.at(own))];
  }
  return subject[own].name ? errors : [...errors, required(path.at(own, 'name'))];
}

function validateServiceAccount({ name, namespace }: ServiceAccountSubject, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (!name) errors.push(required(path.at('name')));
  else if (name !== '*') errors.push(...invalidFor(isDnsSubdomain(name, false), name, path.at('name')));
  if (!namespace) return [...errors, required(path.at('namespace'), 'must specify namespace for service account')];
  return [...errors, ...invalidFor(isDnsLabel(namespace, false), namespace, path.at('namespace'))];
}

function validateVerbs(verbs: readonly string[] | null, path: FieldPath): FieldError[] {
  if (!verbs || verbs.length === 0) return [required(path, 'verbs must contain at least one value')];
  if (verbs.includes('*')) {
    return verbs.length > 1 ? [invalid(path, verbs, "if '*' is present, must not specify other verbs")] : [];
  }
  return verbs.every((verb) => VERBS.includes(verb)) ? [] : [notSupported(path, verbs, VERBS)];
}

function alone(
  values: readonly string[] | null | undefined,
  path: FieldPath,
  what: string,
  missing: string,
): FieldError[] {
  if (!values || values.length === 0) return [required(path, missing)];
  if (values.length === 1 || !values.includes('*')) return [];
  return [invalid(path, values, `if '*' is present, must not specify other ${what}`)];
}

function validateResourceRule(rule: ResourcePolicyRule, path: FieldPath): FieldError[] {
  const namespaces = rule.namespaces ?? [];
  const at = path.at('namespaces');
  const errors = [
    ...validateVerbs(rule.verbs, path.at('verbs')),
    ...alone(rule.apiGroups, path.at('apiGroups'), 'api groups', 'resource rules must supply at least one api group'),
    ...alone(rule.resources, path.at('resources'), 'resources', 'resource rules must supply at least one resource'),
  ];
  if (namespaces.length === 0 && rule.clusterScope) return errors;
  errors.push(
    ...alone(
      namespaces,
      at,
      'namespaces',
      'resource rules that are not cluster scoped must supply at least one namespace',
    ),
  );
  if (namespaces.includes('*')) return errors;
  return [...errors, ...eachItem(namespaces, at, (name, place) => invalidFor(isDnsLabel(name, false), name, place))];
}

function validateNonResourceRule({ verbs, nonResourceURLs }: NonResourcePolicyRule, path: FieldPath): FieldError[] {
  const at = path.at('nonResourceURLs');
  const errors = [
    ...validateVerbs(verbs, path.at('verbs')),
    ...alone(nonResourceURLs, at, 'non-resource URLs', 'nonResourceURLs must contain at least one value'),
  ];
  if ((nonResourceURLs ?? []).includes('*')) return errors;
  return [...errors, ...eachItem(nonResourceURLs, at, validateUrlPath)];
}

function validateUrlPath(url: string, path: FieldPath): FieldError[] {
  if (url === '') return [invalid(path, url, 'must not be empty')];
  if (url === '/') return [];
  if (!url.startsWith('/')) return [invalid(path, url, 'must start with slash')];
  if (url.includes(' ')) return [invalid(path, url, 'must not contain white-space')];
  if (url.includes('//')) return [invalid(path, url, 'must not contain double slash')];
  const stars = url.split('*').length - 1;
  if (stars === 0 || (stars === 1 && url.endsWith('/*'))) return [];
  return [invalid(path, url, 'wildcard can only do suffix matching')];
}
