import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { unixTransport } from '../runtime/connect.ts';
import { Content } from '../runtime/cri/generated/containerd-services-content-v1_pb.ts';
import { Events } from '../runtime/cri/generated/containerd-services-events-v1_pb.ts';
import { Images } from '../runtime/cri/generated/containerd-services-images-v1_pb.ts';
import { Leases } from '../runtime/cri/generated/containerd-services-leases-v1_pb.ts';

/** The namespace in which containerd's CRI plug-in keeps what it owns. */
export const CRI_NAMESPACE = 'k8s.io';

/** containerd's own services, for what CRI lacks: importing images, and events of exits (CRI has them from 1.7). */
export interface ContainerdServices {
  readonly content: Client<typeof Content>;
  readonly images: Client<typeof Images>;
  readonly leases: Client<typeof Leases>;
  readonly events: Client<typeof Events>;
}

export function connectContainerd(endpoint: string): ContainerdServices {
  const transport = unixTransport(endpoint, [
    (next) => (request) => {
      request.header.set('containerd-namespace', CRI_NAMESPACE);
      return next(request);
    },
  ]);
  return {
    content: createClient(Content, transport),
    images: createClient(Images, transport),
    leases: createClient(Leases, transport),
    events: createClient(Events, transport),
  };
}

export function isAlreadyExists(error: unknown): boolean {
  return ConnectError.from(error).code === Code.AlreadyExists;
}
