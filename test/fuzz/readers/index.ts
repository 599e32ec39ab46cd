/** @file All readers that are fuzzed. */
import type { Reader } from '../reader'
import { annotationFiles } from './annotations'
import { images } from './images'
import { projects } from './projects'
import { runs } from './runs'
import { weights } from './weights'

export const readers: readonly Reader[] = [...weights, ...images, ...annotationFiles, ...projects, ...runs]
