/** @file What the annotation formats have in common: images with instances, on the way in and out. */
import type { Rle } from '../../../engine/masks/rle'
import type { LabelMap, InstanceBox } from '../../../engine/image/label-map'
import type { Size } from '../../../engine/image/size'
import type { Part } from '../split'

/** One instance as a file has it, in pixels; see cocoLabels for how it is filled. */
export interface Shape {
  /** '' where the file names none. */
  className: string
  segmentation: number[][] | Rle
}

export interface Shapes {
  shapes: Shape[]
  /** What is no instance mask and was left out, in words. */
  leftOut: string[]
}

/** An image as annotations name it. */
export interface AnnotatedImage {
  /** As it stands in the file: a name, or a path that is looked for in the folder of images. */
  file: string
  /** Whether `file` lacks its extension. */
  byStem?: boolean
  /** The file or entry it is described in, for messages. */
  from: string
  /** The size that the annotations were made at, where they tell. */
  size?: Size
  /** Its instances; the size is the image's own. @throws Error where they are damaged */
  read(size: Size): Promise<Shapes | LabelMap>
}

export interface Problem {
  where: string
  reason: string
}

export interface Reading {
  images: AnnotatedImage[]
  /** What could not be read at all. */
  problems: Problem[]
}

export interface ReadOptions {
  /** The folder of images, for formats that go by its names. */
  images: string
  /** Lines whose ends are not joined are closed, not left out. */
  closeLines: boolean
  /** Ends of label maps' names that image names lack, e.g. '_mask'. */
  suffix: string
}

/** An image on its way out. */
export interface ExportImage {
  id: string
  /** Its file in what is written, below images/: NAME or PART/NAME. */
  fileName: string
  imagePath: string
  part: Part | null
  labels: LabelMap
  boxes: InstanceBox[]
}

export interface ExportOptions {
  className: string
  /** Whether images are copied along. */
  withImages: boolean
  /** COCO: polygons where they are exact. */
  polygons: boolean
}

export interface Format {
  /** Where annotations are read from. @throws UserError where nothing of this format is there */
  read(path: string, options: ReadOptions): Promise<Reading>
  /** Writes what `images` gives, one at a time. @returns the file or folder that holds the annotations */
  write(out: string, images: AsyncIterable<ExportImage>, options: ExportOptions): Promise<string>
}
