import type { Clock } from '#base/clock.ts';
import { type Draft, draftOf, type KubeObject } from '#machinery/object.ts';
import { compareQuantities } from '#machinery/quantity.ts';
import { isStatus, type StatusError } from '#machinery/status.ts';
import type { ResourceQuota } from '#machinery/types/core-v1.ts';
import { type Amounts, amountsOf, difference, mask, shownAmounts, sum } from '#machinery/amounts.ts';
import { concerns, type Evaluator, evaluatorOf } from '#resources/core/resource-quota/evaluators.ts';
import { resourceQuota } from '#resources/core/resource-quota/resource-quota.ts';
import type { Listers } from '../listers.ts';
import type { ServedResource, WriteRequest } from '../registry/registry.ts';
import { updateObject } from '../registry/update.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import { refusal } from './refuse.ts';

export interface ResourceQuotaOptions {
  readonly listers: Listers;
  readonly clock: Clock;
  /** Where the usage is written. */
  readonly quotas: () => ServedResource;
}

const SELF = { name: 'system:apiserver', groups: ['system:masters'] };

/**
 * Charges what a write adds to the quotas of its namespace, and refuses what does not fit into all of them. It comes
 * last: what another plug-in refuses is not charged. Source: "Resource Quotas".
 */
export function resourceQuotaAdmission({ listers, clock, quotas }: ResourceQuotaOptions): AdmissionPlugin {
  const known = listers(resourceQuota);
  const queue = new Queues();
  return {
    name: 'ResourceQuota',
    validate(request) {
      if (!request.namespace || !request.object || known.list(request.namespace).length === 0) return;
      const evaluator = evaluatorOf(request);
      if (!isCharged(request, evaluator)) return;
      return queue.run(request.namespace, async () => {
        const charges = chargesOf(request, evaluator, known.list(request.namespace), clock.now());
        if (request.dryRun) return;
        for (const charge of charges) await book(request, charge, quotas());
      });
    },
  };
}

function isCharged({ operation, subresource }: AdmissionRequest, { updatedThrough }: Evaluator): boolean {
  if (operation === 'CREATE') return subresource === '';
  return operation === 'UPDATE' && subresource === updatedThrough;
}

/** What one quota is charged with. */
interface Charge {
  readonly quota: ResourceQuota;
  readonly added: Amounts;
}

/** The charges of a write, all of which fit. Throws StatusError 403. */
function chargesOf(
  request: AdmissionRequest,
  evaluator: Evaluator,
  quotas: readonly ResourceQuota[],
  now: number,
): readonly Charge[] {
  const object: KubeObject | undefined = request.object;
  if (!object) return [];
  const concerned = quotas.filter(
    (quota) => limitedBy(quota, evaluator).length > 0 && concerns(quota, evaluator, object),
  );
  for (const quota of concerned) requireComplete(request, quota, evaluator, object);
  const usage = evaluator.usage(object, now);
  const added = difference(usage, request.oldObject ? evaluator.usage(request.oldObject, now) : new Map());
  const charges = concerned
    .map((quota) => ({ quota, added: mask(added, (name) => name in (quota.status?.hard ?? {})) }))
    .filter((charge) => charge.added.size > 0);
  for (const charge of charges) requireRoom(request, charge);
  return charges;
}

/** The limits that are in force: those that the controller has counted for. */
function limitedBy({ status }: ResourceQuota, evaluator: Evaluator): readonly string[] {
  return Object.keys(status?.hard ?? {}).filter((name) => evaluator.charges(name));
}

function requireComplete(
  request: AdmissionRequest,
  quota: ResourceQuota,
  evaluator: Evaluator,
  object: KubeObject,
): void {
  const { name } = quota.metadata;
  const limited = limitedBy(quota, evaluator);
  const missing = request.operation === 'CREATE' ? evaluator.missing?.(object, limited) : undefined;
  if (missing) throw refusal(request, `failed quota: ${name}: ${missing}`);
  if (limited.some((resource) => quota.status?.used?.[resource] === undefined)) {
    throw refusal(request, `status unknown for quota: ${name}, resources: ${limited.toSorted().join(',')}`);
  }
}

/** Throws where what is added goes over a limit; less than before always may be. */
function requireRoom(request: AdmissionRequest, { quota, added }: Charge): void {
  const hard = amountsOf(quota.status?.hard);
  const used = amountsOf(quota.status?.used);
  const after = sum(used, added);
  const over = [...added].flatMap(([name, amount]) => {
    const [limit, total] = [hard.get(name), after.get(name)];
    return limit && total && amount.nanos > 0n && compareQuantities(total, limit) > 0 ? [name] : [];
  });
  if (over.length > 0) throw exceeded(request, quota, over, { added, used, hard });
}

function exceeded(
  request: AdmissionRequest,
  { metadata }: ResourceQuota,
  over: readonly string[],
  { added, used, hard }: { readonly added: Amounts; readonly used: Amounts; readonly hard: Amounts },
): StatusError {
  const show = (amounts: Amounts) =>
    Object.entries(shownAmounts(mask(amounts, (name) => over.includes(name))))
      .map(([name, text]) => `${name}=${text}`)
      .join(',');
  return refusal(
    request,
    `exceeded quota: ${metadata.name}, requested: ${show(added)}, used: ${show(used)}, limited: ${show(hard)}`,
  );
}

/** Writes the new usage; where another server was quicker the room is looked at again. */
async function book(request: AdmissionRequest, { quota, added }: Charge, quotas: ServedResource): Promise<void> {
  const { name = '', namespace = '' } = quota.metadata;
  const write: WriteRequest = {
    namespace,
    name,
    subresource: 'status',
    user: SELF,
    dryRun: false,
    fieldManager: undefined,
    warn: () => undefined,
    signal: new AbortController().signal, // once begun it ends: a charge without an object is put right, not the reverse
  };
  const change = (current: KubeObject | undefined): Draft<KubeObject> => {
    const draft = draftOf(current as ResourceQuota); // an update of a missing object never comes here
    const charge = { quota: draft as ResourceQuota, added: mask(added, (one) => one in (draft.status?.hard ?? {})) };
    requireRoom(request, charge);
    draft.status = { ...draft.status, used: shownAmounts(sum(amountsOf(draft.status?.used), charge.added)) };
    return draft as Draft<KubeObject>;
  };
  try {
    await updateObject(quotas, write, { change, mayCreate: false, unconditional: false, uidIsPrecondition: true });
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error; // a quota that has gone limits nothing
  }
}

/** One write after the other in each namespace, so that each sees what the others were charged. */
class Queues {
  readonly #last = new Map<string, Promise<void>>();

  run(key: string, work: () => Promise<void>): Promise<void> {
    const mine = (this.#last.get(key) ?? Promise.resolve()).then(work);
    const ended = mine
      .catch(() => undefined) // told to whoever asked
      .then(() => {
        if (this.#last.get(key) === ended) this.#last.delete(key);
      });
    this.#last.set(key, ended);
    return mine;
  }
}
