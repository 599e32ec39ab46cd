/** @file The project's classes of masks: their names, colours and keys, and which of them the list shows. */
import { computed, signal } from '@preact/signals'
import { messageOf } from '../../../host/errors'
import type { MaskClass } from '../../../project/review/classes'
import { api } from '../api'
import type { Rgb } from '../image/mask-colours'
import { notify } from './notices'

export const classes = signal<readonly MaskClass[]>([])
export const classesOpen = signal(false)

/** Only masks of this class are in the list: all (null), those without a class (''), or those of a class. */
export const shownClass = signal<string | null>(null)

/** Colours that are offered for new classes, far from each other. */
const offered = ['#ff6b5e', '#3fb5ff', '#5fd068', '#ffb938', '#c58bff', '#2fd6c8', '#ff7fc4', '#b7d433', '#9aa7ff']
/** Of masks without a class, where there are classes, and of classes that are not in the list any more. */
const unclassified: Rgb = [176, 182, 190]

const rgbOf = (colour: string): Rgb => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)) as unknown as Rgb

const colours = computed(() => new Map(classes.value.map(({ name, colour }) => [name, rgbOf(colour)])))

/** The colour by which a mask of this class is shown; null where the project has no classes. */
export function classColour(className: string | null): Rgb | null {
  if (!colours.value.size) return null
  return (className !== null && colours.value.get(className)) || unclassified
}

export const nextColour = (): string => offered[classes.value.length % offered.length]

export async function loadClasses(): Promise<void> {
  try {
    const found = await api.classes()
    // the same list again must not repaint everything
    if (JSON.stringify(found) !== JSON.stringify(classes.peek())) classes.value = found
  } catch {
    // the server is away, which the page says anyway; the next refresh asks again
  }
}

/** Replaces the list; it is the project's, so all windows have it. */
export async function setClasses(next: readonly MaskClass[]): Promise<void> {
  const before = classes.value
  classes.value = next
  try {
    await api.setClasses(next)
  } catch (error) {
    classes.value = before
    notify('error', `The classes could not be saved: ${messageOf(error)}`)
  }
}
