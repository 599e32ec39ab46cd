/** @file Which of the playground's sheets is open. */
import { signal } from '@preact/signals'

export type SheetName = 'images' | 'model' | 'propose' | 'train' | 'download'
export const sheet = signal<SheetName | null>(null)
