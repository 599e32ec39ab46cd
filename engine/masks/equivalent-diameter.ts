/** @file The size of a particle as one number. */

/** The diameter of the circle with the same area, in pixels. */
export const equivalentDiameter = (area: number): number => Math.sqrt((4 * area) / Math.PI)
