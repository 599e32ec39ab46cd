/** @file The table of annotation formats. To add one, implement AnnotationFormat in a file of this folder and list it here. */
import { coco } from './coco'
import { cvat } from './cvat'
import type { AnnotationFormat } from './format'
import { imagej } from './imagej'
import { labelStudio } from './label-studio'
import { labelme } from './labelme'
import { labels, tiff } from './label-maps'
import { via } from './via'
import { yolo } from './yolo'

export const formats = {
  coco,
  yolo,
  via,
  labelme,
  cvat,
  'label-studio': labelStudio,
  imagej,
  labels,
  tiff,
} as const satisfies Record<string, AnnotationFormat>
export type FormatName = keyof typeof formats
export const formatNames = Object.keys(formats) as FormatName[]
