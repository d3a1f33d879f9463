import type { HorizontalPodAutoscalerBehavior, HPAScalingRules } from '#machinery/types/autoscaling-v2.ts';

/** The behaviour as the annotation has it: with the names that the fields have inside upstream's server. */

interface Rules {
  readonly StabilizationWindowSeconds: number | null;
  readonly SelectPolicy: string | null;
  readonly Policies:
    | readonly { readonly Type: string; readonly Value: number; readonly PeriodSeconds: number }[]
    | null;
  readonly Tolerance?: string | null;
}

export function behaviorText({ scaleUp, scaleDown }: HorizontalPodAutoscalerBehavior): string {
  return JSON.stringify({ ScaleUp: toRules(scaleUp), ScaleDown: toRules(scaleDown) });
}

/** Undefined where the text is not such a behaviour. */
export function behaviorFromText(text: string | undefined): HorizontalPodAutoscalerBehavior | undefined {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Readonly<Record<string, Rules | null>>; // read field by field below
    const [up, down] = [fromRules(value['ScaleUp']), fromRules(value['ScaleDown'])];
    return up || down ? { ...(up ? { scaleUp: up } : {}), ...(down ? { scaleDown: down } : {}) } : undefined;
  } catch {
    return undefined;
  }
}

function toRules(rules: HPAScalingRules | undefined): Rules | null {
  if (!rules) return null;
  return {
    StabilizationWindowSeconds: rules.stabilizationWindowSeconds ?? null,
    SelectPolicy: rules.selectPolicy ?? null,
    Policies:
      rules.policies?.map(({ type, value, periodSeconds }) => ({
        Type: type,
        Value: value,
        PeriodSeconds: periodSeconds,
      })) ?? null,
    Tolerance: rules.tolerance ?? null,
  };
}

function fromRules(rules: Rules | null | undefined): HPAScalingRules | undefined {
  if (!rules) return undefined;
  return {
    ...(rules.StabilizationWindowSeconds === null
      ? {}
      : { stabilizationWindowSeconds: rules.StabilizationWindowSeconds }),
    ...(rules.SelectPolicy === null ? {} : { selectPolicy: rules.SelectPolicy }),
    // empty rather than absent: rules that are written this way get no default policies
    policies: (rules.Policies ?? []).map(({ Type, Value, PeriodSeconds }) => ({
      type: Type,
      value: Value,
      periodSeconds: PeriodSeconds,
    })),
    ...(rules.Tolerance ? { tolerance: rules.Tolerance } : {}),
  };
}
