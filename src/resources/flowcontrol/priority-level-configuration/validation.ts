import { semanticEqual } from '#machinery/equality.ts';
import { type FieldError, FieldPath, forbidden, invalid, notSupported, required } from '#machinery/field-error.ts';
import type {
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
  QueuingConfiguration,
} from '#machinery/types/flowcontrol-v1.ts';
import { inRange } from '#machinery/validation/basics.ts';
import { MANDATORY_LEVELS } from '../mandatory.ts';

const SPEC = FieldPath.of('spec');
const MAX_QUEUES = 10_000_000;
/** Bits of a flow's hash that may go into dealing its hand of queues. */
const MAX_ENTROPY_BITS = 60;

export function validatePriorityLevel({ metadata, spec }: PriorityLevelConfiguration): FieldError[] {
  const name = metadata.name ?? '';
  const { type, exempt, limited } = spec;
  const errors: FieldError[] = [];
  if ((name === 'exempt') !== (type === 'Exempt')) {
    errors.push(invalid(SPEC.at('type'), type, "type must be 'Exempt' if and only if name is 'exempt'"));
  }
  if (type === 'Exempt') {
    if (limited) errors.push(forbidden(SPEC.at('limited'), 'must be nil if the type is not Limited'));
    if (exempt) errors.push(...validateShares(exempt, SPEC.at('exempt')));
  } else if (type === 'Limited') {
    if (exempt) errors.push(forbidden(SPEC.at('exempt'), 'must be nil if the type is Limited'));
    if (limited) errors.push(...validateLimited(limited, SPEC.at('limited')));
    else errors.push(required(SPEC.at('limited'), 'must not be empty when type is Limited'));
  } else {
    const known = notSupported(SPEC.at('type'), type, ['Exempt', 'Limited']);
    return name === 'exempt' ? [...errors, known] : [known];
  }
  return [...errors, ...validateFixed(name, spec)];
}

/** The shares of the exempt level may be set; all else of the mandatory levels is fixed. */
function validateFixed(name: string, spec: PriorityLevelConfigurationSpec): FieldError[] {
  const fixed = MANDATORY_LEVELS.get(name);
  if (!fixed) return [];
  const same = name === 'exempt' ? spec.type === 'Exempt' && !spec.limited : semanticEqual(spec, fixed);
  return same ? [] : [invalid(SPEC, spec, `spec of '${name}' must equal the fixed value`)];
}

interface Shares {
  readonly nominalConcurrencyShares?: number | null;
  readonly lendablePercent?: number;
}

function validateShares({ nominalConcurrencyShares, lendablePercent }: Shares, path: FieldPath): FieldError[] {
  const shares = nominalConcurrencyShares ?? 0;
  return [
    ...(shares < 0 ? [invalid(path.at('nominalConcurrencyShares'), shares, 'must be a non-negative integer')] : []),
    ...inRange(lendablePercent ?? 0, 0, 100, path.at('lendablePercent')),
  ];
}

function validateLimited(limited: LimitedPriorityLevelConfiguration, path: FieldPath): FieldError[] {
  const borrowing = limited.borrowingLimitPercent ?? 0;
  return [
    ...validateShares(limited, path),
    ...validateResponse(limited.limitResponse ?? { type: '' }, path.at('limitResponse')),
    ...(borrowing < 0
      ? [invalid(path.at('borrowingLimitPercent'), borrowing, 'if specified, must be a non-negative integer')]
      : []),
  ];
}

function validateResponse({ type, queuing }: LimitResponse, path: FieldPath): FieldError[] {
  const at = path.at('queuing');
  if (type === 'Reject') {
    return queuing ? [forbidden(at, 'must be nil if limited.limitResponse.type is not Limited')] : [];
  }
  if (type !== 'Queue') return [notSupported(path.at('type'), type ?? '', ['Queue', 'Reject'])];
  return queuing
    ? validateQueuing(queuing, at)
    : [required(at, 'must not be empty if limited.limitResponse.type is Limited')];
}

function validateQueuing({ queues, handSize, queueLengthLimit }: QueuingConfiguration, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const hand = path.at('handSize');
  if (queueLengthLimit <= 0) errors.push(invalid(path.at('queueLengthLimit'), queueLengthLimit, 'must be positive'));
  if (queues <= 0) errors.push(invalid(path.at('queues'), queues, 'must be positive'));
  else if (queues > MAX_QUEUES) {
    errors.push(invalid(path.at('queues'), queues, `must not be greater than ${MAX_QUEUES}`));
  }
  if (handSize <= 0) errors.push(invalid(hand, handSize, 'must be positive'));
  else if (handSize > queues) {
    errors.push(invalid(hand, handSize, `should not be greater than queues (${queues})`));
  } else if (entropyBits(queues, handSize) > MAX_ENTROPY_BITS) {
    const detail = `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${MAX_ENTROPY_BITS}`;
    errors.push(invalid(hand, handSize, detail));
  }
  return errors;
}

function entropyBits(deck: number, hand: number): number {
  let bits = 0;
  for (let card = 0; card < hand; card++) bits += Math.log2(deck - card);
  return Math.ceil(bits);
}
