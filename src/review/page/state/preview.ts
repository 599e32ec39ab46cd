/** @file Masks drawn on the canvas as a preview: those that the filter would add or remove. */
import { signal } from '@preact/signals'
import type { Mask } from '../../../../engine/masks/mask'

export const preview = signal<{ mask: Mask; canvas: HTMLCanvasElement }[]>([])
