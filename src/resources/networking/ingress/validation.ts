import { type FieldError, FieldPath, invalid, notSupported, required } from '#machinery/field-error.ts';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressRule,
  IngressServiceBackend,
  IngressTLS,
} from '#machinery/types/networking-v1.ts';
import { eachItem, invalidFor } from '#machinery/validation/basics.ts';
import { isDnsLabel, isDnsSubdomain } from '#machinery/validation/names.ts';
import { ipFamily, isPortName, isPortNumber, isWildcardDnsSubdomain } from '#machinery/validation/net.ts';
import { validateObjectReference } from '../object-reference.ts';

const SPEC = FieldPath.of('spec');
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';
const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix'];
const FORBIDDEN_SEQUENCES = ['//', '/./', '/../', '%2f', '%2F'];
const FORBIDDEN_SUFFIXES = ['/..', '/.'];

export function validateNewIngress(ingress: Ingress): FieldError[] {
  const { metadata, spec } = ingress;
  const annotation = metadata.annotations?.[CLASS_ANNOTATION];
  const differs =
    annotation !== undefined && spec.ingressClassName !== undefined && annotation !== spec.ingressClassName;
  const path = FieldPath.of('annotations', CLASS_ANNOTATION);
  return [
    ...validateIngress(ingress),
    ...(differs ? [invalid(path, annotation, 'must match `ingressClassName` when both are specified')] : []),
  ];
}

export function validateIngress({ spec }: Ingress): FieldError[] {
  const { rules = [], defaultBackend, ingressClassName, tls } = spec;
  return [
    ...(rules.length === 0 && !defaultBackend
      ? [invalid(SPEC, rules, 'either `defaultBackend` or `rules` must be specified')]
      : []),
    ...(defaultBackend ? validateBackend(defaultBackend, SPEC.at('defaultBackend')) : []),
    ...eachItem(rules, SPEC.at('rules'), validateRule),
    ...eachItem(tls, SPEC.at('tls'), validateTls),
    ...(ingressClassName === undefined
      ? []
      : invalidFor(isDnsSubdomain(ingressClassName, false), ingressClassName, SPEC.at('ingressClassName'))),
  ];
}

function validateHost(host: string, path: FieldPath): FieldError[] {
  const check = host.includes('*') ? isWildcardDnsSubdomain(host) : isDnsSubdomain(host, false);
  return invalidFor(check, host, path);
}

function validateTls({ hosts, secretName }: IngressTLS, path: FieldPath): FieldError[] {
  return [
    ...eachItem(hosts, path.at('hosts'), validateHost),
    ...(secretName ? invalidFor(isDnsSubdomain(secretName, false), secretName, path.at('secretName')) : []),
  ];
}

function validateRule({ host, http }: IngressRule, path: FieldPath): FieldError[] {
  const at = path.at('host');
  const errors: FieldError[] = [];
  if (host) {
    if (ipFamily(host)) errors.push(invalid(at, host, 'must be a DNS name, not an IP address'));
    errors.push(...validateHost(host, at));
  }
  if (!http) return errors;
  const paths = path.at('http', 'paths');
  if ((http.paths ?? []).length === 0) errors.push(required(paths));
  return [...errors, ...eachItem(http.paths, paths, validatePath)];
}

function validatePath({ path: url = '', pathType, backend }: HTTPIngressPath, path: FieldPath): FieldError[] {
  if (pathType === null || pathType === undefined) return [required(path.at('pathType'), 'pathType must be specified')];
  return [...validateUrlPath(url, pathType, path), ...validateBackend(backend ?? {}, path.at('backend'))];
}

function validateUrlPath(url: string, pathType: string, path: FieldPath): FieldError[] {
  const at = path.at('path');
  if (!PATH_TYPES.includes(pathType)) return [notSupported(path.at('pathType'), pathType, PATH_TYPES)];
  const relative = url.startsWith('/') ? [] : [invalid(at, url, 'must be an absolute path')];
  if (pathType === 'ImplementationSpecific') return url === '' ? [] : relative;
  return [
    ...relative,
    ...FORBIDDEN_SEQUENCES.filter((each) => url.includes(each)).map((each) =>
      invalid(at, url, `must not contain '${each}'`),
    ),
    ...FORBIDDEN_SUFFIXES.filter((each) => url.endsWith(each)).map((each) =>
      invalid(at, url, `cannot end with '${each}'`),
    ),
  ];
}

function validateBackend({ resource, service }: IngressBackend, path: FieldPath): FieldError[] {
  if (resource && service) return [invalid(path, '', 'cannot set both resource and service backends')];
  if (resource) return validateObjectReference(resource, path.at('resource'));
  if (service) return validateServiceBackend(service, path);
  return [invalid(path, '', 'resource or service backend is required')];
}

function validateServiceBackend({ name, port }: IngressServiceBackend, path: FieldPath): FieldError[] {
  const at = path.at('service', 'name');
  const errors = name ? invalidFor(isDnsLabel(name, false), name, at) : [required(at)];
  if (port?.name && port.number) return [...errors, invalid(path, '', 'cannot set both port name & port number')];
  if (port?.name)
    return [...errors, ...invalidFor(isPortName(port.name), port.name, path.at('service', 'port', 'name'))];
  if (port?.number) {
    return [...errors, ...invalidFor(isPortNumber(port.number), port.number, path.at('service', 'port', 'number'))];
  }
  return [...errors, required(path, 'port name or number is required')];
}
