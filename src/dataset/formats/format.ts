/** @file The interface of an annotation format, and the types it reads and writes. To add a format, see index.ts. */
import type { Rle } from '../../../engine/masks/rle'
import type { LabelMap, InstanceBox } from '../../../engine/image/label-map'
import type { Size } from '../../../engine/image/size'
import type { CrowdMode } from '../coco-json'
import type { Part } from '../split'

/** One instance as an annotation file describes it, in pixels; cocoLabels rasterises it. */
export interface InstanceShape {
  /** Where the file describes it, for messages: 'shape 3'. */
  where?: string
  /** '' if the file names no class. */
  className: string
  segmentation: number[][] | Rle
}

/** All annotations of one image. */
export interface ImageShapes {
  shapes: InstanceShape[]
  /** One description for each annotation that was left out because it is not an instance mask. */
  leftOut: string[]
  /** Shapes that cannot be read, each with its place and what is wrong; they are left out and named. */
  damaged?: string[]
}

/** An image as annotations refer to it. */
export interface AnnotatedImage {
  /** The name or path in the annotation file; the image is looked for in the folder of images. */
  file: string
  /** True if `file` has no extension. */
  byStem?: boolean
  /** The file or entry that describes it, for messages. */
  from: string
  /** The size of the image when it was annotated, if the file says it. */
  size?: Size
  /** The image itself, if the annotation file contains it; used if there is none of this name. */
  embedded?(): Promise<Buffer>
  /** Reads its instances. @param size size of the image file @throws Error if they are damaged */
  read(size: Size): Promise<ImageShapes | LabelMap>
}

/** An image or annotation that cannot be used. */
export interface AnnotationProblem {
  /** The file and entry, or the image's id. */
  where: string
  reason: string
}

/** The annotations that a format found; their instances are read later, image by image. */
export interface ReadAnnotations {
  images: AnnotatedImage[]
  /** Entries that cannot be read. */
  problems: AnnotationProblem[]
  /** What the user should know of how the file was read. */
  remarks?: string[]
}

export interface ReadOptions {
  /** The folder of images, for formats that need its file names. */
  images: string
  /** True if open lines are closed to polygons; else they are left out. */
  closeLines: boolean
  /** The end of label maps' names that image names do not have, such as '_mask'. */
  suffix: string
  /** COCO: what annotations marked as crowds are. */
  crowds?: CrowdMode
}

/** An image to be exported. */
export interface ExportImage {
  id: string
  /** Its path in the exported images/: NAME or PART/NAME. */
  fileName: string
  imagePath: string
  part: Part | null
  labels: LabelMap
  boxes: InstanceBox[]
  /** The class of an instance: that of the dataset's classes.csv, else the run's. */
  classOf(label: number): string
}

export interface ExportOptions {
  /** The class of instances that classes.csv does not name. */
  className: string
  /** All classes that instances may have, `className` first. */
  classNames: readonly string[]
  /** True if images are copied to the output folder. */
  withImages: boolean
  /** COCO: write polygons instead of RLE for instances that they describe exactly (those without holes). */
  polygons: boolean
}

/** An annotation format. */
export interface AnnotationFormat {
  /** Reads annotations. @param path a file or folder @throws UserError if it contains none of this format */
  read(path: string, options: ReadOptions): Promise<ReadAnnotations>
  /** Writes the annotations of `images`, one at a time. @returns the file or folder that contains them */
  write(out: string, images: AsyncIterable<ExportImage>, options: ExportOptions): Promise<string>
}
