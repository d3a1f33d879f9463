import { duplicate, FieldPath, invalid } from '#machinery/field-error.ts';
import type { Draft } from '#machinery/object.ts';
import { failure, invalidError, type StatusError } from '#machinery/status.ts';
import type { Service, ServicePort } from '#machinery/types/core-v1.ts';
import { needsHealthCheckPort } from '#resources/core/service/type-change.ts';
import { type PortOperation, PortUnavailable } from './node-ports.ts';

const PORTS = FieldPath.of('spec', 'ports');

/** Gives a new service the node ports it needs. Throws StatusError. Source: core/v1 ServicePort.nodePort. */
export function portsForCreate(draft: Draft<Service>, operation: PortOperation): void {
  if (usesNodePorts(draft)) {
    const byPort = new Map<number, number>();
    for (const [at, port] of (draft.spec.ports ?? []).entries()) {
      if (!port.nodePort && !allocatesNodePorts(draft)) continue;
      const shared = byPort.get(port.port); // one number serves a port in both TCP and UDP
      if (shared === undefined) {
        const wanted = requestedFor(port.port, draft);
        port.nodePort = wanted ? take(draft, at, wanted, operation) : next(operation);
        byPort.set(port.port, port.nodePort);
      } else if (!port.nodePort) port.nodePort = shared;
      else if (port.nodePort !== shared) take(draft, at, port.nodePort, operation);
    }
  }
  if (needsHealthCheckPort(draft.spec)) healthCheckPort(draft, operation);
}

/** The same for an update: what the service had stays its own. What it no longer has is free once it is written. */
export function portsForUpdate(draft: Draft<Service>, old: Service, operation: PortOperation): void {
  if (usesNodePorts(draft)) {
    const had = new Set((old.spec.ports ?? []).map(({ nodePort }) => nodePort));
    const taken = new Set<number>();
    const seen = new Set<string>();
    for (const [at, port] of (draft.spec.ports ?? []).entries()) {
      if (!port.nodePort) {
        if (!allocatesNodePorts(draft)) continue;
        port.nodePort = next(operation);
      } else if (!had.has(port.nodePort) && !taken.has(port.nodePort)) {
        taken.add(take(draft, at, port.nodePort, operation));
      }
      const key = `${port.protocol}/${port.nodePort}`;
      if (seen.has(key)) throw refused(draft, duplicate(PORTS.index(at).at('nodePort'), port.nodePort));
      seen.add(key);
    }
  }
  if (needsHealthCheckPort(draft.spec) && !needsHealthCheckPort(old.spec)) healthCheckPort(draft, operation);
}

/** A wrong port is the client's mistake: 422, where upstream answers 500. */
function healthCheckPort(draft: Draft<Service>, operation: PortOperation): void {
  const { spec } = draft;
  if (!spec.healthCheckNodePort) {
    spec.healthCheckNodePort = next(operation);
    return;
  }
  const wanted = spec.healthCheckNodePort;
  try {
    operation.take(wanted);
  } catch (error) {
    if (!(error instanceof PortUnavailable)) throw error;
    const detail = `failed to allocate requested HealthCheck NodePort ${wanted}: ${error.message}`;
    throw refused(draft, invalid(FieldPath.of('spec', 'healthCheckNodePort'), wanted, detail));
  }
}

function take(draft: Draft<Service>, at: number, port: number, operation: PortOperation): number {
  try {
    operation.take(port);
    return port;
  } catch (error) {
    if (!(error instanceof PortUnavailable)) throw error;
    throw refused(draft, invalid(PORTS.index(at).at('nodePort'), port, error.message));
  }
}

function next(operation: PortOperation): number {
  try {
    return operation.next();
  } catch (error) {
    if (!(error instanceof PortUnavailable)) throw error;
    throw failure(500, 'InternalError', `Internal error occurred: failed to allocate a nodePort: ${error.message}`);
  }
}

function refused({ metadata }: Draft<Service>, error: ReturnType<typeof invalid>): StatusError {
  return invalidError('', 'Service', metadata.name ?? '', [error]);
}

function usesNodePorts({ spec: { type } }: Draft<Service>): boolean {
  return type === 'NodePort' || type === 'LoadBalancer';
}

function allocatesNodePorts({ spec }: Draft<Service>): boolean {
  return spec.type === 'NodePort' || spec.allocateLoadBalancerNodePorts !== false;
}

/** The node port that any of the service's ports with this number asks for. */
function requestedFor(number: number, { spec }: Draft<Service>): number | undefined {
  const asks = ({ port, nodePort }: Draft<ServicePort>) => port === number && nodePort;
  return spec.ports?.find(asks)?.nodePort;
}
