/** @file The context menu: where it is open. */
import { signal } from '@preact/signals'
import type { Point } from '../../../../engine/image/box'

/** Position in the window in CSS pixels; null while the menu is closed. */
export const menuAt = signal<Point | null>(null)

export const openMenu = (at: Point) => void (menuAt.value = at)
