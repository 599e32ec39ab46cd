/** @file Position of the pointer in image pixels; null outside the canvas. */
import { signal } from '@preact/signals'
import type { Point } from '../../../../engine/image/box'

export const cursor = signal<Point | null>(null)
