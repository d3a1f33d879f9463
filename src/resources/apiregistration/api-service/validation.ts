import { type FieldError, FieldPath, invalid, notSupported, required } from '#machinery/field-error.ts';
import type { APIService, ServiceReference } from '#machinery/types/apiregistration-v1.ts';
import { eachItem, invalidFor, nonEmpty } from '#machinery/validation/basics.ts';
import { isDns1035Label, isDnsSubdomain } from '#machinery/validation/names.ts';
import { isPortNumber } from '#machinery/validation/net.ts';

const SPEC = FieldPath.of('spec');
const STATUSES = ['False', 'True', 'Unknown'];
const MAX_GROUP_PRIORITY = 20_000;
const MAX_VERSION_PRIORITY = 1000;

export function validateApiService({ metadata, spec }: APIService): FieldError[] {
  const { group = '', version = '', groupPriorityMinimum, versionPriority } = spec;
  const errors: FieldError[] = [];
  const name = `${version}.${group}`;
  if (metadata.name !== name) {
    const detail = `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(name)}`;
    errors.push(invalid(FieldPath.of('metadata', 'name'), metadata.name, detail));
  }
  if (group === '' && version !== 'v1') {
    errors.push(required(SPEC.at('group'), 'only v1 may have an empty group and it better be legacy kube'));
  }
  if (group !== '') errors.push(...invalidFor(isDnsSubdomain(group, false), group, SPEC.at('group')));
  errors.push(...invalidFor(isDns1035Label(version, false), version, SPEC.at('version')));
  if (groupPriorityMinimum <= 0 || groupPriorityMinimum > MAX_GROUP_PRIORITY) {
    const detail = 'must be positive and less than 20000';
    errors.push(invalid(SPEC.at('groupPriorityMinimum'), groupPriorityMinimum, detail));
  }
  if (versionPriority <= 0 || versionPriority > MAX_VERSION_PRIORITY) {
    errors.push(invalid(SPEC.at('versionPriority'), versionPriority, 'must be positive and less than 1000'));
  }
  return [
    ...errors,
    ...(spec.service ? validateService(spec.service, SPEC.at('service')) : []),
    ...validateTrust(spec),
  ];
}

export function validateApiServiceStatus({ status }: APIService): FieldError[] {
  return eachItem(status?.conditions, FieldPath.of('status', 'conditions'), (condition, path) =>
    STATUSES.includes(condition.status) ? [] : [notSupported(path.at('status'), condition.status ?? '', STATUSES)],
  );
}

function validateService({ name, namespace, port }: ServiceReference, path: FieldPath): FieldError[] {
  const wrong = port === undefined ? [] : isPortNumber(port);
  return [
    ...nonEmpty(namespace, path.at('namespace')),
    ...nonEmpty(name, path.at('name')),
    ...(wrong.length > 0 ? [invalid(path.at('port'), port, `port is not valid: ${wrong.join(', ')}`)] : []),
  ];
}

/** How the other server's certificate is checked; there is nothing to check about this one. */
function validateTrust({ service, caBundle, insecureSkipTLSVerify }: Partial<APIService['spec']>): FieldError[] {
  const insecure = SPEC.at('insecureSkipTLSVerify');
  if (service) {
    return insecureSkipTLSVerify && caBundle
      ? [invalid(insecure, insecureSkipTLSVerify, 'may not be true if caBundle is present')]
      : [];
  }
  const errors: FieldError[] = [];
  if (caBundle) {
    const bytes = Buffer.from(caBundle, 'base64').length;
    errors.push(invalid(SPEC.at('caBundle'), `${bytes} bytes`, 'local APIServices may not have a caBundle'));
  }
  if (insecureSkipTLSVerify) {
    errors.push(invalid(insecure, insecureSkipTLSVerify, 'local APIServices may not have insecureSkipTLSVerify'));
  }
  return errors;
}
