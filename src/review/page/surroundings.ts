/** @file What differs with the program that shows the review: `wgsam review`, or the playground, which has no server. */

export interface Surroundings {
  /** The page's title. */
  title: string
  /** What to do to get a model. */
  getModel: string
  /** Shown instead of the canvas where nobody answers. */
  unreachable: string
  /** Shown where there are no images. */
  noImages: string
  /** Shown where an image has no candidates to filter. */
  noCandidates: string
  /** What the export button does if it is not a request to the back end. */
  export?: () => void
}

export let surroundings: Surroundings = {
  title: 'wgsam review',
  getModel: 'Start wgsam review with --model',
  unreachable: 'The server does not respond. Start wgsam review again; this page then reconnects.',
  noImages: 'There are no images to review in this folder.',
  noCandidates: 'There are no candidates for this image: `wgsam generate` writes them beside the proposals.',
}

/** Before the page is started. */
export const useSurroundings = (others: Surroundings): void => void (surroundings = others)
