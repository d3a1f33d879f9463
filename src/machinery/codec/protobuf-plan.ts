import type { FieldSchema, ProtoField, StructSchema } from '../schema/schema.ts';

/** What is at one number of a message: a field, or an embedded message that JSON does not show. */
export type PlanEntry =
  | {
      readonly number: number;
      readonly field: FieldSchema & { readonly proto: ProtoField };
      /** Last part of the name of the field's protobuf type, or of the values of a map. */
      readonly type: string;
    }
  | { readonly number: number; readonly embedded: MessagePlan };

export interface MessagePlan {
  /** By ascending number. */
  readonly entries: readonly PlanEntry[];
  readonly byNumber: ReadonlyMap<number, PlanEntry>;
}

/** The layout of a type on the wire; made once for each. Fields without a number are not on it. */
export function planOf(schema: StructSchema): MessagePlan {
  const known = plans.get(schema);
  if (known) return known;
  const fields = [...schema.fields.values()].filter(
    (field): field is FieldSchema & { proto: ProtoField } => field.proto !== undefined,
  );
  const plan = layOut(fields, 0);
  plans.set(schema, plan);
  return plan;
}

const plans = new WeakMap<StructSchema, MessagePlan>();

function layOut(fields: readonly (FieldSchema & { readonly proto: ProtoField })[], depth: number): MessagePlan {
  const entries: PlanEntry[] = [];
  const embedded = new Map<number, (FieldSchema & { readonly proto: ProtoField })[]>();
  for (const field of fields) {
    const number = field.proto.via?.[depth];
    if (number === undefined) entries.push({ number: field.proto.number, field, type: elementName(field.proto) });
    else embedded.set(number, [...(embedded.get(number) ?? []), field]);
  }
  for (const [number, inside] of embedded) entries.push({ number, embedded: layOut(inside, depth + 1) });
  entries.sort((a, b) => a.number - b.number);
  return { entries, byNumber: new Map(entries.map((entry) => [entry.number, entry])) };
}

/** The element of a protobuf type: `Quantity` of `map<string,.k8s.io.….Quantity>`. */
function elementName({ type }: ProtoField): string {
  const element = /^map<string,(.*)>$/.exec(type)?.[1] ?? type;
  return element.slice(element.lastIndexOf('.') + 1);
}
