/** @file A crosshair that the keyboard moves: where it is, keys act as the pointer does. */
import { signal } from '@preact/signals'
import type { Point } from '../../../../engine/image/box'

/** In pixels of the image; null while there is none. */
export const crosshair = signal<Point | null>(null)

/** Removes it. @returns whether it was there */
export function endCrosshair(): boolean {
  const was = crosshair.peek() !== null
  crosshair.value = null
  return was
}
