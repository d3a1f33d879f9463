/**
 * What travels over the MessagePort between the server's main thread and its controllers' worker. Each side posts
 * batches of frames (`PortBatch`), those that came up in one turn of its event loop. Requests are told apart by `id`,
 * which the client side chooses. Bytes are moved, not copied, where they own their buffer.
 *
 * The life of a request: `request`, then from the server `head`, `data`*, and `end` or `failed`. The client may send
 * `cancel` at any moment; frames of that id that are still under way are dropped. A response starts with a credit of
 * `INITIAL_CREDIT_BYTES`; the server pauses reading the body while it has sent more than it was given credit for, so a
 * slow reader holds up its own watch only.
 */
export type ClientFrame =
  | {
      readonly type: 'request';
      readonly id: number;
      /** Whom the request is made as: the port is trusted, RBAC and audit apply to this identity. */
      readonly user: PortUser;
      readonly method: string;
      readonly path: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly body?: Uint8Array;
    }
  /** The reader took `bytes` more of the body. */
  | { readonly type: 'credit'; readonly id: number; readonly bytes: number }
  | { readonly type: 'cancel'; readonly id: number };

export type ServerFrame =
  | {
      readonly type: 'head';
      readonly id: number;
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly type: 'data'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly type: 'end'; readonly id: number }
  /** The connection of this request broke (not an answer of the API). */
  | { readonly type: 'failed'; readonly id: number; readonly message: string };

export type PortBatch<Frame extends ClientFrame | ServerFrame> = readonly Frame[];

export interface PortUser {
  readonly name: string;
  readonly groups: readonly string[];
}

/** Bytes of one response that may be under way before the reader has taken any. */
export const INITIAL_CREDIT_BYTES = 1024 * 1024;
