/** @file Where the pointer is on the image, in its pixels; null beside the canvas. */
import { signal } from '@preact/signals'
import type { Point } from '../../../../engine/image/box'

export const cursor = signal<Point | null>(null)
