/** @file What an adapter's profile says of a search for thresholds on six images, beside two of the thresholds. */
export const tunedOnSixImages = {
  relativeScoreThresh: 0,
  part: 'val',
  images: 6,
  instances: 90,
  prompts: 'grid',
  pointsPerSide: 32,
  f1: { before: 0.5, after: 0.7 },
} as const
