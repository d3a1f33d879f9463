import { connect as connectSocket } from 'node:net';
import { type Client, Code, ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { ImageService, RuntimeService } from './cri/generated/runtime-v1_pb.ts';

/** A CRI v1 runtime: any implementation that serves these two services. Source: KEP-2041, CRI API v1. */
export interface ContainerRuntime {
  readonly runtime: Client<typeof RuntimeService>;
  readonly images: Client<typeof ImageService>;
}

type GrpcTransport = ReturnType<typeof createGrpcTransport>;

/** Whatever takes longer is given up, except streams and pulls (they pass `timeoutMs: 0`). */
const CALL_TIMEOUT_MS = 4 * 60_000;

/** Bodies larger than this are refused: a list of a few thousand containers is some megabytes. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/** gRPC over a Unix socket. `endpoint` is a path or a `unix://` URL. */
export function unixTransport(endpoint: string, interceptors: Interceptor[] = []): GrpcTransport {
  const path = socketPath(endpoint);
  return createGrpcTransport({
    baseUrl: 'http://localhost',
    nodeOptions: { createConnection: () => connectSocket(path) },
    defaultTimeoutMs: CALL_TIMEOUT_MS,
    readMaxBytes: MAX_MESSAGE_BYTES,
    // One idle connection stays open: reconnecting costs more than the call.
    idleConnectionTimeoutMs: 2 ** 31 - 1,
    interceptors,
  });
}

export function socketPath(endpoint: string): string {
  return endpoint.replace(/^unix:\/\//, '');
}

export function connectRuntime(endpoint: string): ContainerRuntime {
  const transport = unixTransport(endpoint);
  return { runtime: createClient(RuntimeService, transport), images: createClient(ImageService, transport) };
}

export function isNotFound(error: unknown): boolean {
  return ConnectError.from(error).code === Code.NotFound;
}

/** The runtime's words without gRPC's prefix, in the form the events of upstream's node agent show. */
export function rpcMessage(error: unknown): string {
  if (!(error instanceof ConnectError)) return error instanceof Error ? error.message : String(error);
  return `rpc error: code = ${CODE_NAMES[error.code] ?? 'Unknown'} desc = ${error.rawMessage}`;
}

const CODE_NAMES: Readonly<Record<number, string>> = {
  [Code.Canceled]: 'Canceled',
  [Code.Unknown]: 'Unknown',
  [Code.InvalidArgument]: 'InvalidArgument',
  [Code.DeadlineExceeded]: 'DeadlineExceeded',
  [Code.NotFound]: 'NotFound',
  [Code.AlreadyExists]: 'AlreadyExists',
  [Code.PermissionDenied]: 'PermissionDenied',
  [Code.ResourceExhausted]: 'ResourceExhausted',
  [Code.FailedPrecondition]: 'FailedPrecondition',
  [Code.Aborted]: 'Aborted',
  [Code.OutOfRange]: 'OutOfRange',
  [Code.Unimplemented]: 'Unimplemented',
  [Code.Internal]: 'Internal',
  [Code.Unavailable]: 'Unavailable',
  [Code.DataLoss]: 'DataLoss',
  [Code.Unauthenticated]: 'Unauthenticated',
};
