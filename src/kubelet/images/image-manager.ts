import type { Clock } from '#base/clock.ts';
import type { EventRecorder } from '#reconciler/events.ts';
import type { Pod } from '#machinery/types/core-v1.ts';
import { BackOff } from '../containers/back-off.ts';
import { containerEvent } from '../containers/container-event.ts';
import type { AnyContainer } from '../containers/containers.ts';
import { type ContainerRuntime, rpcMessage } from '../runtime/connect.ts';
import { credentialsFor, type RegistryCredentials } from './credentials.ts';
import { parseReference } from './reference.ts';

/** The user of an image, as the runtime reads it. */
export interface ImageUser {
  readonly uid: number | undefined;
  readonly username: string;
}

/** An image that is present. */
export interface PresentImage {
  /** As the runtime names it: its id. */
  readonly ref: string;
  readonly user: ImageUser;
}

/** Why a container waits; `reason` is shown in its status. */
export class WaitingError extends Error {
  readonly reason: string;
  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'WaitingError';
    this.reason = reason;
  }
}

export interface ImageManagerOptions {
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly events: EventRecorder;
}

/** Pulls at once; more wait for their turn. */
const MAX_PULLS = 4;

/** Makes images present, by each container's pull policy. Pulls of one image are shared. */
export class ImageManager {
  readonly #options: ImageManagerOptions;
  readonly #backOff = new BackOff();
  readonly #pulls = new Map<string, Promise<string>>();
  readonly #queue: (() => void)[] = [];
  #running = 0;

  constructor(options: ImageManagerOptions) {
    this.#options = options;
  }

  /** Resolves with the image, or throws WaitingError with upstream's reasons and messages. */
  async ensure(pod: Pod, container: AnyContainer, credentials: readonly RegistryCredentials[]): Promise<PresentImage> {
    const name = container.image ?? '';
    const events = this.#recorderFor(pod, container);
    const reference = parseReference(name);
    if (reference === undefined) {
      events(
        'Warning',
        'InspectFailed',
        `Failed to apply default image tag "${name}": couldn't parse image name "${name}": invalid reference format`,
      );
      throw new WaitingError(
        'InvalidImageName',
        `Failed to apply default image tag "${name}": couldn't parse image name "${name}": invalid reference format`,
      );
    }
    const policy = container.imagePullPolicy ?? 'IfNotPresent';
    const present = await this.#status(reference);
    if (present && policy !== 'Always') {
      events('Normal', 'Pulled', `Container image "${name}" already present on machine and can be accessed by the pod`);
      return present;
    }
    if (policy === 'Never') {
      const message = `Container image "${name}" is not present with pull policy of Never`;
      events('Warning', 'ErrImageNeverPull', message);
      throw new WaitingError('ErrImageNeverPull', message);
    }
    return this.#pull(pod, container, reference, credentials);
  }

  /** Forgets the waits of a pod that is gone. */
  forget(uid: string): void {
    this.#backOff.forget(`${uid}_`);
  }

  #recorderFor(pod: Pod, container: AnyContainer) {
    return (type: 'Normal' | 'Warning', reason: string, message: string) =>
      containerEvent(this.#options, pod, container, { type, reason, message });
  }

  async #status(image: string): Promise<PresentImage | undefined> {
    const { image: found } = await this.#options.runtime.images.imageStatus({ image: { image } });
    if (!found) return undefined;
    return { ref: found.id, user: { uid: found.uid ? Number(found.uid.value) : undefined, username: found.username } };
  }

  async #pull(
    pod: Pod,
    container: AnyContainer,
    reference: string,
    credentials: readonly RegistryCredentials[],
  ): Promise<PresentImage> {
    const { clock } = this.#options;
    const name = container.image ?? '';
    const events = this.#recorderFor(pod, container);
    const key = `${pod.metadata.uid}_${name}`;
    const last = this.#failures.get(key);
    if (last && this.#backOff.remaining(key, last.at, clock.now()) > 0) {
      events('Normal', 'BackOff', `Back-off pulling image "${name}"`);
      throw new WaitingError('ImagePullBackOff', `Back-off pulling image "${name}": ErrImagePull: ${last.message}`);
    }
    events('Normal', 'Pulling', `Pulling image "${name}"`);
    const started = clock.now();
    try {
      const ref = await this.#shared(reference, credentials);
      const found = await this.#status(ref);
      if (!found) throw new Error(`image "${name}" is not there after its pull`);
      const size = (await this.#options.runtime.images.imageStatus({ image: { image: ref } })).image?.size ?? 0n;
      const took = `${((clock.now() - started) / 1000).toFixed(3).replace(/\.?0+$/, '')}s`;
      events(
        'Normal',
        'Pulled',
        `Successfully pulled image "${name}" in ${took} (${took} including waiting). Image size: ${size} bytes.`,
      );
      this.#failures.delete(key);
      this.#backOff.forget(key);
      return found;
    } catch (error) {
      const message = rpcMessage(error);
      events('Warning', 'Failed', `Failed to pull image "${name}": ${message}`);
      events('Warning', 'Failed', 'Error: ErrImagePull');
      this.#backOff.next(key, clock.now(), clock.now());
      this.#failures.set(key, { at: clock.now(), message });
      throw new WaitingError('ErrImagePull', message, { cause: error });
    }
  }

  readonly #failures = new Map<string, { readonly at: number; readonly message: string }>();

  /** When a container that waits for an image should be looked at again, in milliseconds; 0 where it does not wait. */
  remaining(pod: Pod, container: AnyContainer): number {
    const key = `${pod.metadata.uid}_${container.image ?? ''}`;
    const last = this.#failures.get(key);
    return last ? this.#backOff.remaining(key, last.at, this.#options.clock.now()) : 0;
  }

  #shared(reference: string, credentials: readonly RegistryCredentials[]): Promise<string> {
    // Who may pull differs by credentials: only pulls with the same ones are one.
    const key = JSON.stringify([reference, credentials]);
    const running = this.#pulls.get(key);
    if (running) return running;
    const pull = this.#slot(() => this.#pullWith(reference, credentials)).finally(() => this.#pulls.delete(key));
    this.#pulls.set(key, pull);
    return pull;
  }

  async #pullWith(reference: string, credentials: readonly RegistryCredentials[]): Promise<string> {
    let failure: unknown;
    const fitting = credentialsFor(reference, credentials);
    for (const auth of fitting.length > 0 ? fitting : [undefined]) {
      try {
        const request = { image: { image: reference }, ...(auth ? { auth } : {}) };
        return (await this.#options.runtime.images.pullImage(request, { timeoutMs: 0 })).imageRef;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async #slot<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= MAX_PULLS) await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#queue.shift()?.();
    }
  }
}
