import type { KubeObject } from '#machinery/object.ts';
import {
  checkSelectableFields,
  matchesFields,
  parseFieldSelector,
  requiredValue,
} from '#machinery/selectors/fields.ts';
import { matchesLabels, parseLabelSelector, SelectorError } from '#machinery/selectors/labels.ts';
import { badRequestError } from '#machinery/status.ts';
import { INDEXED_FIELD } from '../registry/catalog.ts';
import type { ServedResource } from '../registry/registry.ts';
import { isStorageVersion, toServed } from '../registry/versions.ts';
import type { Exchange } from '../request/exchange.ts';

/** Which objects of a resource a list, watch or deletecollection is about. */
export interface Selection {
  readonly namespace: string;
  /** The one metadata.name, where the selector or the path names it. */
  readonly name: string | undefined;
  /** The required value of the indexed field. */
  readonly indexed: string | undefined;
  /** Equal keys match alike. */
  readonly filterKey: string;
  /** Takes objects in the storage version. Absent where all objects match, name and namespace apart. */
  readonly matches: ((object: KubeObject) => boolean) | undefined;
}

const NAME = 'metadata.name';
const NAMESPACE = 'metadata.namespace';

/** Reads the selectors of a request. Throws StatusError 400. */
export function selectionOf(served: ServedResource, { info, request }: Exchange): Selection {
  const labelText = request.query.get('labelSelector') ?? '';
  const fieldText = request.query.get('fieldSelector') ?? '';
  const labels = readSelector(() => parseLabelSelector(labelText));
  const fields = readSelector(() => parseFieldSelector(fieldText));
  const { selectableFields } = served.version;
  const { namespaced } = served.definition;
  // cluster-scoped kinds have this field too, unless they name their fields themselves
  const hasNamespaceField = namespaced || Object.keys(selectableFields).length === 0;
  readSelector(() =>
    checkSelectableFields(
      fields,
      (field) => field === NAME || (field === NAMESPACE && hasNamespaceField) || Object.hasOwn(selectableFields, field),
    ),
  );
  const pathName = info.parts.length > 1 ? info.name : undefined;
  const name = pathName ?? requiredValue(fields, NAME);
  const indexed = Object.hasOwn(selectableFields, INDEXED_FIELD) ? requiredValue(fields, INDEXED_FIELD) : undefined;
  const filtered = labels.requirements.length > 0 || fields.length > 0;
  const shown = shownObject(served);
  return {
    namespace: namespaced ? info.namespace : '',
    name,
    indexed,
    filterKey: filtered ? `${served.apiVersion}|${labelText}|${fieldText}` : '',
    matches: filtered
      ? (object) =>
          matchesLabels(labels, object.metadata.labels) &&
          matchesFields(fields, valueIn(shown(object), selectableFields))
      : undefined,
  };
}

function valueIn(object: KubeObject, selectableFields: ServedResource['version']['selectableFields']) {
  return (field: string): string => {
    if (field === NAME) return object.metadata.name ?? '';
    if (field === NAMESPACE) return object.metadata.namespace ?? '';
    return selectableFields[field]?.(object) ?? '';
  };
}

/** The object in the version whose fields the selector names; where a conversion takes time, as it is stored. */
function shownObject(served: ServedResource): (object: KubeObject) => KubeObject {
  if (isStorageVersion(served)) return (object) => object;
  return (object) => {
    const converted = toServed(served, [object]);
    return converted instanceof Promise ? object : (converted[0] ?? object);
  };
}

function readSelector<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (error instanceof SelectorError) throw badRequestError(error.message);
    throw error;
  }
}
