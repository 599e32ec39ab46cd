/** @file The thresholds of proposals that a person typed. */
import { signal } from '@preact/signals'

/** As they are typed; null: those of the adapter, or the usual ones. */
export const typedIou = signal<string | null>(null)
export const typedStability = signal<string | null>(null)

/** What was typed for one adapter does not suit another. */
export function forgetTypedThresholds(): void {
  typedIou.value = typedStability.value = null
}
