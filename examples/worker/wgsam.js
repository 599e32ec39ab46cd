/** @file Workers have no import map, so the files are named here. In a project of your own a bundler resolves 'wgsam'. */
export * from '../../dist/engine.js'
export { openWeights } from '../../dist/web.js'
