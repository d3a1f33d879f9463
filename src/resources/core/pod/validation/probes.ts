import { type FieldError, type FieldPath, forbidden, invalid, required } from '#machinery/field-error.ts';
import type { Container, ExecAction, GRPCAction, HTTPGetAction, Probe, SleepAction } from '#machinery/types/core-v1.ts';
import type { IntOrString } from '#machinery/types/meta-v1.ts';
import { invalidFor, nonNegative, oneOf, portNumber } from '#machinery/validation/basics.ts';
import { isHttpHeaderName, isPortName } from '#machinery/validation/net.ts';
import type { PodScope } from './options.ts';

interface Action {
  readonly exec?: ExecAction;
  readonly httpGet?: HTTPGetAction;
  readonly tcpSocket?: { readonly port: IntOrString };
  readonly grpc?: GRPCAction;
  readonly sleep?: SleepAction;
}

const SCHEMES = ['HTTP', 'HTTPS'];

export function validateProbes(container: Container, path: FieldPath, scope: PodScope): FieldError[] {
  const { livenessProbe, readinessProbe, startupProbe } = container;
  return [
    ...validateProbe(livenessProbe, path.at('livenessProbe'), scope),
    ...onlyOneSuccess(livenessProbe, path.at('livenessProbe')),
    ...validateProbe(readinessProbe, path.at('readinessProbe'), scope),
    ...(readinessProbe?.terminationGracePeriodSeconds !== undefined
      ? [
          invalid(
            path.at('readinessProbe', 'terminationGracePeriodSeconds'),
            readinessProbe.terminationGracePeriodSeconds,
            'must not be set for readinessProbes',
          ),
        ]
      : []),
    ...validateProbe(startupProbe, path.at('startupProbe'), scope),
    ...onlyOneSuccess(startupProbe, path.at('startupProbe')),
  ];
}

/** One success is enough to be alive or started. */
function onlyOneSuccess(probe: Probe | undefined, path: FieldPath): FieldError[] {
  if (!probe || probe.successThreshold === 1) return [];
  return [invalid(path.at('successThreshold'), probe.successThreshold ?? 0, 'must be 1')];
}

function validateProbe(probe: Probe | undefined, path: FieldPath, scope: PodScope): FieldError[] {
  if (!probe) return [];
  const errors = [
    ...validateAction(probe, path, scope),
    ...nonNegative(probe.initialDelaySeconds, path.at('initialDelaySeconds')),
    ...nonNegative(probe.timeoutSeconds, path.at('timeoutSeconds')),
    ...nonNegative(probe.periodSeconds, path.at('periodSeconds')),
    ...nonNegative(probe.successThreshold, path.at('successThreshold')),
    ...nonNegative(probe.failureThreshold, path.at('failureThreshold')),
  ];
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0) {
    errors.push(invalid(path.at('terminationGracePeriodSeconds'), grace, 'must be greater than 0'));
  }
  return errors;
}

export function validateLifecycle(container: Container, path: FieldPath, scope: PodScope): FieldError[] {
  const { lifecycle } = container;
  const at = path.at('lifecycle');
  return [
    ...(lifecycle?.postStart ? validateAction(lifecycle.postStart, at.at('postStart'), scope) : []),
    ...(lifecycle?.preStop ? validateAction(lifecycle.preStop, at.at('preStop'), scope) : []),
  ];
}

const ACTIONS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const;

/** Exactly one action; the first one given is checked, the others are forbidden beside it. */
function validateAction(handler: Action, path: FieldPath, scope: PodScope): FieldError[] {
  const given = ACTIONS.filter((action) => handler[action]);
  if (given.length === 0) return [required(path, 'must specify a handler type')];
  return given.flatMap((action, index) =>
    index > 0
      ? [forbidden(path.at(action), 'may not specify more than 1 handler type')]
      : checkAction(handler, action, path.at(action), scope),
  );
}

function checkAction(
  handler: Action,
  action: (typeof ACTIONS)[number],
  path: FieldPath,
  scope: PodScope,
): FieldError[] {
  switch (action) {
    case 'exec':
      return (handler.exec?.command ?? []).length > 0 ? [] : [required(path.at('command'))];
    case 'httpGet':
      return handler.httpGet ? validateHttpGet(handler.httpGet, path) : [];
    case 'tcpSocket':
      return portNumberOrName(handler.tcpSocket?.port, path.at('port'));
    case 'grpc':
      return portNumberOrName(handler.grpc?.port, path.at('port'));
    case 'sleep':
      return validateSleep(handler.sleep?.seconds ?? 0, path, scope);
  }
}

function validateSleep(seconds: number | bigint, path: FieldPath, scope: PodScope): FieldError[] {
  const grace = scope.spec.terminationGracePeriodSeconds ?? 30;
  if (seconds >= 0 && seconds <= grace) return [];
  return [invalid(path, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${grace})`)];
}

function validateHttpGet(get: HTTPGetAction, path: FieldPath): FieldError[] {
  return [
    ...(get.path ? [] : [required(path.at('path'))]),
    ...portNumberOrName(get.port, path.at('port')),
    ...oneOf(get.scheme, SCHEMES, path.at('scheme')),
    ...(get.httpHeaders ?? []).flatMap(({ name }) => invalidFor(isHttpHeaderName(name), name, path.at('httpHeaders'))),
  ];
}

export function portNumberOrName(port: IntOrString | undefined, path: FieldPath): FieldError[] {
  if (typeof port === 'string') return invalidFor(isPortName(port), port, path);
  return portNumber(port ?? 0, path);
}
