import { type FieldError, type FieldPath, invalid, required } from '#machinery/field-error.ts';
import { eachItem, invalidFor } from '#machinery/validation/basics.ts';
import { isDns1035Label, isDnsSubdomain } from '#machinery/validation/names.ts';
import { isPortNumber } from '#machinery/validation/net.ts';

/** How the server reaches a webhook, in webhook configurations and in the conversion of custom resources. */
export interface ClientConfigShape {
  readonly url?: string;
  readonly service?: {
    readonly name: string;
    readonly namespace: string;
    readonly path?: string;
    readonly port?: number;
  };
}

const REVIEW_VERSIONS = ['v1', 'v1beta1'];
const FORM = '; desired format: https://host[/path]';

export function validateClientConfig(config: ClientConfigShape | undefined, path: FieldPath): FieldError[] {
  const { url, service } = config ?? {};
  if (url !== undefined && !service) return validateUrl(url, path.at('url'));
  if (service && url === undefined) return validateService(service, path.at('service'));
  return [required(path, 'exactly one of url or service is required')];
}

function validateUrl(text: string, path: FieldPath): FieldError[] {
  const match =
    /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/(?:([^/?#@]*)@)?([^/?#]*))?[^?#]*(?:\?([^#]*))?(?:#(.*))?$/.exec(text);
  if (!match || text.startsWith(':') || /[\s\p{Cc}]/u.test(text) || /%(?![0-9A-Fa-f]{2})/.test(text)) {
    return [required(path, `url must be a valid URL: parse ${JSON.stringify(text)}${FORM}`)];
  }
  const [, scheme = '', user, host = '', query, fragment] = match;
  return [
    ...(scheme.toLowerCase() === 'https'
      ? []
      : [invalid(path, scheme, `'https' is the only allowed URL scheme${FORM}`)]),
    ...(host === '' ? [invalid(path, host, `host must be specified${FORM}`)] : []),
    ...(user === undefined ? [] : [invalid(path, user, 'user information is not permitted in the URL')]),
    ...(fragment ? [invalid(path, fragment, 'fragments are not permitted in the URL')] : []),
    ...(query ? [invalid(path, query, 'query parameters are not permitted in the URL')] : []),
  ];
}

function validateService(
  { name, namespace, path: urlPath, port = 0 }: NonNullable<ClientConfigShape['service']>,
  path: FieldPath,
): FieldError[] {
  const wrongPort = isPortNumber(port);
  return [
    // Upstream confuses the two: a missing name is reported at the namespace, and the other way round.
    ...(namespace ? [] : [required(path.at('name'), 'service name is required')]),
    ...(name ? [] : [required(path.at('namespace'), 'service namespace is required')]),
    ...(wrongPort.length > 0 ? [invalid(path.at('port'), port, `port is not valid: ${wrongPort.join(',')}`)] : []),
    ...(urlPath === undefined ? [] : validatePath(urlPath, path.at('path'))),
  ];
}

function validatePath(text: string, path: FieldPath): FieldError[] {
  if (text === '' || text === '/') return [];
  if (text === '//') return [invalid(path, text, 'segment[0] may not be empty')];
  const errors = text.startsWith('/') ? [] : [invalid(path, text, "must start with a '/'")];
  for (const [index, step] of text.slice(1).replace(/\/$/, '').split('/').entries()) {
    if (step === '') errors.push(invalid(path, text, `segment[${index}] may not be empty`));
    else
      errors.push(
        ...isDnsSubdomain(step, false).map((message) => invalid(path, text, `segment[${index}]: ${message}`)),
      );
  }
  return errors;
}

/** Versions of reviews that a webhook takes; one of ours must be among them. */
export function validateReviewVersions(versions: readonly string[], path: FieldPath): FieldError[] {
  if (versions.length === 0) return [required(path, `must specify one of ${REVIEW_VERSIONS.join(', ')}`)];
  const errors = eachItem(versions, path, (version, at, index) =>
    versions.indexOf(version) < index
      ? [invalid(at, version, 'duplicate version')]
      : invalidFor(isDns1035Label(version, false), version, at),
  );
  if (versions.some((version) => REVIEW_VERSIONS.includes(version))) return errors;
  return [...errors, invalid(path, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`)];
}
