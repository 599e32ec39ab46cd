/** @file The types of wgsam.js. */
export * from 'wgsam'
export { openWeights } from 'wgsam/web'
