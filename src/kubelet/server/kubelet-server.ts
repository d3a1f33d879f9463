export interface KubeletServer {
  readonly port: number;
  close(): Promise<void>;
}
export async function startKubeletServer(_: object): Promise<KubeletServer> {
  throw new Error('x');
}
