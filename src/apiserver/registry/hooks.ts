import type { Draft, KubeObject } from '#machinery/object.ts';
import type { WriteContext } from '#machinery/resource/definition.ts';
import { hooksOf, type ServedResource, type WriteOutcome } from './registry.ts';

/** What hooks have taken for one write: kept when it commits, given back when it is disposed before. */
export interface RunningHooks extends AsyncDisposable {
  commit(): Promise<void>;
}

const NOTHING: RunningHooks = { commit: () => Promise.resolve(), [Symbol.asyncDispose]: () => Promise.resolve() };

/** Runs the hooks of a resource around a draft. */
export async function runHooks(
  served: ServedResource,
  draft: Draft<KubeObject>,
  old: KubeObject | undefined,
  context: WriteContext,
): Promise<RunningHooks> {
  const hooks = hooksOf(served);
  if (hooks.length === 0) return NOTHING;
  const outcomes: WriteOutcome[] = [];
  const giveBack = async () => {
    for (const outcome of outcomes.splice(0).reverse()) await outcome.rolledBack?.();
  };
  try {
    for (const hook of hooks) {
      const outcome = await hook.before?.(draft, old, context);
      if (outcome) outcomes.push(outcome);
    }
  } catch (error) {
    await giveBack();
    throw error;
  }
  return {
    async commit() {
      for (const outcome of outcomes.splice(0)) await outcome.committed?.();
    },
    [Symbol.asyncDispose]: giveBack,
  };
}
