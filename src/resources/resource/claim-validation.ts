import {
  duplicate,
  type FieldError,
  type FieldPath,
  invalid,
  notSupported,
  required,
  tooLong,
  tooMany,
} from '#machinery/field-error.ts';
import type {
  DeviceClaim,
  DeviceConstraint,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  ExactDeviceRequest,
  OpaqueDeviceConfiguration,
  ResourceClaimSpec,
} from '#machinery/types/resource-v1.ts';
import { eachItem, invalidFor } from '#machinery/validation/basics.ts';
import { isDnsLabel, isDnsSubdomain } from '#machinery/validation/names.ts';

const MAX_ITEMS = 32;
const MAX_SUB_REQUESTS = 8;
const MAX_DRIVER_NAME = 63;
const ALLOCATION_MODES = ['All', 'ExactCount'];

/** Checks what a claim asks for, but for its expressions. Source: resource.k8s.io/v1 API, KEP-4381. */
export function validateClaimSpec({ devices }: ResourceClaimSpec, path: FieldPath): FieldError[] {
  const at = path.at('devices');
  const requests = devices?.requests ?? [];
  const names = namesOf(requests);
  const seen = new Set<string>();
  return [
    ...atMost(requests, MAX_ITEMS, at.at('requests')),
    ...eachItem(requests, at.at('requests'), (request, place) => {
      const errors = validateRequest(request, place);
      if (seen.has(request.name)) errors.push(duplicate(place, request.name));
      seen.add(request.name);
      return errors;
    }),
    ...validateConstraints(devices?.constraints ?? [], names, at.at('constraints')),
    ...validateConfigurations(devices?.config ?? [], names, at.at('config')),
  ];
}

/** How constraints and configurations name requests: by name, or by name and alternative. */
function namesOf(requests: readonly DeviceRequest[]): ReadonlySet<string> {
  return new Set(
    requests.flatMap(({ name, firstAvailable }) => [
      name,
      ...(firstAvailable ?? []).map((each) => `${name}/${each.name}`),
    ]),
  );
}

function atMost(items: readonly unknown[], max: number, path: FieldPath): FieldError[] {
  return items.length > max ? [tooMany(path, items.length, max)] : [];
}

function labelName(name: string | undefined, path: FieldPath): FieldError[] {
  return invalidFor(isDnsLabel(name ?? '', false), name ?? '', path);
}

function validateRequest({ name, exactly, firstAvailable }: DeviceRequest, path: FieldPath): FieldError[] {
  const errors = labelName(name, path.at('name'));
  const alternatives = firstAvailable ?? [];
  if (exactly && alternatives.length > 0) {
    return [
      ...errors,
      invalid(path, null, 'exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set'),
    ];
  }
  if (exactly) return [...errors, ...validateDevices(exactly, path.at('exactly'))];
  if (alternatives.length === 0) {
    return [...errors, required(path, 'exactly one of `exactly` or `firstAvailable` is required')];
  }
  const at = path.at('firstAvailable');
  const seen = new Set<string>();
  return [
    ...errors,
    ...atMost(alternatives, MAX_SUB_REQUESTS, at),
    ...eachItem(alternatives, at, (each, place) => {
      const found = [...labelName(each.name, place.at('name')), ...validateDevices(each, place)];
      if (seen.has(each.name)) found.push(duplicate(place, each.name));
      seen.add(each.name);
      return found;
    }),
  ];
}

function validateDevices(request: ExactDeviceRequest | DeviceSubRequest, path: FieldPath): FieldError[] {
  const { deviceClassName, allocationMode, count } = request;
  const errors = deviceClassName
    ? invalidFor(isDnsSubdomain(deviceClassName, false), deviceClassName, path.at('deviceClassName'))
    : [required(path.at('deviceClassName'))];
  errors.push(...validateSelectors(request.selectors ?? [], path.at('selectors')));
  const at = path.at('count');
  if (allocationMode === 'ExactCount') {
    if (count === undefined || count <= 0) errors.push(invalid(at, count, 'must be greater than zero'));
  } else if (allocationMode === 'All') {
    if (count) errors.push(invalid(at, count, "must not be specified when allocationMode is 'All'"));
  } else errors.push(notSupported(path.at('allocationMode'), allocationMode ?? '', ALLOCATION_MODES));
  return errors;
}

export function validateSelectors(selectors: readonly DeviceSelector[], path: FieldPath): FieldError[] {
  return [
    ...atMost(selectors, MAX_ITEMS, path),
    ...eachItem(selectors, path, ({ cel }, at) => (cel ? [] : [required(at.at('cel'))])),
  ];
}

function validateUse(requests: readonly string[], names: ReadonlySet<string>, path: FieldPath): FieldError[] {
  return [
    ...atMost(requests, MAX_ITEMS, path),
    ...eachItem(requests, path, (name, at, index) => [
      ...(requests.indexOf(name) < index ? [duplicate(at, name)] : []),
      ...(names.has(name) ? [] : [invalid(at, name, 'must be the name of a request in the claim')]),
    ]),
  ];
}

function validateConstraints(
  constraints: readonly DeviceConstraint[],
  names: ReadonlySet<string>,
  path: FieldPath,
): FieldError[] {
  return [
    ...atMost(constraints, MAX_ITEMS, path),
    ...eachItem(constraints, path, ({ requests, matchAttribute, distinctAttribute }, at) => [
      ...validateUse(requests ?? [], names, at.at('requests')),
      ...(matchAttribute === undefined && distinctAttribute === undefined
        ? [required(at, 'exactly one of matchAttribute or distinctAttribute is required')]
        : []),
      ...(matchAttribute === undefined ? [] : validateAttribute(matchAttribute, at.at('matchAttribute'))),
      ...(distinctAttribute === undefined ? [] : validateAttribute(distinctAttribute, at.at('distinctAttribute'))),
    ]),
  ];
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MAX_IDENTIFIER = 32;

/** A domain and a C identifier: `example.com/model`. */
function validateAttribute(name: string, path: FieldPath): FieldError[] {
  const [domain = '', identifier, ...more] = name.split('/');
  if (identifier === undefined || more.length > 0) return [invalid(path, name, 'must include a domain')];
  const errors =
    domain === ''
      ? [invalid(path, '', 'the domain must not be empty')]
      : invalidFor(isDnsSubdomain(domain, false), domain, path);
  if (identifier === '') errors.push(invalid(path, identifier, 'the name must not be empty'));
  else if (!IDENTIFIER.test(identifier)) {
    errors.push(
      invalid(
        path,
        identifier,
        "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')",
      ),
    );
  }
  if (identifier.length > MAX_IDENTIFIER) {
    errors.push(tooLong(path, MAX_IDENTIFIER));
  }
  return errors;
}

function validateConfigurations(
  configurations: NonNullable<DeviceClaim['config']>,
  names: ReadonlySet<string>,
  path: FieldPath,
): FieldError[] {
  return [
    ...atMost(configurations, MAX_ITEMS, path),
    ...eachItem(configurations, path, ({ requests, opaque }, at) => [
      ...validateUse(requests ?? [], names, at.at('requests')),
      ...validateOpaque(opaque, at.at('opaque')),
    ]),
  ];
}

/** Parameters of a driver: any object, and whose they are. */
export function validateOpaque(opaque: OpaqueDeviceConfiguration | undefined, path: FieldPath): FieldError[] {
  if (!opaque) return [required(path)];
  const { driver, parameters } = opaque;
  const at = path.at('driver');
  const errors = driver ? invalidFor(isDnsSubdomain(driver, false), driver, at) : [required(at)];
  if ((driver ?? '').length > MAX_DRIVER_NAME) errors.push(tooLong(at, MAX_DRIVER_NAME));
  if (parameters === undefined || parameters === null) return [...errors, required(path.at('parameters'))];
  if (typeof parameters === 'object' && !Array.isArray(parameters)) return errors;
  return [...errors, invalid(path.at('parameters'), '<value omitted>', 'must be a valid JSON object')];
}
