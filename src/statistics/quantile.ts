/** @file Quantiles of a sample: the engine's. */
export { quantile } from '../../engine/quantile'
