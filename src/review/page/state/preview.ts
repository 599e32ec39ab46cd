/** @file Masks shown on the canvas that are not in the document: what moving a slider would bring or take. */
import { signal } from '@preact/signals'
import type { Mask } from '../../../../engine/masks/mask'

export const preview = signal<{ mask: Mask; canvas: HTMLCanvasElement }[]>([])
