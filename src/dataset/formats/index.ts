/** @file The table of annotation formats. */
import { coco } from './coco'
import type { Format } from './format'
import { labelme } from './labelme'
import { labels, tiff } from './label-maps'
import { via } from './via'
import { yolo } from './yolo'

export const formats = { coco, yolo, via, labelme, labels, tiff } as const satisfies Record<string, Format>
export type FormatName = keyof typeof formats
export const formatNames = Object.keys(formats) as FormatName[]
